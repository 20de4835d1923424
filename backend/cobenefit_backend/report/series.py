"""From stored rollups to daily series: local days, NaN where the data do not carry a day.

A daily rollup holds a counter's increase from the last reading before the window to the last
reading in it. The step across midnight is shared by time between the two days, so that a day
is worth what the register moved between its two midnights. Nothing is ever filled in.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from cobenefit_backend.estimate.daily import Daily
from cobenefit_backend.estimate.hours import Hours, mean_by_hour

FloatArray = NDArray[np.float64]
Row = Mapping[str, Any]

MIN_DAY_COVERAGE_RATIO = 0.9
"""A day with fewer of its expected readings is missing. CalTRACK 2.0 (2.3.4.1, 2018) drops a
day at one half; a register that stands still over a gap makes us stricter."""
MAX_STEP_S = 8_640.0
"""Longest step across midnight that may be shared by time: a tenth of a day. [s]"""
MIN_TEMPERATURES_RATIO = 0.5
HOUR_MS = 3_600_000
MAX_HOUR_STEP_S = 1_800.0
"""Longest step across a full hour that may be shared by time: half an hour. [s]"""


@dataclass(frozen=True, slots=True)
class CounterDays:
    """Daily increases of a counter.

    Parameters
    ----------
    day : ndarray of datetime64[D], shape (n,)
        Consecutive local days.
    amount : ndarray, shape (n,)
        Increase in the unit of the counter; NaN where coverage is too low. [counter unit]
    """

    day: NDArray[np.datetime64]
    amount: FloatArray


def counter_days(rows: Sequence[Row], timezone: str) -> CounterDays:
    """Return the daily increases of a counter.

    Parameters
    ----------
    rows : sequence of mapping
        Daily rollups in time order, from the store.
    timezone : str
        Time zone of the site; windows start at its midnight.

    Returns
    -------
    CounterDays
        Every day from the first to the last rollup.
    """
    if not rows:
        return CounterDays(np.zeros(0, "datetime64[D]"), np.zeros(0))
    zone = ZoneInfo(timezone)
    days = [_local_date(row["start_ms"], zone) for row in rows]
    span = np.arange(np.datetime64(days[0]), np.datetime64(days[-1]) + np.timedelta64(1, "D"))
    amount = np.full(len(span), np.nan)
    for position, row in enumerate(rows):
        index = (days[position] - days[0]).days
        before = rows[position - 1] if position else None
        after = rows[position + 1] if position + 1 < len(rows) else None
        amount[index] = _amount(before, row, after)
    return CounterDays(span, amount)


def _local_date(t_ms: int, zone: ZoneInfo) -> date:
    return datetime.fromtimestamp(t_ms / 1000, tz=UTC).astimezone(zone).date()


def _amount(
    before: Row | None, row: Row, after: Row | None, max_step_s: float = MAX_STEP_S
) -> float:
    """Return the increase between the ends of a window, NaN when the data do not carry it."""
    if row["delta"] is None or row["count"] < MIN_DAY_COVERAGE_RATIO * row["expected"]:
        return float("nan")
    if row["count"] and row["first"] is None:
        return float(row["delta"])  # made of energies, not of a register: between its own ends
    start_ms, end_ms = row["start_ms"], row["start_ms"] + row["length_s"] * 1000
    early = _share_before(before, row, start_ms, max_step_s)
    late = _share_before(row, after, end_ms, max_step_s)
    if early is None and before is None:
        # nothing precedes the series: delta starts at the first reading of the day
        early = 0.0 if row["first_t_ms"] - start_ms <= max_step_s * 1000 else None
    if late is None and end_ms - row["last_t_ms"] <= max_step_s * 1000 and after is None:
        late = 0.0
    if early is None or late is None:
        return float("nan")
    return float(row["delta"]) - early + late


def _share_before(
    earlier: Row | None, later: Row | None, midnight_ms: int, max_step_s: float
) -> float | None:
    """Return the part of the step across a midnight (or full hour) that belongs before it."""
    if earlier is None or later is None or not earlier["count"] or not later["count"]:
        return None
    if earlier["first"] is None or later["first"] is None:
        return None  # energies have no register that another could be compared with
    step_ms = later["first_t_ms"] - earlier["last_t_ms"]
    step = later["first"] - earlier["last"]
    if not 0 < step_ms <= max_step_s * 1000 or step < 0:
        return None
    return float(step * (midnight_ms - earlier["last_t_ms"]) / step_ms)


def temperature_days(
    rows: Sequence[Row], timezone: str, day: NDArray[np.datetime64]
) -> FloatArray | None:
    """Return the mean temperature of each local day.

    Parameters
    ----------
    rows : sequence of mapping
        Temperatures of a station in time order.
    timezone : str
        Time zone of the site.
    day : ndarray of datetime64[D], shape (n,)
        Consecutive days wanted.

    Returns
    -------
    ndarray, shape (n,), or None
        Means; NaN on a day with fewer than half of the usual number of temperatures. None
        without any temperature. [degC]
    """
    if not rows or not len(day):
        return None
    zone = ZoneInfo(timezone)
    dates = np.array([_local_date(row["t_ms"], zone) for row in rows], dtype="datetime64[D]")
    index = (dates - day[0]).astype(np.intp)
    inside = (index >= 0) & (index < len(day))
    if not inside.any():
        return None
    value = np.array([row["temperature_degc"] for row in rows])
    seen = np.bincount(index[inside], minlength=len(day)).astype(np.float64)
    total = np.bincount(index[inside], value[inside], minlength=len(day))
    usual = float(np.median(seen[seen > 0]))
    enough = seen >= max(1.0, MIN_TEMPERATURES_RATIO * usual)
    return np.where(enough, total / np.maximum(seen, 1.0), np.nan)


def coverage_ratio(rows: Sequence[Row], timezone: str, start: date, end: date) -> float:
    """Return the share of the days of a period with enough readings of a channel.

    Parameters
    ----------
    rows : sequence of mapping
        Daily rollups of any kind of channel.
    timezone : str
        Time zone of the site.
    start, end : date
        Period, end exclusive.

    Returns
    -------
    float
        Covered days by days in the period. [1]
    """
    zone = ZoneInfo(timezone)
    covered = {
        _local_date(row["start_ms"], zone)
        for row in rows
        if row["expected"] and row["count"] >= MIN_DAY_COVERAGE_RATIO * row["expected"]
        if row["first"] is not None or row["delta"] is not None
    }
    days = (end - start).days
    return sum(start <= day < end for day in covered) / days if days > 0 else 0.0


def daily_energy(rows: Sequence[Row], weather: Sequence[Row], timezone: str) -> Daily:
    """Return the daily energy of a meter with the temperature of its station.

    Parameters
    ----------
    rows : sequence of mapping
        Daily rollups of a counter in Wh.
    weather : sequence of mapping
        Temperatures of the station; empty for none.
    timezone : str
        Time zone of the site.

    Returns
    -------
    Daily
        Consecutive local days.
    """
    days = counter_days(rows, timezone)
    return Daily(days.day, days.amount / 1000, temperature_days(weather, timezone, days.day))


def hourly_energy(rows: Sequence[Row], weather: Sequence[Row], timezone: str) -> Hours | None:
    """Return the hourly energy of a meter with the temperature of its station.

    Parameters
    ----------
    rows : sequence of mapping
        Rollups of an hour or less of a counter in Wh, in time order.
    weather : sequence of mapping
        Temperatures of the station; empty for none.
    timezone : str
        Time zone of the site: hours are those of its standard time.

    Returns
    -------
    Hours or None
        Consecutive hours; None without any rollup of an hour or less.
    """
    if not rows:
        return None
    offset_ms = _standard_offset_ms(timezone)
    merged = _merge_hours(rows, offset_ms)
    order = sorted(merged)
    first = order[0]
    energy = np.full(order[-1] - first + 1, np.nan)
    # the neighbours are the hours that have data: a step over a gap is too long to be shared
    row: list[Row | None] = [None, *(merged[hour] for hour in order), None]
    for before, hour, after in zip(row, order, row[2:], strict=False):
        energy[hour - first] = _amount(before, merged[hour], after, MAX_HOUR_STEP_S) / 1000
    degc = None
    if weather:
        hours = [(row["t_ms"] + offset_ms) // HOUR_MS - first for row in weather]
        index = np.array(hours, dtype=np.intp)
        inside = (index >= 0) & (index < len(energy))
        if inside.any():
            value = np.array([row["temperature_degc"] for row in weather])
            degc = mean_by_hour(index[inside], value[inside], len(energy))
    return Hours(np.datetime64(first, "h"), energy, degc)


def _standard_offset_ms(timezone: str) -> int:
    """Return how far the standard time of a zone is ahead of UTC."""
    winter, summer = (datetime(2024, month, 1, tzinfo=ZoneInfo(timezone)) for month in (1, 7))
    offsets = [moment.utcoffset() or timedelta(0) for moment in (winter, summer)]
    return round(min(offsets).total_seconds() * 1000)


def _merge_hours(rows: Sequence[Row], offset_ms: int) -> dict[int, dict[str, Any]]:
    """Merge the windows of each hour, counted from 1970 in standard time, into one."""
    merged: dict[int, dict[str, Any]] = {}
    for row in rows:
        hour = (row["start_ms"] + offset_ms) // HOUR_MS
        start_ms = hour * HOUR_MS - offset_ms
        found = merged.setdefault(
            hour,
            {"start_ms": start_ms, "length_s": 3600, "count": 0, "expected": 0, "delta": 0.0},
        )
        if row["start_ms"] < found.get("end_ms", start_ms):
            continue  # an hour and its parts, from two sources: never both
        found["end_ms"] = row["start_ms"] + row["length_s"] * 1000
        found["count"] += row["count"]
        found["expected"] += row["expected"]
        if not row["count"]:
            continue
        found["delta"] = None if row["delta"] is None else (found["delta"] or 0.0) + row["delta"]
        found.setdefault("first", row["first"])
        found.setdefault("first_t_ms", row["first_t_ms"])
        found["last"], found["last_t_ms"] = row["last"], row["last_t_ms"]
    return merged
