"""What the store knows of one device: its ledgers, what was refused of it, its days."""

import json
from collections.abc import Sequence

from cobenefit_backend.database import Database, Row
from cobenefit_backend.store import DAILY

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
    texts = ("lost", "causes")
    return [{**row, **{name: json.loads(row[name]) for name in texts}} for row in rows]


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
    *,
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
        `sum`, `delta`, `last_t_ms`.
    """
    names = {f"d{n}": name for n, name in enumerate(devices)}
    names |= {f"c{n}": name for n, name in enumerate(channels)}
    marks = {kind: ", ".join(f":{name}" for name in names if name[0] == kind) for kind in "dc"}
    only = f"AND channel IN ({marks['c']}) " if channels else ""
    return database.rows(
        tenant,
        "SELECT series_id, device, channel, start_ms, length_s, count, expected, flagged, "
        f"sum, delta, last_t_ms {_OF_SERIES} WHERE site = :site AND {DAILY} "
        f"AND device IN ({marks['d']}) {only}"
        "AND start_ms >= :first AND start_ms < :last ORDER BY start_ms",
        site=site,
        first=span_ms[0],
        last=span_ms[1],
        **names,
    )
