"""Open windows of all series as columns, a slot each, so that a batch costs no Python per window.

Nearly every window holds one segment, its readings being a stretch with nothing missing: that one
is a row of `segment`. The others keep theirs in `_more`. Windows of one series are a chain: its
first slot is in the table, `next` leads on. A closed window's slot is used again. It must do no
I/O.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cobenefit_gateway.core.aggregate import Segment
from cobenefit_gateway.core.partials import IntArray, Partials
from cobenefit_gateway.table import NONE, Growing, Table

_WHOLE = ("readings", "first_t_ms", "last_t_ms", "covered_ms")
SEGMENT = np.dtype([(n, "<i8" if n in _WHOLE else "<f8") for n in Segment._fields])
_make = Segment._make


@dataclass(slots=True)
class Window:
    """One window of one series, apart from all others."""

    start_ms: int
    length_s: int
    segments: list[Segment] = field(default_factory=list)
    flagged: int = 0
    histogram: list[int] | None = None


class Slots(Growing):
    """All open windows; `dirty` is not saved yet, `stored` has an open row in the database.

    Parameters
    ----------
    table : Table
        Has the first slot of each series.
    """

    id: NDArray[np.int32]
    grid: NDArray[np.int8]
    start_ms: NDArray[np.int64]
    length_s: NDArray[np.int32]
    flagged: NDArray[np.int64]
    dirty: NDArray[np.bool_]
    stored: NDArray[np.bool_]
    next: NDArray[np.int32]
    segment: NDArray[Any]

    def __init__(self, table: Table) -> None:
        self._table = table
        self._free: list[int] = []
        self._used = 0
        self._more: dict[int, list[Segment]] = {}
        self._histograms: dict[int, list[int]] = {}
        whole, short = (np.int64, 0), (np.int32, NONE)
        super().__init__({
            **dict.fromkeys(("id", "length_s", "next"), short),
            **dict.fromkeys(("start_ms", "flagged"), whole),
            "grid": (np.int8, 0),
            **dict.fromkeys(("dirty", "stored"), (np.bool_, False)),
            "segment": (SEGMENT, np.zeros((), dtype=SEGMENT)),
        })  # fmt: skip

    def find(self, number: IntArray, grid: IntArray, start_ms: IntArray) -> IntArray:
        """Return where windows are.

        Parameters
        ----------
        number : ndarray, shape (n,)
            Series. [1]
        grid : ndarray, shape (n,)
            Their grids. [1]
        start_ms : ndarray, shape (n,)
            Their starts. [ms]

        Returns
        -------
        ndarray, shape (n,)
            Slots, `NONE` for a window that is not open. [1]
        """
        slot = self._table.window[number].astype(np.int64)
        at = np.arange(slot.size)
        while at.size:
            here = slot[at]
            other = (self.start_ms[here] != start_ms[at]) | (self.grid[here] != grid[at])
            at = at[other & (here >= 0)]
            slot[at] = self.next[slot[at]]
        return slot

    def open(
        self, number: IntArray, grid: IntArray, start_ms: IntArray, length_s: Sequence[int]
    ) -> IntArray:
        """Open windows that are not open yet, without a reading.

        Parameters
        ----------
        number : ndarray, shape (n,)
            Series, rising. [1]
        grid : ndarray, shape (n,)
            Their grids. [1]
        start_ms : ndarray, shape (n,)
            Their starts, each with its grid and series once. [ms]
        length_s : sequence of int
            Their lengths. [s]

        Returns
        -------
        ndarray, shape (n,)
            Their slots. [1]
        """
        again = min(len(self._free), number.size)
        slot = np.arange(self._used - again, self._used - again + number.size)
        if again:
            slot[:again] = self._free[-again:]
            del self._free[-again:]
        self._used += number.size - again
        self.reserve(self._used - 1)
        self.id[slot], self.grid[slot], self.start_ms[slot] = number, grid, start_ms
        self.length_s[slot] = length_s
        self.flagged[slot], self.dirty[slot], self.stored[slot] = 0, False, False
        self.segment[slot] = np.zeros((), dtype=SEGMENT)
        self._chain(slot)
        return slot

    def _chain(self, slot: IntArray) -> None:
        # Windows of one series stand together; each becomes the first of its chain.
        if not slot.size:
            return
        number = self.id[slot]
        before = self._table.window[number]
        same = number[1:] == number[:-1]
        before[1:][same] = slot[:-1][same]
        self.next[slot] = before
        last = np.append(~same, True)
        self._table.window[number[last]] = slot[last]

    def of(self, number: IntArray) -> IntArray:
        """Return the slots of all open windows of some series.

        Parameters
        ----------
        number : ndarray, shape (n,)
            Series. [1]

        Returns
        -------
        ndarray
            The first of each series, then the second of each that has one, and so on. [1]
        """
        found = []
        slot = self._table.window[number]
        while (slot := slot[slot >= 0]).size:
            found.append(slot)
            slot = self.next[slot]
        return np.concatenate(found) if found else np.zeros(0, dtype=np.int64)

    def close(self, slot: IntArray) -> None:
        """Forget windows.

        Parameters
        ----------
        slot : ndarray
            Theirs. [1]
        """
        if not slot.size:
            return
        number = np.unique(self.id[slot]).astype(np.int64)
        kept = self.of(number)[::-1]
        kept = kept[~np.isin(kept, slot)]
        self._table.window[number] = NONE
        self._chain(kept[np.argsort(self.id[kept], kind="stable")])
        self._free += slot.tolist()
        for one in self._more.keys() & set(slot.tolist()):
            del self._more[one]
        for one in self._histograms.keys() & set(slot.tolist()):
            del self._histograms[one]

    def single(self, slot: IntArray) -> NDArray[np.bool_]:
        """Return which windows hold one segment or none.

        Parameters
        ----------
        slot : ndarray, shape (n,)
            Theirs. [1]

        Returns
        -------
        ndarray, shape (n,)
            Those have it in `segment`, with 0 readings where there is none.
        """
        if not self._more:
            return np.ones(slot.size, dtype=np.bool_)
        return ~np.isin(slot, list(self._more))

    def parts(self, slot: IntArray) -> Partials:
        """Return the segments of windows that hold one.

        Parameters
        ----------
        slot : ndarray, shape (n,)
            Theirs. [1]

        Returns
        -------
        Partials
            One entry per window.
        """
        rows = self.segment[slot]
        return Partials._make(rows[name] for name in Partials._fields)

    def set_parts(self, slot: IntArray, parts: Partials) -> None:
        """Put one segment into each window.

        Parameters
        ----------
        slot : ndarray, shape (n,)
            Theirs, each once. [1]
        parts : Partials
            One entry per window.
        """
        rows = np.empty(slot.size, dtype=SEGMENT)
        for name, column in zip(Partials._fields, parts, strict=True):
            rows[name] = column
        self.segment[slot] = rows

    def segments(self, slot: int) -> list[Segment]:
        """Return the segments of a window, to be given back to `set_segments` when changed.

        Parameters
        ----------
        slot : int
            Its slot. [1]

        Returns
        -------
        list of Segment
            Ordered in time.
        """
        if slot in self._more:
            return self._more[slot]
        one = _make(self.segment[slot].item())
        return [one] if one.readings else []

    def set_segments(self, slot: int, segments: list[Segment]) -> None:
        """Put segments into a window.

        Parameters
        ----------
        slot : int
            Its slot. [1]
        segments : list of Segment
            Ordered in time.
        """
        self._more.pop(slot, None)
        if len(segments) == 1:
            self.segment[slot] = segments[0]
        elif segments:
            self._more[slot] = segments

    def histogram(self, slot: int) -> list[int] | None:
        """Return the histogram of a window.

        Parameters
        ----------
        slot : int
            Its slot. [1]

        Returns
        -------
        list of int or None
            Readings in each bin; None when it has none. [1]
        """
        return self._histograms.get(slot)

    def set_histogram(self, slot: int, counts: list[int]) -> None:
        """Put a histogram into a window.

        Parameters
        ----------
        slot : int
            Its slot. [1]
        counts : list of int
            Readings in each bin. [1]
        """
        self._histograms[slot] = counts

    def get(self, slot: int) -> Window:
        """Return a window as an object of its own.

        Parameters
        ----------
        slot : int
            Its slot. [1]

        Returns
        -------
        Window
            Changes of it change nothing here.
        """
        return Window(
            int(self.start_ms[slot]),
            int(self.length_s[slot]),
            list(self.segments(slot)),
            int(self.flagged[slot]),
            self.histogram(slot),
        )

    def put(self, slot: int, window: Window) -> None:
        """Put segments, histogram and count of a window into its slot.

        Parameters
        ----------
        slot : int
            Its slot. [1]
        window : Window
            What to put.
        """
        self.set_segments(slot, window.segments)
        self.flagged[slot] = window.flagged
        if window.histogram is not None:
            self._histograms[slot] = window.histogram
