"""Fictitious communes: a grid whose borders wander, each shared exactly by its neighbours."""

import random

import pytest


class Grid:
    """Communes side by side between 2 and 4 degrees east, 50 and 51 north."""

    def __init__(self, columns: int, rows: int, steps: int, seed: int = 1) -> None:
        self._random, self._steps = random.Random(seed), steps
        self._size = 2 / columns, 1 / rows
        self._nodes = {
            (i, j): self._node(i, j) for i in range(columns + 1) for j in range(rows + 1)
        }
        self._edges: dict = {}
        self.rings = [
            self._ring([(i, j), (i + 1, j), (i + 1, j + 1), (i, j + 1)])
            for i in range(columns)
            for j in range(rows)
        ]

    def _node(self, i: int, j: int) -> tuple[float, float]:
        x, y = (self._random.uniform(-0.3, 0.3) for _ in range(2))
        return round(2 + (i + x) * self._size[0], 6), round(50 + (j + y) * self._size[1], 6)

    def _edge(self, a, b) -> list[tuple[float, float]]:
        if a > b:
            return self._edge(b, a)[::-1]
        if (a, b) not in self._edges:
            start, end, wander = self._nodes[a], self._nodes[b], min(self._size) / 20
            between = [
                tuple(
                    round(p + (q - p) * k / self._steps + self._random.uniform(-wander, wander), 6)
                    for p, q in zip(start, end, strict=True)
                )
                for k in range(1, self._steps)
            ]
            self._edges[a, b] = [start, *between, end]
        return self._edges[a, b]

    def _ring(self, corners) -> tuple[tuple[float, float], ...]:
        sides = zip(corners, [*corners[1:], corners[0]], strict=True)
        points = [point for a, b in sides for point in self._edge(a, b)[:-1]]
        return (*points, points[0])

    @property
    def areas(self) -> list:
        """Polygons of each commune."""
        return [((ring,),) for ring in self.rings]


@pytest.fixture
def grid():
    return Grid
