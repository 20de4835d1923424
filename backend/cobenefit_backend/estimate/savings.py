"""Avoided energy of a reporting period and its uncertainty (ASHRAE 14 as used by CalTRACK).

Source: CalTRACK 2.0, section 4.3.2.4, 2018, with the polynomial of Sun and Baltazar,
"Analysis and improvement on the estimation of building energy savings uncertainty", 2013.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cobenefit_backend.estimate import students_t
from cobenefit_backend.estimate.baseline import (
    Baselines,
    FloatArray,
    lag1_autocorrelation,
    predict,
)
from cobenefit_backend.estimate.quantity import Interval

CONFIDENCE = 0.90
POLYNOMIAL = (-0.00024, 0.03535, 1.00286)  # daily models
_DAYS_PER_MONTH = 365.25 / 12
_BOOTSTRAP_DRAWS = 1000


@dataclass(frozen=True, slots=True)
class Savings:
    """Avoided energy per meter over the reporting days with data.

    Attributes
    ----------
    counterfactual_kwh, observed_kwh : ndarray, shape (m,)
        Expected and measured use over the same days. [kWh]
    savings_kwh : ndarray, shape (m,)
        Their difference; negative when use went up. [kWh]
    savings_ratio : ndarray, shape (m,)
        Savings over counterfactual. [1]
    half_width_90_kwh : ndarray, shape (m,)
        Half-width of the 90 % interval of the savings. [kWh]
    fsu_90 : ndarray, shape (m,)
        Half-width over absolute savings; infinite for none. [1]
    significant : ndarray of bool, shape (m,)
        Whether the 90 % interval excludes zero.
    valid_days : ndarray of int, shape (m,)
        Reporting days counted. [d]
    expected_days : int
        Days in the reporting period. [d]
    """

    counterfactual_kwh: FloatArray
    observed_kwh: FloatArray
    savings_kwh: FloatArray
    savings_ratio: FloatArray
    half_width_90_kwh: FloatArray
    fsu_90: FloatArray
    significant: NDArray[np.bool_]
    valid_days: NDArray[np.intp]
    expected_days: int

    def interval(self, meter: int = 0) -> Interval:
        """Return the savings of one meter as an interval.

        Parameters
        ----------
        meter : int
            Row of the meter. [1]

        Returns
        -------
        Interval
            90 % interval; with an unknown half-width, refused as not finite. [kWh]
        """
        return Interval.around(
            float(self.savings_kwh[meter]), float(self.half_width_90_kwh[meter])
        )


def savings(
    baselines: Baselines, energy_kwh: FloatArray, temperature_degc: FloatArray | None
) -> Savings:
    """Compare measured use with the counterfactual.

    Parameters
    ----------
    baselines : Baselines
        Fitted models of m meters.
    energy_kwh : ndarray, shape (m, q) or (q,)
        Daily use in the reporting period, NaN where missing (see `baseline.usable`). [kWh]
    temperature_degc : ndarray, shape (q,) or (m, q), or None
        Daily mean temperature; ignored for baselines without weather. [degC]

    Returns
    -------
    Savings
        One entry per meter. A day without use or temperature is not counted.
    """
    energy = np.atleast_2d(energy_kwh)
    weather = temperature_degc if baselines.has_weather else None
    expected = predict(baselines, weather, energy.shape[1])
    counted = ~(np.isnan(energy) | np.isnan(expected))
    counterfactual = np.where(counted, expected, 0.0).sum(axis=1)
    observed = np.where(counted, energy, 0.0).sum(axis=1)
    days = counted.sum(axis=1)
    relative = relative_uncertainty(
        baselines.cv_rmse_adj,
        baselines.autocorrelation,
        baselines.valid_days,
        days,
        baselines.parameters,
        months=np.maximum(np.round(days / _DAYS_PER_MONTH), 1),
    )
    if not baselines.has_weather:
        relative = np.fmax(relative, two_means_uncertainty(baselines, energy))
    return of_totals(counterfactual, observed, relative, days, energy.shape[1])


def of_totals(
    counterfactual_kwh: FloatArray,
    observed_kwh: FloatArray,
    relative_90: FloatArray,
    valid_days: NDArray[np.intp],
    expected_days: int,
) -> Savings:
    """Return the savings of totals whose relative uncertainty is known.

    Parameters
    ----------
    counterfactual_kwh, observed_kwh : ndarray, shape (m,)
        Expected and measured use over the same time. [kWh]
    relative_90 : ndarray, shape (m,)
        Half-width of the 90 % interval over the counterfactual. [1]
    valid_days : ndarray of int, shape (m,)
        Days counted. [d]
    expected_days : int
        Days in the period. [d]

    Returns
    -------
    Savings
        One entry per meter; the half-width is NaN where no day counts.
    """
    saved = counterfactual_kwh - observed_kwh
    with np.errstate(divide="ignore", invalid="ignore"):
        half_width = counterfactual_kwh * relative_90
        return Savings(
            counterfactual_kwh,
            observed_kwh,
            saved,
            saved / counterfactual_kwh,
            half_width,
            np.where(saved == 0, np.inf, half_width / np.abs(saved)),
            np.abs(saved) > half_width,
            valid_days,
            expected_days,
        )


def relative_uncertainty(
    cv_rmse: ArrayLike,
    autocorrelation: ArrayLike,
    baseline_days: ArrayLike,
    reporting_days: ArrayLike,
    parameters: ArrayLike,
    *,
    months: ArrayLike,
    confidence: float = CONFIDENCE,
    polynomial: tuple[float, float, float] = POLYNOMIAL,
) -> FloatArray:
    """Return the half-width of the savings over the counterfactual.

    Divide by the savings fraction F for the fractional savings uncertainty (FSU).

    Parameters
    ----------
    cv_rmse : array_like
        Coefficient of variation of the baseline, with the degrees of freedom as divisor. [1]
    autocorrelation : array_like
        Lag-1 autocorrelation rho of the residuals, -1 to 1 exclusive. [1]
    baseline_days, reporting_days : array_like
        P and Q, days with data. [d]
    parameters : array_like
        Fitted coefficients c. [1]
    months : array_like
        M, length of the reporting period. [month]
    confidence : float
        Two-sided confidence, 0.90 by default. [1]
    polynomial : tuple of float
        a, b and d of M; those of daily models by default. [1]

    Returns
    -------
    ndarray
        FSU x F; NaN where the baseline has no degree of freedom. [1]

    Notes
    -----
    t x (a M^2 + b M + d) x CV x sqrt((P/P') (1 + 2/P') / Q), P' = P (1 - rho)/(1 + rho).
    """
    p, q, rho, m = (
        np.asarray(x, dtype=np.float64)
        for x in (baseline_days, reporting_days, autocorrelation, months)
    )
    a, b, d = polynomial
    t = students_t.quantile(0.5 + confidence / 2, p - np.asarray(parameters, dtype=np.float64))
    with np.errstate(divide="ignore", invalid="ignore"):
        effective = p * (1 - rho) / (1 + rho)
        spread = np.sqrt(p / effective * (1 + 2 / effective) / q)
    return np.asarray(t * (a * m**2 + b * m + d) * np.asarray(cv_rmse) * spread)


def two_means_uncertainty(baselines: Baselines, energy_kwh: FloatArray) -> FloatArray:
    """Return the half-width of the difference of two mean uses over the baseline mean.

    For a baseline without weather, which is a mean: the fractional savings uncertainty then
    carries the error of one year only, while the reporting year is as much a draw as the other.

    Parameters
    ----------
    baselines : Baselines
        Baselines of m meters, fitted without weather.
    energy_kwh : ndarray, shape (m, q)
        Daily use in the reporting period, NaN where missing. [kWh]

    Returns
    -------
    ndarray, shape (m,)
        Half-width at 90 %; NaN where a side has under two effective days. [1]

    Notes
    -----
    t x sqrt(s_b^2/n'_b + s_r^2/n'_r) / mean_b with n' = n (1 - rho)/(1 + rho) on each side,
    rho >= 0 the lag-1 autocorrelation, and t at min(n'_b, n'_r) - 1 degrees of freedom: the
    two-sample interval with effective sample sizes of H. von Storch and F. W. Zwiers,
    "Statistical Analysis in Climate Research", section 6.6.8, 1999.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        days = (~np.isnan(energy_kwh)).sum(axis=1)
        filled = np.where(np.isnan(energy_kwh), 0.0, energy_kwh)
        residual = energy_kwh - (filled.sum(axis=1) / days)[:, None]
        spread_after = np.sqrt(np.nansum(residual**2, axis=1) / (days - 1))
        spread_before = baselines.cv_rmse_adj * baselines.mean_kwh
        n_before = _effective(baselines.valid_days, baselines.autocorrelation)
        n_after = _effective(days, lag1_autocorrelation(residual))
        error = np.sqrt(spread_before**2 / n_before + spread_after**2 / n_after)
        degrees = np.minimum(n_before, n_after) - 1
        t = students_t.quantile(0.5 + CONFIDENCE / 2, np.where(degrees > 0, degrees, np.nan))
        return np.asarray(t * error / baselines.mean_kwh)


