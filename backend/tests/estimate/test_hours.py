"""Readings to hours: whole hours, standard time, short gaps in temperature bridged."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from cobenefit_backend.estimate.hours import mean_by_hour, to_hourly

PARIS = ZoneInfo("Europe/Paris")


def moments(count, minutes, first="2024-03-30T00:00:00+01:00"):
    start = datetime.fromisoformat(first)
    return [(start + timedelta(minutes=minutes * n)).astimezone(PARIS) for n in range(count)]


def test_half_hours_are_summed_and_a_missing_one_makes_the_hour_missing():
    when = moments(8, 30)
    use = np.arange(8.0)
    use[5] = np.nan
    hours = to_hourly(when[:3] + when[4:], np.delete(use, 3), np.full(7, 5.0))
    assert hours.energy_kwh[[0, 3]].tolist() == [1.0, 13.0]
    assert np.isnan(hours.energy_kwh[[1, 2]]).all()


def test_summer_time_neither_doubles_nor_skips_an_hour():
    hours = to_hourly(moments(72, 60), np.ones(72), np.ones(72))
    assert hours.start == np.datetime64("2024-03-30T00")
    assert hours.energy_kwh.tolist() == [1.0] * 72
    third = hours.between(date(2024, 4, 1), date(2024, 4, 3))
    assert np.isfinite(third.energy_kwh).sum() == 24
    assert len(third.temperature_degc) == 48


def test_days_are_no_hours():
    with pytest.raises(ValueError, match="further apart than an hour"):
        to_hourly(moments(5, 1440), np.ones(5), np.ones(5))


def test_six_missing_temperatures_are_bridged_and_seven_are_not():
    degc = mean_by_hour(np.array([0, 7, 15]), np.array([0.0, 7.0, 15.0]), 20)
    assert degc[:8] == pytest.approx(np.arange(8.0))
    assert np.isnan(degc[8:15]).all()
    assert degc[15] == 15.0
    assert np.isnan(degc[16:]).all()
