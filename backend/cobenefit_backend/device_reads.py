"""What the store knows of one device: its ledgers, what was refused of it, its days.

Days of a household are read only where its consents say `savings`, like the estimates beside them.
"""

import json
from collections.abc import Sequence

from cobenefit_backend.consent_log import consents_of
from cobenefit_backend.consents import Purpose
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


def days_of_device(database: Database, tenant: str, site: str, device: str) -> list[Row]:
    """Return the daily windows of a device in time order; of a household as it agreed."""
    if not consents_of(database).register(tenant).may(site, device, Purpose.SAVINGS):
        return []
    return database.rows(
        tenant,
        "SELECT channel, start_ms, length_s, count, expected, flagged, sum, delta, last_t_ms "
        f"{_OF_SERIES} WHERE site = :site AND device = :device AND {DAILY} ORDER BY start_ms",
        site=site,
        device=device,
    )


def coverage_of_series(
    database: Database,
    tenant: str,
    site: str,
    series: tuple[Sequence[str], Sequence[str]],
    span_ms: tuple[int, int],
) -> list[Row]:
    """Return the readings of all series of a site together, day by day.

    Parameters
    ----------
    database : Database
        Where they stand.
    tenant, site : str
        Whose, and where.
    series : tuple of sequence of str
        Devices, and channels.
    span_ms : tuple of int
        Start of the first window, and after the last one. [ms]

    Returns
    -------
    list of dict
        `start_ms`, `count` (of each series at most what is expected), `expected`, `series`;
        without the households that did not agree to it.
    """
    may = consents_of(database).register(tenant).may
    agreed = [name for name in series[0] if may(site, name, Purpose.SAVINGS)]
    if not agreed:
        return []
    devices, channels = ({f"{kind}{n}": name for n, name in enumerate(names)}
                         for kind, names in (("d", agreed), ("c", series[1])))  # fmt: skip
    marks = [", ".join(f":{name}" for name in names) for names in (devices, channels)]
    return database.rows(
        tenant,
        "SELECT start_ms, sum(CASE WHEN count < expected THEN count ELSE expected END) AS count, "
        f"sum(expected) AS expected, count(*) AS series {_OF_SERIES} WHERE site = :site "
        f"AND device IN ({marks[0]}) AND channel IN ({marks[1]}) AND {DAILY} "
        "AND start_ms >= :first AND start_ms < :last GROUP BY start_ms ORDER BY start_ms",
        site=site,
        first=span_ms[0],
        last=span_ms[1],
        **devices,
        **channels,
    )
