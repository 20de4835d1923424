"""What a board run leaves behind: one JSON record beside pytest's JUnit file, with measurements.

`pytest hil-tests/suite --record records` writes `records/unix.json` and `records/unix.xml`, named
after the rig. A test that measures something asks the fixture `measured`:

    measured("noticed", 11.2, "s")
"""

import importlib.metadata
import json
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cobenefit_hil.rig import VIRTUAL, Rig
from cobenefit_hil.virtual.board import interpreter

FORMAT = 1
OUTCOMES = ("passed", "failed", "skipped")


class RecordError(ValueError):
    """A file is no record; the message says which, and what is wrong."""


@dataclass(slots=True)
class Row:
    """What became of one test.

    Parameters
    ----------
    test : str
        Its name, with its file.
    outcome : str
        One of `OUTCOMES`; a failure before or after the test is one, too.
    seconds : float
        With what it set up. [s]
    reason : str
        Why it failed or was skipped.
    measured : list of tuple
        Name, value, unit.
    """

    test: str
    outcome: str = "passed"
    seconds: float = 0.0
    reason: str = ""
    measured: list[tuple[str, float, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Record:
    """One run of the suite on one board.

    Parameters
    ----------
    board, rig : str
        Kind of the board, and the rig it hung on.
    started : str
        ISO 8601, UTC.
    duration_s : float
        Of the whole run. [s]
    software, interpreter : str
        Version of Cobenefit and of the MicroPython that ran it.
    seed : int
        Of the faults that came at random. [1]
    rows : list of Row
        The tests.
    """

    board: str
    rig: str
    started: str
    duration_s: float
    software: str
    interpreter: str
    seed: int
    rows: list[Row]

    def count(self, outcome: str) -> int:
        """Return how many tests ended so.

        Parameters
        ----------
        outcome : str
            One of `OUTCOMES`.

        Returns
        -------
        int
            The tests. [1]
        """
        return sum(row.outcome == outcome for row in self.rows)


class Recorder:
    """Listens to pytest and writes the record when the run is over.

    Parameters
    ----------
    rig : Rig
        What the tests run on.
    name : str
        The rig's name.
    folder : Path
        Where the record goes.
    seed : int
        Of the faults that come at random. [1]
    """

    def __init__(self, rig: Rig, name: str, folder: Path, seed: int) -> None:
        self._rig, self._name, self._seed = rig, name, seed
        self._path = folder / f"{name}.json"
        self._started_s = time.time()
        self._rows: dict[str, Row] = {}
        self.interpreter = _interpreter() if rig.kind == VIRTUAL else ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take note of one phase of one test.

        Parameters
        ----------
        report : pytest.TestReport
            Of its set-up, the test itself, or what comes after.
        """
        row = self._rows.setdefault(report.nodeid, Row(report.nodeid))
        row.seconds = round(row.seconds + report.duration, 3)
        if report.outcome != "passed" and row.outcome != "failed":
            row.outcome, row.reason = report.outcome, _reason(report)
        if report.when == "teardown":
            row.measured = list(_measurements(report))

    def pytest_sessionfinish(self) -> None:
        """Write the record."""
        record = Record(
            self._rig.board, self._name, _utc(self._started_s),
            round(time.time() - self._started_s, 1), _version(), self.interpreter,
            self._seed, sorted(self._rows.values(), key=lambda row: row.test),
        )  # fmt: skip
        self._path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"format": FORMAT, **asdict(record)}, indent=1, ensure_ascii=False)
        self._path.write_text(text + "\n", encoding="utf-8")


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Callable[[str, float, str], None]:
    """Return what notes a measurement in the record and in JUnit.

    Parameters
    ----------
    request : pytest.FixtureRequest
        Of the test.

    Returns
    -------
    callable
        Takes name, value and unit.
    """

    def note(name: str, value: float, unit: str) -> None:
        request.node.user_properties.append((f"{name} [{unit}]", value))

    return note


def read(path: Path) -> Record:
    """Return a record.

    Parameters
    ----------
    path : Path
        A file that `Recorder` has written.

    Returns
    -------
    Record
        The record.

    Raises
    ------
    RecordError
        If it is no record of this format.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        if raw.pop("format") != FORMAT:
            raise RecordError(f"{path}: another format than {FORMAT}; run the suite again")
        rows = [_row(row) for row in raw.pop("rows")]
        return Record(rows=rows, **raw)
    except (OSError, json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise RecordError(
            f"{path}: no record of a board run ({error!r}); make one with pytest --record"
        ) from error


def _row(raw: Mapping[str, Any]) -> Row:
    if raw["outcome"] not in OUTCOMES:
        raise KeyError(f"outcome {raw['outcome']!r}")
    measured: Iterable[list[Any]] = raw["measured"]
    return Row(**{**raw, "measured": [(name, value, unit) for name, value, unit in measured]})


def _measurements(report: pytest.TestReport) -> Iterator[tuple[str, float, str]]:
    for name, value in report.user_properties:
        what, found, unit = name.rpartition(" [")
        if found and isinstance(value, int | float):
            yield what, value, unit.rstrip("]")


def _reason(report: pytest.TestReport) -> str:
    if report.skipped and isinstance(report.longrepr, tuple):
        return report.longrepr[2].removeprefix("Skipped: ")
    lines = [line for line in report.longreprtext.splitlines() if line.startswith("E ")]
    text = lines[0].removeprefix("E ").strip() if lines else report.longreprtext[-200:]
    return text if report.when == "call" else f"{report.when}: {text}"


def _interpreter() -> str:
    code = "import sys; print(sys.version.split('; ')[1])"
    done = subprocess.run([interpreter(), "-c", code], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def _version() -> str:
    try:
        return importlib.metadata.version("cobenefit")
    except importlib.metadata.PackageNotFoundError:
        return "source tree"


def _utc(time_s: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time_s))
