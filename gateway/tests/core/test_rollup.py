"""Any order, any pieces, any windows: the rollups are those of the sorted readings."""

import math
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cobenefit_gateway.core.partials import Partials, partials
from cobenefit_gateway.core.rollup import Runs, cut, in_order, join, rollup
from cobenefit_gateway.core.windows import Days, Every, day_edges_ms

GAP_MS, MODULUS = 3000, 65_536.0
PARIS = day_edges_ms("Europe/Paris", 2020, 2026)
#: Sums of squares of up to 120 whole numbers below 2^16, divided once per part and joined: M2
#: rounds at 120 x 2^-53 of sums up to 6e11.
M2_TOLERANCE = {"rel": 1e-9, "abs": 1e-2}


def batch(runs):
    """`runs` is a list of (series, [(t_ms, value), …])."""
    flat = [r for _, run in runs for r in run]
    size = np.array([len(run) for _, run in runs], dtype=np.int64)
    return Runs(
        np.array([v for _, v in flat], dtype=np.float64),
        np.array([t for t, _ in flat], dtype=np.int64),
        np.cumsum(size) - size,
        np.array([s for s, _ in runs], dtype=np.int64),
        np.full(size.size, GAP_MS, dtype=np.int64),
        np.full(size.size, MODULUS),
    )


def rows(rollups):
    columns = (rollups.series, rollups.start_ms, *rollups.parts)
    return list(zip(*(c.tolist() for c in columns), strict=True))


def slow(runs, start_of):
    """One reading after the other, from the sorted list."""
    out = []
    readings = sorted((s, t, v) for s, run in runs for t, v in run)
    for (number, start), group in groupby(readings, lambda r: (r[0], start_of(r[1]))):
        members = [(t, v) for _, t, v in group]
        values = [v for _, v in members]
        mean = math.fsum(values) / len(values)
        delta = integral = covered = 0
        for (t0, a), (t1, b) in pairwise(members):
            rolled = a >= MODULUS * 15 / 16 and b < MODULUS / 16
            delta += b - a if b >= a else b - a + MODULUS if rolled else 0
            if t1 - t0 <= GAP_MS:
                integral += (a + b) / 2 * (t1 - t0)
                covered += t1 - t0
        out.append((
            number, start, len(values), values[0], members[0][0], values[-1], members[-1][0],
            min(values), max(values), math.fsum(values),
            math.fsum((v - mean) ** 2 for v in values), delta, integral, covered,
        ))  # fmt: skip
    return out


def same(got, expected):
    assert len(got) == len(expected)
    for row, other in zip(got, expected, strict=True):
        assert row[:10] + row[11:] == other[:10] + other[11:]
        assert row[10] == pytest.approx(other[10], **M2_TOLERANCE)


@st.composite
def pieces(draw):
    """Readings of some series at different times, whole numbers, cut into runs in any order."""
    runs = []
    for number in draw(st.lists(st.integers(0, 5), min_size=1, max_size=4, unique=True)):
        steps = draw(st.lists(st.integers(1, 5000), min_size=1, max_size=40))
        times = (1_600_000_000_000 + np.cumsum(steps)).tolist()
        values = draw(st.lists(st.integers(0, 65_535), min_size=len(times), max_size=len(times)))
        readings = list(zip(times, map(float, values), strict=True))
        cuts = sorted(draw(st.sets(st.integers(1, len(times)))) | {0, len(times)})
        runs += [(number, readings[a:b]) for a, b in pairwise(cuts)]
    return draw(st.permutations(runs))


@given(pieces(), st.sampled_from([1000, 7000, 600_000]))
@settings(deadline=None, max_examples=200)
def test_any_order_and_any_split_give_the_rollups_of_the_sorted_readings(runs, length_ms):
    same(rows(rollup(batch(runs), Every(length_ms))), slow(runs, lambda t: t - t % length_ms))


