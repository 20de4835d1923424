"""Samples of several files as one series, and its windows laid over what was measured.

Pure. The store is always what was measured with the committed imports over it, so that the order
of files makes no difference where they do not contradict, and an import can be taken out again
whatever came after it. Where files contradict, the one committed last holds.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from cobenefit_backend.imports.days import IntArray
from cobenefit_backend.imports.records import HOUR_MS, Sample
from cobenefit_backend.imports.windows import HOUR_S, windows

Row = dict[str, Any]
Key = tuple[int, int]
"""Start and length of a window. [ms, s]"""


class Laid(NamedTuple):
    """Windows as the store should hold them, and the measured ones that stay beside an import."""

    rows: dict[Key, Row]
    kept: list[Key]


def merged(files: Sequence[Sequence[Sample]]) -> list[Sample]:
    """Return the samples of files in order of time; of two that overlap the later file's.

    Parameters
    ----------
    files : sequence of sequence of Sample
        In the order they were committed, each from `screen`.

    Returns
    -------
    list of Sample
        Apart from each other.
    """
    kept: list[Sample] = []
    for samples in reversed(files):
        kept = sorted([*kept, *_beside(samples, kept)])
    return kept


def _beside(samples: Sequence[Sample], kept: Sequence[Sample]) -> list[Sample]:
    if not kept:
        return list(samples)
    start, end = (np.array([s[i] for s in kept], dtype=np.int64) for i in (0, 1))
    found = []
    for sample in samples:
        at = int(np.searchsorted(start, max(sample.end_ms, sample.start_ms + 1))) - 1
        if at < 0 or (end[at] <= sample.start_ms and start[at] < sample.start_ms):
            found.append(sample)
    return found


def laid_over(
    base: Mapping[Key, Row],
    samples: Sequence[Sample],
    forced: Sequence[int],
    kind: str,
    timezone: str,
    *,
    days: Sequence[Row] = (),
) -> Laid:
    """Return what the store should hold: what was measured, completed by the imports.

    Parameters
    ----------
    base : mapping
        Windows measured, by start and length.
    samples : sequence of Sample
        Of all committed imports, merged.
    forced : sequence of int
        Starts of what the imports have that replace what was measured, sorted. [ms]
    kind : str
        `counter` or `gauge`.
    timezone : str
        Of the site.
    days : sequence of dict, optional
        Days that imports have without their samples, first committed first. Of a day known both
        ways, the more complete counts.

    Returns
    -------
    Laid
        Windows by start and length. A measured window stays unless an import has more of it, or
        replaces it; an hour is one window or its parts, never both.
    """
    laid = Laid(dict(base), [])
    hours = _parts_of_hours(base)
    begins = np.array(forced, dtype=np.int64)
    for key, row in _with_days(windows(samples, kind, timezone), days).items():
        parts = hours.get(key[0] // HOUR_MS, []) if key[1] == HOUR_S else [key]
        there = [base[part] for part in parts if part in base]
        if there and not _forced(begins, key) and _share([row], key) <= _share(there, key):
            laid.kept.append(key)
            continue
        for part in parts:
            laid.rows.pop(part, None)
        laid.rows[key] = {**row, "revision": base[key]["revision"] if key in base else 0}
    return laid


def _with_days(rows: Sequence[Row], days: Sequence[Row]) -> dict[Key, Row]:
    found: dict[Key, Row] = {}
    for row in (*days, *rows):
        key = row["start_ms"], row["length_s"]
        if key not in found or _worth(row, key) >= _worth(found[key], key):
            found[key] = row
    return found


def _worth(row: Row, key: Key) -> tuple[float, int]:
    return _share([row], key), row["count"]


def _parts_of_hours(base: Mapping[Key, Row]) -> dict[int, list[Key]]:
    found: dict[int, list[Key]] = {}
    for start_ms, length_s in base:
        if length_s <= HOUR_S:
            found.setdefault(start_ms // HOUR_MS, []).append((start_ms, length_s))
    return found


def _forced(begins: IntArray, key: Key) -> bool:
    first, last = np.searchsorted(begins, (key[0], key[0] + key[1] * 1000))
    return bool(last > first)


def _share(rows: Sequence[Row], key: Key) -> float:
    """Return how much of a window is known; nothing of a sum with a gap in it."""
    if any(row["first"] is None and row["delta"] is None for row in rows):
        return 0.0
    count, expected = (sum(row[name] for row in rows) for name in ("count", "expected"))
    length_s = sum(row["length_s"] for row in rows)
    return min(1.0, count / expected) * min(1.0, length_s / key[1]) if expected else 0.0
