"""Follow every link of the pages as a reader would: breadth first, bounded, in both languages.

>>> crawl(client.get, "/?lang=en", limit=500)["/"].status  # doctest: +SKIP
200
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import urldefrag, urljoin, urlsplit

import httpx


@dataclass(frozen=True, slots=True)
class Visited:
    """An answer to a link.

    Parameters
    ----------
    status : int
        HTTP status. [1]
    kind : str
        Media type without parameters.
    clicks : int
        How many links lead there from the start. [1]
    found_on : str
        The page whose link was followed first; empty for the start.
    links : tuple of str
        Addresses it leads to on the same server, fragments kept.
    ids : frozenset of str
        Places of the page that a fragment may name.
    content : bytes
        The answer itself. [B]
    """

    status: int
    kind: str
    clicks: int
    found_on: str
    links: tuple[str, ...]
    ids: frozenset[str]
    content: bytes


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if found.get("id"):
            self.ids.add(found["id"] or "")
        if tag in {"a", "area", "link"} and found.get("href"):
            self.links.append(found["href"] or "")
        if tag == "form" and found.get("method") == "get":
            self.links.append(found.get("action") or "")


def crawl(
    get: Callable[[str], httpx.Response], start: str, limit: int = 500
) -> dict[str, Visited]:
    """Return every answer that links lead to, by address without fragment.

    Parameters
    ----------
    get : callable
        Asks the server for an address that begins with a slash.
    start : str
        Where a reader begins.
    limit : int, optional
        Addresses asked for at most; fewer means that all were. [1]

    Returns
    -------
    dict
        Answers, the nearest first.
    """
    waiting, known = deque([(start, 0, "")]), {start}
    answers: dict[str, Visited] = {}
    while waiting and len(answers) < limit:
        address, clicks, found_on = waiting.popleft()
        answers[address] = page = _visit(get(address), address, clicks, found_on)
        for link in page.links:
            target = urldefrag(link).url
            if target not in known:
                known.add(target)
                waiting.append((target, clicks + 1, address))
    return answers


def _visit(answer: httpx.Response, address: str, clicks: int, found_on: str) -> Visited:
    kind = answer.headers.get("content-type", "").partition(";")[0]
    page = _Page()
    if kind == "text/html":
        page.feed(answer.text)
    if answer.is_redirect:
        page.links.append(answer.headers["location"])
    links = (urljoin(address, link) for link in page.links)
    inside = tuple(link for link in links if not urlsplit(link).netloc and link.startswith("/"))
    return Visited(
        answer.status_code, kind, clicks, found_on, inside, frozenset(page.ids), answer.content
    )
