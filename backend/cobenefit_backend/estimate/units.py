"""Wh among kWh, told by magnitude."""

import numpy as np

from cobenefit_backend.estimate.baseline import FloatArray

MAX_TIMES_MEDIAN = 300
MIN_UNIT_ROWS = 10


def unit_mistake(energy_kwh: FloatArray) -> tuple[int, str] | None:
    """Find the value that is too large for the unit of the others.

    Parameters
    ----------
    energy_kwh : ndarray, shape (n,)
        Use, NaN where missing. [kWh]

    Returns
    -------
    tuple of int and str, or None
        Its row and what is wrong; None under ten positive values or with all of them below 300
        times their median (our own convention: a factor of 1000 stands out, a cold day does not).
    """
    positive = energy_kwh > 0
    if positive.sum() < MIN_UNIT_ROWS:
        return None
    ratio = np.where(positive, energy_kwh, 0.0) / float(np.median(energy_kwh[positive]))
    worst = int(ratio.argmax())
    if ratio[worst] <= MAX_TIMES_MEDIAN:
        return None
    return worst, (
        f"energy_kwh {energy_kwh[worst]:g} is {ratio[worst]:.0f} times the median of the file: "
        "give kWh in every row (Wh / 1000)"
    )
