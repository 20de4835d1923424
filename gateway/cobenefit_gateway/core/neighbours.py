"""Judge readings by the ones beside them in their run: too fast, stuck, far from the others.

A run is what one message brought, and a message never changes: looking no further than the run
gives the same verdict in whatever order messages come and however often. What a run's ends can't
tell stays accepted. Pure: arrays in, masks out.
"""

import numpy as np
from numpy.typing import NDArray

from cobenefit_gateway.core.partials import FloatArray, IntArray

BoolArray = NDArray[np.bool_]
#: Readings in Hampel's window: three on each side. [1]
WINDOW = 7
#: Makes the median absolute deviation of normal noise its standard deviation. [1]
_NORMAL = 1.4826
#: Devillard, Fast median search: an ANSI C implementation, median of seven, 1998.
_EXCHANGES = (
    *((0, 5), (0, 3), (1, 6), (2, 4), (0, 1), (3, 5), (2, 6)),
    *((2, 3), (3, 6), (4, 5), (1, 4), (1, 3), (3, 4)),
)
#: Windows worked on at once. [1]
_AT_ONCE = 4096


def too_fast(
    value: FloatArray, t_ms: IntArray, starts: IntArray, rate_per_s: FloatArray
) -> BoolArray:
    """Find single readings that no real quantity could have reached and left so fast.

    Parameters
    ----------
    value : ndarray, shape (n,)
        Readings, finite. [unit of the quantity]
    t_ms : ndarray, shape (n,)
        Their times, not decreasing inside a run. [ms]
    starts : ndarray, shape (m,)
        Index of each run's first reading; the first is 0, increasing. [1]
    rate_per_s : ndarray, shape (m,)
        Fastest plausible change of each run, infinite where there is no limit. [unit/s]

    Returns
    -------
    ndarray, shape (n,)
        True where both steps to its neighbours are too fast; at an end of a run, where its only
        step is and the next two are not. A change of level is no such reading.
    """
    before, after = _fast_steps(value, t_ms, starts, rate_per_s)
    if not before.any():
        return before
    ends = np.append(starts[1:], value.size) - 1
    both = before & after
    long = ends - starts >= 3
    first, last = starts[long], ends[long]
    both[first] = after[first] & ~after[first + 1] & ~after[first + 2]
    both[last] = before[last] & ~before[last - 1] & ~before[last - 2]
    return both


def _fast_steps(
    value: FloatArray, t_ms: IntArray, starts: IntArray, rate_per_s: FloatArray
) -> tuple[BoolArray, BoolArray]:
    # Whether the step before each reading, and the one after, is too fast.
    count = np.diff(starts, append=value.size)
    limit = np.repeat(rate_per_s / 1000, count)
    before = np.zeros(value.size, dtype=np.bool_)
    step = np.abs(value[1:] - value[:-1])
    # Readings of the same instant are a clock's business, not a rate.
    step_ms = np.maximum(t_ms[1:] - t_ms[:-1], 1)
    np.greater(step, limit[1:] * step_ms, out=before[1:])
    before[starts] = False
    after = np.zeros(value.size, dtype=np.bool_)
    after[:-1] = before[1:]
    return before, after


def stuck(value: FloatArray, t_ms: IntArray, starts: IntArray, longest_ms: IntArray) -> BoolArray:
    """Find readings that repeat the one before for too long.

    Parameters
    ----------
    value : ndarray, shape (n,)
        Readings. [unit of the quantity]
    t_ms : ndarray, shape (n,)
        Their times, not decreasing inside a run. [ms]
    starts : ndarray, shape (m,)
        Index of each run's first reading; the first is 0, increasing. [1]
    longest_ms : ndarray, shape (m,)
        How long a run's value may stay exactly the same; 0 = for ever. [ms]

    Returns
    -------
    ndarray, shape (n,)
        True for every reading but the first of a stretch that lasts longer.
    """
    new = np.ones(value.size, dtype=np.bool_)
    np.not_equal(value[1:], value[:-1], out=new[1:])
    new[starts] = True
    heads = np.flatnonzero(new)
    count = np.diff(heads, append=value.size)
    lasts_ms = t_ms[heads + count - 1] - t_ms[heads]
    limit = np.repeat(longest_ms, np.diff(starts, append=value.size))[heads]
    return np.repeat((limit > 0) & (lasts_ms > limit), count) & ~new


def outliers(value: FloatArray, starts: IntArray, deviations: FloatArray) -> BoolArray:
    """Find readings far from the median of the seven around them.

    Parameters
    ----------
    value : ndarray, shape (n,)
        Readings, finite. [unit of the quantity]
    starts : ndarray, shape (m,)
        Index of each run's first reading; the first is 0, increasing. [1]
    deviations : ndarray, shape (m,)
        How many robust standard deviations are far, in each run; 0 = never. [1]

    Returns
    -------
    ndarray, shape (n,)
        True where a reading is an outlier. Runs of fewer than seven, and windows of which more
        than half is equal, are not judged.

    Notes
    -----
    The Hampel filter: Pearson, Outliers in process modeling and identification, IEEE Transactions
    on Control Systems Technology 10, section II, 2002; after Hampel, The influence curve and its
    role in robust estimation, 1974.
    """
    count = np.diff(starts, append=value.size)
    wanted = (count >= WINDOW) & (deviations > 0)
    found = np.zeros(value.size, dtype=np.bool_)
    index = np.flatnonzero(np.repeat(wanted, count))
    if not index.size:
        return found
    run = np.repeat(np.flatnonzero(wanted), count[wanted])
    # Near an end, the first or last whole window of the run.
    at = np.clip(index - WINDOW // 2, starts[run], starts[run] + count[run] - WINDOW)
    middle, spread = _middle_and_spread(value)
    far = np.abs(value[index] - middle[at]) > deviations[run] * spread[at]
    found[index] = far & (spread[at] > 0)
    return found


def _middle_and_spread(value: FloatArray) -> tuple[FloatArray, FloatArray]:
    # Of each seven readings in a row, across runs too, a piece at a time that stays in cache.
    middle, spread = np.empty(value.size - WINDOW + 1), np.empty(value.size - WINDOW + 1)
    for i in range(0, middle.size, _AT_ONCE):
        j = min(i + _AT_ONCE, middle.size)
        window = [value[i + k : j + k] for k in range(WINDOW)]
        middle[i:j] = _median(window)
        spread[i:j] = _median([np.abs(x - middle[i:j]) for x in window])
    return middle, spread * _NORMAL


def _median(of: list[FloatArray]) -> FloatArray:
    # Of seven columns, row by row: thirteen exchanges leave the middle one in its place.
    of = list(of)
    for a, b in _EXCHANGES:
        of[a], of[b] = np.minimum(of[a], of[b]), np.maximum(of[a], of[b])
    return of[WINDOW // 2]
