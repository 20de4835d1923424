"""Readings become days; a day with a hole is missing, never scaled."""

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from cobenefit_backend.estimate.daily import to_daily

CET = timezone(timedelta(hours=1))
NO = np.full(48, np.nan)


def hours(count, start=datetime(2026, 1, 1, tzinfo=CET)):
    return [start + timedelta(hours=n) for n in range(count)]


def test_hours_are_summed_into_local_days():
    degc = np.arange(48.0)
    days = to_daily(hours(48), np.ones(48), degc)
    assert days.energy_kwh.tolist() == [24.0, 24.0]
    assert days.temperature_degc.tolist() == [11.5, 35.5]
    assert days.day[0] == np.datetime64("2026-01-01")


def test_a_missing_hour_makes_the_day_missing():
    energy = np.ones(48)
    energy[3] = np.nan
    assert np.isnan(to_daily(hours(48), energy, NO).energy_kwh).tolist() == [True, False]
    short = to_daily(hours(47), np.ones(47), NO[:47])
    assert np.isnan(short.energy_kwh).tolist() == [False, True]


def test_without_temperatures_there_is_no_weather():
    assert to_daily(hours(48), np.ones(48), NO).temperature_degc is None


def test_daily_rows_keep_their_own_dates_across_summer_time():
    start = [
        datetime(2026, 3, 28, tzinfo=CET),
        datetime(2026, 3, 29, tzinfo=CET),
        datetime(2026, 3, 30, tzinfo=timezone(timedelta(hours=2))),
    ]
    days = to_daily(start, np.array([1.0, 2.0, 3.0]), NO[:3])
    assert days.energy_kwh.tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("changeover", [date(2026, 3, 29), date(2026, 10, 25)])
def test_hours_across_summer_time_make_days_of_24_hours(changeover):
    paris = ZoneInfo("Europe/Paris")
    first = datetime(changeover.year, changeover.month, changeover.day, tzinfo=paris)
    start = [
        (first.astimezone(UTC) + timedelta(hours=n)).astimezone(paris) for n in range(-24, 72)
    ]
    days = to_daily(start, np.ones(96), np.full(96, np.nan))
    assert days.energy_kwh.tolist() == [24.0] * 4


def test_between_fills_with_missing():
    days = to_daily(hours(48), np.ones(48), NO).between(date(2025, 12, 31), date(2026, 1, 4))
    assert np.isnan(days.energy_kwh).tolist() == [True, False, False, True, True][:4]
    assert len(days.day) == 4


def test_no_reading_is_no_day():
    days = to_daily([], np.zeros(0), np.zeros(0)).between(date(2026, 1, 1), date(2026, 1, 3))
    assert np.isnan(days.energy_kwh).all()
