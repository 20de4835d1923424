"""Daily baselines that may differ by season and between weekdays and weekends.

The daily model once for each part of the year, where the parts explain enough more to be worth
their coefficients: a school heats on weekdays, a shop closes in August. Not part of CalTRACK; the
seasons, the candidates and the penalty follow OpenDSM 1.2.7 (daily model), without its smoothing
and its robust loss. Loops run over the 21 parts, never over meters.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cobenefit_backend.estimate.baseline import (
    Baselines,
    FloatArray,
    Fuel,
    fit,
    lag1_autocorrelation,
    predict,
    usable,
)
from cobenefit_backend.estimate.savings import Savings, of_totals, relative_uncertainty

SUMMER, SHOULDER, WINTER = 1, 2, 4
SEASON_OF_MONTH = (4, 4, 2, 2, 2, 1, 1, 1, 1, 2, 4, 4)
ALL_DAYS, WEEKDAYS, WEEKENDS = 0, 1, 2
PARTITIONS: tuple[tuple[int, ...], ...] = ((7,), (3, 4), (5, 2), (6, 1), (1, 2, 4))
MIN_DAYS = 30
_PENALTY, _POWER = 0.24, 2.061
_DAYS_PER_MONTH = 365.25 / 12

Part = tuple[int, int]  # seasons as bits, kind of day


def _candidates() -> tuple[tuple[Part, ...], ...]:
    """Return every way to cut the year: each group of seasons whole, or weekdays apart."""
    found = []
    for seasons in PARTITIONS:
        for halves in np.ndindex(*(2,) * len(seasons)):
            parts: list[Part] = []
            for season, half in zip(seasons, halves, strict=True):
                kinds = (WEEKDAYS, WEEKENDS) if half else (ALL_DAYS,)
                parts += [(season, kind) for kind in kinds]
            found.append(tuple(parts))
    return tuple(found)


CANDIDATES = _candidates()
PARTS: tuple[Part, ...] = tuple(dict.fromkeys(part for cut in CANDIDATES for part in cut))


@dataclass(frozen=True, slots=True)
class SplitBaselines:
    """Fitted baselines of m meters, one model per part of the year.

    Attributes
    ----------
    choice : ndarray of int, shape (m,)
        Row of CANDIDATES. [1]
    parts : tuple of Baselines
        One for each of PARTS, whether chosen or not.
    cv_rmse, cv_rmse_adj, autocorrelation, mean_kwh : ndarray, shape (m,)
        As in `Baselines`, of all parts together. [1, 1, 1, kWh]
    valid_days, parameters : ndarray of int, shape (m,)
        Days used and coefficients of the chosen parts. [d, 1]
    expected_days : int
        Days in the baseline period. [d]
    has_weather : bool
        Whether temperatures were given.
    """

    choice: NDArray[np.intp]
    parts: tuple[Baselines, ...]
    cv_rmse: FloatArray
    cv_rmse_adj: FloatArray
    autocorrelation: FloatArray
    mean_kwh: FloatArray
    valid_days: NDArray[np.intp]
    parameters: NDArray[np.intp]
    expected_days: int
    has_weather: bool


def fit_split(
    energy_kwh: FloatArray,
    temperature_degc: FloatArray | None,
    day: NDArray[np.datetime64],
    fuel: Fuel = "electricity",
) -> SplitBaselines:
    """Fit every part of the year and choose how to cut it, for each meter.

    Parameters
    ----------
    energy_kwh : ndarray, shape (m, n) or (n,)
        Daily use in the baseline; NaN where missing. [kWh]
    temperature_degc : ndarray, shape (n,) or (m, n), or None
        Daily mean temperature. [degC]
    day : ndarray of datetime64[D], shape (n,)
        The days.
    fuel : {'electricity', 'gas'}
        As for `baseline.fit`.

    Returns
    -------
    SplitBaselines
        With the cut of the lowest n ln(RMSE) + 0.24 K (ln n)^2.061, K its number of parts; a
        part needs 30 days.
    """
    energy = usable(energy_kwh, fuel)
    members = [_member(part, day) for part in PARTS]
    parts = tuple(
        fit(np.where(member, energy, np.nan), temperature_degc, fuel) for member in members
    )
    square = np.array([(p.cv_rmse * p.mean_kwh) ** 2 * p.valid_days for p in parts])
    choice = _choose(square, np.array([p.valid_days for p in parts]))
    used = _used(choice)
    valid = np.array([p.valid_days for p in parts])
    days = np.where(used, valid, 0).sum(axis=0)
    spent = np.where(used, np.array([p.parameters for p in parts]), 0).sum(axis=0)
    mean_of = np.nan_to_num([p.mean_kwh for p in parts])
    with np.errstate(invalid="ignore", divide="ignore"):
        total = np.where(used, np.nan_to_num(square), 0.0).sum(axis=0)
        mean = np.where(used, mean_of * valid, 0.0).sum(axis=0) / days
        residual = energy - _project(parts, used, temperature_degc, day)
        return SplitBaselines(
            choice,
            parts,
            np.sqrt(total / days) / mean,
            np.sqrt(total / np.maximum(days - spent, 0)) / mean,
            lag1_autocorrelation(residual),
            mean,
            days,
            spent,
            energy.shape[1],
            temperature_degc is not None,
        )


def predict_split(
    baselines: SplitBaselines, temperature_degc: FloatArray | None, day: NDArray[np.datetime64]
) -> FloatArray:
    """Project baselines on other days: the counterfactual.

    Parameters
    ----------
    baselines : SplitBaselines
        Fitted models of m meters.
    temperature_degc : ndarray, shape (q,) or (m, q), or None
        Daily mean temperature. [degC]
    day : ndarray of datetime64[D], shape (q,)
        The days.

    Returns
    -------
    ndarray, shape (m, q)
        Expected use by the part that each day belongs to. [kWh]
    """
    weather = temperature_degc if baselines.has_weather else None
    return _project(baselines.parts, _used(baselines.choice), weather, day)


def savings_split(
    baselines: SplitBaselines,
    energy_kwh: FloatArray,
    temperature_degc: FloatArray | None,
    day: NDArray[np.datetime64],
) -> Savings:
    """Compare measured use with the counterfactual.

    Parameters
    ----------
    baselines : SplitBaselines
        Fitted models of m meters.
    energy_kwh : ndarray, shape (m, q) or (q,)
        Daily use in the reporting period, NaN where missing. [kWh]
    temperature_degc : ndarray, shape (q,) or (m, q), or None
        Daily mean temperature. [degC]
    day : ndarray of datetime64[D], shape (q,)
        The days.

    Returns
    -------
    Savings
        As `savings.savings`, with the coefficients of all chosen parts counted.
    """
    energy = np.atleast_2d(energy_kwh)
    expected = predict_split(baselines, temperature_degc, day)
    counted = ~(np.isnan(energy) | np.isnan(expected))
    days = counted.sum(axis=1)
    relative = relative_uncertainty(
        baselines.cv_rmse_adj,
        baselines.autocorrelation,
        baselines.valid_days,
        days,
        baselines.parameters,
        months=np.maximum(np.round(days / _DAYS_PER_MONTH), 1),
    )
    return of_totals(
        np.where(counted, expected, 0.0).sum(axis=1),
        np.where(counted, energy, 0.0).sum(axis=1),
        relative,
        days,
        energy.shape[1],
    )


def _member(part: Part, day: NDArray[np.datetime64]) -> NDArray[np.bool_]:
    """Tell which days belong to a part."""
    season = np.array(SEASON_OF_MONTH)[day.astype("datetime64[M]").astype(np.intp) % 12]
    weekend = (day.astype("datetime64[D]").astype(np.intp) + 3) % 7 >= 5  # 1970-01-01: Thursday
    inside = (season & part[0]) > 0
    if part[1] == WEEKDAYS:
        inside &= ~weekend
    elif part[1] == WEEKENDS:
        inside &= weekend
    return np.asarray(inside, dtype=bool)


def _choose(square: FloatArray, valid: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the best candidate of each meter; the whole year where no other is possible."""
    scores = []
    for cut in CANDIDATES:
        rows = [PARTS.index(part) for part in cut]
        count = valid[rows].sum(axis=0)
        with np.errstate(divide="ignore", invalid="ignore"):
            fitted = count / 2 * np.log(square[rows].sum(axis=0) / count)
            score = fitted + _PENALTY * len(rows) * np.log(count) ** _POWER
        enough = (valid[rows] >= MIN_DAYS).all(axis=0) | (len(rows) == 1)
        scores.append(np.where(enough & ~np.isnan(score), score, np.inf))
    return np.asarray(np.argmin(np.array(scores), axis=0), dtype=np.intp)


def _used(choice: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Return which parts each meter uses: (parts, m)."""
    table = np.array([[part in cut for cut in CANDIDATES] for part in PARTS])
    return np.asarray(table[:, choice], dtype=bool)


def _project(
    parts: tuple[Baselines, ...],
    used: NDArray[np.bool_],
    temperature_degc: FloatArray | None,
    day: NDArray[np.datetime64],
) -> FloatArray:
    expected = np.full((used.shape[1], len(day)), np.nan)
    for part, models, mine in zip(PARTS, parts, used, strict=True):
        here = mine[:, None] & _member(part, day)
        if here.any():
            expected = np.where(here, predict(models, temperature_degc, len(day)), expected)
    return expected
