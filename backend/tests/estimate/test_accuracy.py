"""The class of a meter is shared by all its readings, and by no other meter."""

import math

import numpy as np
import pytest

from cobenefit_backend import accuracy
from cobenefit_backend.estimate.accuracy import (
    accuracy_records,
    systematic_half_width,
    with_accuracy,
)
from cobenefit_backend.estimate.quantity import Interval
from cobenefit_backend.estimate.savings import of_totals
from cobenefit_backend.estimate.smart_meter import WEAKEST_LIMIT, SmartMeterInputs, estimate
from cobenefit_backend.factors.load import load

U = 1.6449 / math.sqrt(3)


def saved(meters=1, relative=0.0):
    ones = np.ones(meters)
    days = np.full(meters, 365)
    return of_totals(1000 * ones, 900 * ones, relative * ones, days, 365)


def test_the_same_meter_scales_the_difference():
    assert systematic_half_width(np.array([1000.0]), np.array([900.0]), 0.02)[0] == pytest.approx(
        U * 0.02 * 100
    )


def test_another_meter_before_counts_in_full():
    found = systematic_half_width(np.array([1000.0]), np.array([900.0]), 0.01, 0.035)[0]
    assert found == pytest.approx(math.hypot(U * 0.035 * 1000, U * 0.01 * 900))


def test_the_closed_form_is_what_meters_do():
    """100 000 meters with an error anywhere within their class, the same in both years."""
    rng = np.random.default_rng(1)
    error = rng.uniform(-0.02, 0.02, 100_000)
    measured = (1 + error) * 1000 - (1 + error) * 900
    half = systematic_half_width(np.array([1000.0]), np.array([900.0]), 0.02)[0]
    # a rectangle's 90 % are 0.9 of its limits, the normal reading of its variance gives 0.95
    assert np.mean(np.abs(measured - 100) <= half) == pytest.approx(U, abs=0.005)


def test_more_readings_do_not_help_and_more_meters_do():
    use = np.random.default_rng(2).normal(10, 0.001, (100, 2000))  # nearly no noise of its own
    half = {}
    for meters, days in ((1, 200), (1, 2000), (100, 200)):
        inputs = SmartMeterInputs(
            use[:meters, :days], 0.9 * use[:meters, :days],
            accuracy_ratio=0.02, previous_accuracy_ratio=0.02,
        )  # fmt: skip
        kwh = estimate(inputs, load(), Interval.exactly(0.0)).details["savings_interval_kwh"]
        half[meters, days] = kwh.half_width / kwh.central
    assert half[1, 2000] == pytest.approx(half[1, 200], rel=0.01)
    assert half[100, 200] == pytest.approx(half[1, 200] / 10, rel=0.01)


def test_both_errors_add_in_quadrature_and_significance_follows():
    wide = with_accuracy(saved(relative=0.05), 0.035, 0.035)
    systematic = systematic_half_width(np.array([1000.0]), np.array([900.0]), 0.035, 0.035)[0]
    assert wide.half_width_90_kwh[0] == pytest.approx(math.hypot(50, systematic))
    assert wide.fsu_90[0] == pytest.approx(wide.half_width_90_kwh[0] / 100)
    assert with_accuracy(saved(relative=0.09), 0.0).significant[0]
    assert not with_accuracy(saved(relative=0.09), 0.035, 0.035).significant[0]


def test_no_class_is_said():
    assert [record.code for record in accuracy_records(None)] == ["accuracy_assumed"]
    assert accuracy_records(0.02) == ()


def test_every_class_has_its_source_and_the_assumed_ones_are_the_weakest():
    classes = accuracy.load()
    for name, row in classes.items():
        assert 0 < row.limit_ratio < 0.1, name
        assert row.source, name
        assert row.url.startswith("https://"), name
        assert row.status in ("seen", "secondary", "recalled"), name
    for fuel, limit in WEAKEST_LIMIT.items():
        legal = {k: r.limit_ratio for k, r in classes.items() if r.kind == fuel and "mid" in k}
        assert limit == max(legal.values()) == classes[accuracy.ASSUMED[fuel]].limit_ratio
