"""Whether the weather slope of a baseline is more than chance.

Intercept-only has an adjusted R2 of 0 by the standard's definition, so among hundreds of
candidates some slope nearly always wins, also on a meter that knows no weather. The standard rule
stays; this gate is reported beside it.
"""

import numpy as np
from numpy.typing import NDArray

from cobenefit_backend.estimate.baseline import Baselines
from cobenefit_backend.estimate.quantity import Disqualification

_EXTRA = np.array([0, 2, 2, 4])  # a slope and a balance point each


def slope_supported(models: Baselines) -> NDArray[np.bool_]:
    """Compare the chosen model with the mean by the Bayesian information criterion.

    Parameters
    ----------
    models : Baselines
        Daily baselines of m meters.

    Returns
    -------
    ndarray of bool, shape (m,)
        False where a slope was chosen that the data do not support; True for intercept-only.

    Notes
    -----
    n' ln(SSE / SST) + k ln n' < 0 with k = 2 per slope, as its balance point is searched too:
    G. Schwarz, "Estimating the dimension of a model", Annals of Statistics 6, 1978; with the
    effective sample size n' = n (1 - rho)/(1 + rho), rho >= 0, of the residuals.
    """
    n = models.valid_days.astype(np.float64)
    rho = np.clip(np.nan_to_num(models.autocorrelation), 0.0, 0.99)
    effective = np.maximum(n * (1 - rho) / (1 + rho), 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        unexplained = (1 - models.r2_adj) * (n - models.parameters) / (n - 1)
        gain = effective * np.log(unexplained) + _EXTRA[models.model] * np.log(effective)
    return np.asarray((models.model == 0) | (gain < 0))


def slope_records(models: Baselines) -> tuple[Disqualification, ...]:
    """Say how many meters have a slope that may be chance.

    Parameters
    ----------
    models : Baselines
        Daily baselines.

    Returns
    -------
    tuple of Disqualification
        One `slope_not_supported` with the number of meters, or nothing. [1]
    """
    doubtful = int((~slope_supported(models)).sum())
    if not doubtful:
        return ()
    text = "The weather slope of the baseline may be chance: by BIC the mean does as well."
    return (Disqualification("slope_not_supported", text, {"meters": doubtful}),)