def _effective(days: ArrayLike, autocorrelation: ArrayLike) -> FloatArray:
    rho = np.maximum(np.asarray(autocorrelation, dtype=np.float64), 0.0)
    return np.asarray(np.asarray(days, dtype=np.float64) * (1 - rho) / (1 + rho))


def comparison_ratio(group: Savings, seed: int) -> Interval:
    """Return what a comparison group "saved" without the measure, as a share of its use.

    Subtracting it from a treated meter's savings ratio is the percent
    difference-in-differences: CF* = CF - (CF/CF_group) x (CF_group - observed_group).

    Parameters
    ----------
    group : Savings
        Savings of at least 2 untreated meters over the same period.
    seed : int
        Seed of the bootstrap. [1]

    Returns
    -------
    Interval
        90 % interval by a bootstrap of 1000 draws over meters. [1]

    Raises
    ------
    ValueError
        If fewer than two meters have data.
    """
    use = group.counterfactual_kwh > 0
    expected, saved = group.counterfactual_kwh[use], group.savings_kwh[use]
    if len(expected) < 2:
        raise ValueError("a comparison group needs at least two meters with data")
    rng = np.random.default_rng(seed)
    index = rng.integers(0, len(expected), (_BOOTSTRAP_DRAWS, len(expected)))
    draws = saved[index].sum(axis=1) / expected[index].sum(axis=1)
    central = float(saved.sum() / expected.sum())
    low, high = np.percentile(draws, [5, 95])
    return Interval(min(float(low), central), central, max(float(high), central))
