"""Intervals keep their order whatever is done to them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cobenefit_backend.estimate.quantity import Disqualification, Interval, plain, total

NUMBER = st.floats(-1e6, 1e6)
INTERVAL = st.tuples(NUMBER, NUMBER, NUMBER).map(lambda three: Interval(*sorted(three)))


@given(INTERVAL, INTERVAL, NUMBER)
def test_order_survives_arithmetic(a, b, k):
    for result in (a.plus(b), a.minus(b), a.scaled(k)):
        assert result.low <= result.central <= result.high


@given(INTERVAL, INTERVAL)
def test_minus_undoes_plus_in_the_centre_and_widens(a, b):
    back = a.plus(b).minus(b)
    assert back.central == pytest.approx(a.central, abs=1e-9)
    assert back.half_width >= a.half_width - 1e-6  # float cancellation at 1e6


def test_half_widths_add_in_quadrature():
    result = Interval(7, 10, 13).plus(Interval(1, 5, 9))
    assert (result.low, result.central, result.high) == (10, 15, 20)


def test_a_negative_factor_swaps_the_ends():
    assert Interval(1, 2, 4).scaled(-1) == Interval(-4, -2, -1)


def test_an_empty_total_is_zero():
    assert total([]) == Interval.exactly(0.0)


@pytest.mark.parametrize("bounds", [(2, 1, 3), (1, 2, math.nan), (1, 2, math.inf)])
def test_bad_bounds_are_refused(bounds):
    with pytest.raises(ValueError, match=r"interval|low"):
        Interval(*bounds)


def test_plain_is_json_ready():
    record = Disqualification("code", "text", {"n": math.inf})
    assert plain({"a": (Interval(1, 2, 3), record)}) == {
        "a": [
            {"low": 1, "central": 2, "high": 3},
            {"code": "code", "text": "text", "data": {"n": math.inf}},
        ]
    }
    assert plain(math.nan) is None
