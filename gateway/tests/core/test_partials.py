"""The columns against a slow reference: one reading after the other, whatever the shape."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cobenefit_gateway.core import partials as module
from cobenefit_gateway.core.partials import Partials, has_rolled, partials


def slow(run, gap_ms, modulus):
    """Ten statistics of one run, reading by reading, sums without rounding."""
    values = [v for _, v in run]
    mean = math.fsum(values) / len(values)
    rises, areas, covered = [], [], 0
    for (t0, a), (t1, b) in pairwise(run):
        rolled = modulus and a >= modulus * 15 / 16 and b < modulus / 16
        rises.append(b - a if b >= a else b - a + modulus if rolled else 0.0)
        if t1 - t0 <= gap_ms:
            areas.append((a + b) / 2 * (t1 - t0))
            covered += t1 - t0
    return (
        len(run), values[0], run[0][0], values[-1], run[-1][0], min(values), max(values),
        math.fsum(values), math.fsum((v - mean) ** 2 for v in values), math.fsum(rises),
        math.fsum(areas), covered,
    )  # fmt: skip


def together(runs, gap_ms=3000, modulus=0.0):
    flat = [r for run in runs for r in run]
    size = np.array([len(run) for run in runs])
    return partials(
        np.array([v for _, v in flat], dtype=np.float64),
        np.array([t for t, _ in flat], dtype=np.int64),
        np.cumsum(size) - size,
        np.full(size.size, gap_ms, dtype=np.int64),
        np.full(size.size, modulus, dtype=np.float64),
    )


def rows(parts):
    return list(zip(*(c.tolist() for c in parts), strict=True))


WHOLE, REAL = st.integers(0, 65_535), st.floats(-1e6, 1e6)


@st.composite
def series(draw, values=WHOLE):
    steps = draw(st.lists(st.sampled_from([1, 1000, 1000, 1000, 5000]), min_size=1, max_size=40))
    times = np.cumsum(steps).tolist()
    return [(t, float(draw(values))) for t in times]


@given(st.lists(series(), min_size=1, max_size=8), st.sampled_from([0.0, 65_536.0]))
@settings(deadline=None)
def test_whole_numbers_equal_the_reference_exactly(runs, modulus):
    got = rows(together(runs, modulus=modulus))
    for row, run in zip(got, runs, strict=True):
        expected = slow(run, 3000, modulus)
        # M2 is a difference of two exact sums divided once: it rounds in its last digits.
        assert row[8] == pytest.approx(expected[8], rel=1e-12, abs=1e-6)
        assert row[:8] + row[9:] == expected[:8] + expected[9:]


@given(st.lists(series(REAL), min_size=1, max_size=4))
@settings(deadline=None)
def test_real_numbers_equal_the_reference_to_rounding(runs):
    for row, run in zip(rows(together(runs)), runs, strict=True):
        # 40 numbers of 1e6, squared or times 5000 ms: 40 x 2^-53 x 1e12 stays below 1e-2.
        assert row[:7] == slow(run, 3000, 0.0)[:7]
        assert row[7:] == pytest.approx(slow(run, 3000, 0.0)[7:], rel=1e-9, abs=1e-2)


def test_equal_steps_take_the_closed_form_and_it_is_the_same():
    run = [(1000 * i, math.sin(i) * 100) for i in range(50)]
    other = [*run[:-1], (run[-1][0] + 7, run[-1][1])]  # one step differs: the dense way
    closed, dense = rows(together([run]))[0], rows(together([other]))[0]
    assert closed[10] == pytest.approx(slow(run, 3000, 0.0)[10], rel=1e-12)
    assert dense[10] == pytest.approx(slow(other, 3000, 0.0)[10], rel=1e-12)


def test_runs_do_not_see_where_the_work_is_divided(monkeypatch):
    rng = np.random.default_rng(5)
    runs = [[(1000 * i, float(rng.integers(99))) for i in range(n)] for n in (1, 300, 2, 7, 1, 40)]
    whole = rows(together(runs))
    for size in (1, 2, 8, 299, 301, 310):
        monkeypatch.setattr(module, "_READINGS_AT_ONCE", size)
        assert rows(together(runs)) == whole


@pytest.mark.parametrize("level", [0.0, 1e6, 1e12, -1e12])
def test_the_spread_of_huge_values_is_not_lost(level):
    ((*_, m2, _, _, _),) = rows(together([[(1000 * i, level + i % 3) for i in range(300)]]))
    assert m2 == 200.0


def test_counters_beyond_32_bits_add_up_exactly():
    top = float(2**53 - 10)
    ((_, *_, delta, _, _),) = rows(together([[(0, 1.0), (1000, top), (2000, 3.0), (3000, 8.0)]]))
    assert delta == top - 1 + 5


def test_a_single_reading_has_no_extent():
    assert rows(together([[(7, 4.5)]])) == [(1, 4.5, 7, 4.5, 7, 4.5, 4.5, 4.5, 0.0, 0.0, 0.0, 0)]


def test_rollovers_and_resets_in_the_same_batch():
    runs = [
        [(0, 65_530.0), (1000, 65_535.0), (2000, 4.0), (3000, 9.0)],  # rolls over: 5 + 5 + 5
        [(0, 40_000.0), (1000, 4.0), (2000, 9.0)],  # reset: 5
        [(0, 65_535.0), (1000, 0.0), (2000, 65_535.0), (3000, 1.0)],  # 1 + 65535 + 2
    ]
    assert together(runs, modulus=65_536.0).delta.tolist() == [15.0, 5.0, 65_538.0]
    assert together(runs).delta.tolist() == [10.0, 5.0, 65_535.0]


def test_has_rolled_needs_top_and_bottom_sixteenth():
    before = np.array([65_535.0, 61_440.0, 61_439.0, 65_535.0, 9.0])
    after = np.array([4_095.0, 0.0, 0.0, 4_096.0, 5.0])
    modulus = np.array([65_536.0] * 4 + [0.0])
    assert has_rolled(before, after, modulus).tolist() == [True, True, False, False, False]


def test_columns_are_named_like_segments():
    from cobenefit_gateway.core.aggregate import Segment

    assert Partials._fields == Segment._fields
