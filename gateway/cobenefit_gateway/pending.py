"""Summed-up runs on their way into windows: gathered, joined in columns, then added.

Most runs follow the one before in the same window with nothing missing between. Joining those
here costs no Python per run; a window gets one segment for each stretch, at the latest when a
checkpoint asks. Bounded by `MAX_ROWS`. It must do no I/O.
"""

from typing import NamedTuple

import numpy as np

from cobenefit_gateway.core.aggregate import Links, Segment, insert
from cobenefit_gateway.core.partials import FloatArray, IntArray, Partials
from cobenefit_gateway.core.rollup import join
from cobenefit_gateway.slots import Slots

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

    def take(self) -> tuple[Rows, Partials] | None:
        """Return everything, ordered by series, window and time, and forget it.

        Returns
        -------
        tuple of Rows, Partials or None
            Runs with nothing missing between are one, with the longest `join_ms` of them. None
            when nothing waits.
        """
        if not self.size:
            return None
        rows = Rows._make(np.concatenate(column) for column in zip(*self._rows, strict=True))
        parts = Partials._make(np.concatenate(c) for c in zip(*self._parts, strict=True))
        self._rows, self._parts, self.size = [], [], 0
        # Of readings at the same instant the larger is the later, however they came.
        order = np.lexsort((parts.first, parts.first_t_ms, rows.start_ms, rows.grid, rows.id))
        rows = Rows._make(column[order] for column in rows)
        parts = Partials._make(column[order] for column in parts)
        heads = np.flatnonzero(_heads(rows, parts))
        joined = join(parts, heads, rows.gap_ms, rows.modulus)
        join_ms = np.maximum.reduceat(rows.join_ms, heads)
        return Rows._make(column[heads] for column in rows)._replace(join_ms=join_ms), joined


def _heads(rows: Rows, parts: Partials) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    # Where a stretch begins: another window, something missing, or an overlap.
    heads = np.ones(rows.id.size, dtype=np.bool_)
    apart_ms = parts.first_t_ms[1:] - parts.last_t_ms[:-1]
    heads[1:] = (apart_ms < 0) | (apart_ms > rows.join_ms[1:])
    for column in (rows.id, rows.grid, rows.start_ms):
        heads[1:] |= column[1:] != column[:-1]
    return heads


def into_windows(slots: Slots, slot: IntArray, rows: Rows, parts: Partials) -> None:
    """Add stretches to open windows.

    Parameters
    ----------
    slots : Slots
        The windows; changed in place.
    slot : ndarray, shape (n,)
        Which window each stretch belongs in. [1]
    rows : Rows
        One entry per stretch, as `Pending.take` returns them.
    parts : Partials
        Their segments.

    Notes
    -----
    As `aggregate.insert` does with each; a stretch that is its window's first, or that follows the
    only segment there with nothing missing between, costs no Python.
    """
    alone = np.ones(slot.size, dtype=np.bool_)
    alone[1:] = slot[1:] != slot[:-1]
    alone[:-1] &= alone[1:]
    at = np.flatnonzero(alone & slots.single(slot))
    there = slots.parts(slot[at])
    apart_ms = parts.first_t_ms[at] - there.last_t_ms
    empty = there.readings == 0
    follows = ~empty & (apart_ms >= 0) & (apart_ms <= rows.join_ms[at])
    first, next_ = at[empty], at[follows]
    slots.set_parts(slot[first], _chosen(parts, first))
    pairs = Partials._make(
        np.stack((a[follows], b[next_]), axis=1).ravel() for a, b in zip(there, parts, strict=True)
    )
    heads = np.arange(0, 2 * next_.size, 2)
    gap_ms, modulus = np.repeat(rows.gap_ms[next_], 2), np.repeat(rows.modulus[next_], 2)
    if next_.size:
        slots.set_parts(slot[next_], join(pairs, heads, gap_ms, modulus))
    rest = np.ones(slot.size, dtype=np.bool_)
    rest[first] = rest[next_] = False
    _one_by_one(slots, slot, rows, parts, np.flatnonzero(rest))


def _one_by_one(slots: Slots, slot: IntArray, rows: Rows, parts: Partials, at: IntArray) -> None:
    columns = (slot[at], rows.gap_ms[at], rows.join_ms[at], rows.modulus[at])
    new = map(Segment._make, zip(*(c.tolist() for c in _chosen(parts, at)), strict=True))
    for one, *links, segment in zip(*(c.tolist() for c in columns), new, strict=True):
        segments = slots.segments(one)
        insert(segments, segment, Links(*links))
        slots.set_segments(one, segments)


def _chosen(parts: Partials, at: IntArray) -> Partials:
    return Partials._make(column[at] for column in parts)
