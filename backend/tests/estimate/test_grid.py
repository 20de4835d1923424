"""Electricity by month and hour: the shapes keep the level, and the months add up."""

import numpy as np
import pytest

from cobenefit_backend.estimate.grid import by_hour_kgco2e, by_month_kgco2e
from cobenefit_backend.estimate.meter_models import Sides, compare
from cobenefit_backend.estimate.quantity import Interval
from cobenefit_backend.estimate.smart_meter import SmartMeterInputs, estimate
from cobenefit_backend.estimate.uncertainty import Draws
from cobenefit_backend.factors.load import load

AVERAGE = "grid.fr.ademe.avg.lca"
START = np.datetime64("2023-01-01")


def meter(seed=3):
    rng = np.random.default_rng(seed)
    winter = 1 + np.cos(2 * np.pi * np.arange(365) / 365)
    before = 10 + 4 * winter + rng.normal(0, 1, 365)
    return before, before - 2 * winter


def test_even_use_keeps_the_yearly_factor_within_the_seasons_of_demand():
    value = Draws(load()).value
    for function, slots in ((by_month_kgco2e, 12), (by_hour_kgco2e, 24)):
        emitted = float(function(value, AVERAGE, np.full(slots, 100 / slots)))
        assert emitted == pytest.approx(100 * 0.0519, rel=0.03)


def test_winter_counts_more_than_summer():
    value = Draws(load()).value
    january, july = np.zeros(12), np.zeros(12)
    january[0] = july[6] = 1.0
    assert by_month_kgco2e(value, AVERAGE, january) > by_month_kgco2e(value, AVERAGE, july)


def test_the_months_add_up_to_the_savings():
    before, after = meter()
    after[40:60] = np.nan
    sides = Sides(before[None], after[None], None, None, START, START)
    found = compare("daily", sides)
    assert found.month_kwh.shape == (12,)
    assert found.month_kwh.sum() == pytest.approx(found.saved.savings_kwh[0], rel=1e-12)
    assert found.month_kwh[6] > found.month_kwh[0]  # a flat baseline: the winter eats the saving


def test_a_saving_in_summer_is_worth_less_by_month():
    before, _ = meter()
    footprint = Interval.exactly(0.0)
    dated = SmartMeterInputs(before, before * 0.9, reporting_start=START)
    found = estimate(dated, load(), footprint)
    by_month = found.details["gross_by_month_kgco2e"]
    assert by_month.low < by_month.central < found.gross_kgco2e.central
    undated = estimate(SmartMeterInputs(before, before * 0.9), load(), footprint)
    assert undated.details["gross_by_month_kgco2e"] is None
    assert undated.gross_kgco2e == found.gross_kgco2e
