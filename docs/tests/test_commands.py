"""The commands that the documents show are commands that exist."""

import re
import tomllib
from pathlib import Path

import pytest

from cobenefit_cli.parts import PARTS, load

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
TARGETS = set(
    re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
)
FENCED = re.compile(r"^```(?:sh|bash|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def _shown(page: Path) -> list[str]:
    """Return the command lines a page shows in its shell blocks."""
    blocks = FENCED.findall(page.read_text(encoding="utf-8"))
    lines = [line.removeprefix("$ ").strip() for block in blocks for line in block.splitlines()]
    return [re.sub(r" +#.*", "", line) for line in lines if re.match(r"(make|cobenefit) ", line)]


def test_readme_opens_with_the_two_commands() -> None:
    assert _shown(ROOT / "README.md")[:2] == ["make demo", "make test"]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_shown_commands_exist(page: Path) -> None:
    for line in _shown(page):
        program, *words = line.split()
        if program == "make":
            targets = [w for w in words if re.fullmatch(r"[a-z-]+", w)]
            assert set(targets) <= TARGETS, f"{page.name}: no such target in `{line}`"
        else:
            _resolve(page, line, [w for w in words if w != "--debug"])


def _resolve(page: Path, line: str, words: list[str]) -> None:
    part = next((p for p in PARTS if p.name == words[0]), None)
    assert part or words[0].startswith("-"), f"{page.name}: no such part in `{line}`"
    if part is None:
        return
    command = load(part)
    for word in words[1:]:
        inner = getattr(command, "commands", None)
        if inner is None or word.startswith("-") or (word not in inner and command.callback):
            break
        assert word in inner, f"{page.name}: `{line}`: {part.name} has no command {word}"
        command = inner[word]


def test_every_target_is_explained() -> None:
    text = "".join(
        (ROOT / n).read_text(encoding="utf-8") for n in ("README.md", "CONTRIBUTING.md")
    )
    lost = sorted(t for t in TARGETS if f"`make {t}`" not in text and f"\nmake {t}\n" not in text)
    assert not lost, f"neither README.md nor CONTRIBUTING.md explains: {lost}"


def test_every_target_of_the_design_exists() -> None:
    wanted = "help setup demo test test-mp check hil hil-mutants bench soak validation"
    wanted += " statements serve docs clean"
    assert set(wanted.split()) == TARGETS


def test_every_direct_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lists = [project["dependencies"], *project["optional-dependencies"].values()]
    names = {re.split(r"[\[><=; ]", item)[0] for items in lists for item in items} - {"cobenefit"}
    page = (ROOT / "docs/reference/dependencies.md").read_text(encoding="utf-8")
    rows = set(re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE))
    assert names == rows - {"micropython-esp32-stubs", "micropython-stdlib-stubs"}
