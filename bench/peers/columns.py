"""DuckDB and Polars on the same columns as the core; runs in an environment that has only them.

    python columns.py duckdb FOLDER

reads FOLDER/{value,t_ms,series}.npy, computes statistics per series and window, writes
FOLDER/rows.npz and prints version, CPU seconds and peak memory as JSON. One thread each: CPU
seconds are compared, and threads that wait for each other burn some.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

os.environ["POLARS_MAX_THREADS"] = "1"
WINDOW_MS, GAP_MS = 600_000, 30_000


def duckdb(columns: dict[str, Any]) -> tuple[str, float, dict[str, Any]]:
    """Return version, CPU time [s] and rows of DuckDB, the seven that need no neighbour."""
    import duckdb as db

    connection = db.connect()
    connection.execute("SET threads = 1")
    connection.register("raw", columns)
    connection.execute("CREATE TABLE readings AS SELECT * FROM raw")
    query = (
        "SELECT series, t_ms // $ms * $ms AS start_ms, count(*) AS count, "
        "avg(value) AS mean, min(value) AS low, max(value) AS high, stddev_samp(value) AS std, "
        "arg_min(value, t_ms) AS first, arg_max(value, t_ms) AS last "
        "FROM readings GROUP BY ALL"
    )
    started = time.process_time()
    rows = connection.execute(query, {"ms": WINDOW_MS}).fetchnumpy()
    return db.__version__, time.process_time() - started, rows


def polars(columns: dict[str, Any]) -> tuple[str, float, dict[str, Any]]:
    """Return version, CPU time [s] and rows of Polars, all ten statistics."""
    import polars as pl

    value, t_ms = pl.col("value"), pl.col("t_ms")
    step, step_ms = value.diff(), t_ms.diff()
    covered = pl.when(step_ms <= GAP_MS)
    return _polars(
        columns,
        t_ms.first().alias("first_t_ms"),
        t_ms.last().alias("last_t_ms"),
        step.clip(lower_bound=0).sum().alias("delta"),
        covered.then((value - step / 2) * step_ms).sum().alias("integral"),
        covered.then(step_ms).sum().alias("covered_ms"),
    )


def polars7(columns: dict[str, Any]) -> tuple[str, float, dict[str, Any]]:
    """Return version, CPU time [s] and rows of Polars, the seven that need no neighbour."""
    return _polars(columns)


def _polars(columns: dict[str, Any], *more: Any) -> tuple[str, float, dict[str, Any]]:
    import polars as pl

    frame, value = pl.DataFrame(columns), pl.col("value")
    keys = "series", (pl.col("t_ms") // WINDOW_MS * WINDOW_MS).alias("start_ms")
    started = time.process_time()
    rows = frame.group_by(*keys).agg(
        pl.len().alias("count"),
        value.mean().alias("mean"),
        value.min().alias("low"),
        value.max().alias("high"),
        value.std().alias("std"),
        value.first().alias("first"),
        value.last().alias("last"),
        *more,
    )
    spent = time.process_time() - started
    return pl.__version__, spent, {name: rows[name].to_numpy() for name in rows.columns}


def main(engine: str, folder: Path) -> None:
    """Measure one engine three times; print the best."""
    import numpy as np

    columns = {name: np.load(folder / f"{name}.npy") for name in ("value", "t_ms", "series")}
    best = float("inf")
    for _ in range(3):
        version, spent, rows = globals()[engine](columns)
        best = min(best, spent)
    rows.setdefault("delta", rows["last"] - rows["first"])  # the counters only rise
    kept = ("series", "start_ms", "count", "delta")
    np.savez(folder / "rows.npz", **{name: rows[name] for name in kept})
    rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"version": version, "cpu_s": best, "rss_mb": rss_mb}))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
