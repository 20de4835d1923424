"""What the first look clears, the checks reading by reading clear too."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cobenefit_gateway.core.neighbours import too_fast
from cobenefit_gateway.core.screen import screen

VALUES = st.one_of(st.integers(-9, 9).map(float), st.floats(allow_nan=False, width=32))
RUNS = st.lists(
    st.lists(st.tuples(VALUES, st.integers(0, 5000)), min_size=1, max_size=9),
    min_size=1,
    max_size=5,
)


@given(RUNS, st.sampled_from([0.0, 0.5, 3.0, 1e30, np.inf]))
@settings(deadline=None)
def test_no_run_that_is_cleared_has_a_reading_too_fast(runs, rate):
    size = np.array([len(run) for run in runs])
    starts = np.cumsum(size) - size
    value = np.array([v for run in runs for v, _ in run])
    t_ms = np.concatenate([np.cumsum([step for _, step in run]) for run in runs])
    rates = np.full(size.size, rate)
    with np.errstate(invalid="ignore"):
        found = np.logical_or.reduceat(too_fast(value, t_ms, starts, rates), starts)
        doubtful = screen(value, t_ms, starts).too_fast(rates)
    assert not (found & ~doubtful).any()


def test_five_numbers_of_each_run():
    seen = screen(
        np.array([3.0, 1, 2, 9, np.nan, 5]), np.array([0, 10, 15, 0, 5, 7]), np.array([0, 3, 5])
    )
    assert seen.low.tolist()[::2] == [1.0, 5.0]
    assert seen.high.tolist()[::2] == [3.0, 5.0]
    assert np.isnan([seen.low[1], seen.high[1], seen.fall[1]]).all()
    assert (seen.fall[0], seen.rise[0], seen.fall[2]) == (-2.0, 1.0, 0.0)
    assert seen.shortest_ms.tolist()[:2] == [5, 5]
    assert seen.too_fast(np.full(3, 150.0)).tolist() == [True, True, False]
