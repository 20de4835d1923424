"""Savings by the hour: closed sums, an interval that holds the truth, and its gates."""

import sys
from pathlib import Path

import numpy as np
import pytest

from cobenefit_backend.estimate import hourly
from cobenefit_backend.estimate.hourly_savings import savings, statistics, thin_month_records
from cobenefit_backend.estimate.savings import relative_uncertainty

sys.path.insert(0, str(Path(__file__).parents[2] / "validation"))
from simulate import FIRST_DAY, hourly_homes

HALF = 24 * 365
START = np.datetime64(FIRST_DAY, "h")
LATER = START + np.timedelta64(HALF, "h")


@pytest.fixture(scope="module")
def judged():
    use, degc = hourly_homes(80, 0.08)
    models = hourly.fit(use[:, :HALF], degc[:HALF], START)
    spread = statistics(models, use[:, :HALF], degc[:HALF], START)
    return use, degc, models, spread, savings(models, spread, use[:, HALF:], degc[HALF:], LATER)


def test_the_interval_holds_the_truth(judged):
    use, _, _, _, saved = judged
    truth = use[:, HALF:].sum(axis=1) * 0.08 / 0.92
    inside = np.abs(saved.savings_kwh - truth) <= saved.half_width_90_kwh
    # 85 to 95 % asked for; less 2.5 binomial standard errors of 80 homes
    assert 0.78 <= inside.mean() <= 0.99
    assert saved.savings_ratio.mean() == pytest.approx(0.08, abs=0.01)


def test_the_half_width_is_ashrae_14_on_days(judged):
    _, _, models, spread, saved = judged
    by_hand = relative_uncertainty(
        spread.cv_rmse_adj, np.maximum(spread.autocorrelation, 0), spread.valid_days,
        365.0, spread.parameters, months=12,
    )  # fmt: skip
    assert saved.half_width_90_kwh == pytest.approx(by_hand * saved.counterfactual_kwh)
    bins = 1 + models.endpoints.sum(axis=2)
    # a month and half of each neighbour: about half of the weight is its own
    assert spread.parameters == pytest.approx((7 + bins).sum(axis=1) / 2, rel=0.02)


def test_hours_add_up_and_missing_ones_count_on_neither_side(judged):
    use, degc, models, spread, saved = judged
    expected = hourly.predict(models, degc[HALF:], LATER)
    assert saved.counterfactual_kwh == pytest.approx(expected.sum(axis=1))
    gappy = use[:, HALF:].copy()
    gappy[:, 100:340] = np.nan
    fewer = savings(models, spread, gappy, degc[HALF:], LATER)
    lost = expected[:, 100:340].sum(axis=1) - use[:, HALF + 100 : HALF + 340].sum(axis=1)
    assert fewer.savings_kwh == pytest.approx(saved.savings_kwh - lost)
    assert (fewer.valid_days == 355).all()
    assert fewer.expected_days == 365


def test_a_thin_month_is_said(judged):
    use, degc, *_ = judged
    holes = use[:2, :HALF].copy()
    holes[0, : 24 * 4] = np.nan  # four of 31 days of January
    models = hourly.fit(holes, degc[:HALF], START)
    spread = statistics(models, holes, degc[:HALF], START)
    assert spread.thin_months.tolist() == [1, 0]
    (record,) = thin_month_records(spread)
    assert (record.code, record.data) == ("hours_missing", {"meters": 1, "months": 1})


def test_nothing_known_is_no_interval():
    degc = np.zeros(HALF)
    models = hourly.fit(np.full((1, HALF), np.nan), degc, START)
    spread = statistics(models, np.full((1, HALF), np.nan), degc, START)
    saved = savings(models, spread, np.ones((1, HALF)), degc, LATER)
    assert saved.valid_days.tolist() == [0]
    assert not np.isfinite(saved.half_width_90_kwh[0])
