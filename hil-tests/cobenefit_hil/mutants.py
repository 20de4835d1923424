"""Does the hardware suite see a firmware that is wrong? Seeds faults, one at a time, and looks.

    python -m cobenefit_hil.mutants                 every fault of hil-tests/mutants.toml
    python -m cobenefit_hil.mutants "ack lost"      one of them

The boards run a copy of the firmware with one text replaced; tests, station and peers stay as they
are. Exit code 0 when each fault turned a test red, 1 when one survived, 2 when a fault no longer
applies or the tests named are not green without any.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import MofNCompleteColumn, Progress, TimeElapsedColumn
from rich.table import Table

from cobenefit_hil import record
from cobenefit_hil.virtual.board import FIRMWARE_SETTING, firmware

PACKAGES = ("cobenefit_node", "cobenefit_wire")
_GREEN, _RED = 0, 1
#: Tests of a mutant; a board that never ends is stopped by the tests' own limits before this. [s]
_LIMIT_S = 900


class MutantError(ValueError):
    """A fault can't be seeded, or its tests say nothing; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One fault.

    Parameters
    ----------
    name : str
        What is wrong.
    file : str
        Path below the firmware's folder.
    old, new : str
        Text that occurs there once, and what takes its place.
    tests : tuple of str
        Of the suite, by file or by name; one of them must fail.
    """

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the suite made of a fault.

    Parameters
    ----------
    mutant : Mutant
        The fault.
    killer, reason : str
        The first test that failed and why; both empty when none did.
    seconds : float
        How long it took. [s]
    """

    mutant: Mutant
    killer: str
    reason: str
    seconds: float


def load(path: Path) -> list[Mutant]:
    """Return the faults of a file.

    Parameters
    ----------
    path : Path
        TOML.

    Returns
    -------
    list of Mutant
        In its order.
    """
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    return [Mutant(**{**entry, "tests": tuple(entry["tests"])}) for entry in raw["mutant"]]


def seed(mutant: Mutant, source: Sequence[Path], folder: Path) -> None:
    """Write a copy of the firmware that has one fault.

    Parameters
    ----------
    mutant : Mutant
        The fault.
    source : sequence of Path
        Where the packages are.
    folder : Path
        Gets them.

    Raises
    ------
    MutantError
        If the text to replace is not there once, or what results is no Python.
    """
    ignore = shutil.ignore_patterns("__pycache__")
    for package in PACKAGES:
        root = next(root for root in source if (root / package).is_dir())
        shutil.copytree(root / package, folder / package, ignore=ignore)
    path = folder / mutant.file
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    if text.count(mutant.old) != 1:
        raise MutantError(
            f"{mutant.name!r} no longer applies: its text occurs {text.count(mutant.old)} times "
            f"in {mutant.file}; rewrite it in hil-tests/mutants.toml"
        )
    changed = text.replace(mutant.old, mutant.new.removeprefix("\n"))
    try:
        compile(changed, mutant.file, "exec")
    except SyntaxError as error:
        raise MutantError(f"{mutant.name!r} is no Python: {error}") from error
    path.write_text(changed, encoding="utf-8")


def judge(mutant: Mutant, suite: Path) -> Verdict:
    """Run the tests of a fault.

    Parameters
    ----------
    mutant : Mutant
        The fault.
    suite : Path
        Folder of the tests.

    Returns
    -------
    Verdict
        Whether they saw it.

    Raises
    ------
    MutantError
        As `seed`, or if pytest itself failed.
    """
    started_s = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutant") as name:
        folder = Path(name)
        seed(mutant, firmware(), folder / "firmware")
        done = _pytest(suite, mutant.tests, folder, "-x", firmware=folder / "firmware")
        if done.returncode not in (_GREEN, _RED):
            raise MutantError(f"{mutant.name!r}: pytest says\n{done.stdout}{done.stderr}")
        rows = record.read(folder / "unix.json").rows
    failed = [row for row in rows if row.outcome == "failed"]
    killer, reason = (failed[0].test, failed[0].reason) if failed else ("", "")
    return Verdict(mutant, killer, reason, time.monotonic() - started_s)


