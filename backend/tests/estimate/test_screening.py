"""Steps are found where they are, rarely where there is none; panels and cars are seen."""

import numpy as np
import pytest

from cobenefit_backend.estimate.screening import (
    charging_suspected,
    largest_step,
    solar_suspected,
    step_records,
)


def residuals(meters, days, rng, rho=0.3):
    noise = rng.normal(0, 1, (meters, days))
    for day in range(1, days):
        noise[:, day] = rho * noise[:, day - 1] + np.sqrt(1 - rho**2) * noise[:, day]
    return noise


def brute(row):
    best = (0.0, 0)
    for t in range(30, len(row) - 29):
        a, b = row[:t], row[t:]
        gain = len(a) * len(b) / len(row) * (b.mean() - a.mean()) ** 2
        best = max(best, (gain, t))
    return best[1]


def test_a_step_is_found_at_its_day_and_size():
    rng = np.random.default_rng(1)
    series = residuals(50, 365, rng)
    series[:, 200:] -= 1.5
    step = largest_step(series)
    assert step.found.mean() >= 0.98
    assert np.median(np.abs(step.day - 200)) <= 3
    assert step.size_kwh.mean() == pytest.approx(-1.5, abs=0.1)


def test_the_search_agrees_with_trying_every_day():
    series = residuals(20, 150, np.random.default_rng(2))
    assert largest_step(series).day.tolist() == [brute(row) for row in series]


def test_without_a_step_the_alarm_is_rare():
    # 8 % on the simulated meters it was set on; three binomial standard errors above
    assert largest_step(residuals(400, 365, np.random.default_rng(3))).found.mean() <= 0.13


def test_missing_days_do_not_move_it():
    series = residuals(10, 365, np.random.default_rng(4))
    series[:, 120:] += 2
    gaps = series.copy()
    gaps[:, 50:60] = np.nan
    assert np.abs(largest_step(gaps).day - largest_step(series).day).max() <= 3


def test_a_change_elsewhere_is_said_and_the_recorded_one_is_not():
    series = residuals(5, 365, np.random.default_rng(5))
    series[:, 100:] += 3
    step = largest_step(series)
    assert step_records(step, 100) == ()
    record = step_records(step, 250)[0]
    assert (record.code, record.data["meters"]) == ("change_elsewhere", 5)
    with pytest.raises(ValueError, match="60 days"):
        largest_step(series[:, :60])


def test_panels_and_a_car_are_seen_and_an_ordinary_home_is_not():
    rng = np.random.default_rng(6)
    day = 0.4 + 0.3 * np.exp(-((np.arange(24) - 19) ** 2) / 8)
    homes = day * rng.uniform(0.7, 1.3, (4, 60, 24))
    homes[1, :, 10:16] *= 0.2
    homes[2, 5, 13] = -0.5
    homes[3, ::4, 1:4] += 6.5
    homes[0, 3, 4] = np.nan
    assert solar_suspected(homes).tolist() == [False, True, True, False]
    assert charging_suspected(homes).tolist() == [False, False, False, True]
