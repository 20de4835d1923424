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

from cobenefit_backend.estimate.join import join

FloatArray = NDArray[np.float64]
Fuel = Literal["electricity", "gas"]

MODELS = ("intercept", "hdd", "cdd", "hdd_cdd")
PARAMETERS = np.array([1, 2, 2, 3])
GRID_DEGF = np.arange(30.0, 91.0, 3.0)
MIN_DEGREE_DAYS_DEGF = 20.0
MIN_NON_ZERO_DAYS = 10
_CHUNK = 50  # meters whose work arrays stay in the cache
DEGF_PER_DEGC = 1.8

# Every candidate in order: intercept, one-sided heating, one-sided cooling, pairs.
_POINTS = np.arange(len(GRID_DEGF))
HEATING, COOLING = np.triu_indices(len(GRID_DEGF))
HEATING_OF = np.concatenate(([0], _POINTS, 0 * _POINTS, HEATING))
COOLING_OF = np.concatenate(([0], 0 * _POINTS, _POINTS, COOLING))
MODEL_OF = np.repeat(np.arange(4), (1, len(_POINTS), len(_POINTS), len(HEATING)))
PARAMETERS_OF = PARAMETERS[MODEL_OF]


@dataclass(frozen=True, slots=True)
class Baselines:
    """Fitted baselines, one entry per meter.

    Attributes
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
    energy = np.atleast_2d(energy_kwh)
    temperature = _check_temperature(temperature_degc, energy.shape)
    parts = []
    for start in range(0, max(len(energy), 1), _CHUNK):
        rows = slice(start, start + _CHUNK)
        weather = temperature
        if weather is not None and len(weather) > 1:
            weather = weather[rows]
        parts.append(_fit(energy[rows], weather, fuel))
    return join(parts)


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


def _fit(energy_kwh: FloatArray, temperature: FloatArray | None, fuel: Fuel) -> Baselines:
    energy = usable(energy_kwh, fuel)
    if temperature is not None:
        energy[np.broadcast_to(np.isnan(temperature), energy.shape)] = np.nan
    return _describe(energy, temperature, _select(energy, temperature, fuel))


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
        if temperature is None:
            chosen = np.zeros((7, len(energy)))
            chosen[1], chosen[4:6] = mean, np.nan
            return chosen
        centred = np.where(valid, energy - mean[:, None], 0.0)
        degf = np.where(np.isnan(temperature), 0.0, temperature) * DEGF_PER_DEGC + 32.0
        heat = _moments(degf, -1.0, valid, centred, count)
        cool = _moments(degf, 1.0, valid, centred, count)
        explained = [np.zeros((1, len(energy))), _explained_by_one(heat, mean)]
        if fuel == "electricity":
            explained += [
                _explained_by_one(cool, mean),
                _explained_by_two(heat, cool, mean, count),
            ]
        share = np.concatenate(explained) / (centred**2).sum(axis=1)
        degrees = count - PARAMETERS_OF[: len(share), None]
        r2_adj = 1.0 - (1.0 - share) * (count - 1.0) / degrees
        r2_adj[~np.isfinite(r2_adj)] = -np.inf
        r2_adj[0] = 0.0
        index = np.argmax(r2_adj, axis=0)
        chosen_rows = _coefficients(index, heat, cool, mean, count)
        return np.stack([*chosen_rows, r2_adj.max(axis=0)])


def _moments(
    degf: FloatArray, sign: float, valid: NDArray[np.bool_], centred: FloatArray, count: FloatArray
) -> FloatArray:
    """Return mean, variance sum, covariance sum and whether usable: (4, G, m)."""
    if len(degf) == 1:
        degree = np.maximum(sign * (degf - GRID_DEGF[:, None]), 0.0)
        weight = valid.astype(np.float64).T
        sums = [degree @ weight, degree**2 @ weight, degree @ centred.T, (degree > 0) @ weight]
    else:
        sums = list(_own_sums(degf, sign, valid, centred))
    total, square, cross, non_zero = sums
    enough = (non_zero >= MIN_NON_ZERO_DAYS) & (total >= MIN_DEGREE_DAYS_DEGF)
    return np.stack([total / count, square - total**2 / count, cross, enough])


def _own_sums(
    degf: FloatArray, sign: float, valid: NDArray[np.bool_], centred: FloatArray
) -> FloatArray:
    """Return total, square, cross product and non-zero days, one balance point at a time."""
    sums = np.empty((4, len(GRID_DEGF), len(degf)))
    known = np.where(valid, sign * degf, -np.inf)  # a missing day has no degree
    degree = np.empty_like(degf)
    for point, balance in enumerate(sign * GRID_DEGF):
        np.subtract(known, balance, out=degree)
        np.maximum(degree, 0.0, out=degree)
        sums[0, point] = degree.sum(axis=1)
        sums[1, point] = np.einsum("mn,mn->m", degree, degree)
        sums[2, point] = np.einsum("mn,mn->m", degree, centred)
        sums[3, point] = np.count_nonzero(degree, axis=1)
    return sums


def _explained_by_one(moments: FloatArray, mean: FloatArray) -> FloatArray:
    """Return the sum of squares each one-sided candidate explains, -inf if disqualified."""
    centre, variance, cross, enough = moments
    slope = cross / variance
    ok = (enough > 0) & (slope >= 0) & (mean - slope * centre >= 0)
    return np.where(ok, slope * cross, -np.inf)


def _explained_by_two(
    heat: FloatArray, cool: FloatArray, mean: FloatArray, count: FloatArray
) -> FloatArray:
    """Return the same for every pair of balance points with heating <= cooling."""
    h, c = heat[:, HEATING], cool[:, COOLING]
    h_slope, c_slope = _two_slopes(h, c, count)
    base = mean - h_slope * h[0] - c_slope * c[0]
    ok = (h[3] > 0) & (c[3] > 0) & (h_slope >= 0) & (c_slope >= 0) & (base >= 0)
    return np.where(ok, h_slope * h[2] + c_slope * c[2], -np.inf)


def _two_slopes(
    heat: FloatArray, cool: FloatArray, count: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Solve the 2 x 2 normal equations; HDD x CDD = 0 leaves only the product of means."""
    shared = -count * heat[0] * cool[0]
    determinant = heat[1] * cool[1] - shared**2
    return (
        (cool[1] * heat[2] - shared * cool[2]) / determinant,
        (heat[1] * cool[2] - shared * heat[2]) / determinant,
    )


