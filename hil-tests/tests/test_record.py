"""A run's record, its JUnit file and the page made of them, from a real run of pytest."""

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from cobenefit_hil import matrix, record

SUITE = """
import pytest

def test_good(measured):
    measured("noticed after", 11.2, "s")

def test_bad():
    assert 1 == 2

@pytest.mark.needs("crystal ball")
def test_needy():
    raise AssertionError("not reached")

@pytest.fixture
def broken():
    raise OSError("no meter")

def test_unready(broken):
    pass
"""


@pytest.fixture
def run(tmp_path):
    """Run a small suite with a record; the folder it is in."""

    def start(*options):
        (tmp_path / "test_small.py").write_text(SUITE)
        rig = Path(__file__).parents[1] / "rigs/unix.toml"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "cobenefit_hil.plugin", "--record",
                   tmp_path / "records", "--rig", rig, "-c", "/dev/null", "--rootdir", tmp_path,
                   *options, tmp_path / "test_small.py"]  # fmt: skip
        done = subprocess.run(map(str, command), capture_output=True, text=True, timeout=100)
        assert done.returncode == 1, done.stdout + done.stderr
        return tmp_path / "records"

    return start


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["one process", "two"])
def test_a_run_leaves_outcomes_reasons_and_measurements(run, options):
    folder = run(*options)
    made = record.read(folder / "unix.json")
    rows = {row.test.partition("::")[2]: row for row in made.rows}
    assert {name: row.outcome for name, row in rows.items()} == {
        "test_good": "passed", "test_bad": "failed", "test_needy": "skipped",
        "test_unready": "failed",
    }  # fmt: skip
    assert rows["test_good"].measured == [("noticed after", 11.2, "s")]
    assert rows["test_bad"].reason == "assert 1 == 2"
    assert rows["test_needy"].reason == "the rig is not wired for: crystal ball"
    assert rows["test_unready"].reason == "setup: OSError: no meter"
    assert (made.board, made.rig) == ("unix", "unix")
    assert "MicroPython" in made.interpreter
    suite = next(ET.parse(folder / "unix.xml").iter("testsuite"))
    assert {k: suite.get(k) for k in ("tests", "failures", "errors", "skipped")} == {
        "tests": "4", "failures": "1", "errors": "1", "skipped": "1",
    }  # fmt: skip


def a_record(rig, **outcomes):
    rows = [record.Row(f"test_a.py::{name}", outcome) for name, outcome in outcomes.items()]
    return record.Record(
        "unix", rig, "2026-11-22T09:00:00Z", 61.4, "0.1.0", "MicroPython", 1, rows
    )


def test_the_page_says_first_what_passed_and_counts_skips_apart():
    runs = [a_record("one", a="passed", b="skipped"), a_record("two", a="failed")]
    runs[1].rows[0].reason = "assert <0>"
    page = matrix.page(runs)
    assert matrix.sentence(runs) == "1 of 3 tests failed on one, two; 1 passed, 1 were skipped."
    assert "assert &lt;0&gt;" in page
    assert "not in this run" in page  # b on the second board
    assert "1 min 01 s" in page
    assert matrix.sentence([a_record("one", a="passed")]) == (
        "1 of 1 tests passed on one, none failed, none was skipped."
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [("no json", "no record"), ("[]", "no record"), ('{"format": 9}', "another format"),
     (json.dumps({"format": 1, "rows": [{"outcome": "lost"}]}), "lost")],
)  # fmt: skip
def test_a_file_that_is_no_record_is_named(tmp_path, text, said):
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(record.RecordError, match=said) as raised:
        record.read(path)
    assert str(path) in str(raised.value)
