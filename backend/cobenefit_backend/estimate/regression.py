"""Least squares with drivers, and the error of a sum of predictions.

One meter, few drivers (output, degree days, load): what industry and data centres need. The many
equal meters of homes are fitted together in `baseline`.

Source: ASHRAE Guideline 14-2014, section 4.2 and annex B (regression models, CV(RMSE), savings
uncertainty); the variance of a sum of predictions is textbook least squares (S. Weisberg, "Applied
Linear Regression", chapter 3, 2014), widened for autocorrelated residuals.
"""

from dataclasses import dataclass

import numpy as np

from cobenefit_backend.estimate import students_t
from cobenefit_backend.estimate.baseline import FloatArray, lag1_autocorrelation
from cobenefit_backend.estimate.quantity import Interval

MAX_AUTOCORRELATION = 0.99


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted linear model.

    Attributes
    ----------
    coefficients : ndarray, shape (p,)
        One per column of the drivers. [unit of the response per driver]
    covariance : ndarray, shape (p, p)
        (X'X)^-1.
    residual_std : float
        Standard deviation of the residuals with n - p degrees of freedom. [response]
    autocorrelation : float
        Lag-1 autocorrelation of the residuals, 0 to 0.99. [1]
    points : int
        Rows used, n. [1]
    r2_adj, cv_rmse : float
        Adjusted R2, and residual_std over the mean response. [1]
    low, high : ndarray, shape (p,)
        Range of each driver in the baseline.
    """

    coefficients: FloatArray
    covariance: FloatArray
    residual_std: float
    autocorrelation: float
    points: int
    r2_adj: float
    cv_rmse: float
    low: FloatArray
    high: FloatArray


def fit(drivers: FloatArray, response: FloatArray) -> Fit:
    """Fit a linear model; rows with a missing value are left out.

    Parameters
    ----------
    drivers : ndarray, shape (n, p)
        Columns of the model, the constant included. [any]
    response : ndarray, shape (n,)
        What is explained, NaN where missing. [any]

    Returns
    -------
    Fit
        Coefficients and their quality.

    Raises
    ------
    ValueError
        If there are not more rows than columns, or the columns are not independent.
    """
    known = np.isfinite(response) & np.isfinite(drivers).all(axis=1)
    x, y = drivers[known], response[known]
    n, p = x.shape
    if n <= p:
        raise ValueError(f"{n} complete rows for {p} coefficients: give more data")
    if np.linalg.matrix_rank(x) < p:
        raise ValueError("the drivers are not independent: one of them never changes, or repeats")
    covariance = np.asarray(np.linalg.inv(x.T @ x), dtype=np.float64)
    coefficients = covariance @ (x.T @ y)
    residual = y - x @ coefficients
    squares = float(residual @ residual)
    spread = float(((y - y.mean()) ** 2).sum())
    std = float(np.sqrt(squares / (n - p)))
    return Fit(
        coefficients,
        covariance,
        std,
        float(np.clip(lag1_autocorrelation(residual[None, :])[0], 0.0, MAX_AUTOCORRELATION)),
        n,
        1 - (squares / (n - p)) / (spread / (n - 1)) if spread else 0.0,
        std / float(y.mean()),
        x.min(axis=0),
        x.max(axis=0),
    )


def saved(model: Fit, drivers: FloatArray, observed: FloatArray, weight: FloatArray) -> Interval:
    """Return the weighted sum of predicted minus observed with its 90 % interval.

    Parameters
    ----------
    model : Fit
        The baseline.
    drivers : ndarray, shape (q, p)
        Drivers of the reporting period. [any]
    observed : ndarray, shape (q,)
        What was measured, NaN where missing. [any]
    weight : ndarray, shape (q,)
        Weight of each row, 1 for a plain sum. [any]

    Returns
    -------
    Interval
        The sum. [response x weight]

    Raises
    ------
    ValueError
        If no row is complete.
    """
    known = np.isfinite(observed) & np.isfinite(drivers).all(axis=1) & np.isfinite(weight)
    if not known.any():
        raise ValueError("no complete row in the reporting period")
    x, w = drivers[known], weight[known]
    central = float(w @ (x @ model.coefficients - observed[known]))
    total = w @ x
    # of the coefficients, and of the reporting rows themselves
    variance = model.residual_std**2 * (float(total @ model.covariance @ total) + float(w @ w))
    inflation = (1 + model.autocorrelation) / (1 - model.autocorrelation)
    degrees = model.points / inflation - len(model.coefficients)
    t = float(students_t.quantile(0.95, np.asarray(max(degrees, 1.0))))
    return Interval.around(central, t * float(np.sqrt(variance * inflation)))


def outside(model: Fit, drivers: FloatArray, tolerance: float = 0.10) -> float:
    """Return the share of rows with a driver outside the range of the baseline.

    Parameters
    ----------
    model : Fit
        The baseline.
    drivers : ndarray, shape (q, p)
        Drivers of the reporting period. [any]
    tolerance : float
        Part of the range that may be exceeded. [1]

    Returns
    -------
    float
        Share. [1]
    """
    margin = tolerance * (model.high - model.low)
    beyond = (drivers < model.low - margin) | (drivers > model.high + margin)
    return float(beyond.any(axis=1).mean()) if len(drivers) else 0.0
