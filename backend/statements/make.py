"""Write the statements of accessibility and eco-design, and the pictures: `make statements`.

Opens every page of the demonstration in a real Chromium, in French and in English. Every figure
of the statements comes from there; on the same data only the date changes.
"""

import argparse
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime
from itertools import chain
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from look import Seen, Site
from playwright.sync_api import Browser, BrowserContext, sync_playwright
from shoot import shoot
from town import Town, find

from cobenefit_backend.report.format import Formatter
from cobenefit_hil.services import find_tool

ROOT = Path(__file__).resolve().parents[2]
REFERENCE, PICTURES = ROOT / "docs/reference", ROOT / "docs/pictures"
PAGES = {
    ("accessibility", "en"): "accessibility-statement.md",
    ("accessibility", "fr"): "declaration-d-accessibilite.md",
    ("ecodesign", "en"): "eco-design-statement.md",
    ("ecodesign", "fr"): "declaration-d-ecoconception.md",
}
CHROMIUM = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")
PAGE_KB = 100
REQUESTS = 2
"""What a page may weigh and ask for: itself, and perhaps an icon."""


def main() -> int:
    """Look, write, and say what is amiss.

    Returns
    -------
    int
        0 when no page breaks a rule. [1]
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", type=Path, default=ROOT / "demo/run/backend.sqlite3")
    parser.add_argument("--pictures", action="store_true", help="take the pictures only")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        Town(find(options.database), Path(folder)) as town,
        sync_playwright() as play,
    ):
        browser = play.chromium.launch(executable_path=find_tool("chromium"), args=[*CHROMIUM])
        context = _sign_in(browser, town)
        PICTURES.mkdir(exist_ok=True)
        shoot(context, town.url, PICTURES)
        if options.pictures:
            return 0
        site = Site(town.url, town.key, context)
        seen = list(_told(site.look(addresses := site.addresses()), len(addresses)))
        facts = _facts(seen, town.url, browser.version)
    for (name, language), file in PAGES.items():
        text = render(name, language, facts, datetime.now(UTC).date())
        (REFERENCE / file).write_text(text, encoding="utf-8")
    return _amiss(facts)


def _sign_in(browser: Browser, town: Town) -> BrowserContext:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(f"{town.url}/login?lang=en")
    page.fill("#secret", town.secret())
    page.press("#secret", "Enter")
    page.wait_for_url("**/?lang=en")
    page.close()
    return context


def _told(seen: Iterable[Seen], count: int) -> Iterator[Seen]:
    for number, each in enumerate(seen, 1):
        print(f"{number}/{count} {each.address}", file=sys.stderr)
        yield each


def _facts(seen: Sequence[Seen], url: str, chromium: str) -> dict[str, Any]:
    """Return what the statements say, by route and in all."""
    routes = defaultdict(list)
    for each in seen:
        routes[each.route].append(each)
    rows = [_row(route, pages) for route, pages in sorted(routes.items())]
    asked = [address for each in seen for address in each.asked]
    return {
        "rows": rows,
        "pages": len(seen),
        "axe": seen[0].axe,
        "chromium": chromium.partition(".")[0],
        "found": _sum(each.found for each in seen),
        "unsure": _sum(each.unsure for each in seen),
        "wide": sorted(each.address for each in seen if each.wide_px > 320),
        "said": sorted({text for each in seen for text in each.said}),
        "foreign": sorted({address for address in asked if not address.startswith(url)}),
        "caches": sorted({each.cache for each in seen}),
        "requests": max(len(each.asked) for each in seen),
        "largest": max(rows, key=lambda row: row["kb"]),
        "median_kb": _kb(sorted(each.own_bytes for each in seen)[len(seen) // 2]),
        "counts": {key: max(each.counts[key] for each in seen) for key in seen[0].counts},
        "packed_ratio": _packed_ratio(seen),
        "page_kb": PAGE_KB,
    }


def _row(route: str, pages: Sequence[Seen]) -> dict[str, Any]:
    """Return what is said of the pages of one route."""
    return {
        "route": route,
        "titles": {each.language: each.title for each in reversed(pages)},
        "pages": len(pages),
        "rules": max(each.rules for each in pages),
        "found": {
            language: sum(_sum(p.found for p in pages if p.language == language).values())
            for language in ("en", "fr")
        },
        "kb": _kb(max(each.own_bytes for each in pages)),
        "packed_kb": _kb(max(each.packed_bytes for each in pages)),
        "nodes": max(each.counts["nodes"] for each in pages),
        "requests": max(len(each.asked) for each in pages),
    }


def _sum(counters: Iterable[Counter[str]]) -> dict[str, int]:
    return dict(sorted(Counter(chain.from_iterable(c.elements() for c in counters)).items()))


def _kb(count: int) -> int:
    """Return kilobytes, rounded up: names and dates of a run change a page by some bytes."""
    return -(-count // 1000)


def _packed_ratio(seen: Sequence[Seen]) -> float:
    open_pages = [each for each in seen if each.packed_bytes > 1000]
    ratio = sum(e.packed_bytes for e in open_pages) / sum(e.own_bytes for e in open_pages)
    return round(ratio, 1)


def render(name: str, language: str, facts: dict[str, Any], day: date) -> str:
    """Return a statement.

    Parameters
    ----------
    name : {'accessibility', 'ecodesign'}
        Which.
    language : {'en', 'fr'}
        Its language.
    facts : dict
        What was seen.
    day : date
        When.

    Returns
    -------
    str
        Markdown.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True, autoescape=False,  # noqa: S701
    )  # fmt: skip
    formatter = Formatter("fr" if language == "fr" else "en")
    template = environment.get_template(f"{name}.{language}.md.j2")
    return template.render(facts, day=day.isoformat(), lang=language, f=formatter)


def _amiss(facts: dict[str, Any]) -> int:
    """Print what breaks a rule; return 1 when something does."""
    heavy = [row["route"] for row in facts["rows"] if row["kb"] > PAGE_KB]
    problems = {key: facts[key] for key in ("found", "wide", "said", "foreign") if facts[key]}
    if heavy:
        problems["heavy"] = heavy
    if facts["requests"] > REQUESTS:
        problems["requests"] = facts["requests"]
    for key, value in problems.items():
        print(f"{key}: {value}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
