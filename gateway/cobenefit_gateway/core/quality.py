"""Decide which readings can be trusted; a code of `cobenefit_wire.quality` per reading.

Pure. The order of precedence: a time nobody can place, then what the node said itself, then a
value that is not finite, then one outside the plausible range of its quantity, then a counter
that went back.

Counters: a reading below the last accepted one is flagged `counter_went_back`. If the next reading
is again below that level but not below the flagged one, the counter was reset or the meter
exchanged: from there on readings are accepted and counted from the new base (the flagged first
one stays flagged). If the next reading is back at the old level, the jump was a single bad
reading and nothing else changes. A run that arrives late starts from the accepted reading before
it in time.
"""

from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from cobenefit_wire import quality

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
CodeArray = NDArray[np.uint8]

_TIME_CODES = (
    quality.TIME_BEFORE,
    quality.TIME_FUTURE,
    quality.TIME_UNKNOWN,
    quality.OUT_OF_ORDER,
)
#: Codes whose reading has no usable time, so no window.
TIMELESS = np.zeros(256, dtype=np.bool_)
TIMELESS[list(_TIME_CODES)] = True
_KNOWN = np.zeros(256, dtype=np.bool_)
_KNOWN[list(quality.NAMES)] = True


@dataclass(frozen=True, slots=True)
class Limits:
    """What is plausible for each reading; every array as long as the readings."""

    low: FloatArray
    high: FloatArray
    earliest_ms: IntArray
    latest_ms: IntArray


def flag(
    value: FloatArray, t_ms: IntArray, given: CodeArray, oldest_ms: IntArray, limits: Limits
) -> CodeArray:
    """Return a quality code for each reading, counters' backward jumps not yet judged.

    Parameters
    ----------
    value : ndarray, shape (n,)
        Readings. [unit of the quantity]
    t_ms : ndarray, shape (n,)
        Their times. [ms]
    given : ndarray, shape (n,)
        Codes the node wrote. [1]
    oldest_ms : ndarray, shape (n,)
        Windows before this time can no longer be re-opened. [ms]
    limits : Limits
        Plausible values and times.

    Returns
    -------
    ndarray, shape (n,)
        0 where good. [1]
    """
    code = np.where(_KNOWN[given], given, np.uint8(quality.PROTOCOL))
    good = code == quality.GOOD
    finite = np.isfinite(value)
    code[good & ~finite] = quality.NOT_FINITE
    with np.errstate(invalid="ignore"):
        outside = (value < limits.low) | (value > limits.high)
    code[good & finite & outside] = quality.RANGE
    timed = code != quality.TIME_UNKNOWN
    code[timed & (t_ms < oldest_ms)] = quality.OUT_OF_ORDER
    code[timed & (t_ms < limits.earliest_ms)] = quality.TIME_BEFORE
    code[timed & (t_ms > limits.latest_ms)] = quality.TIME_FUTURE
    return code


def went_back(
    value: list[float], last: float, suspect: float, modulus: float
) -> tuple[list[bool], float, float]:
    """Judge a run of a counter, reading by reading.

    Parameters
    ----------
    value : list of float
        Readings that are good so far, in order of time. [unit of the quantity]
    last : float
        Last accepted reading before the run, NaN when there is none. [unit of the quantity]
    suspect : float
        The reading flagged just before the run, NaN when there is none. [unit of the quantity]
    modulus : float
        Where the counter rolls over, 0 when it does not. [unit of the quantity]

    Returns
    -------
    tuple of list of bool, float, float
        Which readings are flagged; the new `last` and `suspect`. [1, unit, unit]
    """
    flags = []
    for x in value:
        back = x < last and not _rolled(last, x, modulus)
        if back and not x >= suspect:
            suspect = x
            flags.append(True)
            continue
        last, suspect = x, nan
        flags.append(False)
    return flags, last, suspect


def _rolled(before: float, after: float, modulus: float) -> bool:
    edge = modulus / 16
    return modulus > 0 and before >= modulus - edge and after < edge
