"""Spikes, levels, stuck sensors and Hampel's outliers, one run at a time and many at once."""

import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cobenefit_gateway.core.neighbours import outliers, stuck, too_fast

FOREVER = np.inf


def columns(runs, step_ms=1000):
    size = np.array([len(run) for run in runs])
    value = np.array([v for run in runs for v in run], dtype=np.float64)
    t_ms = np.concatenate([np.arange(n) * step_ms for n in size])
    return value, t_ms, np.cumsum(size) - size


def marks(mask):
    return "".join(".x"[int(m)] for m in mask)


def fast(runs, rate, step_ms=1000):
    value, t_ms, starts = columns(runs, step_ms)
    return marks(too_fast(value, t_ms, starts, np.broadcast_to(rate, starts.size)))


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([1, 2, 3, 4], "...."),
        ([1, 2, 90, 4, 5], "..x.."),  # a spike
        ([1, 2, 90, 91, 92], "....."),  # a change of level
        ([90, 2, 3, 4], "x..."),  # at the head: the rest agrees
        ([1, 2, 3, 90], "...x"),
        ([1, 90], ".."),  # nobody can tell which
        ([90], "."),
        ([1, 11, 21, 31], "...."),  # exactly as fast as is plausible
        ([1, 90, 91, 3], "...."),  # two together are not a spike
    ],
)
def test_too_fast(values, found):
    assert fast([values], 10.0) == found


def test_runs_do_not_see_each_other():
    assert fast([[1, 2, 3], [900, 901, 902], [1, 90, 2]], 10.0) == ".......x."
    assert fast([[1, 90, 2], [1, 90, 2]], np.array([FOREVER, 10.0])) == "....x."


def test_the_rate_is_per_second():
    assert fast([[1, 90, 2]], 10.0, step_ms=60_000) == "..."
    assert fast([[1, 90, 2]], 10.0, step_ms=0) == ".x."


def test_stuck_needs_its_time():
    value, t_ms, starts = columns([[5, 5, 5, 5, 6, 6], [6, 6, 6, 6], [7, 7, 7, 7]])
    limit = np.array([2000, 3000, 0])
    assert marks(stuck(value, t_ms, starts, limit)) == ".xxx.." + "...." + "...."
    assert marks(stuck(value, t_ms, starts, limit * 0 + 2999)) == ".xxx.." + ".xxx" + ".xxx"


def hampel(run, k):
    """Seven around each reading, by the standard library."""
    out = []
    for i, x in enumerate(run):
        at = min(max(i - 3, 0), len(run) - 7)
        window = run[at : at + 7]
        middle = statistics.median(window)
        spread = 1.4826 * statistics.median(abs(w - middle) for w in window)
        out.append(spread > 0 and abs(x - middle) > k * spread)
    return out


@given(st.lists(st.lists(st.integers(-50, 50), min_size=7, max_size=30), min_size=1, max_size=4))
@settings(deadline=None)
def test_outliers_are_those_of_the_definition(runs):
    value, _, starts = columns(runs)
    expected = [flag for run in runs for flag in hampel(run, 3.0)]
    assert outliers(value, starts, np.full(starts.size, 3.0)).tolist() == expected


def test_short_runs_and_flat_ones_are_not_judged():
    value, _, starts = columns([[1, 2, 99, 1, 2, 1], [5, 5, 5, 99, 5, 5, 5], [1, 2, 3] * 3])
    assert not outliers(value, starts, np.full(3, 3.0)).any()
    noisy, _, starts = columns([[1, 2, 3, 99, 2, 1, 3]])
    assert marks(outliers(noisy, starts, np.array([3.0]))) == "...x..."
    assert not outliers(noisy, starts, np.zeros(1)).any()
