"""Samples of a series to the windows that a gateway would send: days of the site, and hours.

Pure. A sample that spans time carries the energy of that time; it has no register, so that a
window of such samples has an increase between its own two ends and no first and last reading. A
window with a gap has no increase at all: nothing is filled in. Instants are readings: a window of
theirs holds what a gateway's holds. The same samples give the same windows.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cobenefit_backend.imports.days import Days, IntArray
from cobenefit_backend.imports.records import HOUR_MS, Sample
from cobenefit_wire import units

FloatArray = NDArray[np.float64]
Row = dict[str, Any]
GAP_STEPS = 3
"""A longer step between two instants, in usual steps, is not covered. [1]"""
HOUR_S = HOUR_MS // 1000
_NO_READING = dict.fromkeys(
    ("first", "first_t_ms", "last", "last_t_ms", "min", "max", "sum", "m2", "delta", "integral",
     "covered_s", "histogram")
)  # fmt: skip


def windows(samples: Sequence[Sample], kind: str, timezone: str) -> list[Row]:
    """Return the windows of a series, days and hours.

    Parameters
    ----------
    samples : sequence of Sample
        Apart from each other, in order of time, none over a midnight.
    kind : str
        How the quantity adds up: `counter` or `gauge`.
    timezone : str
        Of the site.

    Returns
    -------
    list of dict
        `start_ms`, `length_s` and the values of a rollup row; days first, each in order of time.
        Hours only where samples are an hour or less apart. [unit of the channel, s, ms]
    """
    spans = [each for each in samples if each.end_ms > each.start_ms]
    instants = [each for each in samples if each.end_ms == each.start_ms]
    found = _of_spans(spans, timezone) if spans else []
    if instants:
        taken = {(row["start_ms"], row["length_s"]) for row in found}
        read = _of_instants(instants, kind, timezone)
        found += [row for row in read if (row["start_ms"], row["length_s"]) not in taken]
    return sorted(found, key=lambda row: (row["length_s"] <= HOUR_S, row["start_ms"]))


def _of_spans(samples: Sequence[Sample], timezone: str) -> list[Row]:
    start, end = (np.array([s[i] for s in samples], dtype=np.int64) for i in (0, 1))
    value = np.array([s.value for s in samples])
    edges = Days(timezone).edges_ms(int(start[0]), int(start[-1]))
    rows = _spanned(start, end, value, edges)
    fine = (end - 1) // HOUR_MS == start // HOUR_MS
    if fine.any():
        hours = start[fine] // HOUR_MS
        lasting = np.arange(hours[0], hours[-1] + 2) * HOUR_MS
        rows += _spanned(start[fine], end[fine], value[fine], lasting)
    return rows


def _spanned(start: IntArray, end: IntArray, value: FloatArray, edges: IntArray) -> list[Row]:
    window = np.searchsorted(edges, start, side="right") - 1
    heads = np.flatnonzero(np.diff(window, prepend=-1))
    count = np.diff(heads, append=window.size)
    total = np.add.reduceat(value, heads)
    covered_ms = np.add.reduceat(end - start, heads)
    usual_ms = np.minimum.reduceat(end - start, heads)
    length_ms = edges[window[heads] + 1] - edges[window[heads]]
    missing = np.ceil((length_ms - covered_ms) / usual_ms).astype(np.int64)
    return [
        {
            "start_ms": begin, "length_s": length // 1000, "count": n, "expected": n + less,
            "flagged": 0, **_NO_READING, "delta": None if less else amount,
            "covered_s": covered / 1000,
        }
        for begin, length, n, less, amount, covered in zip(
            edges[window[heads]].tolist(), length_ms.tolist(), count.tolist(), missing.tolist(),
            total.tolist(), covered_ms.tolist(), strict=True,
        )
    ]  # fmt: skip


def _of_instants(samples: Sequence[Sample], kind: str, timezone: str) -> list[Row]:
    t_ms = np.array([s.start_ms for s in samples], dtype=np.int64)
    value = np.array([s.value for s in samples])
    step_ms = np.diff(t_ms, prepend=t_ms[0])
    usual_ms = int(np.median(step_ms[1:])) if t_ms.size > 1 else 0
    edges = Days(timezone).edges_ms(int(t_ms[0]), int(t_ms[-1]))
    rows = _read(t_ms, value, usual_ms, edges, kind)
    if 0 < usual_ms <= HOUR_MS:
        hours = np.arange(t_ms[0] // HOUR_MS, t_ms[-1] // HOUR_MS + 2) * HOUR_MS
        rows += _read(t_ms, value, usual_ms, hours, kind)
    return rows


def _read(
    t_ms: IntArray, value: FloatArray, usual_ms: int, edges: IntArray, kind: str
) -> list[Row]:
    window = np.searchsorted(edges, t_ms, side="right") - 1
    heads = np.flatnonzero(np.diff(window, prepend=-1))
    count = np.diff(heads, append=window.size)
    tails = heads + count - 1
    total = np.add.reduceat(value, heads)
    apart = value - np.repeat(total / count, count)
    step_ms = np.diff(t_ms, prepend=t_ms[0])
    near = step_ms <= GAP_STEPS * usual_ms
    rise = np.maximum(np.diff(value, prepend=value[0]), 0.0)
    area = (value + np.concatenate((value[:1], value[:-1]))) / 2 * step_ms / HOUR_MS
    sums = {
        "sum": total,
        "m2": np.add.reduceat(apart * apart, heads),
        "delta": np.add.reduceat(rise, heads),
        "integral": np.add.reduceat(np.where(near, area, 0.0), heads),
        "covered_s": np.add.reduceat(np.where(near, step_ms, 0), heads) / 1000,
        "min": np.minimum.reduceat(value, heads),
        "max": np.maximum.reduceat(value, heads),
        "first": value[heads], "last": value[tails],
        "first_t_ms": t_ms[heads], "last_t_ms": t_ms[tails],
    }  # fmt: skip
    sums.pop("integral" if kind == units.COUNTER else "delta")
    columns = {name: column.tolist() for name, column in sums.items()}
    length_ms = edges[window[heads] + 1] - edges[window[heads]]
    due = np.maximum(length_ms // max(usual_ms, 1) if usual_ms else count, count)
    return [
        {
            "start_ms": begin, "length_s": length // 1000, "count": n, "expected": expected,
            "flagged": 0, **_NO_READING, **{name: c[at] for name, c in columns.items()},
        }
        for at, (begin, length, n, expected) in enumerate(zip(
            edges[window[heads]].tolist(), length_ms.tolist(), count.tolist(), due.tolist(),
            strict=True,
        ))
    ]  # fmt: skip
