"""What would have been "saved" had the measure been put at a date where nothing happened.

Every candidate date of one meter is tested, never one chosen date. A method worth trusting
claims little at placebo dates; how often it claims anyway is its real error rate here.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cobenefit_backend.estimate import students_t
from cobenefit_backend.estimate.baseline import FloatArray, Fuel, fit, usable
from cobenefit_backend.estimate.savings import CONFIDENCE, savings

YEAR_DAYS = 365
MAX_MISSING_RATIO = 0.10


@dataclass(frozen=True, slots=True)
class Placebo:
    """Result at every candidate date.

    Attributes
    ----------
    date : ndarray of datetime64[D], shape (k,)
        First day of the pretended reporting period.
    savings_ratio, half_width_90_ratio, fsu_90 : ndarray, shape (k,)
        Pretended savings, half-width of their 90 % interval, and its ratio to them. [1]
    significant : ndarray of bool, shape (k,)
        Whether the 90 % interval of that date alone excludes zero.
    significant_corrected : ndarray of bool, shape (k,)
        The same with the family-wise error of all k dates held at 10 % (Holm 1979).
    skipped : int
        Dates left out for more than 10 % missing days on either side. [1]
    """

    date: NDArray[np.datetime64]
    savings_ratio: FloatArray
    half_width_90_ratio: FloatArray
    fsu_90: FloatArray
    significant: NDArray[np.bool_]
    significant_corrected: NDArray[np.bool_]
    skipped: int

    def summary(self) -> dict[str, float | int | bool]:
        """Return the counts a report prints.

        Returns
        -------
        dict
            `dates`, `skipped`, `significant`, `significant_corrected` (counts),
            `expected_by_chance` (10 % of the dates), `largest_ratio` (largest absolute
            pretended savings) and `distinguishable` (whether any date survives the
            correction). [1]
        """
        count = len(self.date)
        return {
            "dates": count,
            "skipped": self.skipped,
            "significant": int(self.significant.sum()),
            "significant_corrected": int(self.significant_corrected.sum()),
            "expected_by_chance": count * (1 - CONFIDENCE),
            "largest_ratio": float(np.abs(self.savings_ratio).max(initial=0.0)),
            "distinguishable": bool(self.significant_corrected.any()),
        }


def placebo(
    date: NDArray[np.datetime64],
    energy_kwh: FloatArray,
    temperature_degc: FloatArray | None,
    fuel: Fuel = "electricity",
    *,
    step_days: int = 1,
) -> Placebo:
    """Pretend a measure at every date with a year of data on both sides.

    Parameters
    ----------
    date : ndarray of datetime64[D], shape (n,)
        Consecutive days.
    energy_kwh : ndarray, shape (n,)
        Daily use of one meter; NaN where missing. [kWh]
    temperature_degc : ndarray, shape (n,), or None
        Daily mean temperature. [degC]
    fuel : {'electricity', 'gas'}
        As for `baseline.fit`.
    step_days : int
        Distance between candidate dates, >= 1. [d]

    Returns
    -------
    Placebo
        One entry per candidate date; empty when the record is shorter than two years.

    Raises
    ------
    ValueError
        If the days are not consecutive.

    Notes
    -----
    Neighbouring dates share almost all their data, so the count of significant dates is
    not binomial; Holm's correction holds under any dependence (S. Holm, "A simple
    sequentially rejective multiple test procedure", 1979).
    """
    if len(date) > 1 and not (np.diff(date) == np.timedelta64(1, "D")).all():
        raise ValueError("days must be consecutive: fill missing days with NaN")
    energy = usable(energy_kwh, fuel)[0]
    starts = np.arange(YEAR_DAYS, len(energy) - YEAR_DAYS + 1, step_days)
    before = starts[:, None] - YEAR_DAYS + np.arange(YEAR_DAYS)
    after = before + YEAR_DAYS
    gaps = np.maximum(np.isnan(energy[before]).sum(axis=1), np.isnan(energy[after]).sum(axis=1))
    keep = gaps <= MAX_MISSING_RATIO * YEAR_DAYS
    before, after = before[keep], after[keep]
    weather = None if temperature_degc is None else np.asarray(temperature_degc)
    models = fit(energy[before], None if weather is None else weather[before], fuel)
    result = savings(models, energy[after], None if weather is None else weather[after])
    half_width = result.half_width_90_kwh / result.counterfactual_kwh
    return Placebo(
        date[starts[keep]],
        result.savings_ratio,
        half_width,
        result.fsu_90,
        result.significant,
        holm(result.savings_ratio, half_width, models.valid_days - models.parameters),
        int((~keep).sum()),
    )


def holm(
    estimate: FloatArray, half_width_90: FloatArray, degrees: NDArray[np.intp]
) -> NDArray[np.bool_]:
    """Tell which of many estimates differ from zero at a family-wise 90 %.

    Parameters
    ----------
    estimate, half_width_90 : ndarray, shape (k,)
        Estimates and half-widths of their own 90 % intervals. [same unit]
    degrees : ndarray of int, shape (k,)
        Degrees of freedom. [1]

    Returns
    -------
    ndarray of bool, shape (k,)
        Estimates that stay significant; never more than at 90 % each.
    """
    count = len(estimate)
    if count == 0:
        return np.zeros(0, dtype=np.bool_)
    error = half_width_90 / students_t.quantile(0.5 + CONFIDENCE / 2, degrees)
    statistic = np.abs(estimate) / error
    order = np.argsort(-statistic)
    family = count - np.arange(count)
    limits = np.array(
        [
            float(students_t.quantile(1 - (1 - CONFIDENCE) / 2 / size, degrees[row]))
            for size, row in zip(family, order, strict=True)
        ]
    )
    passed = np.logical_and.accumulate(statistic[order] > limits)
    result = np.zeros(count, dtype=np.bool_)
    result[order[passed]] = True
    return result
