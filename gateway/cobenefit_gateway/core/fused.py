"""The statistics of `partials` in one loop over the readings, for numba to compile.

Used by `partials` where numba is installed (`pip install "cobenefit[numba]"`): several times as
fast, and 200 MB larger. Whole numbers give the same results to the last bit, others to rounding,
because numpy adds in another order. Plain Python without numba, so that it can be tested anywhere.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
#: Real and whole columns of a run, in the order `loop` writes them.
REAL, WHOLE = ("low", "high", "total", "m2", "delta", "integral"), ("covered_ms",)


def loop(  # noqa: PLR0917 - as many as numba compiles well
    value: FloatArray,
    t_ms: IntArray,
    starts: IntArray,
    gap_ms: IntArray,
    modulus: FloatArray,
    real: FloatArray,
    whole: IntArray,
) -> None:
    """Write the statistics of each run.

    Parameters
    ----------
    value : ndarray, shape (n,)
        Accepted readings, finite. [unit of the quantity]
    t_ms : ndarray, shape (n,)
        Their times, not decreasing inside a run. [ms]
    starts : ndarray, shape (m,)
        Index of each run's first reading. [1]
    gap_ms : ndarray, shape (m,)
        Longest step that counts as covered. [ms]
    modulus : ndarray, shape (m,)
        Where a counter rolls over, 0 when it does not. [unit of the quantity]
    real : ndarray, shape (6, m)
        Filled with the columns `REAL`. [unit of the quantity]
    whole : ndarray, shape (1, m)
        Filled with the columns `WHOLE`. [ms]
    """
    for k in range(starts.size):
        at = starts[k]
        end = starts[k + 1] if k + 1 < starts.size else value.size
        first = low = high = value[at]
        s1 = s2 = area = fallen = before = 0.0
        covered = 0
        edge = modulus[k] / 16
        for i in range(at + 1, end):
            x = value[i]
            shifted = x - first
            s1 += shifted
            s2 += shifted * shifted
            low, high = min(low, x), max(high, x)
            last = value[i - 1]
            if x < last:
                rolled = modulus[k] > 0 and last >= modulus[k] - edge and x < edge
                fallen += -modulus[k] if rolled else x - last
            step_ms = t_ms[i] - t_ms[i - 1]
            if step_ms <= gap_ms[k]:
                area += (shifted + before) * step_ms
                covered += step_ms
            before = shifted
        count = end - at
        real[0, k], real[1, k] = low, high
        real[2, k] = s1 + first * count
        real[3, k] = max(s2 - s1 * s1 / count, 0.0)
        real[4, k] = value[end - 1] - first - fallen
        real[5, k] = area * 0.5 + first * covered
        whole[0, k] = covered


def compiled() -> Callable[..., None] | None:
    """Return `loop` compiled, or None where numba is not installed."""
    try:
        import numba
    except ImportError:
        return None
    jit: Any = numba.njit(cache=True, nogil=True)
    return jit(loop)  # type: ignore[no-any-return]
