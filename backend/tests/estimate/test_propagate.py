"""Shares of few trials, and measured quantities beside factors."""

import numpy as np
import pytest

from cobenefit_backend.estimate.propagate import contributors, propagate, proportion
from cobenefit_backend.estimate.quantity import Interval
from cobenefit_backend.estimate.uncertainty import Draws
from cobenefit_backend.factors.load import load

DIESEL = "fuel.diesel.law2017.total"


@pytest.mark.parametrize(("successes", "trials"), [(0, 5), (5, 5), (3, 7), (500, 1000)])
def test_a_share_stays_between_0_and_1_and_holds_its_centre(successes, trials):
    found = proportion(successes, trials)
    assert 0 <= found.low <= successes / trials <= found.high <= 1
    assert found.high - found.low > 0


def test_wilson_covers_as_often_as_it_says():
    rng = np.random.default_rng(5)
    for share in (0.05, 0.3, 0.8):
        found = [proportion(int(k), 40) for k in rng.binomial(40, share, 2000)]
        covered = np.mean([each.low <= share <= each.high for each in found])
        assert 0.86 <= covered <= 0.97  # 90 % nominal; 41 outcomes make steps


def test_no_trial_is_refused():
    with pytest.raises(ValueError, match="1 of 0"):
        proportion(1, 0)


def test_a_linear_model_agrees_with_first_order_propagation():
    measured = {"a": Interval.around(100, 10), "b": Interval.around(50, 20)}
    found = propagate(Draws(load()), lambda f, m: m["a"] + m["b"], measured)
    assert found.central == 150
    assert found.half_width == pytest.approx(np.hypot(10, 20), rel=0.05)


def test_a_positive_quantity_is_never_drawn_below_zero():
    seen = []
    measured = {"a": Interval(0.0, 1.0, 2.0)}
    propagate(Draws(load()), lambda f, m: seen.append(m["a"]) or m["a"], measured)
    assert min(np.min(values) for values in seen) >= 0


def test_the_tornado_holds_the_ends():
    draws = Draws(load())

    def model(f, m):
        return m["litres"] * f(DIESEL)

    measured = {"litres": Interval(90, 100, 110)}
    propagate(draws, model, measured)
    spans = contributors(draws, model, measured, load())
    assert spans["litres"].low == pytest.approx(90 * 3.17)
    assert spans["litres"].high == pytest.approx(110 * 3.17)
    low, high = load()[DIESEL].bounds
    assert spans[DIESEL].low == pytest.approx(100 * low)
    assert spans[DIESEL].high == pytest.approx(100 * high)
