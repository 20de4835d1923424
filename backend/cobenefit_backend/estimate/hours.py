"""Readings to hours of local standard time: the arrays the hourly model eats.

An hour with less than its expected readings is missing, never scaled up.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone

import numpy as np
from numpy.typing import NDArray

from cobenefit_backend.estimate.baseline import FloatArray

MAX_BRIDGED_HOURS = 6


@dataclass(frozen=True, slots=True)
class Hours:
    """Consecutive hours of one meter.

    Attributes
    ----------
    start : datetime64[h]
        First hour, local standard time.
    energy_kwh : ndarray, shape (t,)
        Use; NaN where a reading is missing. [kWh]
    temperature_degc : ndarray, shape (t,), or None
        Mean of the temperatures of the hour; NaN where there is none. [degC]
    """

    start: np.datetime64
    energy_kwh: FloatArray
    temperature_degc: FloatArray | None

    def between(self, start: date, end: date) -> "Hours":
        """Return the hours from midnight to midnight, NaN where there is no data.

        Parameters
        ----------
        start, end : date
            First day, and the day after the last.

        Returns
        -------
        Hours
            24 (end - start) hours.
        """
        first, last = (np.datetime64(day).astype("datetime64[h]") for day in (start, end))
        offset = (np.arange(first, last) - self.start).astype(np.intp)
        weather = self.temperature_degc
        return Hours(
            first,
            _at(self.energy_kwh, offset),
            None if weather is None else _at(weather, offset),
        )


def _at(values: FloatArray, offset: NDArray[np.intp]) -> FloatArray:
    known = (offset >= 0) & (offset < len(values))
    result = np.full(len(offset), np.nan)
    result[known] = values[offset[known]]
    return result


def to_hourly(
    start: list[datetime], energy_kwh: FloatArray, temperature_degc: FloatArray
) -> Hours:
    """Sum readings into hours at the UTC offset of the first one.

    Parameters
    ----------
    start : list of datetime
        Start of each reading, with its UTC offset; at least one.
    energy_kwh, temperature_degc : ndarray, shape (n,)
        Energy of each reading and temperature during it; NaN where missing. [kWh, degC]

    Returns
    -------
    Hours
        Every hour from the first to the last reading; an hour with fewer readings than the
        fullest one, or with a NaN energy, is NaN.

    Raises
    ------
    ValueError
        If readings are further than an hour apart more often than not: these are no hours.
    """
    offset = start[0].utcoffset() or timedelta(0)
    zone = timezone(offset)
    local = np.array([m.astimezone(zone).replace(tzinfo=None) for m in start], "datetime64[s]")
    first = local.min().astype("datetime64[h]")
    index = (local.astype("datetime64[h]") - first).astype(np.intp)
    if len(index) > 1 and np.median(np.diff(np.sort(index))) > 1:
        raise ValueError("rows are further apart than an hour: take the daily or billing model")
    size = int(index.max()) + 1
    count = np.bincount(index, minlength=size)
    energy = np.bincount(index, energy_kwh, minlength=size).astype(np.float64)
    energy[count < count.max()] = np.nan
    known = ~np.isnan(temperature_degc)
    if not known.any():
        return Hours(first, energy, None)
    return Hours(first, energy, mean_by_hour(index[known], temperature_degc[known], size))


def mean_by_hour(index: NDArray[np.intp], temperature_degc: FloatArray, size: int) -> FloatArray:
    """Return the mean temperature of each hour, short gaps bridged.

    Parameters
    ----------
    index : ndarray of int, shape (n,)
        Hour of each temperature, 0 to size - 1. [h]
    temperature_degc : ndarray, shape (n,)
        Temperatures, none missing. [degC]
    size : int
        Number of hours. [h]

    Returns
    -------
    ndarray, shape (size,)
        Means; up to six missing hours in a row are interpolated, longer gaps stay NaN
        (CalTRACK 2.0, section 2.2.4.1). [degC]
    """
    seen = np.bincount(index, minlength=size)
    total = np.bincount(index, temperature_degc, minlength=size)
    known = np.flatnonzero(seen > 0)
    hour = np.arange(size)
    place = np.searchsorted(known, hour)
    after = known[np.minimum(place, len(known) - 1)]
    before = known[np.maximum(place - 1, 0)]
    gap = np.where(seen > 0, 0, after - before - 1)
    outside = (hour < known[0]) | (hour > known[-1])
    value = np.interp(hour, known, total[known] / seen[known])
    return np.where(outside | (gap > MAX_BRIDGED_HOURS), np.nan, value)
