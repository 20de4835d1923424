"""Outlines of areas for a map of few bytes: whole numbers, and borders that neighbours share.

A border between two areas is simplified once and used by both, so no gap opens along it. For
that, rings are cut into arcs where three or more lines meet, as TopoJSON does (M. Bostock,
"TopoJSON", 2013, <https://github.com/topojson/topojson-specification>); an arc keeps its ends.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise

from cobenefit_backend.areas.geojson import Polygon, Position

Ring = tuple[Position, ...]
"""Points; the last is joined to the first."""
Shape = tuple[Ring, ...]
Point = tuple[int, int]
Outline = tuple[tuple[Point, ...], ...]
SIZE = 480
"""Longer side of the drawing. [px]"""
_TOLERANCES = (0.7, 1.0, 1.5, 2.5, 4.0, 6.0)


def outlines(areas: Sequence[Sequence[Polygon]], max_bytes: int) -> list[Outline]:
    """Return the outline of each area in drawing units.

    Parameters
    ----------
    areas : sequence
        Polygons of each area, in longitude and latitude. [degree]
    max_bytes : int
        What all their paths together may take; the coarsest step may take more. [1]

    Returns
    -------
    list of tuple
        Rings of each area in whole units, none empty. [px]
    """
    shapes = _projected(areas)
    found: list[Outline] = []
    for tolerance in _TOLERANCES:
        shapes = simplified(shapes, tolerance)
        found = [_rounded(shape) for shape in shapes]
        if sum(len(path_text(outline)) for outline in found) <= max_bytes:
            break
    return found


def laid_out(positions: Sequence[Position]) -> list[Position]:
    """Return places in drawing units.

    Parameters
    ----------
    positions : sequence of tuple
        Longitude and latitude. [degree]

    Returns
    -------
    list of tuple
        Where they are on the drawing. [px]
    """
    return [shape[0][0] for shape in _projected([(((place,),),) for place in positions])]


def path_text(outline: Outline) -> str:
    """Return the rings as the data of an SVG path, in steps from point to point.

    Parameters
    ----------
    outline : tuple
        Rings. [px]

    Returns
    -------
    str
        For the attribute `d`.
    """
    parts = []
    for ring in outline:
        steps = " ".join(f"{b[0] - a[0]} {b[1] - a[1]}" for a, b in pairwise(ring))
        parts.append(f"M{ring[0][0]} {ring[0][1]}l{steps}z")
    return "".join(parts).replace(" -", "-")


def simplified(areas: Sequence[Shape], tolerance: float) -> list[Shape]:
    """Leave out points where a border would move no further than a distance.

    Parameters
    ----------
    areas : sequence of tuple
        Rings of each area. [px]
    tolerance : float
        Largest distance of a point left out from the line that replaces it. [px]

    Returns
    -------
    list of tuple
        Rings of points of the rings given; two areas that shared a border still do.
    """
    rings = [ring for shape in areas for ring in shape]
    junctions = _junctions(rings)
    cut = {ring: [_key(arc) for arc in _arcs(ring, junctions)] for ring in rings}
    arcs = {key for keys in cut.values() for key, _ in keys}
    ends = Counter(frozenset((arc[0], arc[-1])) for arc in arcs)
    known = {
        arc: _simple(arc, tolerance, bulge=ends[frozenset((arc[0], arc[-1]))] > 1) for arc in arcs
    }
    return [
        tuple(
            tuple(p for key, turn in cut[ring] for p in known[key][::turn][:-1]) for ring in shape
        )
        for shape in areas
    ]


def _projected(areas: Sequence[Sequence[Polygon]]) -> list[Shape]:
    """Lay degrees on a square; a degree of longitude shrinks with the latitude."""
    places = [p for polygons in areas for rings in polygons for ring in rings for p in ring]
    if not places:
        return [() for _ in areas]
    west, east = min(p[0] for p in places), max(p[0] for p in places)
    south, north = min(p[1] for p in places), max(p[1] for p in places)
    narrow = max(math.cos(math.radians((south + north) / 2)), 0.01)
    scale = SIZE / (max((east - west) * narrow, north - south) or 1.0)

    def laid(ring: Ring) -> Ring:
        found = [((x - west) * narrow * scale, (north - y) * scale) for x, y in ring]
        return tuple(b for a, b in pairwise(found) if a != b) or (found[0],)

    return [tuple(laid(ring) for rings in polygons for ring in rings) for polygons in areas]


def _rounded(shape: Shape) -> Outline:
    """Round to whole units; what is left of a tiny area is a square of two units."""
    rings = [_distinct([(round(x), round(y)) for x, y in ring]) for ring in shape]
    if kept := [ring for ring in rings if _surface(ring)]:
        return tuple(kept)
    x, y = rings[0][0]
    return (((x, y), (x + 2, y), (x + 2, y + 2), (x, y + 2)),)


def _distinct(ring: Sequence[Point]) -> tuple[Point, ...]:
    return tuple(b for a, b in pairwise([ring[-1], *ring]) if a != b) or (ring[0],)


def _surface(ring: Sequence[Position]) -> float:
    """Return twice the surface a ring goes round, with its sense; 0 for a mere line."""
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise([*ring, ring[0]]))


def _junctions(rings: Iterable[Ring]) -> set[Position]:
    """Return the points where three or more lines meet, or where one turns back."""
    neighbours: dict[Position, set[Position]] = defaultdict(set)
    for ring in rings:
        for a, b in pairwise([*ring, ring[0]]):
            neighbours[a].add(b)
            neighbours[b].add(a)
    return {point for point, found in neighbours.items() if len(found) != 2}


def _arcs(ring: Ring, junctions: set[Position]) -> list[Ring]:
    """Cut a ring at its junctions; one that has none starts at its least point."""
    at = [index for index, point in enumerate(ring) if point in junctions]
    at = at or [ring.index(min(ring))]
    turned = [*ring[at[0] :], *ring[: at[0] + 1]]
    cuts = [*(index - at[0] for index in at), len(ring)]
    return [tuple(turned[a : b + 1]) for a, b in pairwise(cuts)]


def _key(arc: Ring) -> tuple[Ring, int]:
    """Return an arc as both of its sides know it, and the sense in which this one walks it."""
    return (arc, 1) if arc <= arc[::-1] else (arc[::-1], -1)


def _simple(arc: Ring, tolerance: float, *, bulge: bool) -> Ring:
    """Simplify an arc; its widest bulge stays where another arc has the same ends."""
    kept = {0, len(arc) - 1}
    if arc[0] == arc[-1]:  # it alone closes a ring
        kept.add(max(range(len(arc)), key=lambda i: (math.dist(arc[0], arc[i]), i)))
        bulge = True
    for first, last in pairwise(sorted(kept)):
        if bulge and last - first > 1:
            far = max(range(first, last), key=lambda i: _distance(arc[i], arc[first], arc[last]))
            kept |= {far, *_needed(arc, first, far, tolerance)}
            kept |= _needed(arc, far, last, tolerance)
        else:
            kept |= _needed(arc, first, last, tolerance)
    return tuple(arc[index] for index in sorted(kept))


def _needed(arc: Ring, first: int, last: int, tolerance: float) -> set[int]:
    """Return the points to keep between two others.

    D. H. Douglas and T. K. Peucker, "Algorithms for the reduction of the number of points
    required to represent a digitized line or its caricature", Cartographica 10 (2), 1973.
    """
    found: set[int] = set()
    spans = [(first, last)]
    while spans:
        a, b = spans.pop()
        if b - a < 2:
            continue
        far = max(range(a + 1, b), key=lambda i: _distance(arc[i], arc[a], arc[b]))
        if _distance(arc[far], arc[a], arc[b]) > tolerance:
            found.add(far)
            spans += [(a, far), (far, b)]
    return found


def _distance(point: Position, start: Position, end: Position) -> float:
    """Return how far a point is from a segment."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = dx * dx + dy * dy
    along = ((point[0] - start[0]) * dx + (point[1] - start[1]) * dy) / length if length else 0.0
    along = min(max(along, 0.0), 1.0)
    return math.hypot(point[0] - start[0] - along * dx, point[1] - start[1] - along * dy)
