"""Run `flash_cuts.py` on MicroPython: one process per call, several for many cuts at random.

Example:
    total = at_random(10_000, seed=1, note=lambda cuts, total: print(cuts, total))
    assert not any(total[name] for name in FAILURES)
"""

import json
import os
import subprocess
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from cobenefit_hil.virtual import board

HERE = Path(__file__).parent
#: Room for the images of a chip of 128 kB.
HEAP = "8M"
#: Cuts of one process; each has a seed of its own, so that a failure can be repeated alone.
CHUNK = 250


class CuttingError(RuntimeError):
    """MicroPython ended with an error; the message holds what it said."""


def run(*arguments: str, firmware: Path | None = None, timeout_s: float = 600) -> Counter[str]:
    """Run one mode of `flash_cuts.py`.

    Parameters
    ----------
    *arguments : str
        The mode and its arguments.
    firmware : Path, optional
        Directory with the packages to test; those of `board.firmware()` by default.
    timeout_s : float
        Longest time it may take, > 0. [s]

    Returns
    -------
    Counter
        What it counted.

    Raises
    ------
    CuttingError
        If it failed.
    """
    packages = [firmware] if firmware else board.firmware()
    script = str(HERE / "flash_cuts.py")
    command = [board.interpreter(), "-X", f"heapsize={HEAP}", script, *arguments]
    done = subprocess.run(
        command,
        env={"MICROPYPATH": ":".join([str(HERE), *map(str, packages), ".frozen"])},
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    if done.returncode:
        raise CuttingError(f"flash_cuts.py {' '.join(arguments)}: {done.stdout}{done.stderr}")
    return Counter(json.loads(done.stdout.splitlines()[-1]))


def at_random(count: int, seed: int, note: Callable[[int], None]) -> Counter[str]:
    """Cut power at random operations, on as many chips at once as there are processors.

    Parameters
    ----------
    count : int
        Cuts, > 0. [1]
    seed : int
        Of the first process; the others count on from it. [1]
    note : callable
        Told after each process how many cuts it did.

    Returns
    -------
    Counter
        The sum of what all counted.
    """
    parts = [min(CHUNK, count - first) for first in range(0, count, CHUNK)]
    total: Counter[str] = Counter()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        running = [
            pool.submit(run, "random", str(part), str(seed + i)) for i, part in enumerate(parts)
        ]
        for finished in as_completed(running):
            counted = finished.result()
            note(counted["cuts"])
            total.update(counted)
    return total
