"""The loop that numba compiles against the columns of numpy; compiled too where it can be."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cobenefit_gateway.core import fused, partials
from cobenefit_gateway.core.partials import by_loop

#: The loop as it is, and as numba makes it where there is numba.
LOOPS = [fused.loop] + [loop for loop in [fused.compiled()] if loop is not None]


def batch(sizes, values, steps):
    n = sum(sizes)
    size = np.array(sizes)
    starts = np.cumsum(size) - size
    t_ms = np.cumsum(np.resize(steps, n))
    modulus = np.where(np.arange(size.size) % 2, 65_536.0, 0.0)
    gap_ms = np.full(size.size, 3000)
    return np.resize(np.array(values, dtype=np.float64), n), t_ms, starts, gap_ms, modulus


@given(
    st.lists(st.integers(1, 30), min_size=1, max_size=8),
    st.lists(st.integers(0, 65_535), min_size=1, max_size=50),
    st.lists(st.sampled_from([0, 1000, 1000, 5000]), min_size=1, max_size=20),
)
@settings(deadline=None)
def test_whole_numbers_give_the_same_bits(sizes, values, steps):
    data = batch(sizes, values, steps)
    for loop in LOOPS:
        for a, b in zip(by_loop(loop, *data), partials.by_columns(*data), strict=True):
            assert a.tolist() == b.tolist()


def test_others_are_the_same_to_rounding():
    rng = np.random.default_rng(2)
    data = batch([60] * 20, rng.normal(230, 3, 1200), [1000])
    for loop in LOOPS:
        for a, b in zip(by_loop(loop, *data), partials.by_columns(*data), strict=True):
            # 60 numbers of 230 and their squares: sums in another order differ by 60 x 2^-53.
            assert a.tolist() == pytest.approx(b.tolist(), rel=1e-12)
