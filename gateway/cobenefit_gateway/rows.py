"""Rows of series and windows for the database, many at once, and segments as they stand there.

What can be is made in columns: the bytes of all numbers are there after a few calls of numpy, and
a row costs Python two cuts and its checksum. A window's segments are stored as the bytes of their
numbers, 96 for each; databases of the first schema have them as JSON. It must do no I/O.
"""

import json
from collections.abc import Iterator
from struct import Struct
from zlib import crc32

import msgspec
import numpy as np

from cobenefit_gateway.core.aggregate import Segment
from cobenefit_gateway.core.partials import IntArray
from cobenefit_gateway.slots import Slots
from cobenefit_gateway.state import State
from cobenefit_gateway.sums import place_bytes

_SERIES = np.dtype([
    *((name, "<i8") for name in ("id", "max_t_ms", "last_t_ms", "closed_ms")),
    *((name, "<f8") for name in ("last", "suspect")),
])  # fmt: skip
_WINDOW = np.dtype([
    (name, "<i8") for name in ("id", "grid", "start_ms", "length_s", "readings", "flagged")
])  # fmt: skip
_SEGMENT = Struct("<qdqdq6dq")
_OLD = msgspec.json.Decoder(list[Segment])
Row = tuple[object, ...]

#: What saves a row as `series_rows` yields it.
NEW_SERIES = (
    "INSERT INTO series(id, max_t_ms, last_t_ms, closed_ms, last, suspect, site, device, channel, "
    "crc) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
KNOWN_SERIES = (
    "UPDATE series SET max_t_ms = ?2, last_t_ms = ?3, closed_ms = ?4, last = ?5, suspect = ?6, "
    "crc = ?10 WHERE id = ?1"
)
#: What saves a row as `window_rows` yields it, in a state.
NEW_WINDOW = (
    "INSERT INTO windows(series_id, grid, start_ms, length_s, readings, flagged, segments, "
    "histogram, crc, state) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, {state}) "
    "ON CONFLICT DO UPDATE SET state = excluded.state, readings = excluded.readings, "
    "flagged = excluded.flagged, segments = excluded.segments, "
    "histogram = excluded.histogram, crc = excluded.crc"
)
#: A window that stays open; without its state no index has to follow.
KNOWN_WINDOW = (
    "UPDATE windows SET readings = ?5, flagged = ?6, segments = ?7, histogram = ?8, crc = ?9 "
    "WHERE series_id = ?1 AND grid = ?2 AND start_ms = ?3"
)


def segments_of(body: bytes | str) -> list[Segment]:
    """Return the segments of a window as they stand in the database.

    Parameters
    ----------
    body : bytes or str
        Column `segments`; a text in a row of the first schema.

    Returns
    -------
    list of Segment
        Ordered in time.
    """
    if isinstance(body, str):
        return _OLD.decode(body)
    return list(map(Segment._make, _SEGMENT.iter_unpack(body)))


def series_rows(state: State, number: IntArray) -> Iterator[Row]:
    """Yield rows of series.

    Parameters
    ----------
    state : State
        Has them.
    number : ndarray, shape (n,)
        Which. [1]

    Yields
    ------
    tuple
        Number, newest event time, time of the last reading, end of closed windows, last reading,
        suspect one, site, device, channel, checksum. [1, ms, ms, ms, unit, unit, -, -, -, 1]
    """
    table, by_id = state.table, state.by_id
    rows = np.empty(number.size, dtype=_SERIES)
    rows["id"] = number
    for name in ("max_t_ms", "last_t_ms", "closed_ms"):
        rows[name] = getattr(table, name)[number]
    for name in ("last", "suspect"):
        value = getattr(table, name)[number]
        # One kind of NaN and of zero: SQLite has no other.
        rows[name] = np.where(np.isnan(value), np.nan, value + 0.0)
    raw, size = rows.tobytes(), _SERIES.itemsize
    for at, row in enumerate(rows.tolist()):
        place = by_id[row[0]].place
        numbers = crc32(raw[at * size : (at + 1) * size])
        yield (*row, *place, crc32(place_bytes(place), numbers))


def window_rows(slots: Slots, slot: IntArray) -> Iterator[Row]:
    """Yield rows of windows.

    Parameters
    ----------
    slots : Slots
        Has them.
    slot : ndarray, shape (n,)
        Which. [1]

    Yields
    ------
    tuple
        Series, grid, start, length, readings, flagged readings, segments, histogram, checksum.
        [1, 1, ms, s, 1, 1, -, -, 1]
    """
    rows = np.empty(slot.size, dtype=_WINDOW)
    for name in ("id", "grid", "start_ms", "length_s", "flagged"):
        rows[name] = getattr(slots, name)[slot]
    bodies, rows["readings"] = _bodies(slots, slot)
    raw, size = rows.tobytes(), _WINDOW.itemsize
    histograms = map(slots.histogram, slot.tolist())
    for at, (row, body, counts) in enumerate(zip(rows.tolist(), bodies, histograms, strict=True)):
        bins = None if counts is None else json.dumps(counts)
        numbers = crc32(body, crc32(raw[at * size : (at + 1) * size]))
        yield (*row, body, bins, crc32(bins.encode(), numbers) if bins else numbers)


def _bodies(slots: Slots, slot: IntArray) -> tuple[list[bytes], IntArray]:
    # The segments of each window, and how many readings are in them.
    rows = slots.segment[slot]
    raw, size = rows.tobytes(), rows.itemsize
    readings = rows["readings"].copy()
    bodies = [raw[at : at + size] for at in range(0, len(raw), size)]
    for at in np.flatnonzero((readings == 0) | ~slots.single(slot)).tolist():
        several = slots.segments(int(slot[at]))
        bodies[at] = b"".join(_SEGMENT.pack(*segment) for segment in several)
        readings[at] = sum(segment.readings for segment in several)
    return bodies, readings
