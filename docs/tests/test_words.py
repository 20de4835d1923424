"""Words that must not stand in the tree: unfinished marks, build machines, registry hosts."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SKIP = {
    ".git", ".venv", ".venv-bench", "typings", "dist", "node_modules", "__pycache__",
    ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", ".import_linter_cache",
}  # fmt: skip
# Written in halves, so that this file does not find itself.
MARKS = re.compile(
    r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]) + r")\b"
)
MACHINE = re.compile(
    r"(?<![\w.:/-])/(" + "|".join(["wo" + "rk", "ho" + "me", "roo" + "t"]) + r")/"
)
HOSTS = re.compile(
    "|".join(
        re.escape(host)
        for host in ("pypi" + ".org", "python" + "hosted.org", "npm" + "js.org",
                     "deb." + "debian" + ".org", "proxy.go" + "lang.org", "crates" + ".io")
    )
)  # fmt: skip


def _text(path: Path) -> str:
    raw = path.read_bytes()
    return "" if b"\0" in raw[:4096] else raw.decode("utf-8", errors="replace")


FILES = [
    path
    for path in sorted(ROOT.rglob("*"))
    if path.is_file()
    and not SKIP & set(path.relative_to(ROOT).parts)
    and ROOT / "demo" not in path.parents
]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (MARKS, "unfinished work is finished or becomes an issue"),
        (MACHINE, "a path of one machine means nothing on another"),
        (HOSTS, "packages are named by name; which mirror serves them is the reader's affair"),
    ],
    ids=["unfinished", "machine", "registry"],
)
def test_tree_is_free_of(words: re.Pattern[str], why: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in FILES
        for number, line in enumerate(_text(path).splitlines(), 1)
        if words.search(line)
    ]
    assert not found, f"{why}:\n" + "\n".join(found[:50])


@pytest.mark.parametrize(
    ("words", "line", "hit"),
    [
        (MARKS, "# TO" + "DO later", True),
        (MARKS, "# to do later", False),
        (MACHINE, "open('/ho" + "me/me/x')", True),
        (MACHINE, "see docs/ho" + "me/x", False),
        (HOSTS, "index = https://py" + "pi.org/simple", True),
    ],
)
def test_the_patterns_find_what_they_are_for(words: re.Pattern[str], line: str, hit: bool) -> None:
    assert bool(words.search(line)) is hit


def test_a_clean_checkout_is_what_was_searched() -> None:
    names = {str(path.relative_to(ROOT)) for path in FILES}
    assert {"Makefile", "pyproject.toml", ".ci/run", "docs/README.md"} <= names
