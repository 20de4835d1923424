"""Batches of readings to rollups: cut runs at window edges, sum them up, join what belongs.

Packs arrive as runs already ordered in time, so nothing is sorted: a run is cut where it crosses a
window's edge (found by bisection, not reading by reading), summed up by `partials`, and the parts
of one window are joined as a monoid. Runs that interleave in time – single readings of many
devices, two boots of one device – are sorted once, all readings of the batch, and then cut. Either
way the rollups are those of the sorted readings, in whatever order and pieces they came.

It must do no I/O and read no clock.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cobenefit_gateway.core.partials import (
    FloatArray,
    IntArray,
    Partials,
    has_rolled,
    partials,
    pieces,
)
from cobenefit_gateway.core.windows import Grid

#: Runs shorter than this on average are cheaper sorted as single readings. [1]
_SHORT = 3


class Runs(NamedTuple):
    """Readings of many series, run after run; `series`, `gap_ms` and `modulus` one per run."""

    value: FloatArray
    t_ms: IntArray
    starts: IntArray
    series: IntArray
    gap_ms: IntArray
    modulus: FloatArray


class Rollups(NamedTuple):
    """One entry per series and window, ordered by both."""

    series: IntArray
    start_ms: IntArray
    parts: Partials


def rollup(runs: Runs, grid: Grid) -> Rollups:
    """Return the rollup of each window of each series.

    Parameters
    ----------
    runs : Runs
        Accepted readings; inside a run their times do not decrease.
    grid : Grid
        The windows.

    Returns
    -------
    Rollups
        The same for the same readings in any order and any pieces: counts, extremes, firsts,
        lasts and whole-number totals and increases exactly, M2 and integrals to rounding. Of
        readings of one series at the same instant the larger is the later.
    """
    if not runs.value.size:
        none = np.zeros(0, dtype=np.int64)
        return Rollups(none, none, _nothing())
    if runs.starts.size * _SHORT > runs.value.size:
        runs = in_order(runs)
    window, run, parts = _summed(runs, grid)
    order = _by_start(runs.series[run], parts)
    if order is None:
        runs = in_order(runs)
        window, run, parts = _summed(runs, grid)
        order = np.arange(run.size)
    run, window = run[order], window[order]
    series = runs.series[run]
    heads = np.flatnonzero(_changes(series) | _changes(window))
    ordered = Partials._make(column[order] for column in parts)
    joined = join(ordered, heads, runs.gap_ms[run], runs.modulus[run])
    return Rollups(series[heads], grid.start_ms(window[heads]), joined)


def _summed(runs: Runs, grid: Grid) -> tuple[IntArray, IntArray, Partials]:
    # Window, run and statistics of each part, a piece of the batch at a time: it stays in cache.
    windows, owners, parts = [], [], []
    for i, j in pieces(runs.starts, runs.value.size):
        piece = _piece(runs, i, j)
        window, run, starts = cut(piece, grid)
        windows.append(window)
        owners.append(run + i)
        gap_ms, modulus = piece.gap_ms[run], piece.modulus[run]
        parts.append(partials(piece.value, piece.t_ms, starts, gap_ms, modulus))
    columns = Partials._make(np.concatenate(column) for column in zip(*parts, strict=True))
    return np.concatenate(windows), np.concatenate(owners), columns


def _piece(runs: Runs, i: int, j: int) -> Runs:
    at = int(runs.starts[i])
    end = int(runs.starts[j]) if j < runs.starts.size else runs.value.size
    return Runs(
        runs.value[at:end],
        runs.t_ms[at:end],
        runs.starts[i:j] - at,
        runs.series[i:j],
        runs.gap_ms[i:j],
        runs.modulus[i:j],
    )


def _nothing() -> Partials:
    whole, real = np.zeros(0, dtype=np.int64), np.zeros(0)
    kinds = (whole, real, whole, real, whole, real, real, real, real, real, real, whole)
    return Partials(*kinds)


def in_order(runs: Runs) -> Runs:
    """Return the same readings sorted by series and time, one run per series.

    Parameters
    ----------
    runs : Runs
        In any order, also inside a run.

    Returns
    -------
    Runs
        Series rise; of a series' `gap_ms` and `modulus` those of one of its runs.
    """
    count = np.diff(runs.starts, append=runs.value.size)
    series = np.repeat(runs.series, count)
    order = _sorted(series, runs.t_ms, runs.value)
    series = series[order]
    starts = np.flatnonzero(_changes(series))
    run = np.repeat(np.arange(count.size), count)[order[starts]]
    return Runs(
        runs.value[order],
        runs.t_ms[order],
        starts,
        series[starts],
        runs.gap_ms[run],
        runs.modulus[run],
    )


def _sorted(series: IntArray, t_ms: IntArray, value: FloatArray) -> IntArray:
    # One 64-bit key sorts several times faster than three columns; it says when it must not.
    span = int(t_ms.max()) - int(t_ms.min()) + 1
    low = int(series.min())
    if (int(series.max()) - low + 1) * span < 1 << 62:
        key = (series - low) * span + (t_ms - t_ms.min())
        order = np.argsort(key)
        ordered = key[order]
        if (ordered[1:] > ordered[:-1]).all():
            return order
    return np.lexsort((value, t_ms, series))


def _by_start(series: IntArray, parts: Partials) -> IntArray | None:
    # The parts by series and time; None when two of one series interleave or touch.
    order = _sorted(series, parts.first_t_ms, parts.first)
    series = series[order]
    first, last = parts.first_t_ms[order], parts.last_t_ms[order]
    if ((series[1:] == series[:-1]) & (first[1:] <= last[:-1])).any():
        return None
    return order


def cut(runs: Runs, grid: Grid) -> tuple[IntArray, IntArray, IntArray]:
    """Cut runs where they cross the edge of a window.

    Parameters
    ----------
    runs : Runs
        Ordered in time inside each run.
    grid : Grid
        The windows.

    Returns
    -------
    tuple of ndarray
        Window, run and first reading of each part. [1, 1, 1]
    """
    ends = np.append(runs.starts[1:], runs.value.size)
    window = grid.index(runs.t_ms[runs.starts])
    edges = grid.index(runs.t_ms[ends - 1]) - window
    if not edges.any():
        return window, np.arange(window.size), runs.starts
    if int(edges.sum()) > runs.value.size // 4:
        return _cut_densely(runs, grid)
    run = np.repeat(np.arange(window.size), edges)
    nth = np.arange(run.size) - np.repeat(np.cumsum(edges) - edges, edges) + 1
    at = _bisect(runs.t_ms, runs.starts[run], ends[run], grid.start_ms(window[run] + nth))
    new = np.zeros(runs.value.size, dtype=np.bool_)
    new[runs.starts] = new[at] = True
    starts = np.flatnonzero(new)
    run = np.searchsorted(runs.starts, starts, side="right") - 1
    return grid.index(runs.t_ms[starts]), run, starts


def _cut_densely(runs: Runs, grid: Grid) -> tuple[IntArray, IntArray, IntArray]:
    # Many windows for few readings: look at each reading instead of each edge.
    window = grid.index(runs.t_ms)
    new = _changes(window)
    new[runs.starts] = True
    starts = np.flatnonzero(new)
    run = np.searchsorted(runs.starts, starts, side="right") - 1
    return window[starts], run, starts


def _bisect(t_ms: IntArray, low: IntArray, high: IntArray, edge_ms: IntArray) -> IntArray:
    # The first reading at or after each edge, in [low, high), all edges at once. A run of equal
    # steps says where; the others are halved until they are found.
    first_ms = t_ms[low]
    span_ms = np.maximum(t_ms[high - 1] - first_ms, 1)
    guess = low - (first_ms - edge_ms) * (high - 1 - low) // span_ms
    guess = np.clip(guess, low + 1, high - 1)
    fits = (t_ms[guess] >= edge_ms) & (t_ms[guess - 1] < edge_ms)
    low, high = np.where(fits, guess, low), np.where(fits, guess, high)
    while (low < high).any():
        middle = (low + high) // 2
        after = t_ms[np.minimum(middle, t_ms.size - 1)] >= edge_ms
        open_ = low < high
        high = np.where(open_ & after, middle, high)
        low = np.where(open_ & ~after, middle + 1, low)
    return low


def join(parts: Partials, heads: IntArray, gap_ms: IntArray, modulus: FloatArray) -> Partials:
    """Join runs that follow each other, with the links between them.

    Parameters
    ----------
    parts : Partials
        Runs ordered in time inside each group, not interleaving.
    heads : ndarray, shape (k,)
        Index of each group's first run; the first is 0, increasing. [1]
    gap_ms : ndarray, shape (m,)
        Longest step that counts as covered. [ms]
    modulus : ndarray, shape (m,)
        Where a counter rolls over, 0 when it does not. [unit of the quantity]

    Returns
    -------
    Partials
        One entry per group.

    Notes
    -----
    M2 of a group: the sum of its runs' M2 and of each run's readings times the squared distance
    of its mean from the group's (Chan, Golub and LeVeque, 1983, equation 2.1, for many parts).
    """
    m = parts.readings.size
    if heads.size == m:
        return parts
    size = np.diff(heads, append=m)
    tails = heads + size - 1
    readings = np.add.reduceat(parts.readings, heads)
    total = np.add.reduceat(parts.total, heads)
    apart = parts.total / parts.readings - np.repeat(total / readings, size)
    rise, area, step_ms = _links(parts, heads, gap_ms, modulus)
    return Partials(
        readings,
        parts.first[heads],
        parts.first_t_ms[heads],
        parts.last[tails],
        parts.last_t_ms[tails],
        np.minimum.reduceat(parts.low, heads),
        np.maximum.reduceat(parts.high, heads),
        total,
        np.add.reduceat(parts.m2 + parts.readings * apart * apart, heads),
        np.add.reduceat(parts.delta + rise, heads),
        np.add.reduceat(parts.integral + area, heads),
        np.add.reduceat(parts.covered_ms + step_ms, heads),
    )


def _links(
    parts: Partials, heads: IntArray, gap_ms: IntArray, modulus: FloatArray
) -> tuple[FloatArray, FloatArray, IntArray]:
    # What lies between each run and the one before it; nothing before the first of a group.
    rise, area = np.zeros(parts.first.size), np.zeros(parts.first.size)
    step_ms = np.zeros(parts.first.size, dtype=np.int64)
    before, after = parts.last[:-1], parts.first[1:]
    step = after - before
    rolled = has_rolled(before, after, modulus[1:])
    rise[1:] = np.where(step >= 0, step, np.where(rolled, step + modulus[1:], 0.0))
    step_ms[1:] = parts.first_t_ms[1:] - parts.last_t_ms[:-1]
    step_ms[1:][step_ms[1:] > gap_ms[1:]] = 0
    rise[heads], step_ms[heads] = 0.0, 0
    area[1:] = (before + after) * 0.5 * step_ms[1:]
    return rise, area, step_ms


def _changes(column: IntArray) -> NDArray[np.bool_]:
    new = np.ones(column.size, dtype=np.bool_)
    np.not_equal(column[1:], column[:-1], out=new[1:])
    return new
