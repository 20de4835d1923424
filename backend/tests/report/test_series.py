"""Daily series: exact between midnights, a gap is a gap, days follow the clock of the site."""

from datetime import date, timedelta

import numpy as np
import pytest

from cobenefit_backend.report.series import (
    counter_days,
    coverage_ratio,
    daily_energy,
    temperature_days,
)

PARIS = "Europe/Paris"


@pytest.fixture
def week(counter_row):
    rows, register = [], 0
    for offset in range(7):
        rows.append(counter_row(date(2024, 5, 1 + offset), register, 1000 * (offset + 1)))
        register += 1000 * (offset + 1)
    # as a gateway writes it: delta runs from the last reading before to the last reading in
    lasts = [row["last"] for row in rows]
    for index, row in enumerate(rows):
        row["delta"] = lasts[index] - (lasts[index - 1] if index else 0)
    return rows


def test_a_day_is_what_the_register_moved_between_its_midnights(week):
    days = counter_days(week, PARIS)
    assert days.amount[:6] == pytest.approx([1000, 2000, 3000, 4000, 5000, 6000], abs=1e-6)
    # nothing follows the last reading at 23:30: the last half hour is not known
    assert days.amount[6] == pytest.approx(7000 * 47 / 48)


def test_the_days_add_up_to_the_register(week):
    assert counter_days(week, PARIS).amount.sum() == pytest.approx(week[-1]["last"])


def test_a_missing_day_takes_its_neighbours_with_it(week):
    del week[3]
    days = counter_days(week, PARIS)
    assert len(days.day) == 7
    # the steps into and out of the gap can't be shared between days
    assert np.isnan(days.amount).tolist() == [False, False, True, True, True, False, False]


def test_a_day_with_too_few_readings_is_missing(week):
    week[2]["count"] = 40  # 40 of 48
    assert np.isnan(counter_days(week, PARIS).amount).tolist()[2] is True


def test_a_counter_that_went_back_is_never_shared(week):
    week[3]["first"] = 0
    days = counter_days(week, PARIS)
    assert np.isnan(days.amount)[[2, 3]].all()
    assert np.isfinite(days.amount)[[1, 4]].all()


def test_days_of_23_and_25_hours_keep_their_dates(counter_row):
    for first in (date(2024, 3, 29), date(2024, 10, 25)):
        rows = [counter_row(first + timedelta(days=n), 1000 * n, 1000) for n in range(5)]
        lengths = {row["length_s"] for row in rows}
        assert len(lengths) == 2
        days = counter_days(rows, PARIS)
        assert days.day.tolist() == [first + timedelta(days=n) for n in range(5)]
        assert np.isfinite(days.amount).all()


def test_nothing_gives_nothing():
    assert len(counter_days([], PARIS).day) == 0
    assert daily_energy([], [], PARIS).temperature_degc is None


def test_temperatures_are_means_of_local_days(counter_row):
    start = counter_row(date(2024, 5, 1), 0, 1)["start_ms"]
    rows = [
        {"t_ms": start + 3_600_000 * hour, "temperature_degc": 10 + (hour >= 24) * 5}
        for hour in range(72)
        if not 48 <= hour < 64
    ]
    day = np.arange(np.datetime64("2024-05-01"), np.datetime64("2024-05-05"))
    found = temperature_days(rows, PARIS, day)
    assert found[:2].tolist() == [10.0, 15.0]
    assert np.isnan(found[2:]).all()  # 8 of 24 temperatures, then none


def test_coverage_counts_days_of_the_period(counter_row):
    rows = [counter_row(date(2024, 5, day), 0, 1) for day in range(1, 9)]
    rows[0]["count"] = 1
    start, end = date(2024, 5, 1), date(2024, 5, 11)
    assert coverage_ratio(rows, PARIS, start, end) == pytest.approx(0.7)
