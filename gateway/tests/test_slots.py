"""Open windows in columns, beside the obvious dictionary of windows."""

import json
import random

import numpy as np
import pytest

from cobenefit_gateway.core.aggregate import Links, Segment, insert
from cobenefit_gateway.core.partials import Partials
from cobenefit_gateway.pending import Rows, into_windows
from cobenefit_gateway.rows import segments_of, window_rows
from cobenefit_gateway.slots import Slots, Window
from cobenefit_gateway.sums import fits
from cobenefit_gateway.table import NONE, Table

SERIES, GRIDS, STARTS = range(1, 40), (0, 1), range(0, 5000, 1000)


def columns(keys):
    return np.array(keys, dtype=np.int64).reshape(-1, 3).T


def segment(t_ms, value):
    return Segment(1, value, t_ms, value, t_ms, value, value, value, 0.0, 0.0, 0.0, 0)


@pytest.mark.parametrize("seed", range(3))
def test_windows_open_and_close_as_in_a_dictionary(seed):
    rng = random.Random(seed)
    table = Table()
    table.reserve(max(SERIES))
    slots, known, most, highest = Slots(table), {}, 0, 0
    every = [(i, grid, start) for i in SERIES for grid in GRIDS for start in STARTS]
    for _ in range(60):
        new = sorted(set(rng.sample(every, 20)) - known.keys())
        for key, slot in zip(
            new, slots.open(*columns(new), [rng.randrange(9)] * len(new)), strict=True
        ):
            window = slots.get(int(slot))
            assert (window.segments, window.flagged, window.histogram) == ([], 0, None)
            times = sorted(rng.sample(range(100), rng.randrange(4)))
            bins = rng.choice([None, [1, 2]])
            kept = [segment(t_ms, float(t_ms)) for t_ms in times]
            known[key] = Window(key[2], window.length_s, kept, rng.randrange(5), bins)
            slots.put(int(slot), known[key])
            highest = max(highest, int(slot))
        most = max(most, len(known))
        keys = rng.sample(every, 60)
        found = slots.find(*columns(keys))
        assert [slot != NONE for slot in found] == [key in known for key in keys]
        for key, slot in zip(keys, found.tolist(), strict=True):
            if slot != NONE:
                assert slots.get(slot) == known[key]
        some = np.array(rng.sample(SERIES, 15))
        theirs = slots.of(some)
        assert sorted(map(int, slots.id[theirs])) == sorted(k[0] for k in known if k[0] in some)
        for slot, row in zip(theirs.tolist(), window_rows(slots, theirs), strict=True):
            *key, length_s, readings, flagged, body, bins, _ = row
            window = known[tuple(key)]
            assert fits("windows", row[:-1], row[-1])
            assert (length_s, readings, flagged) == (
                window.length_s, len(window.segments), window.flagged,
            )  # fmt: skip
            assert segments_of(body) == window.segments == slots.segments(slot)
            assert (json.loads(bins) if bins else None) == window.histogram
        gone = rng.sample(sorted(known), min(15, len(known)))
        slots.close(slots.find(*columns(gone)))
        for key in gone:
            del known[key]
    assert highest < most  # slots of closed windows are used again


@pytest.mark.parametrize("seed", range(3))
def test_stretches_join_a_window_as_one_by_one(seed):
    rng = random.Random(seed)
    table = Table()
    table.reserve(20)
    slots = Slots(table)
    keys = [(i, 1, 0) for i in range(1, 20)]
    slot = slots.open(*columns(keys), [86_400] * len(keys))
    expected = {int(one): [] for one in slot}
    for _ in range(30):
        chosen = sorted(rng.choices(range(19), k=rng.randrange(12)))
        stretches = [(i, rng.randrange(0, 3000, 10), float(rng.randrange(9))) for i in chosen]
        stretches.sort()
        links = Links(gap_ms=60, join_ms=30, modulus=0.0)
        new = [segment(t_ms, value) for _, t_ms, value in stretches]
        whose = slot[[i for i, _, _ in stretches]] if stretches else slot[:0]
        for one, part in zip(whose.tolist(), new, strict=True):
            insert(expected[one], part, links)
        n = np.full(len(new), 60), np.full(len(new), 30), np.zeros(len(new))
        zero = np.zeros(len(new), dtype=np.int64)
        parts = Partials._make(
            np.array(
                [getattr(p, name) for p in new],
                dtype=np.asarray(getattr(segment(0, 0.5), name)).dtype,
            )
            for name in Partials._fields
        )
        into_windows(slots, whose, Rows(zero, zero, zero, *n), parts)
    assert {one: slots.segments(one) for one in expected} == {
        one: [pytest.approx(part) for part in parts] for one, parts in expected.items()
    }
