"""Before anything is measured: how many units, controls and months a claim needs.

A difference is found with 80 % probability when it is (z_95 + z_80) standard errors away from
zero; the standard error falls with the units of both arms. Where the node is both the instrument
and the measure there is no time before it: units are then compared with each other, whose use
differs far more than a unit's own two years, and a staggered roll-out or controls are required.

Source: J. M. Bland, "An Introduction to Medical Statistics", section 18 (sample size), 2015; for a
share, E. B. Wilson, "Probable inference", J. American Statistical Association 22, 1927.
"""

import math
from dataclasses import dataclass
from datetime import date
from statistics import NormalDist

import numpy as np

from cobenefit_backend.estimate import students_t
from cobenefit_backend.estimate.baseline import Baselines
from cobenefit_backend.estimate.propagate import proportion
from cobenefit_backend.estimate.savings import CONFIDENCE, Savings, relative_uncertainty

POWER = 0.80
MOST_UNITS = 1_000_000
_DAYS_PER_MONTH = 365.25 / 12
_Z = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2) + NormalDist().inv_cdf(POWER)


@dataclass(frozen=True, slots=True)
class Need:
    """What a claim needs.

    Attributes
    ----------
    units, controls : int
        Units with the measure, and without it. [1]
    spread_ratio : float
        Standard deviation of one unit's estimated effect. [1]
    design : str
        How the comparison must be made.
    """

    units: int
    controls: int
    spread_ratio: float
    design: str


def spread_within(models: Baselines, months: float) -> float:
    """Return how far a unit's estimated saving strays from the truth, from the fleet's own fits.

    Parameters
    ----------
    models : Baselines
        Baselines of meters like those to be equipped.
    months : float
        Length of the reporting period planned. [month]

    Returns
    -------
    float
        Median over meters of the standard error, as a share of the use. [1]
    """
    half_width = relative_uncertainty(
        models.cv_rmse_adj,
        models.autocorrelation,
        models.valid_days,
        months * _DAYS_PER_MONTH,
        models.parameters,
        months=months,
    )
    t = students_t.quantile(0.5 + CONFIDENCE / 2, models.valid_days - models.parameters)
    return float(np.nanmedian(half_width / t))


def spread_from_year_to_year(saved: Savings) -> float:
    """Return how much units change by themselves from one year to the next.

    Parameters
    ----------
    saved : Savings
        "Savings" of at least three meters over a year in which nothing was done.

    Returns
    -------
    float
        Standard deviation of their ratios; the model's own error is part of it. [1]

    Raises
    ------
    ValueError
        If fewer than three meters have both years.
    """
    ratio = saved.savings_ratio[np.isfinite(saved.savings_ratio)]
    if len(ratio) < 3:
        raise ValueError("how units change by themselves takes two years of at least three meters")
    return float(ratio.std(ddof=1))


def spread_between(models: Baselines) -> float:
    """Return how much units differ from each other: all there is without a time before.

    Parameters
    ----------
    models : Baselines
        Baselines of at least two meters.

    Returns
    -------
    float
        Standard deviation of their mean use over its mean. [1]

    Raises
    ------
    ValueError
        If there are fewer than two meters.
    """
    if len(models.mean_kwh) < 2:
        raise ValueError("without a time before, give at least two meters to see how they differ")
    return float(np.nanstd(models.mean_kwh, ddof=1) / np.nanmean(models.mean_kwh))


def units_needed(effect_ratio: float, spread_ratio: float, controls_per_unit: float) -> Need:
    """Return the units that find an effect with 80 % probability at 90 % confidence.

    Parameters
    ----------
    effect_ratio : float
        Effect expected, as a share of the use, not 0. [1]
    spread_ratio : float
        Standard deviation of one unit's estimated effect, > 0. [1]
    controls_per_unit : float
        Controls per unit, >= 0; 0 compares a unit only with itself. [1]

    Returns
    -------
    Need
        Counts, rounded up.

    Raises
    ------
    ValueError
        If the effect is 0, a spread is not positive, or over a million units would be needed.
    """
    if effect_ratio == 0 or spread_ratio <= 0 or controls_per_unit < 0:
        raise ValueError("effect must not be 0, spread above 0, controls per unit 0 or more")
    arms = 1 + (1 / controls_per_unit if controls_per_unit else 0)
    units = math.ceil((_Z * spread_ratio / effect_ratio) ** 2 * arms)
    if units > MOST_UNITS:
        raise ValueError(
            f"{units:,} units would be needed: an effect of {effect_ratio:.2%} can't be told from"
            f" a spread of {spread_ratio:.0%}; expect more, or measure longer"
        )
    design = "difference-in-differences" if controls_per_unit else "before/after, no control"
    return Need(units, math.ceil(units * controls_per_unit), spread_ratio, design)


def detectable_ratio(units: int, controls: int, spread_ratio: float) -> float:
    """Return the smallest effect that so many units find.

    Parameters
    ----------
    units, controls : int
        Units with and without the measure, units >= 1. [1]
    spread_ratio : float
        Standard deviation of one unit's estimated effect. [1]

    Returns
    -------
    float
        Effect, as a share of the use. [1]
    """
    return _Z * spread_ratio * math.sqrt(1 / units + (1 / controls if controls else 0))


def cases_needed(share: float, half_width: float) -> int:
    """Return the logged cases that fix a share within a half-width.

    Parameters
    ----------
    share : float
        Share expected, 0 to 1. [1]
    half_width : float
        Half of the 90 % interval wanted, 0 to 0.5 exclusive. [1]

    Returns
    -------
    int
        Cases. [1]

    Raises
    ------
    ValueError
        If a share or half-width lies outside its range.
    """
    if not 0 <= share <= 1 or not 0 < half_width < 0.5:
        raise ValueError("share lies in 0 to 1, half-width above 0 and below 0.5")
    low, high = 1, MOST_UNITS
    while low < high:
        middle = (low + high) // 2
        if proportion(share * middle, middle).half_width <= half_width:
            high = middle
        else:
            low = middle + 1
    return low


def earliest_claim(start: date, months: float) -> date:
    """Return the first day on which a figure over the whole period can be stated.

    Parameters
    ----------
    start : date
        First day of the measure.
    months : float
        Length of the reporting period. [month]

    Returns
    -------
    date
        The day after the last.
    """
    return date.fromordinal(start.toordinal() + math.ceil(months * _DAYS_PER_MONTH))
