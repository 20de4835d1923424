"""Comparison groups: truth recovered under a common shock, labels swapped, shapes matched."""

import numpy as np
import pytest

from cobenefit_backend.estimate.baseline import fit
from cobenefit_backend.estimate.comparison import (
    balance_records,
    choose_nearest,
    choose_random,
    choose_stratified,
    compare,
    standardised_difference,
)
from cobenefit_backend.estimate.savings import savings


def fleet(meters, saving, shock, rng, drift=0.05):
    """Homes that all use `shock` less after, change by themselves, and save `saving`."""
    level = rng.lognormal(2.3, 0.4, (meters, 1))
    before = level * (1 + rng.normal(0, 0.2, (meters, 365)))
    change = (1 - saving) * (1 - shock) * (1 + rng.normal(0, drift, (meters, 1)))
    after = level * change * (1 + rng.normal(0, 0.2, (meters, 365)))
    return before, savings(fit(before, None), after, None)


@pytest.mark.parametrize("kind", ["percent", "ordinary"])
def test_a_shock_to_everybody_is_not_credited(kind):
    rng = np.random.default_rng(1)
    treated_before, treated = fleet(150, 0.06, 0.10, rng)
    _, pool = fleet(400, 0.0, 0.10, rng)
    raw = treated.savings_kwh.sum() / treated.counterfactual_kwh.sum()
    found = compare(treated, pool, choose_random(400, 300, 7), kind)
    assert raw > 0.14
    assert found.savings_ratio.low < 0.06 * 0.9 < found.savings_ratio.high
    assert found.savings_ratio.central == pytest.approx(0.054, abs=0.01)
    assert (found.treated, found.controls) == (150, 300)
    assert len(treated_before) == 150


def test_the_interval_covers_the_truth_nine_times_in_ten():
    rng = np.random.default_rng(2)
    inside = 0
    for seed in range(120):
        _, treated = fleet(40, 0.05, 0.08, rng)
        _, pool = fleet(60, 0.0, 0.08, rng)
        found = compare(treated, pool, np.arange(60), seed=seed).savings_ratio
        inside += found.low <= 0.05 * 0.92 <= found.high
    # 90 % nominal and three binomial standard errors
    assert 0.82 <= inside / 120 <= 0.98


def test_swapped_labels_swap_the_sign_and_a_placebo_contains_zero():
    rng = np.random.default_rng(3)
    _, treated = fleet(200, 0.08, 0.05, rng)
    _, pool = fleet(200, 0.0, 0.05, rng)
    there = compare(treated, pool, np.arange(200), "ordinary")
    back = compare(pool, treated, np.arange(200), "ordinary")
    assert np.sign(there.savings_kwh.central) == -np.sign(back.savings_kwh.central)
    assert there.savings_ratio.low > 0 > back.savings_ratio.high
    placebos = [fleet(60, 0.0, 0.05, rng)[1] for _ in range(40)]
    found = [compare(each, pool, np.arange(200)).savings_kwh.contains_zero for each in placebos]
    assert np.mean(found) >= 0.75  # 90 % nominal less three binomial standard errors


def test_the_nearest_shapes_are_found_and_compared_in_their_own_groups():
    rng = np.random.default_rng(4)
    kinds = rng.uniform(0, 1, (3, 24))
    treated_kind, pool_kind = rng.integers(0, 3, 60), rng.integers(0, 3, 300)
    treated = kinds[treated_kind] + rng.normal(0, 0.01, (60, 24))
    pool = kinds[pool_kind] + rng.normal(0, 0.01, (300, 24))
    nearest = choose_nearest(treated, pool, 4)
    assert nearest.shape == (60, 4)
    assert (pool_kind[nearest] == treated_kind[:, None]).all()
    _, saved = fleet(60, 0.05, 0.1, rng)
    _, controls = fleet(300, 0.0, 0.1, rng)
    found = compare(saved, controls, nearest)
    assert found.savings_ratio.central == pytest.approx(0.045, abs=0.02)
    assert found.controls == len(np.unique(nearest))


def test_strata_keep_the_proportions_and_balance_is_measured():
    rng = np.random.default_rng(5)
    treated, pool = rng.uniform(3000, 5000, 80), rng.uniform(1000, 9000, 2000)
    chosen = choose_stratified(treated, pool, 2, 1)
    assert len(chosen) == len(set(chosen)) == 160
    assert pool[chosen].min() >= treated.min()
    gap = standardised_difference(treated[:, None], pool[chosen][:, None])
    assert abs(gap[0]) < 0.2
    assert not balance_records(treated[:, None], treated[:, None])
    record = balance_records(treated[:, None], pool[:, None])[0]
    assert (record.code, record.data["limit"]) == ("unbalanced_group", 0.1)


def test_what_can_not_be_compared_is_refused():
    rng = np.random.default_rng(6)
    _, treated = fleet(5, 0.0, 0.0, rng)
    with pytest.raises(ValueError, match="at least two meters"):
        compare(treated, treated, np.array([0]))
    with pytest.raises(ValueError, match="6 controls from a pool of 5"):
        choose_random(5, 6, 1)
    with pytest.raises(ValueError, match="7 controls per unit"):
        choose_nearest(np.ones((2, 3)), np.ones((5, 3)), 7)
    with pytest.raises(ValueError, match="no meter of the pool"):
        choose_stratified(np.array([1.0, 2.0]), np.array([9.0]), 1, 1)
