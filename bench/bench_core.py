"""The aggregation core beside DuckDB and Polars: same readings, equal rows, one run.

Packs of 60 readings, one every ten seconds, into windows of ten minutes: each pack crosses an
edge. The seven statistics of a peer are count, mean, minimum, maximum, standard deviation, first
and last; ten adds increase, time integral and the times. Counts and increases must be equal or the
run fails.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from cobenefit_gateway.core.rollup import Rollups, Runs, rollup
from cobenefit_gateway.core.windows import Days, Every, Grid, day_edges_ms
from peers.process import NotRunError
from peers.venv import python_with

READINGS, PERIOD_MS, WINDOW_MS = 60, 10_000, 600_000
PACKS = 60_000
#: Suffix of the row, engine, what it computes.
ENGINES = (
    ("", "duckdb", "DuckDB", "7 statistics"),
    ("_polars", "polars", "Polars", "10 statistics"),
    ("_polars_7", "polars7", "Polars", "7 statistics"),
)


def packs(devices: int) -> Runs:
    """Return 60,000 or more packs of so many devices, as they would arrive."""
    rng = np.random.default_rng(1)
    rounds = max(PACKS // devices, 1)
    m = rounds * devices
    at_ms = np.repeat(np.arange(rounds), devices) * READINGS * PERIOD_MS
    at_ms = at_ms + np.tile(rng.integers(0, WINDOW_MS, devices), rounds) + 1_600_041_600_000
    index = np.arange(READINGS) + np.repeat(np.arange(rounds), devices)[:, None] * READINGS
    return Runs(
        value=(index * 7 + rng.integers(0, 7, index.shape)).astype(np.float64).ravel(),
        t_ms=(at_ms[:, None] + np.arange(READINGS) * PERIOD_MS).ravel(),
        starts=np.arange(0, m * READINGS, READINGS),
        series=np.tile(np.arange(devices), rounds),
        gap_ms=np.full(m, 3 * PERIOD_MS),
        modulus=np.zeros(m),
    )


def ours(runs: Runs, grid: Grid) -> tuple[float, Rollups]:
    """Return the best of five CPU times [s] and the rollups."""
    best = float("inf")
    for _ in range(5):
        started = time.process_time()
        rows = rollup(runs, grid)
        best = min(best, time.process_time() - started)
    return best, rows


def peer(engine: str, folder: Path) -> dict[str, Any]:
    """Return version, CPU time and memory of a peer; its rows are in the folder."""
    python = python_with("columns", ["numpy", "duckdb", "polars"])
    script = Path(__file__).parent / "peers/columns.py"
    done = subprocess.run(
        [str(python), str(script), engine, str(folder)], capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def compare(engine: str, mine: Rollups, folder: Path) -> None:
    """Raise ValueError unless series, windows, counts and increases are equal."""
    rows = np.load(folder / "rows.npz")
    order = np.lexsort((rows["start_ms"], rows["series"]))
    own = [mine.series, mine.start_ms, mine.parts.readings, mine.parts.delta]
    for name, a in zip(("series", "start_ms", "count", "delta"), own, strict=True):
        if not np.array_equal(a, rows[name][order]):
            raise ValueError(f"{engine}: column {name} differs from the core's")


def measure(name: str, devices: int, folder: Path) -> bool:
    """Print the rows of one number of devices; return whether every peer ran."""
    runs = packs(devices)
    n, complete = runs.value.size, True
    readings_of = np.repeat(runs.series, READINGS)
    for column, values in (("value", runs.value), ("t_ms", runs.t_ms), ("series", readings_of)):
        np.save(folder / f"{column}.npy", values)
    spent, mine = ours(runs, Every(WINDOW_MS))
    for suffix, engine, title, what in ENGINES:
        try:
            found = peer(engine, folder)
            compare(title, mine, folder)
            spent = min(spent, ours(runs, Every(WINDOW_MS))[0])
            ratio = found["cpu_s"] / spent
            text = f"{title} {found['version']}, {what}, {found['rss_mb']:.0f} MB"
        except NotRunError as err:
            ratio, text, complete = None, f"{title} not run: {err}", False
        row(name + suffix, n / spent, text, ratio)
    days = Days(day_edges_ms("Europe/Paris", 2019, 2026))
    row(name + "_days", n / ours(runs, days)[0], None, None)
    return complete


def row(name: str, value: float, peer: str | None, ratio: float | None) -> None:
    """Print one row."""
    line = {"name": name, "value": value, "unit": "readings/cpu-s", "peer": peer, "ratio": ratio}
    print(json.dumps(line), flush=True)


def main() -> int:
    """Measure 1,000 and 100,000 devices; exit code 3 when a peer could not run [-]."""
    complete = True
    for name, devices in (("core_packs60_1k", 1000), ("core_packs60_100k", 100_000)):
        with tempfile.TemporaryDirectory() as folder:
            complete &= measure(name, devices, Path(folder))
    return 0 if complete else 3


if __name__ == "__main__":
    sys.exit(main())
