"""Visits to a node in the log of activities: a board or a meter that was exchanged, kilometres.

Where a counter's board or meter is exchanged, the step from the last index of the old one to the
first of the new one is no consumption. The gateway can't know: it counts a step up as use, and a
step down as none. With both indexes written down, the day is what both counted:

    day = (last of the old - last reading of the day before) + (last reading - first of the new)

`cobenefit boards replace` writes these rows.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

Row = Mapping[str, Any]
USE_CASE = "maintenance"


def visit_km(activities: Sequence[Row], site: str, device: str) -> float:
    """Return what was driven to a node.

    Parameters
    ----------
    activities : sequence of mapping
        Of the tenant.
    site, device : str
        The node.

    Returns
    -------
    float
        Sum of its `visit_distance` in km. [km]
    """
    return sum(
        (
            row["amount"]
            for row in _rows(activities, site, device)
            if (row["quantity"], row["unit"]) == ("visit_distance", "km")
        ),
        0.0,
    )


def mended(
    rows: Sequence[Row], activities: Sequence[Row], where: tuple[str, str, str], timezone: str
) -> list[Row]:
    """Return the daily rollups of a counter with what was counted on days of an exchange.

    Parameters
    ----------
    rows : sequence of mapping
        Daily rollups in time order, from the store.
    activities : sequence of mapping
        Of the tenant.
    where : tuple of str
        Site, device and channel.
    timezone : str
        Of the site; windows start at its midnight.

    Returns
    -------
    list of mapping
        `delta` replaced on these days; None, a missing day, where the readings do not fit the
        indexes. [unit of the counter]
    """
    site, device, channel = where
    found: dict[str, dict[str, float]] = {}
    for row in _rows(activities, site, f"{device}/{channel}"):
        found.setdefault(row["date"], {})[row["quantity"]] = row["amount"]
    swaps = {
        day: (pair["index_before"], pair["index_after"])
        for day, pair in found.items()
        if {"index_before", "index_after"} <= set(pair)
    }
    zone, done = ZoneInfo(timezone), list(rows)
    for position, row in enumerate(rows):
        day = datetime.fromtimestamp(row["start_ms"] / 1000, tz=UTC).astimezone(zone).date()
        if swap := swaps.get(day.isoformat()):
            before = rows[position - 1] if position else None
            done[position] = {**row, "delta": _counted(before, row, *swap)}
    return done


def _counted(before: Row | None, row: Row, last: float, first: float) -> float | None:
    """Return what the two counted up to the last reading of the day, None if that can't be."""
    start = row["first"] if before is None or before["last"] is None else before["last"]
    if start is None or row["last"] is None or last < start or row["last"] < first:
        return None
    return float(last - start + row["last"] - first)


def _rows(activities: Sequence[Row], site: str, place: str) -> list[Row]:
    return [
        row
        for row in activities
        if (row["use_case"], row["site"], row["place"]) == (USE_CASE, site, place)
    ]
