"""What the store knows of a whole fleet, without reading any series from end to end.

Every question seeks in the index of the windows, series by series, so that a thousand devices
with years of half-hours answer at once.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from cobenefit_backend.database import Database, Row
from cobenefit_backend.store import DAILY

Place = tuple[str, str]
COVERAGE_DAYS = 7
_LATELY_MS = 8 * 86_400_000


@dataclass(frozen=True, slots=True)
class Recent:
    """What the fleet asks of one ledger: one start of one node.

    Parameters
    ----------
    t_ms : int or None
        When it was sent; None when the node did not know. [ms]
    battery_mv : int or None
        Its battery. [mV]
    waiting, lost, resets : int
        Readings it held and lost since it started; 1 when it started by accident. [1]
    """

    t_ms: int | None
    battery_mv: int | None
    waiting: int
    lost: int
    resets: int


@dataclass(slots=True)
class Week:
    """The daily windows of the days asked for, of all channels of a device.

    Parameters
    ----------
    count, expected : float
        Readings that came, and those of the days that should have been. [1]
    """

    count: float = 0.0
    expected: float = 0.0

    @property
    def ratio(self) -> float:
        """Share of the expected readings that came.

        Returns
        -------
        float
            0 to 1. [1]
        """
        return min(self.count / self.expected, 1.0) if self.expected else 0.0


def ledgers_of_fleet(database: Database, tenant: str) -> dict[Place, list[Recent]]:
    """Return the ledgers of every device of its last week, the latest start last."""
    rows = database.rows(
        tenant,
        "SELECT * FROM (SELECT site, device, t_ms, battery_mv, waiting, lost, resets, "
        "max(t_ms) OVER (PARTITION BY site, device) AS newest, "
        "row_number() OVER (PARTITION BY site, device ORDER BY COALESCE(t_ms, :unknown) DESC, "
        "boot DESC) AS back FROM {device_health}) AS ordered "
        "WHERE back = 1 OR t_ms >= newest - :week ORDER BY back DESC",
        unknown=2**53,
        week=7 * 86_400_000,
    )
    found: dict[Place, list[Recent]] = {}
    for row in rows:
        lost = 0 if row["lost"] == "{}" else sum(json.loads(row["lost"]).values())
        found.setdefault((row["site"], row["device"]), []).append(
            Recent(row["t_ms"], row["battery_mv"], row["waiting"], lost, row["resets"])
        )
    return found


def newest(database: Database, tenant: str, clock_ms: int) -> dict[Place, int | None]:
    """Return when the newest stored reading of every device was taken.

    Parameters
    ----------
    database : Database
        Where they stand.
    tenant : str
        Whose.
    clock_ms : int
        The time by the clock: the last eight days are looked at first. [ms]

    Returns
    -------
    dict
        By site and device; None for a series without any reading. [ms]
    """
    found = _newest(database, tenant, "AND start_ms >= :since", since=clock_ms - _LATELY_MS)
    if missing := [place for place, t_ms in found.items() if t_ms is None]:
        older = _newest(database, tenant, "")
        found |= {place: older[place] for place in missing}
    return found


def _newest(database: Database, tenant: str, where: str, **values: int) -> dict[Place, int | None]:
    rows = database.rows(
        tenant,
        "SELECT site, device, max(t_ms) AS t_ms FROM (SELECT site, device, "  # noqa: S608
        "(SELECT last_t_ms FROM {rollup} WHERE series_id = series.id AND last_t_ms IS NOT NULL "
        f"{where} ORDER BY start_ms DESC LIMIT 1) AS t_ms FROM {{series}}) AS newest "
        "GROUP BY site, device",
        **values,
    )
    return {(row["site"], row["device"]): row["t_ms"] for row in rows}


def coverage_of(
    database: Database, tenant: str, now_ms: Mapping[Place, int], zones: Mapping[str, str]
) -> dict[Place, Week]:
    """Return the readings of the seven whole days before a moment.

    Parameters
    ----------
    database : Database
        Where they stand.
    tenant : str
        Whose.
    now_ms : mapping
        The moment, by device. [ms]
    zones : mapping
        Time zone by site; UTC where none is given.

    Returns
    -------
    dict of Week
        Of the devices that have a series. A day nobody has yet is not expected of anybody; a
        series without windows of these days is expected to give nothing.
    """
    groups: dict[tuple[int, str], set[Place]] = {}
    for place, t_ms in now_ms.items():
        groups.setdefault((t_ms, zones.get(place[0], "UTC")), set()).add(place)
    found: dict[Place, Week] = {}
    for (t_ms, zone), places in groups.items():
        rows = [
            row
            for row in _daily(database, tenant, _midnights(t_ms, zone), places)
            if (row["site"], row["device"]) in places
        ]
        due = max((row["days"] for row in rows), default=0)
        for row in rows:
            week = found.setdefault((row["site"], row["device"]), Week())
            week.count += row["count"]
            week.expected += row["expected"] / row["days"] * due if row["days"] else 0
    return found


def _midnights(now_ms: int, timezone: str) -> list[int]:
    zone = ZoneInfo(timezone)
    today = datetime.fromtimestamp(now_ms / 1000, tz=UTC).astimezone(zone).date()
    days = (today - timedelta(days=n) for n in range(1, COVERAGE_DAYS + 1))
    return [round(datetime.combine(day, time(), zone).timestamp() * 1000) for day in days]


def _daily(database: Database, tenant: str, starts: list[int], places: set[Place]) -> list[Row]:
    """Return readings per series over days that start then; one device alone is sought alone."""
    one = next(iter(places)) if len(places) == 1 else ("", "")
    where = "AND site = :site AND device = :device " if one[0] else ""
    marks = ", ".join(f":t{n}" for n in range(len(starts)))
    return database.rows(
        tenant,
        "SELECT site, device, sum(count) AS count, sum(expected) AS expected, "  # noqa: S608
        "count(*) AS days FROM {series} JOIN {rollup} ON series_id = series.id "
        f"WHERE start_ms IN ({marks}) AND {DAILY} {where}"
        "GROUP BY site, device, series_id",
        **{f"t{n}": start for n, start in enumerate(starts)},
        **(dict(zip(("site", "device"), one, strict=True)) if one[0] else {}),
    )
