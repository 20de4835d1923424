"""Outlines keep shared borders shared, move nothing far, and fit into their bytes."""

import math
import re
import time
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cobenefit_backend.areas.outline import SIZE, laid_out, outlines, path_text, simplified

POINTS = st.tuples(st.integers(0, 30), st.integers(0, 30))
RINGS = st.lists(POINTS, min_size=3, max_size=20, unique=True).map(tuple)
SHAPES = st.lists(st.lists(RINGS, min_size=1, max_size=2).map(tuple), min_size=1, max_size=5)
TOLERANCE = st.floats(0.1, 20)


def _segments(ring):
    return [frozenset(pair) for pair in pairwise([*ring, ring[0]])]


def _away(point, a, b):
    dx, dy = b[0] - a[0], b[1] - a[1]
    length = dx * dx + dy * dy
    t = ((point[0] - a[0]) * dx + (point[1] - a[1]) * dy) / length if length else 0
    t = min(max(t, 0), 1)
    return math.dist(point, (a[0] + t * dx, a[1] + t * dy))


@settings(deadline=None, max_examples=30)
@given(SHAPES, TOLERANCE)
def test_what_is_left_are_points_of_what_was_given(shapes, tolerance):
    for before, after in zip(shapes, simplified(shapes, tolerance), strict=True):
        assert len(before) == len(after)
        for ring, left in zip(before, after, strict=True):
            assert set(left) <= set(ring)
            assert len(left) <= len(ring)


@settings(deadline=None, max_examples=30)
@given(SHAPES, TOLERANCE)
def test_no_border_moves_further_than_allowed(shapes, tolerance):
    for before, after in zip(shapes, simplified(shapes, tolerance), strict=True):
        for ring, left in zip(before, after, strict=True):
            for point in ring:
                nearest = min(_away(point, a, b) for a, b in pairwise([*left, left[0]]))
                assert nearest <= tolerance + 1e-9


@settings(deadline=None, max_examples=30)
@given(SHAPES, TOLERANCE)
def test_simplifying_again_changes_nothing_that_a_reversed_ring_would_not(shapes, tolerance):
    turned = [tuple(ring[::-1] for ring in shape) for shape in shapes]
    points = [[set(ring) for ring in shape] for shape in simplified(shapes, tolerance)]
    assert points == [[set(ring) for ring in shape] for shape in simplified(turned, tolerance)]


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.floats(-180, 180), st.floats(-90, 90)), min_size=1, max_size=9))
def test_every_place_is_on_the_drawing(positions):
    for x, y in laid_out(positions):
        assert -1e-6 <= x <= SIZE + 1e-6
        assert -1e-6 <= y <= SIZE + 1e-6


@settings(deadline=None, max_examples=30)
@given(
    st.lists(
        st.lists(st.tuples(st.floats(-180, 180), st.floats(-90, 90)), min_size=3, max_size=9)
        .map(lambda ring: (((*ring, ring[0]),),)),
        min_size=1, max_size=4,
    )
)  # fmt: skip
def test_every_area_is_drawn_in_whole_units(areas):
    for outline in outlines(areas, 10_000):
        assert outline
        for ring in outline:
            assert len(set(ring)) >= 3
            assert all(isinstance(v, int) and -2 <= v <= SIZE + 2 for p in ring for v in p)


def test_neighbours_keep_their_border(grid):
    shapes = [(tuple((240 * (x - 2), 240 * (y - 50)) for x, y in ring[:-1]),)
              for ring in grid(8, 6, 30).rings]  # fmt: skip
    drawn = simplified(shapes, 2.5)
    assert sum(len(s[0]) for s in drawn) < sum(len(s[0]) for s in shapes)
    uses = Counter(s for outline in drawn for ring in outline for s in _segments(ring))
    assert set(uses.values()) == {1, 2}
    once = [segment for segment, count in uses.items() if count == 1]
    # what only one commune has is the edge of the map: each point of it joins two such segments
    ends = Counter(point for segment in once for point in segment)
    assert set(ends.values()) == {2}


def test_648_communes_fit_into_30_kb(grid):
    areas = grid(27, 24, 20).areas
    assert sum(len(part[0]) for area in areas for part in area) > 50_000
    start = time.process_time()
    drawn = outlines(areas, 28_000)
    assert time.process_time() - start < 20  # seconds; about 2 on a quiet machine
    assert len(drawn) == 648
    assert sum(len(path_text(outline)) for outline in drawn) <= 28_000


@pytest.mark.parametrize("ring", [((0, 0), (0, 0), (0, 0), (0, 0)), ((0, 0), (1, 1), (0, 0))])
def test_an_area_without_a_surface_is_a_small_square(ring):
    large = (((0, 0), (10, 0), (10, 10), (0, 10), (0, 0)),)
    tiny, _ = outlines([((ring,),), (large,)], 1000)
    xs, ys = zip(*tiny[0], strict=True)
    assert (max(xs) - min(xs), max(ys) - min(ys)) == (2, 2)


def test_an_enclave_and_its_hole_keep_one_border():
    hole = tuple((5 + 2 * math.cos(a / 9), 5 + 2 * math.sin(a / 9)) for a in range(57))
    outer = ((0, 0), (10, 0), (10, 10), (0, 10))
    around, inside = simplified([(outer, hole), (hole[20:] + hole[:20],)], 0.3)
    assert set(around[1]) == set(inside[0])
    assert 3 <= len(inside[0]) < len(hole)


def test_a_path_says_its_points():
    text = path_text((((1, 2), (4, 1), (4, 9)), ((7, 7), (8, 8), (7, 9))))
    assert text == "M1 2l3-1 0 8zM7 7l1 1-1 1z"
    assert re.fullmatch(r"(M\d+ \d+l-?\d+(?: ?-?\d+)+z)+", text)


def test_without_areas_there_is_no_outline():
    assert outlines([], 1000) == []
