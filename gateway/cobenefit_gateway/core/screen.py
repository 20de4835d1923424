"""A first look at runs: what proves, without a second look, that nothing in a run is wrong.

Five numbers per run, each one pass over the batch. Checks reading by reading are then needed only
for the few runs that these don't clear. Pure: arrays in, arrays out.
"""

from typing import NamedTuple

import numpy as np

from cobenefit_gateway.core.partials import FloatArray, IntArray

_NO_STEP_MS = np.iinfo(np.int64).max


class Screen(NamedTuple):
    """One entry per run; NaN where a reading is.

    `fall` and `rise` are the least and the greatest step from one reading to the next, 0 without
    any; `shortest_ms` is the shortest time between two.
    """

    low: FloatArray
    high: FloatArray
    fall: FloatArray
    rise: FloatArray
    shortest_ms: IntArray

    def too_fast(self, rate_per_s: FloatArray) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Whether a step of a run may exceed a rate; False proves that none does.

        Parameters
        ----------
        rate_per_s : ndarray, shape (m,)
            Fastest plausible change of each run. [unit/s]

        Returns
        -------
        ndarray, shape (m,)
            No limit grows when the time of a step shrinks to the shortest, rounding included.
        """
        limit = rate_per_s / 1000 * np.maximum(self.shortest_ms, 1)
        return ~(np.maximum(-self.fall, self.rise) <= limit)


def screen(value: FloatArray, t_ms: IntArray, starts: IntArray) -> Screen:
    """Return the first look at each run.

    Parameters
    ----------
    value : ndarray, shape (n,)
        Readings, finite or not. [unit of the quantity]
    t_ms : ndarray, shape (n,)
        Their times. [ms]
    starts : ndarray, shape (m,)
        Index of each run's first reading; the first is 0, increasing. [1]

    Returns
    -------
    Screen
        One entry per run.
    """
    step = np.empty(value.size)
    with np.errstate(invalid="ignore", over="ignore"):
        np.subtract(value[1:], value[:-1], out=step[1:])
    step[starts] = 0.0
    step_ms = np.empty(t_ms.size, dtype=np.int64)
    np.subtract(t_ms[1:], t_ms[:-1], out=step_ms[1:])
    step_ms[starts] = _NO_STEP_MS
    return Screen(
        np.minimum.reduceat(value, starts),
        np.maximum.reduceat(value, starts),
        np.minimum.reduceat(step, starts),
        np.maximum.reduceat(step, starts),
        np.minimum.reduceat(step_ms, starts),
    )
