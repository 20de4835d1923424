"""Every relative link in every Markdown file leads somewhere, down to the heading."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SKIP = {".venv", ".git", "typings", "node_modules"}
PAGES = sorted(
    path.relative_to(ROOT)
    for path in ROOT.rglob("*.md")
    if not SKIP & set(path.relative_to(ROOT).parts) and ROOT / "demo" not in path.parents
)
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(\s*<?([^)\s>]+)>?[^)]*\)|(?:src|href|srcset)=\"([^\"]+)\"")


def _prose(path: Path) -> str:
    return FENCE.sub("", path.read_text(encoding="utf-8"))


def _anchors(path: Path) -> set[str]:
    titles = re.findall(r"^#+ +(.+?) *$", _prose(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_relative_links_resolve(page: Path) -> None:
    broken = []
    for groups in LINK.findall(_prose(ROOT / page)):
        link = next(filter(None, groups))
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (ROOT / page).parent / name if name else ROOT / page
        if not target.exists() or (
            anchor and target.suffix == ".md" and anchor not in _anchors(target)
        ):
            broken.append(link)
    assert not broken, f"{page}: these links lead nowhere: {broken}"


def test_every_page_of_docs_is_linked_from_another() -> None:
    linked = set()
    for page in PAGES:
        for groups in LINK.findall(_prose(ROOT / page)):
            name = next(filter(None, groups)).partition("#")[0]
            if name and ":" not in name:
                linked.add(((ROOT / page).parent / name).resolve())
    lost = [
        str(page)
        for page in PAGES
        if page.parts[0] == "docs"
        and page != Path("docs/README.md")
        and (ROOT / page).resolve() not in linked
        and (ROOT / page).parent.resolve() not in linked
    ]
    assert not lost, f"no page links to {lost}: add them to docs/README.md"
