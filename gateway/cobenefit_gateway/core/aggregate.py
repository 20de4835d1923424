"""Segments, the summed-up runs that windows keep, merged as a monoid.

A *run* is a stretch of accepted readings of one series, ordered in time. Its `Segment` holds all
a rollup needs; `partials` makes many at once. `merge` joins two segments that follow each other
and adds the link between them, so that any way of cutting and arriving gives the same rollup;
`insert` keeps a window's segments apart while something may still be missing between them.
Nothing here does I/O or reads a clock.

The link from one accepted reading to the next carries two things, both given to the window of the
later reading: a counter's increase, and the trapezoid of a gauge when the two are at most
`gap_ms` apart. A counter that goes back adds nothing (a reset or another meter), except that one
which stood in the top sixteenth of its range and restarts in the lowest has rolled over.
"""

from bisect import bisect_right
from dataclasses import dataclass
from math import isclose
from typing import NamedTuple

import numpy as np

from cobenefit_gateway.core.partials import ROLLOVER_PART, FloatArray, IntArray, partials

#: Above this many separate stretches in one window, the two oldest are joined.
MAX_SEGMENTS = 64


class Segment(NamedTuple):
    """A run of accepted readings, summed up; `integral` in unit x ms."""

    readings: int
    first: float
    first_t_ms: int
    last: float
    last_t_ms: int
    low: float
    high: float
    total: float
    m2: float
    delta: float
    integral: float
    covered_ms: int


@dataclass(frozen=True, slots=True)
class Links:
    """How readings of a series are linked: what counts as covered, as contiguous, as rollover."""

    gap_ms: int
    join_ms: int
    modulus: float


_UNLINKED = Links(gap_ms=-1, join_ms=-1, modulus=0.0)


def increase(before: float, after: float, modulus: float) -> float:
    """Return by how much a counter rose from one accepted reading to the next.

    Parameters
    ----------
    before : float
        The earlier index. [unit of the quantity]
    after : float
        The later index. [unit of the quantity]
    modulus : float
        Where the counter rolls over, 0 when it does not. [unit of the quantity]

    Returns
    -------
    float
        The increase; 0 after a reset. [unit of the quantity]
    """
    if after >= before:
        return after - before
    edge = modulus * ROLLOVER_PART
    if modulus and before >= modulus - edge and after < edge:
        return after - before + modulus
    return 0.0


def segments(
    value: FloatArray, t_ms: IntArray, starts: IntArray, gap_ms: IntArray, modulus: FloatArray
) -> list[Segment]:
    """Return one segment per run.

    Parameters
    ----------
    value : ndarray, shape (n,)
        Accepted readings, finite. [unit of the quantity]
    t_ms : ndarray, shape (n,)
        Their times, not decreasing inside a run. [ms]
    starts : ndarray, shape (m,)
        Index of each run's first reading; the first is 0, increasing. [1]
    gap_ms : ndarray, shape (n,)
        Longest step that counts as covered. [ms]
    modulus : ndarray, shape (n,)
        Where a counter rolls over, 0 when it does not. [unit of the quantity]

    Returns
    -------
    list of Segment, length m
        In the order of the runs; `partials` says how exact.
    """
    columns = partials(value, t_ms, starts, gap_ms[starts], modulus[starts])
    return list(map(Segment._make, zip(*(c.tolist() for c in columns), strict=True)))


def merge(a: Segment, b: Segment, links: Links) -> Segment:
    """Return the segment of `a` followed by `b`, with the link between them.

    Parameters
    ----------
    a : Segment
        The earlier run.
    b : Segment
        The later run; it starts when `a` ends or later.
    links : Links
        How the series is linked.

    Returns
    -------
    Segment
        As if computed from all readings at once, to rounding.
    """
    n = a.readings + b.readings
    shift = b.total / b.readings - a.total / a.readings
    rise, area, step_ms = link(a.last, a.last_t_ms, b.first, b.first_t_ms, links)
    # M2 by Chan's pairwise formula.
    return Segment(
        n,
        a.first,
        a.first_t_ms,
        b.last,
        b.last_t_ms,
        min(a.low, b.low),
        max(a.high, b.high),
        a.total + b.total,
        a.m2 + b.m2 + shift * shift * a.readings * b.readings / n,
        a.delta + rise + b.delta,
        a.integral + area + b.integral,
        a.covered_ms + step_ms + b.covered_ms,
    )


