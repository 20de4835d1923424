"""Samples make the windows a gateway would have sent, on days of 23, 24 and 25 hours."""

from datetime import date

import numpy as np
import pytest

from cobenefit_backend.imports.records import Sample
from cobenefit_backend.imports.windows import windows
from cobenefit_backend.report.series import counter_days, coverage_ratio, hourly_energy
from cobenefit_gateway.core.partials import partials

ZONE = "Europe/Paris"
DAY_S = 82_800


def _spans(rows):
    return [Sample(t, t + 1_800_000, power / 2) for t, power in rows]


def _days(rows):
    return [row for row in rows if row["length_s"] >= DAY_S]


@pytest.mark.parametrize(
    ("first", "end", "length_s"),
    [
        (date(2024, 3, 31), date(2024, 4, 1), 82_800),
        (date(2024, 10, 27), date(2024, 10, 28), 90_000),
        (date(2024, 1, 1), date(2024, 1, 2), 86_400),
    ],
)
def test_a_day_is_the_energy_between_its_midnights(half_hours, first, end, length_s):
    rows = half_hours(first, end)
    found = windows(_spans(rows), "counter", ZONE)
    (day,) = _days(found)
    assert day["length_s"] == length_s
    assert day["count"] == day["expected"] == length_s / 1800
    assert day["delta"] == sum(power / 2 for _, power in rows)
    hours = found[1:]
    assert len(hours) == length_s / 3600
    assert sum(row["delta"] for row in hours) == pytest.approx(day["delta"], rel=1e-12)


def test_the_estimates_days_are_the_same_to_the_last_digit(half_hours):
    rows = half_hours(date(2024, 3, 25), date(2024, 4, 8))
    found = windows(_spans(rows), "counter", ZONE)
    days = counter_days(_days(found), ZONE)
    expected = [row["delta"] for row in _days(found)]
    assert days.amount.tolist() == expected
    hours = hourly_energy(found[len(expected) :], [], ZONE)
    assert hours is not None
    assert np.nansum(hours.energy_kwh) * 1000 == pytest.approx(sum(expected), rel=1e-12)
    assert np.isfinite(hours.energy_kwh).all()


def test_a_gap_stays_a_gap(half_hours):
    rows = half_hours(date(2024, 1, 1), date(2024, 1, 4))
    del rows[60]
    found = windows(_spans(rows), "counter", ZONE)
    days = counter_days(_days(found), ZONE)
    assert np.isnan(days.amount).tolist() == [False, True, False]
    assert _days(found)[1]["count"] == 47
    period = date(2024, 1, 1), date(2024, 1, 4)
    assert coverage_ratio(_days(found), ZONE, *period) == 2 / 3
    (hour,) = [row for row in found[3:] if row["delta"] is None]
    assert (hour["count"], hour["expected"]) == (1, 2)


def test_instants_are_summed_as_the_gateway_does():
    rng = np.random.default_rng(5)
    t_ms = 1_704_067_200_000 + np.arange(2000) * 600_000
    value = np.cumsum(rng.integers(0, 50, t_ms.size)).astype(float)
    samples = [Sample(int(t), int(t), float(v)) for t, v in zip(t_ms, value, strict=True)]
    for row in windows(samples, "gauge", "UTC"):
        inside = (t_ms >= row["start_ms"]) & (t_ms < row["start_ms"] + row["length_s"] * 1000)
        starts, gap = np.zeros(1, np.int64), np.array([1_800_000])
        made = partials(value[inside], t_ms[inside], starts, gap, np.zeros(1))
        assert row["count"] == made.readings[0] == inside.sum()
        for name, theirs in (("first", "first"), ("last", "last"), ("min", "low"), ("max", "high"),
                             ("sum", "total"), ("m2", "m2")):  # fmt: skip
            # sums of at most 144 numbers in another order
            assert row[name] == pytest.approx(getattr(made, theirs)[0], rel=1e-9, abs=1e-6)


def test_an_index_links_across_days():
    step_ms = 1_800_000
    samples = [Sample(n * step_ms, n * step_ms, 1000.0 + 10 * n) for n in range(48 * 3)]
    days = _days(windows(samples, "counter", "UTC"))
    assert [row["delta"] for row in days] == [470.0, 480.0, 480.0]
    assert counter_days(days, "UTC").amount.tolist() == [480.0, 480.0, 470.0]