def check_green(mutants: Sequence[Mutant], suite: Path) -> None:
    """Run all tests named, without a fault.

    Parameters
    ----------
    mutants : sequence of Mutant
        Whose tests to run.
    suite : Path
        Their folder.

    Raises
    ------
    MutantError
        If one fails: it would be red for another reason than a fault.
    """
    tests = sorted({test for mutant in mutants for test in mutant.tests})
    with tempfile.TemporaryDirectory(prefix="mutant") as name:
        done = _pytest(suite, tests, Path(name), "-n", "auto", "--maxschedchunk", "1")
    if done.returncode != _GREEN:
        raise MutantError(f"the tests are not green without a fault:\n{done.stdout[-3000:]}")


def _pytest(
    suite: Path, tests: Sequence[str], folder: Path, *options: str, firmware: Path | None = None
) -> "subprocess.CompletedProcess[str]":
    places = [str(suite / test) for test in tests]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "cobenefit_hil.plugin",
               "-p", "no:cacheprovider", "--record", str(folder), "--basetemp",
               str(folder / "tmp"), *options, *places]  # fmt: skip
    env = {**os.environ, "CI": "true"}  # a test that can't run is no test that passes
    if firmware is not None:
        env[FIRMWARE_SETTING] = str(firmware)
    return subprocess.run(
        command, env=env, capture_output=True, text=True, check=False, timeout=_LIMIT_S
    )


def run(mutants: Sequence[Mutant], suite: Path, console: Console) -> list[Verdict]:
    """Judge faults, some beside each other, and show how far it is.

    Parameters
    ----------
    mutants : sequence of Mutant
        The faults.
    suite : Path
        Folder of the tests.
    console : Console
        Where the progress is shown.

    Returns
    -------
    list of Verdict
        In the order of `mutants`.
    """
    columns = (*Progress.get_default_columns(), MofNCompleteColumn(), TimeElapsedColumn())
    with (
        Progress(*columns, console=console) as progress,
        ThreadPoolExecutor(1 + (os.cpu_count() or 1)) as pool,
    ):
        bar = progress.add_task("seeded faults", total=len(mutants))
        running = {pool.submit(judge, mutant, suite): mutant for mutant in mutants}
        verdicts = {}
        for future in as_completed(running):
            verdict = future.result()
            verdicts[running[future].name] = verdict
            said = f"seen by {verdict.killer}" if verdict.killer else "[red]NOT SEEN[/]"
            console.print(f"{escape(verdict.mutant.name)}: {said}", soft_wrap=True)
            progress.advance(bar)
    return [verdicts[mutant.name] for mutant in mutants]


def table(verdicts: Sequence[Verdict]) -> Table:
    """Return fault by test that saw it.

    Parameters
    ----------
    verdicts : sequence of Verdict
        Of the faults.

    Returns
    -------
    Table
        To be printed.
    """
    out = Table("fault", "seen by", "because", "s", title="Seeded faults")
    for verdict in verdicts:
        test = verdict.killer.rpartition("suite/")[2] or "[bold red]not seen[/]"
        name, reason = escape(verdict.mutant.name), escape(verdict.reason[:80])
        out.add_row(name, test, reason, f"{verdict.seconds:.0f}")
    return out


def main(names: Sequence[str], folder: Path = Path("hil-tests")) -> int:
    """Seed the faults named, or all, and say which were seen.

    Parameters
    ----------
    names : sequence of str
        Faults; all when empty.
    folder : Path
        Holds `mutants.toml` and `suite`.

    Returns
    -------
    int
        Exit code. [1]
    """
    console = Console()
    try:
        mutants = _chosen(load(folder / "mutants.toml"), names)
        console.print(f"Seeding {len(mutants)} faults; first the tests without any")
        check_green(mutants, folder / "suite")
        verdicts = run(mutants, folder / "suite", console)
    except MutantError as error:
        console.print(f"[red]Stopped:[/] {escape(str(error))}", soft_wrap=True)
        return 2
    console.print(table(verdicts))
    survivors = [verdict.mutant.name for verdict in verdicts if not verdict.killer]
    console.print(f"{len(verdicts) - len(survivors)} of {len(verdicts)} faults were seen.")
    return 1 if survivors else 0


def _chosen(mutants: Sequence[Mutant], names: Sequence[str]) -> list[Mutant]:
    unknown = sorted(set(names) - {mutant.name for mutant in mutants})
    if unknown:
        raise MutantError(f"no such fault: {', '.join(unknown)}; see hil-tests/mutants.toml")
    return [mutant for mutant in mutants if not names or mutant.name in names]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
