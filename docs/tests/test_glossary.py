"""The words of the contracts are explained in the glossary."""

import re
from pathlib import Path

from cobenefit_wire import quality

ROOT = Path(__file__).parents[2]
CONTRACTS = (ROOT / "docs/reference/contracts.md").read_text(encoding="utf-8")
GLOSSARY = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
ENTRIES = {
    name.lower()
    for line in re.findall(r"^\*\*.+", GLOSSARY, re.MULTILINE)
    for name in re.findall(r"\*\*(.+?)\*\*", line)
}


def test_both_ends_of_every_contract_are_explained() -> None:
    ends = {
        end.strip().lower()
        for title in re.findall(r"^## \d+\. (.+?)(?: \(.*\))?$", CONTRACTS, re.MULTILINE)
        for end in title.split("→")
    }
    assert len(ends) >= 6
    assert ends <= ENTRIES, f"not in docs/glossary.md: {sorted(ends - ENTRIES)}"


def test_every_noun_of_the_contracts_is_explained() -> None:
    nouns = set(re.findall(r"`([A-Z][a-z]+)`", CONTRACTS))
    nouns |= set(re.findall(r"^([A-Z][a-z]+) = namedtuple", CONTRACTS, re.MULTILINE))
    nouns |= {"Reading", "Pack", "Columns", "Rollup", "Estimate", "Report", "Activity"}
    lost = sorted(n for n in nouns if n.lower() not in ENTRIES)
    assert not lost, f"not in docs/glossary.md: {lost}"


def test_every_use_case_origin_and_class_is_explained() -> None:
    choices = re.search(r'use_case = "\w+" +# (.+)', CONTRACTS)
    origins = re.search(r'data_origin = "\w+" +# (.+)', CONTRACTS)
    assert choices
    assert origins
    for word in (*choices[1].split("|"), *origins[1].split("|")):
        assert f"`{word.strip()}`" in GLOSSARY, f"not in docs/glossary.md: {word}"


def test_every_quality_code_is_explained() -> None:
    page = (ROOT / "docs/reference/quantities.md").read_text(encoding="utf-8")
    lost = [f"{code} `{name}`" for code, name in quality.NAMES.items() if f"`{name}`" not in page]
    assert not lost, f"not in docs/reference/quantities.md: {lost}"


def test_entries_are_sorted() -> None:
    names = re.findall(r"^\*\*(.+?)\*\*", GLOSSARY, re.MULTILINE)
    assert names == sorted(names, key=str.lower)
