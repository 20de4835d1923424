"""Windows that people left out: they stay stored, and no estimate uses them."""

from collections.abc import Sequence
from typing import Any

from cobenefit_wire import units

Row = dict[str, Any]


def left_out(
    rows: list[Row], series: tuple[str, str, str], exclusions: Sequence[Row]
) -> list[Row]:
    """Return the windows of a series as estimates may see them.

    Parameters
    ----------
    rows : list of dict
        Stored windows.
    series : tuple of str
        Site, device and channel.
    exclusions : sequence of dict
        Periods left out, of any series.

    Returns
    -------
    list of dict
        The same rows where nothing is left out. A window that a period touches is missing; that
        of a counter keeps its first and last reading, so that its neighbours stay whole.
    """
    spans = [
        (each["start_ms"], each["end_ms"])
        for each in exclusions
        if (each["site"], each["device"], each["channel"]) == series
    ]
    if not spans:
        return rows
    quantity = units.QUANTITIES.get(units.quantity_of(series[2]))
    counter = quantity is not None and quantity.kind == units.COUNTER
    found = []
    for row in rows:
        end_ms = row["start_ms"] + row["length_s"] * 1000
        if not any(start < end_ms and end > row["start_ms"] for start, end in spans):
            found.append(row)
        elif counter and row["count"]:
            found.append({**row, "delta": None, "count": 1, "expected": max(row["expected"], 2)})
    return found
