"""Sum up runs of readings: ten statistics per run, as columns, without sorting.

A run is a stretch of accepted readings of one series, ordered in time; a batch holds thousands of
them one after the other. Each statistic is one pass over a part of the batch that stays in the
processor's cache, and nothing is done in Python per run. It must do no I/O and read no clock.

    >>> import numpy as np
    >>> two = np.array([0, 3])
    >>> t_ms = np.array([0, 10, 20, 0, 10])
    >>> p = partials(np.array([1.0, 2, 4, 9, 3]), t_ms, two, np.array([60, 60]), np.zeros(2))
    >>> p.total.tolist(), p.delta.tolist(), p.covered_ms.tolist()
    ([7.0, 12.0], [3.0, 0.0], [20, 10])
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cobenefit_gateway.core import fused

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
#: The compiled loop, where numba is installed.
_FUSED = fused.compiled()

#: A counter that stood in this top part of its range and restarts in the lowest has rolled over.
ROLLOVER_PART = 1 / 16
#: Readings worked on at once: five columns of them fit a second-level cache of 2 MB. [1]
_READINGS_AT_ONCE = 40_000


class Partials(NamedTuple):
    """One entry per run; the fields of `aggregate.Segment` as columns."""

    readings: IntArray
    first: FloatArray
    first_t_ms: IntArray
    last: FloatArray
    last_t_ms: IntArray
    low: FloatArray
    high: FloatArray
    total: FloatArray
    m2: FloatArray
    delta: FloatArray
    integral: FloatArray
    covered_ms: IntArray


def partials(
    value: FloatArray, t_ms: IntArray, starts: IntArray, gap_ms: IntArray, modulus: FloatArray
) -> Partials:
    """Return the ten statistics of each run, with the links inside it.

    Parameters
    ----------
    value : ndarray, shape (n,)
        Accepted readings, finite, below 1e150 in size. [unit of the quantity]
    t_ms : ndarray, shape (n,)
        Their times, not decreasing inside a run. [ms]
    starts : ndarray, shape (m,)
        Index of each run's first reading; the first is 0, increasing. [1]
    gap_ms : ndarray, shape (m,)
        Longest step of each run that counts as covered. [ms]
    modulus : ndarray, shape (m,)
        Where a counter rolls over, 0 when it does not. [unit of the quantity]

    Returns
    -------
    Partials
        One entry per run, in their order.

    Notes
    -----
    M2 is taken about the run's first value, which keeps it exact for values far from zero
    (Chan, Golub and LeVeque, Algorithms for computing the sample variance, section 3, 1983).
    Whole numbers below 2^53 are added exactly, so their total and increase do not depend on how a
    series is cut.
    """
    if _FUSED is not None:
        return by_loop(_FUSED, value, t_ms, starts, gap_ms, modulus)
    return by_columns(value, t_ms, starts, gap_ms, modulus)


def by_columns(
    value: FloatArray, t_ms: IntArray, starts: IntArray, gap_ms: IntArray, modulus: FloatArray
) -> Partials:
    """Return what `partials` returns, by passes of numpy.

    Parameters
    ----------
    value : ndarray, shape (n,)
        As in `partials`. [unit of the quantity]
    t_ms : ndarray, shape (n,)
        As in `partials`. [ms]
    starts : ndarray, shape (m,)
        As in `partials`. [1]
    gap_ms : ndarray, shape (m,)
        As in `partials`. [ms]
    modulus : ndarray, shape (m,)
        As in `partials`. [unit of the quantity]

    Returns
    -------
    Partials
        One entry per run, in their order.
    """
    ends = np.append(starts, value.size)
    parts = []
    for i, j in pieces(starts, value.size):
        here = slice(int(ends[i]), int(ends[j]))
        local = starts[i:j] - here.start
        parts.append(_sum_up(value[here], t_ms[here], local, gap_ms[i:j], modulus[i:j]))
    if len(parts) == 1:
        return parts[0]
    return Partials._make(np.concatenate(column) for column in zip(*parts, strict=True))


def by_loop(  # noqa: PLR0917 - the columns of partials and what works on them
    loop: Callable[..., None],
    value: FloatArray,
    t_ms: IntArray,
    starts: IntArray,
    gap_ms: IntArray,
    modulus: FloatArray,
) -> Partials:
    """Return what `partials` returns, by the loop of `fused`.

    Parameters
    ----------
    loop : callable
        `fused.loop`, compiled or not.
    value : ndarray, shape (n,)
        As in `partials`. [unit of the quantity]
    t_ms : ndarray, shape (n,)
        As in `partials`. [ms]
    starts : ndarray, shape (m,)
        As in `partials`. [1]
    gap_ms : ndarray, shape (m,)
        As in `partials`. [ms]
    modulus : ndarray, shape (m,)
        As in `partials`. [unit of the quantity]

    Returns
    -------
    Partials
        One entry per run, in their order.
    """
    count = np.diff(starts, append=value.size)
    ends = starts + count - 1
    real = np.empty((len(fused.REAL), starts.size))
    whole = np.empty((len(fused.WHOLE), starts.size), dtype=np.int64)
    loop(value, t_ms, starts, gap_ms, modulus, real, whole)
    edges = count, value[starts], t_ms[starts], value[ends], t_ms[ends]
    return Partials._make((*edges, *real, *whole))


def pieces(starts: IntArray, size: int) -> Iterator[tuple[int, int]]:
    """Divide a batch into pieces that stay in the processor's cache.

    Parameters
    ----------
    starts : ndarray, shape (m,)
        Index of each run's first reading; the first is 0, increasing. [1]
    size : int
        Readings in the batch. [reading]

    Yields
    ------
    tuple of int
        First run of a piece and of the next; a run longer than a piece is one. [1]
    """
    i = 0
    while i < starts.size:
        reach = int(starts[i]) + _READINGS_AT_ONCE
        last = starts.size if size <= reach else int(np.searchsorted(starts, reach, "right")) - 1
        j = max(last, i + 1)
        yield i, j
        i = j


def _sum_up(
    value: FloatArray, t_ms: IntArray, starts: IntArray, gap_ms: IntArray, modulus: FloatArray
) -> Partials:
    count = np.diff(starts, append=value.size)
    ends = starts + count - 1
    first, last = value[starts], value[ends]
    work = np.empty(value.size)
    shifted = value - np.repeat(first, count)
    s1 = np.add.reduceat(shifted, starts)
    m2 = np.add.reduceat(np.multiply(shifted, shifted, out=work), starts) - s1 * s1 / count
    fallen = _fallen(value, starts, modulus, work)
    # What never falls, as most runs of counters, has its extremes at its ends.
    rises = not fallen.any()
    covered, integral = _integrals(shifted, s1, t_ms, (starts, ends), gap_ms)
    return Partials(
        count,
        first,
        t_ms[starts],
        last,
        t_ms[ends],
        first if rises else np.minimum.reduceat(value, starts),
        last if rises else np.maximum.reduceat(value, starts),
        s1 + first * count,
        np.maximum(m2, 0.0, out=m2),
        last - first - fallen,
        integral + first * covered,
        covered,
    )


def _integrals(
    shifted: FloatArray,
    s1: FloatArray,
    t_ms: IntArray,
    bounds: tuple[IntArray, IntArray],
    gap_ms: IntArray,
) -> tuple[IntArray, FloatArray]:
    # Covered time, and the trapezoids of what lies above the run's first value.
    starts, ends = bounds
    step_ms = np.empty(t_ms.size, dtype=np.int64)
    np.subtract(t_ms[1:], t_ms[:-1], out=step_ms[1:])
    step_ms[starts] = 0
    longest = np.maximum.reduceat(step_ms, starts)
    covered = t_ms[ends] - t_ms[starts]
    if (longest > gap_ms).any():
        step_ms[step_ms > np.repeat(gap_ms, ends - starts + 1)] = 0
        covered = np.add.reduceat(step_ms, starts)
    elif (longest * (ends - starts) == covered).all():
        # All steps of a run are as long as its longest: the trapezoids add up in closed form.
        return covered, (s1 - shifted[ends] * 0.5) * longest
    area = np.zeros(t_ms.size)
    np.add(shifted[1:], shifted[:-1], out=area[1:])
    np.multiply(area, step_ms, out=area)
    return covered, np.add.reduceat(area, starts) * 0.5


def _fallen(
    value: FloatArray, starts: IntArray, modulus: FloatArray, work: FloatArray
) -> FloatArray:
    # By how much each run went back in all, so that last - first - fallen is what it rose. A
    # rollover counts as the rise it hides.
    np.subtract(value[1:], value[:-1], out=work[1:])
    work[starts] = 0.0
    if work.min() >= 0.0:
        return np.zeros(starts.size)
    fallen: FloatArray = np.add.reduceat(np.minimum(work, 0.0, out=work), starts)
    if ((modulus > 0) & (fallen < 0)).any():
        at = np.flatnonzero(work < 0)
        run = np.searchsorted(starts, at, side="right") - 1
        rolled = has_rolled(value[at - 1], value[at], modulus[run])
        at, run = at[rolled], run[rolled]
        np.subtract.at(fallen, run, work[at] + modulus[run])
    return fallen


def has_rolled(before: FloatArray, after: FloatArray, modulus: FloatArray) -> NDArray[np.bool_]:
    """Whether each fall of a counter is a rollover.

    Parameters
    ----------
    before : ndarray, shape (n,)
        The earlier index. [unit of the quantity]
    after : ndarray, shape (n,)
        The later, lower one. [unit of the quantity]
    modulus : ndarray, shape (n,)
        Where the counter rolls over, 0 when it does not. [unit of the quantity]

    Returns
    -------
    ndarray, shape (n,)
        False where it is a reset.
    """
    edge = modulus * ROLLOVER_PART
    return (modulus > 0) & (before >= modulus - edge) & (after < edge)
