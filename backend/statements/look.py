"""Look at every page in a real Chromium: what axe finds, what it weighs, what it asks for."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page

from cobenefit_hil.crawl import crawl

LIMIT = 800
MISSING = "/no-such-page"
_LIGHT = {"resultTypes": ["violations", "incomplete"]}
_DARK = {**_LIGHT, "runOnly": ["color-contrast"]}
_COUNT = """() => ({
  nodes: document.querySelectorAll('*').length,
  scripts: document.scripts.length,
  fonts: document.fonts.size,
  images: document.querySelectorAll('img,picture,video,audio,iframe,object,embed').length,
  moving: document.getAnimations().length,
})"""


@dataclass(frozen=True)
class Seen:
    """What was seen of one page in one language.

    Attributes
    ----------
    address, route, language, title : str
        Which page; `route` is the address with names for its parts.
    found, unsure : Counter
        Places by axe rule: violations, and what axe leaves to people. [1]
    rules : int
        Rules of axe that had something to check. [1]
    axe : str
        Version of axe.
    counts : dict
        Of nodes, scripts, fonts, images, and of what moves. [1]
    own_bytes, packed_bytes : int
        The page as it is, and as it travels to who is not signed in. [B]
    asked : tuple of str
        Addresses that the browser asked for.
    cache : str
        Its Cache-Control header.
    wide_px : int
        Its width in a window of 320 px. [px]
    said : tuple of str
        What the browser's console says.
    """

    address: str
    route: str
    language: str
    title: str
    found: Counter[str]
    unsure: Counter[str]
    rules: int
    axe: str
    counts: dict[str, int]
    own_bytes: int
    packed_bytes: int
    asked: tuple[str, ...]
    cache: str
    wide_px: int
    said: tuple[str, ...]


@dataclass
class Site:
    """The pages of a backend, for who is signed in.

    Attributes
    ----------
    url : str
        Where the backend is.
    key : str
        A program's key, which brings no cookie.
    context : BrowserContext
        A browser that is signed in.
    routes : list of str
        Paths of the OpenAPI document.
    """

    url: str
    key: str
    context: BrowserContext
    routes: list[str] = field(default_factory=list)

    def addresses(self) -> list[str]:
        """Return every page that links lead to, once per language, and one that is not there."""
        cookies = {each["name"]: each["value"] for each in self.context.cookies()}
        with httpx.Client(base_url=self.url, cookies=cookies, timeout=60) as client:
            self.routes = sorted(client.get("/v1/openapi.json").json()["paths"], key=len)
            visited = crawl(client.get, "/?lang=en", LIMIT)
        found = {
            address
            for address, page in visited.items()
            if page.kind == "text/html"
            and re.fullmatch(r"[^.?]+(\.\.[^.?]+)?\?lang=(en|fr)", address)
        }
        found |= {f"{path}?lang={lang}" for path in (MISSING, "/public/demo") for lang in _LANGS}
        return sorted(found)

    def look(self, addresses: list[str]) -> Iterator[Seen]:
        """Open each page, light and dark, wide and narrow; yield what was seen."""
        for address in addresses:
            page = self.context.new_page()
            yield self._look(page, address)
            page.close()

    def _look(self, page: Page, address: str) -> Seen:
        asked: list[str] = []
        said: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        answer = page.goto(self.url + address)
        if answer is None:
            raise RuntimeError(f"{address} was not answered")
        counts = page.evaluate(_COUNT)
        for summary in page.query_selector_all("summary"):
            summary.click()
        light = Axe().run(page, options=_LIGHT).response
        page.emulate_media(color_scheme="dark")
        dark = Axe().run(page, options=_DARK).response
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": 320, "height": 640})
        both = (light, dark)
        return Seen(
            address=address, route=self._route(address), language=address[-2:],
            title=page.locator("h1").inner_text(),
            found=_places(both, "violations"), unsure=_places(both, "incomplete"),
            rules=sum(len(light[key]) for key in ("violations", "passes", "incomplete")),
            axe=light["testEngine"]["version"], counts=counts, own_bytes=len(answer.body()),
            packed_bytes=self._packed(address), asked=tuple(asked),
            cache=answer.headers.get("cache-control", ""),
            wide_px=page.evaluate("document.documentElement.scrollWidth"),
            said=tuple(text for text in said if "status of 404" not in text),
        )  # fmt: skip

    def _route(self, address: str) -> str:
        path = urlsplit(address).path
        for route in self.routes:
            if re.fullmatch(re.sub(r"{\w+}", "[^/]+", route), path):
                return route
        return path

    def _packed(self, address: str) -> int:
        """Return how many bytes travel to a reader who brings no cookie."""
        headers = {"Accept-Encoding": "gzip", "Authorization": f"Bearer {self.key}"}
        with (
            httpx.Client(base_url=self.url) as client,
            client.stream("GET", address, headers=headers) as answer,
        ):
            return sum(len(part) for part in answer.iter_raw())


_LANGS = ("en", "fr")


def _places(results: tuple[dict[str, Any], ...], kind: str) -> Counter[str]:
    found: Counter[str] = Counter()
    for result in results:
        for rule in result[kind]:
            found[rule["id"]] += len(rule["nodes"])
    return found