def link(
    value: float, t_ms: int, next_value: float, next_t_ms: int, links: Links
) -> tuple[float, float, int]:
    """Return what lies between two accepted readings that follow each other.

    Parameters
    ----------
    value : float
        The earlier reading. [unit of the quantity]
    t_ms : int
        Its time. [ms]
    next_value : float
        The later reading. [unit of the quantity]
    next_t_ms : int
        Its time. [ms]
    links : Links
        How the series is linked.

    Returns
    -------
    tuple of float, float, int
        Increase, trapezoid and covered time. [unit, unit x ms, ms]
    """
    rise = increase(value, next_value, links.modulus)
    step_ms = next_t_ms - t_ms
    if step_ms > links.gap_ms:
        return rise, 0.0, 0
    return rise, (value + next_value) / 2 * step_ms, step_ms


def _overlaid(a: Segment, b: Segment) -> Segment:
    # Two runs of one series that interleave in time (two boots, a resent stretch cut otherwise).
    # Without the readings the chain can't be rebuilt: a counter that only rose keeps an exact
    # delta, else the larger is kept; the integral is that of the better covered run.
    first_t, first = min((a.first_t_ms, a.first), (b.first_t_ms, b.first))
    last_t, last = max((a.last_t_ms, a.last), (b.last_t_ms, b.last))
    rising = all(isclose(x.delta, x.last - x.first, rel_tol=1e-9, abs_tol=1e-9) for x in (a, b))
    delta = last - first if rising and last >= first else max(a.delta, b.delta)
    better = max(a, b, key=lambda x: (x.covered_ms, x.integral))
    return merge(a, b, _UNLINKED)._replace(
        first=first,
        first_t_ms=first_t,
        last=last,
        last_t_ms=last_t,
        delta=delta,
        integral=better.integral,
        covered_ms=better.covered_ms,
    )


def insert(kept: list[Segment], new: Segment, links: Links) -> None:
    """Add a segment to a window's segments, in place, wherever it belongs in time.

    Neighbours at most `join_ms` apart become one, because nothing is missing between them; others
    stay apart, so that a late run can still be linked on both sides.

    Parameters
    ----------
    kept : list of Segment
        Segments of one window, ordered in time, not overlapping; changed in place.
    new : Segment
        The segment to add.
    links : Links
        How the series is linked.
    """
    if not kept or kept[-1].last_t_ms <= new.first_t_ms:
        kept.append(new)
        at = len(kept) - 1
    else:
        at = bisect_right(kept, (new.first_t_ms, new.last_t_ms), key=_span)
        kept.insert(at, new)
    at = _absorb(kept, max(at - 1, 0), links)
    while at + 1 < len(kept) and _touch(kept[at], kept[at + 1], links):
        at = _absorb(kept, at, links)
    if len(kept) > MAX_SEGMENTS:
        kept[:2] = [merge(kept[0], kept[1], links)]


def _span(segment: Segment) -> tuple[int, int]:
    return segment.first_t_ms, segment.last_t_ms


def _touch(a: Segment, b: Segment, links: Links) -> bool:
    return b.first_t_ms - a.last_t_ms <= links.join_ms


def _absorb(kept: list[Segment], at: int, links: Links) -> int:
    # Join kept[at] with its successor when nothing can be missing between; return where to go on.
    if at + 1 >= len(kept):
        return at
    a, b = kept[at], kept[at + 1]
    if not _touch(a, b, links):
        return at + 1
    kept[at : at + 2] = [_overlaid(a, b) if b.first_t_ms < a.last_t_ms else merge(a, b, links)]
    return at


def fold(kept: list[Segment], before: tuple[float, int] | None, links: Links) -> Segment | None:
    """Return one segment for a whole window, linked to the last accepted reading before it.

    Parameters
    ----------
    kept : list of Segment
        Segments of the window, ordered in time.
    before : tuple of float, int, optional
        Last accepted reading of the series before the window and its time. [unit, ms]
    links : Links
        How the series is linked.

    Returns
    -------
    Segment or None
        None when the window holds no accepted reading.
    """
    if not kept:
        return None
    whole = kept[0]
    if before is not None:
        rise, area, step_ms = link(*before, whole.first, whole.first_t_ms, links)
        whole = whole._replace(
            delta=whole.delta + rise,
            integral=whole.integral + area,
            covered_ms=whole.covered_ms + step_ms,
        )
    for segment in kept[1:]:
        whole = merge(whole, segment, links)
    return whole


def histogram(value: FloatArray, edges: FloatArray) -> list[int]:
    """Count readings between edges; the first and last bin are open-ended.

    Parameters
    ----------
    value : ndarray, shape (n,)
        Readings of an event channel. [unit of the quantity]
    edges : ndarray, shape (m,)
        Increasing inner edges; a reading on an edge belongs to the bin above. [unit]

    Returns
    -------
    list of int, length m + 1
        Readings in each bin. [1]
    """
    bins = np.searchsorted(edges, value, side="right")
    counts: list[int] = np.bincount(bins, minlength=edges.size + 1).tolist()
    return counts