def _coefficients(
    index: NDArray[np.intp],
    heat: FloatArray,
    cool: FloatArray,
    mean: FloatArray,
    count: FloatArray,
) -> list[FloatArray]:
    """Return the coefficients of the chosen candidates in degC."""
    model, meters = MODEL_OF[index], np.arange(len(index))
    h, c = heat[:, HEATING_OF[index], meters], cool[:, COOLING_OF[index], meters]
    h_pair, c_pair = _two_slopes(h, c, count)
    h_slope = np.where(model == 1, h[2] / h[1], np.where(model == 3, h_pair, 0.0))
    c_slope = np.where(model == 2, c[2] / c[1], np.where(model == 3, c_pair, 0.0))
    base = mean - h_slope * h[0] - c_slope * c[0]
    balance = (GRID_DEGF - 32.0) / DEGF_PER_DEGC
    return [
        model.astype(np.float64),
        base,
        h_slope * DEGF_PER_DEGC,
        c_slope * DEGF_PER_DEGC,
        np.where(model % 2 == 1, balance[HEATING_OF[index]], np.nan),
        np.where(model >= 2, balance[COOLING_OF[index]], np.nan),
    ]


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

    def _centre(values: FloatArray) -> FloatArray:
        filled = np.where(valid, values, 0.0)
        return np.where(valid, filled - filled.sum(axis=1, keepdims=True) / count, 0.0)

    a, b = _centre(first), _centre(second)
    norm = np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    return np.where(norm > 0, (a * b).sum(axis=1) / np.where(norm > 0, norm, 1.0), 0.0)
