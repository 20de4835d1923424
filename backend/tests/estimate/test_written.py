"""A formula written out is plain arithmetic, and evaluated again it gives its result."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cobenefit_backend.estimate.quantity import Interval
from cobenefit_backend.estimate.written import Term, written
from cobenefit_backend.factors.load import load

NUMBERS = st.floats(-1e6, 1e6).filter(lambda x: abs(x) > 1e-6)
DIESEL = "fuel.diesel.law2017.total"


def evaluated(text):
    assert set(text) <= set("0123456789.e+-*/() ")
    return eval(text, {"__builtins__": {}})


@given(NUMBERS, NUMBERS, NUMBERS, NUMBERS)
def test_brackets_stand_where_they_are_needed(a, b, c, d):
    w, x, y, z = (Term(value, name) for value, name in zip((a, b, c, d), "wxyz", strict=True))
    for term, value in (
        (w - (x - y), a - (b - c)),
        (w / (x * y), a / (b * c)),
        (w / (x / y) * z, a / (b / c) * d),
        ((w + x) * (y - z), (a + b) * (c - d)),
        (w * x + y * z - 1, a * b + c * d - 1),
        (2 - w * 3, 2 - a * 3),
        (1 / w + 0, 1 / a),
    ):
        assert term.value == pytest.approx(value)
        assert evaluated(term.numbers) == pytest.approx(value, nan_ok=True)


def test_names_and_factors_are_kept():
    found = written(
        lambda f, m: np.asarray(sum([m["cars"] * (1 - m["share"]) * f(DIESEL)], np.asarray(0.0))),
        {"cars": Interval(1, 3, 5), "share": Interval.exactly(0.25)},
        load(),
    )
    assert found.names == f"cars * (1 - share) * {DIESEL}"
    assert evaluated(found.numbers) == pytest.approx(3 * 0.75 * 3.17)
    assert found.result == pytest.approx(3 * 0.75 * 3.17)
    assert found.factor_ids == (DIESEL,)
