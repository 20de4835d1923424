"""Daily degree-day baselines of many meters at once (CalTRACK 2.0).

    energy = base + hdd_slope x max(hdd_balance - T, 0) + cdd_slope x max(T - cdd_balance, 0)

With the cooling balance point at or above the heating one, HDD x CDD = 0 on every day, so
each candidate of the grid follows from five sums per balance point; meters in a row share
the matrix products. Source: CalTRACK 2.0 methods, sections 3.1 to 3.4, 2018.

Never a Python loop over meters, no clock, no file.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
Fuel = Literal["electricity", "gas"]

MODELS = ("intercept", "hdd", "cdd", "hdd_cdd")
PARAMETERS = np.array([1, 2, 2, 3])
GRID_DEGF = np.arange(30.0, 91.0, 3.0)
MIN_DEGREE_DAYS_DEGF = 20.0
MIN_NON_ZERO_DAYS = 10
_CHUNK = 500
_DEGF_PER_DEGC = 1.8


@dataclass(frozen=True, slots=True)
class Baselines:
    """Fitted baselines, one entry per meter.

    Parameters
    ----------
    model : ndarray of int, shape (m,)
        Index into MODELS. [1]
    base_kwh : ndarray, shape (m,)
        Use per day at no degree-day. [kWh]
    hdd_slope_kwh_per_degc, cdd_slope_kwh_per_degc : ndarray, shape (m,)
        Use per degree-day, 0 where the model has none. [kWh/degC]
    hdd_balance_degc, cdd_balance_degc : ndarray, shape (m,)
        Balance points, NaN where the model has none. [degC]
    r2_adj, cv_rmse : ndarray, shape (m,)
        Adjusted R2; root mean squared residual over mean use. [1]
    cv_rmse_adj : ndarray, shape (m,)
        As `cv_rmse`, with the degrees of freedom as divisor. [1]
    autocorrelation : ndarray, shape (m,)
        Lag-1 autocorrelation of the residuals. [1]
    valid_days : ndarray of int, shape (m,)
        Days used. [d]
    expected_days : int
        Days in the baseline period. [d]
    mean_kwh : ndarray, shape (m,)
        Mean daily use. [kWh]
    has_weather : bool
        Whether temperatures were given.
    """

    model: NDArray[np.intp]
    base_kwh: FloatArray
    hdd_slope_kwh_per_degc: FloatArray
    cdd_slope_kwh_per_degc: FloatArray
    hdd_balance_degc: FloatArray
    cdd_balance_degc: FloatArray
    r2_adj: FloatArray
    cv_rmse: FloatArray
    cv_rmse_adj: FloatArray
    autocorrelation: FloatArray
    valid_days: NDArray[np.intp]
    expected_days: int
    mean_kwh: FloatArray
    has_weather: bool

    @property
    def parameters(self) -> NDArray[np.intp]:
        """Number of fitted coefficients per meter.

        Returns
        -------
        ndarray of int
            1, 2 or 3. [1]
        """
        return np.asarray(PARAMETERS[self.model], dtype=np.intp)


def usable(energy_kwh: FloatArray, fuel: Fuel) -> FloatArray:
    """Return daily use as a matrix with unusable days as NaN.

    Parameters
    ----------
    energy_kwh : ndarray, shape (m, n) or (n,)
        Daily use; NaN where missing. [kWh]
    fuel : {'electricity', 'gas'}
        A zero reading is missing for electricity, valid for gas (CalTRACK 2.0, 2.3.2).

    Returns
    -------
    ndarray, shape (m, n)
        A copy with infinite values, and for electricity zeros, replaced by NaN. [kWh]
    """
    matrix = np.array(np.atleast_2d(energy_kwh), dtype=np.float64)
    matrix[~np.isfinite(matrix)] = np.nan
    if fuel == "electricity":
        matrix[matrix == 0.0] = np.nan
    return matrix


def fit(
    energy_kwh: FloatArray, temperature_degc: FloatArray | None, fuel: Fuel = "electricity"
) -> Baselines:
    """Fit the best CalTRACK 2.0 daily model to every meter.

    Parameters
    ----------
    energy_kwh : ndarray, shape (m, n) or (n,)
        Daily use of m meters over the n days of the baseline; NaN where missing. [kWh]
    temperature_degc : ndarray, shape (n,) or (m, n), or None
        Daily mean outdoor temperature, shared or per meter. None: intercept only. [degC]
    fuel : {'electricity', 'gas'}
        Gas has no cooling candidates.

    Returns
    -------
    Baselines
        One model per meter; NaN coefficients where no day is usable.

    Raises
    ------
    ValueError
        If the shapes do not match.

    Notes
    -----
    Balance points 30 to 90 degF by 3. A candidate needs 10 non-zero degree-days, 20 degF
    degree-days and no negative coefficient; the highest adjusted R2 wins against 0 for
    intercept-only (CalTRACK 2.0, sections 3.3 and 3.4).
    """
    energy = usable(energy_kwh, fuel)
    temperature = _check_temperature(temperature_degc, energy.shape)
    if temperature is not None:
        energy = np.where(np.isnan(temperature), np.nan, energy)
    starts = range(0, max(len(energy), 1), _CHUNK)
    parts = [
        _select(
            energy[start : start + _CHUNK],
            temperature
            if temperature is None or len(temperature) == 1
            else temperature[start : start + _CHUNK],
            fuel,
        )
        for start in starts
    ]
    return _describe(energy, temperature, np.concatenate(parts, axis=1))


def predict(baselines: Baselines, temperature_degc: FloatArray | None, days: int) -> FloatArray:
    """Project baselines on the temperatures of another period: the counterfactual.

    Parameters
    ----------
    baselines : Baselines
        Fitted models of m meters.
    temperature_degc : ndarray, shape (days,) or (m, days), or None
        Daily mean temperature; needed unless every model is intercept-only. [degC]
    days : int
        Number of days. [d]

    Returns
    -------
    ndarray, shape (m, days)
        Expected use; NaN where the temperature is. [kWh]
    """
    shape = (len(baselines.model), days)
    temperature = _check_temperature(temperature_degc, shape)
    base = np.broadcast_to(baselines.base_kwh[:, None], shape)
    if temperature is None:
        if baselines.has_weather:
            raise ValueError("these baselines were fitted with weather: give temperatures")
        return base.copy()
    heating = np.nan_to_num(baselines.hdd_balance_degc, nan=-np.inf)[:, None] - temperature
    cooling = temperature - np.nan_to_num(baselines.cdd_balance_degc, nan=np.inf)[:, None]
    return np.asarray(
        base
        + baselines.hdd_slope_kwh_per_degc[:, None] * _positive(heating)
        + baselines.cdd_slope_kwh_per_degc[:, None] * _positive(cooling)
    )


def _positive(degree: FloatArray) -> FloatArray:
    return np.maximum(degree, 0.0)


def _check_temperature(
    temperature_degc: FloatArray | None, shape: tuple[int, ...]
) -> FloatArray | None:
    if temperature_degc is None:
        return None
    temperature = np.atleast_2d(np.asarray(temperature_degc, dtype=np.float64))
    if temperature.shape not in (shape, (1, shape[1])):
        raise ValueError(
            f"temperature has shape {temperature.shape}, energy {shape}: give one temperature "
            "per day, shared or per meter"
        )
    return temperature


def _select(energy: FloatArray, temperature: FloatArray | None, fuel: Fuel) -> FloatArray:
    """Return rows model, base, slopes, balance points (degC) and r2_adj of each meter."""
    valid = ~np.isnan(energy)
    count = valid.sum(axis=1).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(valid, energy, 0.0).sum(axis=1) / count
        centred = np.where(valid, energy - mean[:, None], 0.0)
        chosen = np.zeros((7, len(energy)))
        chosen[1], chosen[4:6] = mean, np.nan
        if temperature is None:
            return chosen
        degf = np.where(np.isnan(temperature), 0.0, temperature) * _DEGF_PER_DEGC + 32.0
        heat = _moments(GRID_DEGF[:, None, None] - degf, valid, centred, count)
        cool = _moments(degf - GRID_DEGF[:, None, None], valid, centred, count)
        table = [_intercept_only(mean), _single(heat, mean, 1)]
        if fuel == "electricity":
            table += [_single(cool, mean, 2), _pairs(heat, cool, mean, count)]
        square = (centred**2).sum(axis=1)
        candidates = np.concatenate(table, axis=1)
        return _best(candidates, square, count)


def _moments(
    degree: FloatArray, valid: NDArray[np.bool_], centred: FloatArray, count: FloatArray
) -> FloatArray:
    """Return mean, variance sum, covariance sum and whether usable: (4, G, m)."""
    degree = np.maximum(degree, 0.0)
    weight = valid.astype(np.float64)
    if degree.shape[1] == 1:
        flat = degree[:, 0, :]
        sums = [flat @ weight.T, flat**2 @ weight.T, flat @ centred.T, (flat > 0) @ weight.T]
    else:
        sums = [
            np.einsum("gmn,mn->gm", degree, weight),
            np.einsum("gmn,gmn,mn->gm", degree, degree, weight),
            np.einsum("gmn,mn->gm", degree, centred),
            np.einsum("gmn,mn->gm", (degree > 0).astype(np.float64), weight),
        ]
    total, square, cross, non_zero = sums
    enough = (non_zero >= MIN_NON_ZERO_DAYS) & (total >= MIN_DEGREE_DAYS_DEGF)
    return np.stack([total / count, square - total**2 / count, cross, enough])


def _intercept_only(mean: FloatArray) -> FloatArray:
    """Return the one candidate that always qualifies: (7, 1, m), sum of squares 0."""
    table = np.zeros((7, 1, len(mean)))
    table[1] = mean
    table[4:6] = np.nan
    return table


def _single(moments: FloatArray, mean: FloatArray, model: int) -> FloatArray:
    centre, variance, cross, enough = moments
    slope = cross / variance
    table = np.full((7, *slope.shape), np.nan)
    table[0], table[1] = model, mean - slope * centre
    table[2:4] = 0.0
    table[1 + model] = slope
    table[3 + model] = np.broadcast_to(GRID_DEGF[:, None], slope.shape)
    ok = (enough > 0) & (slope >= 0) & (table[1] >= 0)
    table[6] = np.where(ok, slope * cross, -np.inf)
    return table


def _pairs(heat: FloatArray, cool: FloatArray, mean: FloatArray, count: FloatArray) -> FloatArray:
    """Solve the 2 x 2 normal equations of every heating <= cooling pair of balance points."""
    h, c = np.triu_indices(len(GRID_DEGF))
    h_centre, h_variance, h_cross, h_enough = heat[:, h]
    c_centre, c_variance, c_cross, c_enough = cool[:, c]
    shared = -count * h_centre * c_centre  # HDD x CDD = 0 on every day
    determinant = h_variance * c_variance - shared**2
    table = np.full((7, *shared.shape), np.nan)
    table[0] = 3
    table[2] = (c_variance * h_cross - shared * c_cross) / determinant
    table[3] = (h_variance * c_cross - shared * h_cross) / determinant
    table[1] = mean - table[2] * h_centre - table[3] * c_centre
    table[4] = np.broadcast_to(GRID_DEGF[h][:, None], shared.shape)
    table[5] = np.broadcast_to(GRID_DEGF[c][:, None], shared.shape)
    ok = (h_enough > 0) & (c_enough > 0) & (table[1:4] >= 0).all(axis=0)
    table[6] = np.where(ok, table[2] * h_cross + table[3] * c_cross, -np.inf)
    return table


def _best(candidates: FloatArray, square: FloatArray, count: FloatArray) -> FloatArray:
    """Keep the candidate with the highest adjusted R2 and return it in degC."""
    parameters = PARAMETERS[candidates[0, :, 0].astype(np.intp)][:, None]
    unexplained = 1.0 - candidates[6] / square
    r2_adj = 1.0 - unexplained * (count - 1.0) / (count - parameters)
    r2_adj = np.where(np.isfinite(candidates[6]) & np.isfinite(r2_adj), r2_adj, -np.inf)
    r2_adj[0] = 0.0
    index = np.argmax(r2_adj, axis=0)
    chosen = np.take_along_axis(candidates, index[None, None, :], axis=1)[:, 0, :]
    chosen[2:4] *= _DEGF_PER_DEGC
    chosen[4:6] = (chosen[4:6] - 32.0) / _DEGF_PER_DEGC
    chosen[6] = np.take_along_axis(r2_adj, index[None, :], axis=0)[0]
    return chosen


def _describe(energy: FloatArray, temperature: FloatArray | None, chosen: FloatArray) -> Baselines:
    """Attach residual statistics to the chosen coefficients."""
    valid_days = (~np.isnan(energy)).sum(axis=1)
    model, base, hdd_slope, cdd_slope, hdd_balance, cdd_balance, r2_adj = chosen
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(np.isnan(energy), 0.0, energy).sum(axis=1) / valid_days
        fitted = Baselines(
            model=model.astype(np.intp),
            base_kwh=base,
            hdd_slope_kwh_per_degc=hdd_slope,
            cdd_slope_kwh_per_degc=cdd_slope,
            hdd_balance_degc=hdd_balance,
            cdd_balance_degc=cdd_balance,
            r2_adj=r2_adj,
            cv_rmse=mean,
            cv_rmse_adj=mean,
            autocorrelation=mean,
            valid_days=valid_days,
            expected_days=energy.shape[1],
            mean_kwh=mean,
            has_weather=temperature is not None,
        )
        residual = energy - predict(fitted, temperature, energy.shape[1])
        square = np.nansum(residual**2, axis=1)
        degrees = np.maximum(valid_days - fitted.parameters, 0)
        return replace(
            fitted,
            cv_rmse=np.sqrt(square / valid_days) / mean,
            cv_rmse_adj=np.sqrt(square / degrees) / mean,
            autocorrelation=lag1_autocorrelation(residual),
        )


def lag1_autocorrelation(residual: FloatArray) -> FloatArray:
    """Return the correlation of each series with itself one day later.

    Parameters
    ----------
    residual : ndarray, shape (m, n)
        Residuals; a pair with a NaN is left out. [any]

    Returns
    -------
    ndarray, shape (m,)
        Pearson correlation of neighbouring days; 0 where undefined. [1]
    """
    first, second = residual[:, :-1], residual[:, 1:]
    valid = ~(np.isnan(first) | np.isnan(second))
    count = np.maximum(valid.sum(axis=1, keepdims=True), 1)

    def centre(values: FloatArray) -> FloatArray:
        filled = np.where(valid, values, 0.0)
        return np.where(valid, filled - filled.sum(axis=1, keepdims=True) / count, 0.0)

    a, b = centre(first), centre(second)
    norm = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    return np.where(norm > 0, (a * b).sum(axis=1) / np.where(norm > 0, norm, 1.0), 0.0)
