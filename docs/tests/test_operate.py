"""Every alarm has a section in the runbook, and every complaint a test that exists."""

import re
from pathlib import Path

import pytest

from cobenefit_gateway.alarm_codes import CODES

ROOT = Path(__file__).parents[2]
RUNBOOK = (ROOT / "docs/howto/runbook.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^### (\w+)\n(.+?)(?=^##|\Z)", RUNBOOK, re.MULTILINE | re.DOTALL))
COMPLAINTS = (ROOT / "docs/explanation/complaints.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (\d+) \|.*\| (`.+`) \|$", COMPLAINTS, re.MULTILINE)


def test_every_alarm_has_a_section_and_every_section_an_alarm() -> None:
    assert set(SECTIONS) == set(CODES)


@pytest.mark.parametrize("code", CODES)
def test_a_section_says_how_bad_it_is_and_what_to_do_in_both_languages(code: str) -> None:
    text = SECTIONS[code]
    assert text.startswith(CODES[code].severity.capitalize() + ". ")
    assert len(text.split()) > 25
    assert re.search(r"^\*[^*]+ : [^*]+\*$", text, re.MULTILINE), "the French line"


def test_there_are_ten_complaints() -> None:
    assert [number for number, _ in ROWS] == [str(i) for i in range(1, 11)]


@pytest.mark.parametrize(("number", "tests"), ROWS)
def test_the_test_of_a_complaint_exists(number: str, tests: str) -> None:
    for path, _, name in re.findall(r"`([^`:]+)(::(\w+))?`", tests):
        source = (ROOT / path).read_text(encoding="utf-8")
        assert f"def {name}(" in source if name else "def test_" in source, f"{number}: {path}"
