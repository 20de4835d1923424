"""Summed-up runs on their way into windows: gathered, joined in columns, then added.

Most runs follow the one before in the same window with nothing missing between. Joining those
here costs no Python per run; a window gets one segment for each stretch, at the latest when a
checkpoint asks. Bounded by `MAX_ROWS`. It must do no I/O.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from cobenefit_gateway.core.aggregate import Segment
from cobenefit_gateway.core.partials import FloatArray, IntArray, Partials
from cobenefit_gateway.core.rollup import join

#: Rows held at most before they are to be taken out. [1]
MAX_ROWS = 30_000


class Rows(NamedTuple):
    """Whose runs and in which window; one entry per run."""

    id: IntArray
    grid: IntArray
    start_ms: IntArray
    gap_ms: IntArray
    join_ms: IntArray
    modulus: FloatArray


class Stretch(NamedTuple):
    """A segment to add to the window of a series; `join_ms` is the longest of its runs."""

    id: int
    grid: int
    start_ms: int
    join_ms: int
    segment: Segment


class Pending:
    """Rows that wait."""

    def __init__(self) -> None:
        self._rows: list[Rows] = []
        self._parts: list[Partials] = []
        self.size = 0

    def add(self, rows: Rows, parts: Partials) -> None:
        """Add summed-up runs.

        Parameters
        ----------
        rows : Rows
            Whose.
        parts : Partials
            What.
        """
        self._rows.append(rows)
        self._parts.append(parts)
        self.size += rows.id.size

    def take(self) -> Iterator[Stretch]:
        """Return everything, ordered by series, window and time, and forget it.

        Returns
        -------
        iterator of Stretch
            Runs with nothing missing between are one.
        """
        if not self.size:
            return iter(())
        rows = Rows._make(np.concatenate(column) for column in zip(*self._rows, strict=True))
        parts = Partials._make(np.concatenate(c) for c in zip(*self._parts, strict=True))
        self._rows, self._parts, self.size = [], [], 0
        order = np.lexsort((parts.first_t_ms, rows.start_ms, rows.grid, rows.id))
        rows = Rows._make(column[order] for column in rows)
        parts = Partials._make(column[order] for column in parts)
        heads = np.flatnonzero(_heads(rows, parts))
        joined = join(parts, heads, rows.gap_ms, rows.modulus)
        columns = (
            rows.id[heads].tolist(),
            rows.grid[heads].tolist(),
            rows.start_ms[heads].tolist(),
            np.maximum.reduceat(rows.join_ms, heads).tolist(),
            map(Segment._make, zip(*(c.tolist() for c in joined), strict=True)),
        )
        return map(Stretch._make, zip(*columns, strict=True))


def _heads(rows: Rows, parts: Partials) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    # Where a stretch begins: another window, something missing, or an overlap.
    heads = np.ones(rows.id.size, dtype=np.bool_)
    apart_ms = parts.first_t_ms[1:] - parts.last_t_ms[:-1]
    heads[1:] = (apart_ms < 0) | (apart_ms > rows.join_ms[1:])
    for column in (rows.id, rows.grid, rows.start_ms):
        heads[1:] |= column[1:] != column[:-1]
    return heads