@given(pieces(), st.integers(2, 4), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_runs_that_interleave_are_as_good(runs, parts, rng):
    """Two boots of one device, or single readings of all: dealt out at random, each in order."""
    dealt = {}
    for number, run in runs:
        for reading in run:
            dealt.setdefault((number, rng.randrange(parts)), []).append(reading)
    hands = [(number, sorted(run)) for (number, _), run in dealt.items()]
    rng.shuffle(hands)
    same(rows(rollup(batch(hands), Every(7000))), slow(runs, lambda t: t - t % 7000))


@given(pieces())
@settings(deadline=None)
def test_single_readings_in_any_order_are_as_good(runs):
    singles = [(number, [reading]) for number, run in reversed(runs) for reading in run]
    same(rows(rollup(batch(singles), Every(7000))), slow(runs, lambda t: t - t % 7000))


@given(pieces(), st.integers(0, 1 << 30))
@settings(deadline=None)
def test_join_does_not_see_how_its_runs_were_joined_before(runs, seed):
    """Associative: joining a joined half with the rest is joining all at once."""
    one = [(0, reading) for number, run in runs if number == runs[0][0] for reading in run]
    one = [(0, [reading]) for _, reading in sorted(one)]
    data = batch(one)
    m = data.starts.size
    parts = partials(data.value, data.t_ms, data.starts, data.gap_ms, data.modulus)
    all_at_once = join(parts, np.zeros(1, dtype=np.int64), data.gap_ms, data.modulus)
    rng = np.random.default_rng(seed)
    heads = np.unique(np.append(rng.integers(0, m, 3), 0))
    halves = join(parts, heads, data.gap_ms, data.modulus)
    k = heads.size
    twice = join(halves, np.zeros(1, dtype=np.int64), data.gap_ms[:k], data.modulus[:k])
    for name, a, b in zip(Partials._fields, all_at_once, twice, strict=True):
        wanted = pytest.approx(b.tolist(), **M2_TOLERANCE) if name == "m2" else b.tolist()
        assert a.tolist() == wanted, name


@pytest.mark.parametrize(
    ("day", "hours"), [("2024-03-31", 23), ("2024-10-27", 25), ("2024-06-01", 24)]
)
def test_days_follow_the_clock(day, hours):
    midnight = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo("Europe/Paris"))
    start = int(midnight.timestamp() * 1000)
    readings = [(start + 3_600_000 * h, float(h)) for h in range(-30, 60)]
    got = {r[1]: r[2] for r in rows(rollup(batch([(1, readings)]), Days(PARIS)))}
    assert got[start] == hours
    following = midnight.replace(tzinfo=None) + timedelta(days=1)
    assert got[int(following.replace(tzinfo=ZoneInfo("Europe/Paris")).timestamp() * 1000)] == 24
    assert sum(got.values()) == 90


def test_a_run_over_years_is_cut_without_counting_its_empty_windows():
    readings = [(1000, 1.0), (2000, 2.0), (300_000_000_000, 5.0), (300_000_000_500, 6.0)]
    got = rows(rollup(batch([(1, readings), (2, readings[:1] * 1)]), Every(1000)))
    assert [r[:3] for r in got] == [
        (1, 1000, 1), (1, 2000, 1), (1, 300_000_000_000, 2), (2, 1000, 1),
    ]  # fmt: skip


@given(pieces(), st.sampled_from([1, 13, 5000, 40_000]))
@settings(deadline=None)
def test_cuts_are_where_the_windows_change(runs, length_ms):
    data, grid = batch(runs), Every(length_ms)
    window, run, starts = cut(data, grid)
    of_reading = np.repeat(
        np.arange(data.starts.size), np.diff(data.starts, append=data.t_ms.size)
    )
    index = grid.index(data.t_ms)
    new = np.flatnonzero(np.diff(index, prepend=-1) | np.diff(of_reading, prepend=-1))
    assert starts.tolist() == new.tolist()
    assert window.tolist() == index[new].tolist()
    assert run.tolist() == of_reading[new].tolist()


def test_equal_instants_are_ordered_by_value_however_they_came():
    once = [(1, [(5000, 7.0)]), (1, [(5000, 3.0)]), (1, [(5001, 9.0)])]
    first = rows(rollup(batch(once), Every(60_000)))
    assert rows(rollup(batch(once[::-1]), Every(60_000))) == first
    assert (first[0][3], first[0][5], first[0][11]) == (3.0, 9.0, 6.0)


def test_keys_too_large_for_64_bits_are_sorted_all_the_same():
    far = [(0, [(0, 1.0)]), (1 << 40, [(1 << 52, 2.0)]), (0, [(1 << 52, 3.0)])]
    got = in_order(batch(far))
    assert got.series.tolist() == [0, 1 << 40]
    assert got.value.tolist() == [1.0, 3.0, 2.0]


def test_nothing_in_nothing_out():
    assert rows(rollup(batch([]), Every(1000))) == []


def test_a_device_that_floods_changes_nothing_for_the_others():
    calm = [(n, [(1000 * i, float(n + i)) for i in range(60)]) for n in range(1, 20)]
    flood = [(0, [(i + 60_000 * j, float(i % 7)) for i in range(0, 60_000, 10)]) for j in range(5)]
    alone = rows(rollup(batch(calm), Every(10_000)))
    mixed = rows(rollup(batch(flood[:2] + calm + flood[2:]), Every(10_000)))
    assert [r for r in mixed if r[0]] == alone
