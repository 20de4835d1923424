"""From paired strips to the inputs of the soil estimator.

Each replicate holds one strip under the farmer's practice and one under advice, side by side.
"""

from typing import Any

import numpy as np

from cobenefit_backend.estimate import students_t
from cobenefit_backend.estimate.baseline import FloatArray
from cobenefit_backend.estimate.soil import SoilInputs

MIN_REPLICATES = 4


def from_strips(
    practice_kg_per_ha: FloatArray,
    advised_kg_per_ha: FloatArray,
    advised_area_ha: float,
    practice_yield: FloatArray | None = None,
    advised_yield: FloatArray | None = None,
    **fields: Any,
) -> SoilInputs:
    """Return soil inputs for the advised area, with the error of the paired difference.

    Parameters
    ----------
    practice_kg_per_ha, advised_kg_per_ha : ndarray, shape (r,)
        Nitrogen of the season per replicate, in the same order. [kg/ha]
    advised_area_ha : float
        Area the advice was applied to, > 0. [ha]
    practice_yield, advised_yield : ndarray, shape (r,), or None
        Yields in the same order. [t/ha]
    **fields : Any
        Other fields of `SoilInputs`, such as `fertiliser` and `period_days`.

    Returns
    -------
    SoilInputs
        `paired_design` holds from 4 replicates on. The error is t(0.95, r - 1) standard errors
        of the mean difference; None, so recorded as unknown, for one replicate or when every
        replicate differs by the same amount (a decision without spread has no measured error).

    Raises
    ------
    ValueError
        If the arms are empty or have different numbers of replicates.
    """
    practice, advised = np.asarray(practice_kg_per_ha), np.asarray(advised_kg_per_ha)
    if practice.shape != advised.shape or practice.ndim != 1 or not len(practice):
        raise ValueError(
            f"arms have {practice.shape} and {advised.shape} replicates: give pairs in order"
        )
    replicates, difference = len(practice), practice - advised
    error = None
    if replicates > 1 and difference.std() > 0:
        t = float(students_t.quantile(0.95, replicates - 1))
        error = t * float(difference.std(ddof=1)) / np.sqrt(replicates) * advised_area_ha
    return SoilInputs(
        nitrogen_counterfactual_kg=float(practice.mean()) * advised_area_ha,
        nitrogen_observed_kg=float(advised.mean()) * advised_area_ha,
        nitrogen_error_kg=None if error is None else float(error),
        paired_design=replicates >= MIN_REPLICATES,
        yield_before=None if practice_yield is None else float(np.mean(practice_yield)),
        yield_after=None if advised_yield is None else float(np.mean(advised_yield)),
        area_ha=advised_area_ha,
        **fields,
    )
