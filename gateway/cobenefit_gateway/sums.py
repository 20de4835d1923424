"""The checksum of each row that readings were summed up in, or are still to be read from.

Rows of series and of windows are summed up from the bytes of their numbers, which `rows` has for a
thousand of them at once; other rows, and those of the first schema, from their text.

    >>> fits("births", ("spBv1.0/a", b""), row_sum(("spBv1.0/a", b"")))
    True
"""

import struct
from collections.abc import Iterable, Sequence
from functools import cache
from math import nan
from typing import Any
from zlib import crc32

#: Columns each checksum stands for.
SUMMED = {
    "series": "id, site, device, channel, max_t_ms, last_t_ms, last, suspect, closed_ms",
    "sequences": "site, device, boot, floor, ranges",
    "windows": "series_id, grid, start_ms, length_s, readings, flagged, segments, histogram",
    "kept": "topic, payload, received_ms, kind, site, device, channel, reason, readings, known",
    "births": "topic, payload",
}
_SERIES, _WINDOW = struct.Struct("<4q2d"), struct.Struct("<6q")


def row_sum(values: Iterable[object]) -> int:
    """Return the checksum of a row from the text of its columns.

    Parameters
    ----------
    values : iterable
        Its columns, in the order of `SUMMED`; NaN is stored as nothing.

    Returns
    -------
    int
        CRC32. [1]
    """
    values = tuple(values)
    text = _pattern(len(values)) % values
    if "nan" in text:
        text = "|".join("None" if v != v else str(v) for v in values)  # noqa: PLR0124
    return crc32(text.encode())


def fits(table: str, values: Sequence[Any], crc: int | None) -> bool:
    """Return whether a row read from the database has its checksum.

    Parameters
    ----------
    table : str
        A key of `SUMMED`.
    values : sequence
        Its columns, in that order.
    crc : int or None
        Its checksum; None in a row of a version without. [1]

    Returns
    -------
    bool
        True for a row without one: it can't be checked.
    """
    return crc is None or crc in (_sum(table, values), row_sum(values))


def place_bytes(place: Iterable[str]) -> bytes:
    """Return what site, device and channel add to the checksum of a series."""
    return "/".join(place).encode()


def _sum(table: str, values: Sequence[Any]) -> int | None:
    # As `rows` makes them; None where what was read can't have been written so.
    try:
        if table == "series":
            number, *place, newest_ms, last_ms, last, suspect, closed_ms = values
            readings = [nan if v is None else v for v in (last, suspect)]
            numbers = _SERIES.pack(number, newest_ms, last_ms, closed_ms, *readings)
            return crc32(place_bytes(place), crc32(numbers))
        if table == "windows":
            *head, body, bins = values
            return crc32((bins or "").encode(), crc32(body, crc32(_WINDOW.pack(*head))))
    except (struct.error, TypeError, AttributeError):
        return None
    return None


@cache
def _pattern(size: int) -> str:
    return "|".join(["%s"] * size)
