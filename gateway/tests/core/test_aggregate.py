import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cobenefit_gateway.core.aggregate import (
    MAX_SEGMENTS,
    Links,
    fold,
    histogram,
    increase,
    insert,
    merge,
    segments,
)

LINKS = Links(gap_ms=3000, join_ms=1500, modulus=0.0)
ROLLING = Links(gap_ms=3000, join_ms=1500, modulus=65536.0)


def slow(readings, links, before=None):
    """The obvious reference: one reading after the other, from the sorted list."""
    rows = sorted(readings)
    values = [v for _, v in rows]
    mean = math.fsum(values) / len(values)
    delta = integral = covered = 0.0
    previous = before
    for t, v in rows:
        if previous is not None:
            pt, pv = previous
            if v >= pv:
                delta += v - pv
            elif links.modulus and pv >= links.modulus * 15 / 16 and v < links.modulus / 16:
                delta += v - pv + links.modulus
            if t - pt <= links.gap_ms:
                integral += (v + pv) / 2 * (t - pt)
                covered += t - pt
        previous = t, v
    return (
        len(rows), rows[0][1], rows[0][0], rows[-1][1], rows[-1][0], min(values), max(values),
        math.fsum(values), math.fsum((v - mean) ** 2 for v in values), delta, integral, covered,
    )  # fmt: skip


def of_run(run, links):
    t_ms = np.array([t for t, _ in run], dtype=np.int64)
    value = np.array([v for _, v in run], dtype=np.float64)
    full = np.full(len(run), links.gap_ms, dtype=np.int64), np.full(len(run), links.modulus)
    return segments(value, t_ms, np.zeros(1, dtype=np.int64), *full)[0]


def close(segment, expected):
    # The sums are of at most 60 numbers below 1e6 squared times 1e4 ms: rounding stays below 1e-9.
    assert tuple(segment) == pytest.approx(expected, rel=1e-9, abs=1e-6)


@st.composite
def runs(draw):
    """A series cut into runs: strictly increasing times, any values, any cuts."""
    steps = draw(st.lists(st.integers(1, 5000), min_size=1, max_size=60))
    times = np.cumsum(steps).tolist()
    values = draw(st.lists(st.integers(0, 65535), min_size=len(times), max_size=len(times)))
    readings = list(zip(times, map(float, values), strict=True))
    cuts = sorted(draw(st.sets(st.integers(1, len(times)))) | {len(times)})
    parts, at = [], 0
    for cut in cuts:
        if cut > at:
            parts.append(readings[at:cut])
            at = cut
    return readings, parts


@given(runs(), st.randoms(use_true_random=False), st.sampled_from([LINKS, ROLLING]))
@settings(deadline=None)
def test_any_cut_merged_in_order_equals_the_reference(data, rng, links):
    readings, parts = data
    whole = of_run(parts[0], links)
    for part in parts[1:]:
        whole = merge(whole, of_run(part, links), links)
    close(whole, slow(readings, links))


@given(runs(), st.sampled_from([LINKS, ROLLING]))
def test_merge_is_associative(data, links):
    _, parts = data
    if len(parts) < 3:
        return
    a, b, c = (of_run(p, links) for p in parts[:3])
    close(merge(merge(a, b, links), c, links), tuple(merge(a, merge(b, c, links), links)))


@given(runs(), st.randoms(use_true_random=False), st.sampled_from([LINKS, ROLLING]))
@settings(deadline=None)
def test_any_order_of_arrival_gives_the_same_window(data, rng, links):
    # Exact for any shuffle as long as joined neighbours have nothing missing between them: cut
    # only where the step is larger than `join_ms`, or keep neighbours in order of arrival.
    readings, parts = data
    blocks = [parts[0]]
    for part in parts[1:]:
        if part[0][0] - blocks[-1][-1][0] <= links.join_ms:
            blocks[-1] = blocks[-1] + part
        else:
            blocks.append(part)
    rng.shuffle(blocks)
    kept = []
    for block in blocks:
        insert(kept, of_run(block, links), links)
    close(fold(kept, None, links), slow(readings, links))


