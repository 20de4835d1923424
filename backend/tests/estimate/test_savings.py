"""Savings, their ASHRAE 14 uncertainty, and the comparison group."""

import numpy as np
import pytest

from cobenefit_backend.estimate.baseline import fit
from cobenefit_backend.estimate.savings import (
    comparison_ratio,
    relative_uncertainty,
    savings,
    two_means_uncertainty,
)


def fleet(meters, ratio, seed=1, days=365):
    rng = np.random.default_rng(seed)
    before = rng.uniform(8, 12, (meters, 1)) + rng.normal(0, 2, (meters, days))
    after = before.mean(axis=1, keepdims=True) * (1 - ratio) + rng.normal(0, 2, (meters, days))
    return fit(before, None), after


def test_fsu_by_hand():  # C2
    share = relative_uncertainty(0.25, 0.5, 365, 365, 3, months=12)
    assert float(share) / 0.10 == pytest.approx(0.5247, abs=5e-5)


def test_a_known_saving_is_found_within_its_interval():
    models, after = fleet(200, 0.10)
    saved = savings(models, after, None)
    inside = np.abs(saved.savings_ratio - 0.10) * saved.counterfactual_kwh
    covered = (inside <= saved.half_width_90_kwh).mean()
    # 90 % nominal, the polynomial makes it wider; 0.85 is 2.5 binomial standard errors below
    assert covered >= 0.85
    assert saved.savings_ratio.mean() == pytest.approx(0.10, abs=0.005)


def test_no_saving_is_rarely_claimed():
    models, after = fleet(400, 0.0)
    # 10 % nominal plus 3 binomial standard errors
    assert savings(models, after, None).significant.mean() <= 0.145


def test_swapping_the_periods_flips_the_sign():  # C12
    models, after = fleet(50, 0.1)
    rng = np.random.default_rng(9)
    before = models.mean_kwh[:, None] + rng.normal(0, 2, after.shape)
    forward = savings(fit(before, None), after, None)
    backward = savings(fit(after, None), before, None)
    assert forward.savings_kwh == pytest.approx(-backward.savings_kwh, rel=1e-9)


def test_missing_days_are_not_counted_on_either_side():
    models = fit(np.array([2.0, 4.0, 2.0, 4.0]), None)
    saved = savings(models, np.array([1.0, np.nan, 2.0]), None)
    assert saved.valid_days.tolist() == [2]
    assert saved.counterfactual_kwh.tolist() == [6.0]
    assert saved.savings_kwh.tolist() == [3.0]


def test_without_weather_the_interval_carries_both_years():
    """By hand: n = 4 each side, no autocorrelation kept (rho < 0), s = 1 and 2, mean 10."""
    before = np.array([9.0, 11.0, 9.0, 11.0])
    after = np.array([8.0, 12.0, 8.0, 12.0])
    share = two_means_uncertainty(fit(before, None), np.atleast_2d(after))
    s_before, s_after = np.sqrt(4 / 3), np.sqrt(16 / 3)
    t = 2.3534  # t(0.95, 3)
    assert float(share[0]) == pytest.approx(
        t * np.sqrt(s_before**2 / 4 + s_after**2 / 4) / 10,
        rel=1e-3,  # the quantile at 3 degrees
    )
    saved = savings(fit(before, None), after, None)
    assert saved.half_width_90_kwh[0] >= 40 * float(share[0]) * (1 - 1e-12)


def test_fsu_is_the_half_width_over_the_savings():
    models, after = fleet(3, 0.1)
    saved = savings(models, after, None)
    assert saved.fsu_90 == pytest.approx(saved.half_width_90_kwh / saved.savings_kwh)
    assert (saved.significant == (saved.fsu_90 < 1)).all()


def test_the_comparison_group_reports_its_own_drift():
    models, after = fleet(100, 0.04, seed=4)
    drift = comparison_ratio(savings(models, after, None), seed=1)
    assert drift.low < 0.04 < drift.high
    assert drift.half_width < 0.01
    with pytest.raises(ValueError, match="at least two"):
        comparison_ratio(savings(*fleet(1, 0.0), None), seed=1)
