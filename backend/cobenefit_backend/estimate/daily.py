"""Readings to days: the arrays every baseline eats.

A day with less than its expected readings is missing, never scaled up.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo

import numpy as np
from numpy.typing import NDArray

from cobenefit_backend.estimate.baseline import FloatArray


@dataclass(frozen=True, slots=True)
class Daily:
    """Consecutive days of one meter.

    Attributes
    ----------
    day : ndarray of datetime64[D], shape (n,)
        Local days.
    energy_kwh : ndarray, shape (n,)
        Use; NaN where a reading is missing. [kWh]
    temperature_degc : ndarray, shape (n,), or None
        Mean of the temperatures of the day; NaN where there is none. [degC]
    """

    day: NDArray[np.datetime64]
    energy_kwh: FloatArray
    temperature_degc: FloatArray | None

    def between(self, start: date, end: date) -> "Daily":
        """Return the days from start to end (exclusive), NaN where there is no data.

        Parameters
        ----------
        start, end : date
            First day, and the day after the last.

        Returns
        -------
        Daily
            `end - start` days.
        """
        days = np.arange(np.datetime64(start), np.datetime64(end))
        if not len(self.day):
            return Daily(days, np.full(len(days), np.nan), None)
        offset = (days - self.day[0]).astype(np.intp)
        known = (offset >= 0) & (offset < len(self.day))

        def _take(values: FloatArray) -> FloatArray:
            result = np.full(len(days), np.nan)
            result[known] = values[offset[known]]
            return result

        weather = self.temperature_degc
        return Daily(days, _take(self.energy_kwh), None if weather is None else _take(weather))


def to_daily(start: list[datetime], energy_kwh: FloatArray, temperature_degc: FloatArray) -> Daily:
    """Sum readings into local days.

    Parameters
    ----------
    start : list of datetime
        Start of each reading, with its UTC offset.
    energy_kwh, temperature_degc : ndarray, shape (n,)
        Energy of each reading and temperature during it; NaN where missing. [kWh, degC]

    Returns
    -------
    Daily
        Every day from the first to the last reading. One reading per local date is a daily
        series and keeps its dates. Finer readings are cut into 24 h days at the UTC offset
        of the first one, so that summer time neither lengthens nor shortens a day; a day
        with fewer readings than the fullest day, or with a NaN energy, is NaN.
    """
    if not start:
        return Daily(np.zeros(0, "datetime64[D]"), np.zeros(0), None)
    days = [moment.date() for moment in start]
    if len(set(days)) < len(days):
        zone = _fixed_offset(start[0])
        days = [moment.astimezone(zone).date() for moment in start]
    first = min(days)
    index = np.array([(day - first).days for day in days])
    size = int(index.max()) + 1
    count = np.bincount(index, minlength=size)
    energy = np.bincount(index, energy_kwh, minlength=size).astype(np.float64)
    energy[count < count.max()] = np.nan
    known = ~np.isnan(temperature_degc)
    weather = None
    if known.any():
        total = np.bincount(index[known], temperature_degc[known], minlength=size)
        seen = np.bincount(index[known], minlength=size)
        weather = np.where(seen > 0, total / np.maximum(seen, 1), np.nan)
    dates = np.datetime64(first) + np.arange(size).astype("timedelta64[D]")
    return Daily(dates, energy, weather)


def _fixed_offset(moment: datetime) -> tzinfo:
    return timezone(moment.utcoffset() or timedelta(0)) if moment.tzinfo else UTC