@given(st.lists(st.integers(0, 50), min_size=2, max_size=60), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_shuffled_packs_of_a_regular_series_are_exact(steps, rng):
    values = np.cumsum(steps).astype(float).tolist()
    readings = [(1000 * i, v) for i, v in enumerate(values)]
    parts = [readings[i : i + 4] for i in range(0, len(readings), 4)]
    rng.shuffle(parts)
    kept = []
    for part in parts:
        insert(kept, of_run(part, LINKS), LINKS)
    assert len(kept) == 1
    close(fold(kept, None, LINKS), slow(readings, LINKS))


def test_interleaved_runs_keep_the_order_free_statistics_and_a_rising_delta():
    readings = [(1000 * i, float(i * i)) for i in range(40)]
    kept = []
    for part in (readings[::2], readings[1::2]):
        insert(kept, of_run(part, LINKS), LINKS)
    whole, expected = fold(kept, None, LINKS), slow(readings, LINKS)
    assert tuple(whole)[:10] == pytest.approx(expected[:10], rel=1e-12)


def test_the_reading_before_the_window_is_linked():
    kept = []
    insert(kept, of_run([(5000, 7.0), (6000, 9.0)], LINKS), LINKS)
    whole = fold(kept, (3.0, 4000), LINKS)
    close(whole, slow([(5000, 7.0), (6000, 9.0)], LINKS, before=(4000, 3.0)))
    assert whole.delta == 6.0
    assert fold([], (3.0, 4000), LINKS) is None


def test_many_separate_stretches_stay_bounded_and_exact():
    readings = [(10_000 * i, float(i)) for i in range(3 * MAX_SEGMENTS)]
    kept = []
    for reading in readings:
        insert(kept, of_run([reading], LINKS), LINKS)
    assert len(kept) == MAX_SEGMENTS
    close(fold(kept, None, LINKS), slow(readings, LINKS))


def test_m2_far_from_zero():
    # 1e9 with steps of 1: a plain sum of squares would lose all of it.
    readings = [(1000 * i, 1e9 + i % 3) for i in range(300)]
    assert of_run(readings, LINKS).m2 == pytest.approx(200.0, rel=1e-12)


@pytest.mark.parametrize(
    ("before", "after", "modulus", "rise"),
    [
        (5, 9, 0, 4),
        (9, 5, 0, 0),
        (9, 5, 65536, 0),
        (65535, 2, 65536, 3),
        (40000, 2, 65536, 0),
        (65535, 5000, 65536, 0),
    ],
)
def test_increase(before, after, modulus, rise):
    assert increase(before, after, modulus) == rise
    t_ms = np.array([0, 1], dtype=np.int64)
    both = segments(
        np.array([before, after], dtype=np.float64), t_ms, np.zeros(1, dtype=np.int64),
        np.ones(2, dtype=np.int64), np.full(2, modulus, dtype=np.float64),
    )  # fmt: skip
    assert both[0].delta == rise


def test_several_runs_at_once():
    rng = random.Random(1)
    series = [[(1000 * i, rng.random()) for i in range(n)] for n in (1, 5, 2, 9)]
    flat = [r for run in series for r in run]
    n = len(flat)
    starts = np.array([0, 1, 6, 8])
    got = segments(
        np.array([v for _, v in flat]), np.array([t for t, _ in flat]), starts,
        np.full(n, 3000), np.zeros(n),
    )  # fmt: skip
    for segment, run in zip(got, series, strict=True):
        close(segment, slow(run, LINKS))


def test_histogram_bins_are_open_at_both_ends():
    assert histogram(np.array([0.0, 10, 15, 20, 99]), np.array([10.0, 20.0])) == [1, 2, 2]
