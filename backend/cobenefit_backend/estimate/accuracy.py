"""What a meter's accuracy class adds to the interval of its savings.

A class bounds the error of one meter, whose readings all share it: the error does not shrink with
the number of readings, only over meters that are wrong independently of each other. A meter that
stays measures expected and observed use with the same error, which then scales their difference;
where another meter was read in the baseline, both errors count in full.

>>> systematic_half_width(np.array([1000.0]), np.array([900.0]), 0.02).round(2).tolist()
[1.9]
"""

import math
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from cobenefit_backend.estimate.baseline import FloatArray
from cobenefit_backend.estimate.quantity import Disqualification
from cobenefit_backend.estimate.savings import Savings

_Z95 = 1.6449
HALF_WIDTH_OF_LIMIT = _Z95 / math.sqrt(3)
"""Half-width at 90 % over the limits of error: the error may lie anywhere between them, so its
standard uncertainty is the limit over the root of 3 (JCGM 100:2008, section 4.3.7)."""


def systematic_half_width(
    counterfactual_kwh: FloatArray,
    observed_kwh: FloatArray,
    limit_ratio: ArrayLike,
    previous_limit_ratio: ArrayLike | None = None,
) -> FloatArray:
    """Return the half-width that the class of the meter alone gives the savings.

    Parameters
    ----------
    counterfactual_kwh, observed_kwh : ndarray, shape (m,)
        Expected and measured use. [kWh]
    limit_ratio : float or ndarray, shape (m,)
        Limit of error of the meter, >= 0. [1]
    previous_limit_ratio : float or ndarray, or None
        Limit of the meter that was read in the baseline, None where it is the same one. [1]

    Returns
    -------
    ndarray, shape (m,)
        Half-width at 90 %. [kWh]

    Notes
    -----
    Same meter: u |CF - obs|. Another one: sqrt((u_0 CF)^2 + (u_1 obs)^2), with
    u = 0.95 x limit.
    """
    after = HALF_WIDTH_OF_LIMIT * np.asarray(limit_ratio, dtype=np.float64)
    if previous_limit_ratio is None:
        return np.asarray(after * np.abs(counterfactual_kwh - observed_kwh))
    before = HALF_WIDTH_OF_LIMIT * np.asarray(previous_limit_ratio, dtype=np.float64)
    return np.hypot(before * counterfactual_kwh, after * observed_kwh)


def with_accuracy(
    saved: Savings, limit_ratio: ArrayLike, previous_limit_ratio: ArrayLike | None = None
) -> Savings:
    """Widen the intervals of savings by the class of each meter.

    Parameters
    ----------
    saved : Savings
        Savings of m meters with the uncertainty of the model.
    limit_ratio, previous_limit_ratio : float or ndarray, or None
        As for `systematic_half_width`. [1]

    Returns
    -------
    Savings
        The same with both errors in quadrature: they have nothing to do with each other.
    """
    systematic = systematic_half_width(
        saved.counterfactual_kwh, saved.observed_kwh, limit_ratio, previous_limit_ratio
    )
    half_width = np.hypot(saved.half_width_90_kwh, systematic)
    size = np.abs(saved.savings_kwh)
    with np.errstate(divide="ignore", invalid="ignore"):
        return replace(
            saved,
            half_width_90_kwh=half_width,
            fsu_90=np.where(size == 0, np.inf, half_width / size),
            significant=size > half_width,
        )


def accuracy_records(limit_ratio: ArrayLike | None) -> tuple[Disqualification, ...]:
    """Say that no class was given, if so.

    Parameters
    ----------
    limit_ratio : float or ndarray, or None
        Limit of error as given. [1]

    Returns
    -------
    tuple of Disqualification
        `accuracy_assumed`, or nothing.
    """
    if limit_ratio is not None:
        return ()
    text = "The accuracy class of the meter is not given: the weakest legal one is assumed."
    return (Disqualification("accuracy_assumed", text),)
