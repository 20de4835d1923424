"""Avoided energy of a reporting period under the hourly model, and its uncertainty.

Hours of one day are anything but independent, and their lag-1 correlation says little about the
days that follow. So the spread is that of the totals of days: a block of 24 h carries whatever
correlation there is within it, and what is left from day to day enters as in the daily model.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cobenefit_backend.estimate.baseline import FloatArray, lag1_autocorrelation
from cobenefit_backend.estimate.hourly import (
    NEIGHBOUR_WEIGHT,
    HourlyBaselines,
    Months,
    calendar,
    predict,
)
from cobenefit_backend.estimate.quantity import Disqualification
from cobenefit_backend.estimate.savings import Savings, of_totals, relative_uncertainty

HOURS_PER_DAY = 24
MIN_MONTH_RATIO = 0.9
_MIN_DAY_HOURS = 22  # our own convention: a day with fewer says little of its total
_DAYS_PER_MONTH = 365.25 / 12
_DAYS_PER_WEEK = 7


@dataclass(frozen=True, slots=True)
class HourlyStatistics:
    """What the totals of days say of hourly baselines, one entry per meter.

    Attributes
    ----------
    cv_rmse, cv_rmse_adj : ndarray, shape (m,)
        Root mean squared residual of daily totals over their mean; the second with the
        degrees of freedom as divisor. [1]
    autocorrelation : ndarray, shape (m,)
        Of the residuals of neighbouring days. [1]
    valid_days : ndarray of int, shape (m,)
        Days with at least 22 h. [d]
    expected_days : int
        Days in the baseline period. [d]
    parameters : ndarray, shape (m,)
        Coefficients spent on totals of days. [1]
    mean_kwh : ndarray, shape (m,)
        Mean use of a day. [kWh]
    thin_months : ndarray of int, shape (m,)
        Months with 90 % of their hours or less. [1]
    has_weather : bool
        Always true: the model has no other form.
    """

    cv_rmse: FloatArray
    cv_rmse_adj: FloatArray
    autocorrelation: FloatArray
    valid_days: NDArray[np.intp]
    expected_days: int
    parameters: FloatArray
    mean_kwh: FloatArray
    thin_months: NDArray[np.intp]
    has_weather: bool = True


def statistics(
    baselines: HourlyBaselines,
    energy_kwh: FloatArray,
    temperature_degc: FloatArray,
    start: np.datetime64,
) -> HourlyStatistics:
    """Describe the residuals of the baseline period by totals of days.

    Parameters
    ----------
    baselines : HourlyBaselines
        Fitted models of m meters.
    energy_kwh : ndarray, shape (m, t) or (t,)
        Hourly use in the baseline period, NaN where missing. [kWh]
    temperature_degc : ndarray, shape (t,) or (m, t)
        Hourly temperature. [degC]
    start : datetime64
        First hour, local standard time.

    Returns
    -------
    HourlyStatistics
        One entry per meter.

    Notes
    -----
    Each month's model spends a level per day of the week and a slope per bin on totals of days,
    and shares them with its neighbours: the month itself holds the part of the weight that is
    its own (1 of 2 with full months). Summed over the months this is the number of parameters.
    """
    energy = np.atleast_2d(energy_kwh)
    residual = energy - predict(baselines, temperature_degc, start)
    known = ~np.isnan(residual)
    by_day = _by_day(np.where(known, residual, 0.0), start)
    hours = _by_day(known.astype(np.float64), start)
    use = _by_day(np.where(known, energy, 0.0), start)
    whole = hours >= _MIN_DAY_HOURS
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = HOURS_PER_DAY / hours
        day = np.where(whole, by_day * scale, np.nan)
        days = whole.sum(axis=1)
        mean = np.where(whole, use * scale, 0.0).sum(axis=1) / days
        square = np.nansum(day**2, axis=1)
        month, _ = calendar(start, energy.shape[1])
        spent = _parameters(baselines, known, month)
        degrees = np.maximum(days - spent, 0.0)
        return HourlyStatistics(
            np.sqrt(square / days) / mean,
            np.sqrt(square / degrees) / mean,
            lag1_autocorrelation(day),
            days,
            -(-energy.shape[1] // HOURS_PER_DAY),
            spent,
            mean,
            _thin_months(known, month),
        )


def savings(
    baselines: HourlyBaselines,
    spread: HourlyStatistics,
    energy_kwh: FloatArray,
    temperature_degc: FloatArray,
    start: np.datetime64,
) -> Savings:
    """Compare measured use with the counterfactual, hour by hour.

    Parameters
    ----------
    baselines : HourlyBaselines
        Fitted models of m meters.
    spread : HourlyStatistics
        From `statistics`, of the same meters.
    energy_kwh : ndarray, shape (m, q) or (q,)
        Hourly use in the reporting period, NaN where missing. [kWh]
    temperature_degc : ndarray, shape (q,) or (m, q)
        Hourly temperature. [degC]
    start : datetime64
        First hour, local standard time.

    Returns
    -------
    Savings
        One entry per meter; an hour without use, temperature or level is not counted.
        `valid_days` is the hours counted over 24.

    Notes
    -----
    Half-width as in `savings.relative_uncertainty` with days as periods: ASHRAE Guideline
    14-2014 as in CalTRACK 2.0, section 4.3.2.4.
    """
    energy = np.atleast_2d(energy_kwh)
    expected = predict(baselines, temperature_degc, start)
    counted = ~(np.isnan(energy) | np.isnan(expected))
    days = counted.sum(axis=1) / HOURS_PER_DAY
    relative = relative_uncertainty(
        spread.cv_rmse_adj,
        np.maximum(spread.autocorrelation, 0.0),
        spread.valid_days,
        days,
        spread.parameters,
        months=np.maximum(np.round(days / _DAYS_PER_MONTH), 1),
    )
    return of_totals(
        np.where(counted, expected, 0.0).sum(axis=1),
        np.where(counted, energy, 0.0).sum(axis=1),
        relative,
        np.floor(days).astype(np.intp),
        -(-energy.shape[1] // HOURS_PER_DAY),
    )


def thin_month_records(spread: HourlyStatistics) -> tuple[Disqualification, ...]:
    """Say which meters lack hours in a month that the hourly model leans on.

    Parameters
    ----------
    spread : HourlyStatistics
        Of the baseline period.

    Returns
    -------
    tuple of Disqualification
        `hours_missing` with the number of meters and the largest number of months, or nothing.

    Notes
    -----
    CalTRACK 2.0, section 2.2.1.2: over 90 % of the hours of the month and of its neighbours.
    """
    concerned = int((spread.thin_months > 0).sum())
    if not concerned:
        return ()
    text = "A month of the baseline has 90 % of its hours or less: its model leans on too few."
    data = {"meters": concerned, "months": int(spread.thin_months.max())}
    return (Disqualification("hours_missing", text, data),)


def _by_day(hourly: FloatArray, start: np.datetime64) -> FloatArray:
    """Sum hours into local days; the first and the last may be cut."""
    lead = int((start - start.astype("datetime64[D]")).astype("timedelta64[h]").astype(int))
    tail = -(lead + hourly.shape[1]) % HOURS_PER_DAY
    padded = np.pad(hourly, ((0, 0), (lead, tail)))
    return np.asarray(padded.reshape(len(hourly), -1, HOURS_PER_DAY).sum(axis=2))


def _month_hours(known: NDArray[np.bool_], month: Months) -> FloatArray:
    """Count the known hours of each calendar month: (m, 12)."""
    of_month = month[:, None] == np.arange(12)
    return np.asarray(known.astype(np.float64) @ of_month)


def _parameters(baselines: HourlyBaselines, known: NDArray[np.bool_], month: Months) -> FloatArray:
    own = _month_hours(known, month)
    around = NEIGHBOUR_WEIGHT * (np.roll(own, 1, axis=1) + np.roll(own, -1, axis=1))
    bins = 1 + baselines.endpoints.sum(axis=2)
    part = np.where(own > 0, own / np.maximum(own + around, 1.0), 0.0)
    return np.asarray((part * (_DAYS_PER_WEEK + bins)).sum(axis=1))


def _thin_months(known: NDArray[np.bool_], month: Months) -> NDArray[np.intp]:
    expected = np.bincount(month, minlength=12)
    thin = _month_hours(known, month) <= MIN_MONTH_RATIO * expected
    return np.asarray((thin & (expected > 0)).sum(axis=1), dtype=np.intp)
