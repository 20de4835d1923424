"""What the store knows of devices: one device in full, or the state of the whole fleet.

The fleet's questions seek in the index of the windows, series by series: none of them reads a
series from end to end, so that a thousand devices with years of data answer at once.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from cobenefit_backend.database import Database, Row
from cobenefit_backend.store import DAILY

COVERAGE_DAYS = 7
_RECENT_MS = 8 * 86_400_000
_OF_SERIES = "FROM {rollup} JOIN {series} ON series.id = series_id"


def ledgers_of(database: Database, tenant: str, site: str, device: str) -> list[Row]:
    """Return the ledgers of a device in order of their last word, `lost` and `causes` read."""
    rows = database.rows(
        tenant,
        "SELECT * FROM {device_health} WHERE site = :site AND device = :device "
        "ORDER BY t_ms, boot",
        site=site,
        device=device,
    )
    return [{**row, "lost": json.loads(row["lost"]), "causes": json.loads(row["causes"])} for row in rows]


def quarantine_of(database: Database, tenant: str, site: str, device: str) -> list[Row]:
    """Return the quarantine totals of a device."""
    query = (
        "SELECT * FROM {quarantine} WHERE site = :site AND device = :device "
        "ORDER BY channel, reason"
    )
    return database.rows(tenant, query, site=site, device=device)


def days_of_devices(
    database: Database,
    tenant: str,
    site: str,
    devices: Sequence[str],
    channels: Sequence[str] = (),
    span_ms: tuple[int, int] = (0, 2**62),
) -> list[Row]:
    """Return the daily windows of devices of a site, in time order.

    Parameters
    ----------
    database : Database
        Where they stand.
    tenant, site : str
        Whose, and where.
    devices : sequence of str
        Which.
    channels : sequence of str, optional
        Which of their channels; all without.
    span_ms : tuple of int, optional
        Start of the first window, and after the last one. [ms]

    Returns
    -------
    list of dict
        `series_id`, `device`, `channel`, `start_ms`, `length_s`, `count`, `expected`, `flagged`,
        `sum`, `delta`.
    """
    names = {f"d{n}": name for n, name in enumerate(devices)}
    names |= {f"c{n}": name for n, name in enumerate(channels)}
    marks = {kind: ", ".join(f":{name}" for name in names if name[0] == kind) for kind in "dc"}
    only = f"AND channel IN ({marks['c']}) " if channels else ""
    return database.rows(
        tenant,
        "SELECT series_id, device, channel, start_ms, length_s, count, expected, flagged, "  # noqa: S608
        f"sum, delta {_OF_SERIES} WHERE site = :site AND device IN ({marks['d']}) {only}"
        f"AND {DAILY} AND start_ms >= :first AND start_ms < :last ORDER BY start_ms",
        site=site,
        first=span_ms[0],
        last=span_ms[1],
        **names,
    )


def fleet_ledgers(database: Database, tenant: str) -> list[Row]:
    """Return what the fleet page needs of every ledger, in order of their last word."""
    return database.rows(
        tenant,
        "SELECT site, device, t_ms, resets, battery_mv, waiting, lost, online "
        "FROM {device_health} ORDER BY t_ms, boot",
    )


def newest_ms(database: Database, tenant: str) -> int | None:
    """Return the time of the newest reading or ledger of a tenant, None without any. [ms]."""
    windows = _last_readings(database, tenant, "")
    ledgers = database.rows(tenant, "SELECT max(t_ms) AS t_ms FROM {device_health}")
    known = [row["t_ms"] for row in (*windows, *ledgers) if row["t_ms"] is not None]
    return max(known, default=None)


def last_readings(database: Database, tenant: str, now_ms: int) -> dict[tuple[str, str], int]:
    """Return when each device's newest reading was taken.

    Parameters
    ----------
    database : Database
        Where they stand.
    tenant : str
        Whose.
    now_ms : int
        Where to look first: the eight days before. [ms]

    Returns
    -------
    dict of int
        By site and device. [ms]
    """
    found: dict[tuple[str, str], int] = {}
    for row in _last_readings(database, tenant, "AND start_ms >= :since", since=now_ms - _RECENT_MS):
        if row["t_ms"] is not None:
            found[row["site"], row["device"]] = row["t_ms"]
    return found


def _last_readings(database: Database, tenant: str, where: str, **values: int) -> list[Row]:
    return database.rows(
        tenant,
        "SELECT site, device, max(t_ms) AS t_ms FROM (SELECT site, device, "  # noqa: S608
        "(SELECT last_t_ms FROM {rollup} WHERE series_id = series.id AND last_t_ms IS NOT NULL "
        f"{where} ORDER BY start_ms DESC LIMIT 1) AS t_ms FROM {{series}}) AS newest "
        "GROUP BY site, device",
        **values,
    )
