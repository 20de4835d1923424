"""Hourly time-of-week and temperature baselines of many meters at once (CalTRACK 2.0 TOWT).

    energy = level(hour of week) + sum over bins of slope(bin, occupied) x degrees in the bin

One model per calendar month, fitted on it and its two neighbours at half weight. As occupancy
belongs to an hour of the week, the levels are absorbed by taking the means of each hour of the
week out, and occupied and unoccupied hours are two regressions of seven columns. Loops run over
months, never over meters. Source: CalTRACK 2.0 methods, sections 3.9 to 3.11, 2018.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cobenefit_backend.estimate.baseline import DEGF_PER_DEGC, FloatArray

ENDPOINTS_DEGF = np.array([30.0, 45.0, 55.0, 65.0, 75.0, 90.0])
BINS = len(ENDPOINTS_DEGF) + 1
HOURS_OF_WEEK = 168
MIN_BIN_HOURS = 20
OCCUPIED_SHARE = 0.65
NEIGHBOUR_WEIGHT = 0.5
_HEATING_DEGF, _COOLING_DEGF = 50.0, 65.0
_CHUNK = 25  # meters whose work arrays stay small
_FLAT = 1e-10  # share of the largest eigenvalue below which a direction holds no data

Months = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class HourlyBaselines:
    """Fitted hourly baselines of m meters.

    Attributes
    ----------
    level_kwh : ndarray, shape (m, 12, 168)
        Use at 0 degF in each bin by month and hour of week (0: Monday 00 h); NaN where no
        hour was seen. [kWh]
    slope_kwh_per_degf : ndarray, shape (m, 12, 2, 7)
        By month, unoccupied or occupied, and bin; equal in bins that were merged. [kWh/degF]
    occupied : ndarray of bool, shape (m, 12, 168)
        Hours of the week that use more than weather explains.
    endpoints : ndarray of bool, shape (m, 12, 6)
        Which of ENDPOINTS_DEGF were kept.
    valid_hours : ndarray of int, shape (m,)
        Hours used. [h]
    """

    level_kwh: FloatArray
    slope_kwh_per_degf: FloatArray
    occupied: NDArray[np.bool_]
    endpoints: NDArray[np.bool_]
    valid_hours: NDArray[np.intp]


def fit(
    energy_kwh: FloatArray, temperature_degc: FloatArray, start: np.datetime64
) -> HourlyBaselines:
    """Fit the CalTRACK 2.0 hourly model to every meter.

    Parameters
    ----------
    energy_kwh : ndarray, shape (m, t) or (t,)
        Hourly use of m meters; NaN where missing. [kWh]
    temperature_degc : ndarray, shape (t,) or (m, t)
        Hourly outdoor temperature, shared or per meter. [degC]
    start : datetime64
        First hour, local standard time.

    Returns
    -------
    HourlyBaselines
        Twelve models per meter.

    Raises
    ------
    ValueError
        If the shapes do not match.

    Notes
    -----
    An hour of the week is occupied where over 65 % of its residuals against
    use ~ CDD65 + HDD50 are positive. A bin of under 20 h is merged with its neighbour, the
    outer ones first. Where data hold nothing on a slope it is 0.
    """
    energy = np.atleast_2d(np.asarray(energy_kwh, dtype=np.float64))
    degf = _degf(temperature_degc, energy.shape)
    month, hour = calendar(start, energy.shape[1])
    parts = []
    for first in range(0, max(len(energy), 1), _CHUNK):
        rows = slice(first, first + _CHUNK)
        parts.append(_fit(energy[rows], degf if len(degf) == 1 else degf[rows], month, hour))
    return HourlyBaselines(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def predict(
    baselines: HourlyBaselines, temperature_degc: FloatArray, start: np.datetime64
) -> FloatArray:
    """Project baselines on the temperatures of other hours: the counterfactual.

    Parameters
    ----------
    baselines : HourlyBaselines
        Fitted models of m meters.
    temperature_degc : ndarray, shape (t,) or (m, t)
        Hourly outdoor temperature. [degC]
    start : datetime64
        First hour, local standard time.

    Returns
    -------
    ndarray, shape (m, t)
        Expected use; NaN where the temperature or the level is unknown. [kWh]
    """
    hours = np.atleast_2d(temperature_degc).shape[1]
    degf = _degf(temperature_degc, (len(baselines.level_kwh), hours))
    month, hour = calendar(start, hours)
    expected = baselines.level_kwh[:, month, hour]
    occupied = baselines.occupied[:, month, hour]
    for k in range(BINS):
        bins = in_bins(degf, k)
        slope = baselines.slope_kwh_per_degf[:, :, :, k]
        expected += np.where(occupied, slope[:, month, 1], slope[:, month, 0]) * bins
    return expected


def in_bins(temperature_degf: FloatArray, which: int) -> FloatArray:
    """Return the degrees of a temperature that fall into one of the seven bins.

    Parameters
    ----------
    temperature_degf : ndarray
        Temperature. [degF]
    which : int
        Bin, 0 (up to 30 degF) to 6 (above 90 degF). [1]

    Returns
    -------
    ndarray
        The seven add up to the temperature. [degF]

    Examples
    --------
    >>> [float(in_bins(np.array(50.0), k)) for k in range(7)]
    [30.0, 15.0, 5.0, 0.0, 0.0, 0.0, 0.0]
    """
    low = ENDPOINTS_DEGF[which - 1] if which else 0.0
    width = ENDPOINTS_DEGF[which] - low if which < BINS - 1 else np.inf
    above = np.asarray(temperature_degf) - low
    return np.asarray(np.minimum(above if which == 0 else np.maximum(above, 0.0), width))


def calendar(start: np.datetime64, hours: int) -> tuple[Months, Months]:
    """Return the month and the hour of the week of consecutive hours.

    Parameters
    ----------
    start : datetime64
        First hour.
    hours : int
        How many. [h]

    Returns
    -------
    tuple of ndarray of int, shape (hours,)
        0 for January to 11; 0 for Monday 00 h to 167. [1]
    """
    at = start.astype("datetime64[h]") + np.arange(hours).astype("timedelta64[h]")
    month = at.astype("datetime64[M]").astype(np.intp) % 12
    since_monday = (at - np.datetime64("1970-01-05T00", "h")).astype(np.intp)
    return month, since_monday % HOURS_OF_WEEK


def keep_endpoints(temperature_degf: FloatArray, used: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Choose the bin endpoints that leave at least 20 h in each bin.

    Parameters
    ----------
    temperature_degf : ndarray, shape (1, t) or (m, t)
        Hourly temperature. [degF]
    used : ndarray of bool, shape (m, t)
        Hours that count.

    Returns
    -------
    ndarray of bool, shape (m, 6)
        Endpoints kept. Both outer bins are looked at first, the inner ones only when those
        are full, as often as something was merged.
    """
    place = np.searchsorted(ENDPOINTS_DEGF, temperature_degf, side="left")
    raw = np.stack([((place == k) & used).sum(axis=1) for k in range(BINS)], axis=1)
    keep = np.ones((len(used), BINS - 1), dtype=bool)
    while True:
        drop = _thin(raw, keep)
        if not drop.any():
            return keep
        keep &= ~drop


def _thin(raw: NDArray[np.intp], keep: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the endpoints to drop next, (m, 6)."""
    group = _groups(keep)
    count = np.stack([np.where(group == k, raw, 0).sum(axis=1) for k in range(BINS)], axis=1)
    few: NDArray[np.bool_] = np.take_along_axis(count, group, axis=1) < MIN_BIN_HOURS  # raw bins
    last = group[:, -1:]
    outer = keep & ((few[:, :-1] & (group[:, :-1] == 0)) | (few[:, 1:] & (group[:, 1:] == last)))
    inner = keep & few[:, :-1] & (group[:, :-1] > 0) & (group[:, :-1] < last)
    return np.where(outer.any(axis=1, keepdims=True), outer, inner)


def _degf(temperature_degc: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    degc = np.atleast_2d(np.asarray(temperature_degc, dtype=np.float64))
    if degc.shape not in (shape, (1, shape[1])):
        raise ValueError(
            f"temperature has shape {degc.shape}, energy {shape}: give one temperature per "
            "hour, shared or per meter"
        )
    return degc * DEGF_PER_DEGC + 32.0


def _fit(
    energy: FloatArray, degf: FloatArray, month: Months, hour: Months
) -> tuple[FloatArray, FloatArray, NDArray[np.bool_], NDArray[np.bool_], NDArray[np.intp]]:
    meters = len(energy)
    valid = ~(np.isnan(energy) | np.isnan(degf))
    level = np.full((meters, 12, HOURS_OF_WEEK), np.nan)
    slope = np.zeros((meters, 12, 2, BINS))
    occupied = np.zeros((meters, 12, HOURS_OF_WEEK), dtype=bool)
    endpoints = np.zeros((meters, 12, BINS - 1), dtype=bool)
    for which in range(12):
        away = np.minimum((month - which) % 12, (which - month) % 12)
        rows = np.flatnonzero(away <= 1)
        rows = rows[np.argsort(hour[rows], kind="stable")]
        if not len(rows):
            continue
        used = valid[:, rows]
        season = _Season(
            np.where(used, energy[:, rows], 0.0),
            np.nan_to_num(degf[:, rows]),
            used,
            np.where(away[rows] == 0, 1.0, NEIGHBOUR_WEIGHT) * used,
            hour[rows],
        )
        endpoints[:, which] = keep_endpoints(season.degf, used)
        occupied[:, which] = _occupancy(season)
        level[:, which], slope[:, which] = _regress(
            season, occupied[:, which], endpoints[:, which]
        )
    return level, slope, occupied, endpoints, valid.sum(axis=1)


@dataclass(frozen=True, slots=True)
class _Season:
    """A month and its neighbours, sorted by hour of the week."""

    use: FloatArray  # (m, r), 0 where not used
    degf: FloatArray  # (m or 1, r)
    used: NDArray[np.bool_]  # (m, r)
    weight: FloatArray  # (m, r), 0 where not used
    hour: Months  # (r,)

    def sums(self, values: FloatArray) -> FloatArray:
        """Sum the last axis by hour of the week: (…, 168)."""
        present, first = np.unique(self.hour, return_index=True)
        result = np.zeros((*values.shape[:-1], HOURS_OF_WEEK))
        result[..., present] = np.add.reduceat(values, first, axis=-1)
        return result


def _occupancy(season: _Season) -> NDArray[np.bool_]:
    """Flag the hours of the week above a weather model more often than not: (m, 168)."""
    parts = (
        np.ones_like(season.use),
        np.maximum(season.degf - _COOLING_DEGF, 0.0),
        np.maximum(_HEATING_DEGF - season.degf, 0.0),
    )
    columns = np.stack(np.broadcast_arrays(*parts), axis=1)
    weighted = columns * season.weight[:, None]
    moment = (weighted @ season.use[:, :, None])[..., 0]
    beta = _solve(weighted @ columns.transpose(0, 2, 1), moment)
    above = (season.use > (beta[:, None] @ columns)[:, 0]) & season.used
    hours = season.sums(season.used.astype(np.float64))
    often = season.sums(above.astype(np.float64)) > OCCUPIED_SHARE * hours
    # an hour of the week without a reading counts as occupied, as in the reference
    return np.where(hours > 0, often, True)


def _solve(gram: FloatArray, moment: FloatArray) -> FloatArray:
    """Solve symmetric systems (…, k, k), 0 along directions without data."""
    scale = np.sqrt(np.diagonal(gram, axis1=-2, axis2=-1))
    scale = np.where(scale > 0, scale, 1.0)
    unit = gram / (scale[..., :, None] * scale[..., None, :])
    inverse = np.linalg.pinv(unit, rcond=_FLAT, hermitian=True)
    return (inverse @ (moment / scale)[..., None])[..., 0] / scale


def _regress(
    season: _Season, occupied: NDArray[np.bool_], keep: NDArray[np.bool_]
) -> tuple[FloatArray, FloatArray]:
    """Return levels (m, 168) and slopes (m, 2, 7)."""
    use, weight, hour = season.use, season.weight, season.hour
    total = season.sums(weight)
    divisor = np.where(total > 0, total, 1.0)
    raw = np.stack([in_bins(season.degf, k) for k in range(BINS)], axis=1)  # (m or 1, 7, r)
    merge = (_groups(keep)[:, None, :] == np.arange(BINS)[:, None]).astype(np.float64)
    columns = merge @ raw
    mean_x = season.sums(columns * weight[:, None]) / divisor[:, None]
    mean_y = season.sums(use * weight) / divisor
    centred = columns - mean_x[:, :, hour]
    residual = use - mean_y[:, hour]
    slope = np.zeros((len(use), 2, BINS))
    for side in (0, 1):
        weighted = centred * (weight * (occupied[:, hour] == side))[:, None]
        gram = weighted @ centred.transpose(0, 2, 1)
        slope[:, side] = _solve(gram, (weighted @ residual[:, :, None])[..., 0])
    by_hour = np.where(occupied[:, None], slope[:, 1, :, None], slope[:, 0, :, None])
    level = np.where(total > 0, mean_y - (by_hour * mean_x).sum(axis=1), np.nan)
    return level, slope @ merge  # a merged bin has one slope


def _groups(keep: NDArray[np.bool_]) -> Months:
    """Return the merged bin of each raw bin: (m, 7)."""
    first = np.zeros((len(keep), 1), dtype=np.intp)
    return np.concatenate((first, np.cumsum(keep, axis=1, dtype=np.intp)), axis=1)
