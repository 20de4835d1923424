"""Rollups in bulk: a page of columns into the table, without the ORM, on both databases.

SQLite: `executemany` with ON CONFLICT. PostgreSQL: COPY into a temporary table, then one INSERT
with ON CONFLICT into monthly partitions (COPY itself is refused under row-level security).
"""

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, text

from cobenefit_backend import household_rows
from cobenefit_backend.bodies import VALUE_COLUMNS, Rollups
from cobenefit_backend.consent_log import consents_of
from cobenefit_backend.database import Database
from cobenefit_backend.models import Rollup
from cobenefit_backend.upserts import NEWER_ROLLUP, UPSERT_ROLLUP, columns_of, replacing

FIRST_MONTH, LAST_MONTH = 2000 * 12, 2100 * 12
"""Months with a partition of their own, counted from year 0; others share the default one."""
_COLUMNS = ", ".join(columns_of(Rollup))
_KEY = "series_id, start_ms, length_s"
_STAGE = (
    "CREATE TEMP TABLE IF NOT EXISTS rollup_in (LIKE rollup) ON COMMIT DELETE ROWS",
    f"COPY rollup_in ({_COLUMNS}) FROM STDIN",
)
_MERGE = (
    f"INSERT INTO rollup ({_COLUMNS}) SELECT DISTINCT ON ({_KEY}) {_COLUMNS} FROM rollup_in "  # noqa: S608
    f"ORDER BY {_KEY}, revision DESC, ctid {replacing(Rollup, NEWER_ROLLUP)}"
)


def insert(database: Database, connection: Connection, rollups: Rollups) -> None:
    """Store the rows of a page; the highest revision of each window stays.

    Windows of a household finer than it agreed to are counted and not stored.

    Parameters
    ----------
    database : Database
        The database.
    connection : Connection
        A transaction that writes for the page's tenant.
    rollups : Rollups
        Checked columns.
    """
    register = consents_of(database).of(connection, rollups.tenant)
    rollups, refused = household_rows.sift(rollups, register)
    household_rows.count(connection, rollups, refused)
    find = _ids_by_array if database.postgres else _ids_one_by_one
    ids = find(connection, rollups)
    columns = [getattr(rollups, name) for name in VALUE_COLUMNS[:-1]]
    texts = [None if h is None else json.dumps(h) for h in rollups.histogram]
    tenants = [rollups.tenant] * len(texts)
    rows = list(zip([ids[i] for i in rollups.series_id], *columns, texts, tenants, strict=True))
    if not database.postgres:
        database.many(connection, UPSERT_ROLLUP, rows)
    elif rows:
        _make_partitions(connection, rollups.start_ms)
        _copy(connection, rows)
        connection.execute(text(_MERGE))


def months_of(start_ms: list[int]) -> list[int]:
    """Return the months, from year 0 in UTC, that have a partition of their own.

    Parameters
    ----------
    start_ms : list of int
        Unix times, in any order. [ms]

    Returns
    -------
    list of int
        Sorted, each once. [month]
    """
    days = {t_ms // 86_400_000 for t_ms in start_ms}
    last_day = (LAST_MONTH // 12 - 1970) * 366
    dates = (datetime.fromtimestamp(day * 86_400, UTC) for day in days if day < last_day)
    months = {when.year * 12 + when.month - 1 for when in dates}
    return sorted(month for month in months if FIRST_MONTH <= month < LAST_MONTH)


def _make_partitions(connection: Connection, start_ms: list[int]) -> None:
    connection.execute(
        text("SELECT rollup_months(CAST(:months AS integer[]))"), {"months": months_of(start_ms)}
    )


def _copy(connection: Connection, rows: list[tuple[Any, ...]]) -> None:
    create, copy = _STAGE
    connection.execute(text(create))
    with connection.connection.cursor() as cursor, cursor.copy(copy) as stream:  # type: ignore[attr-defined]
        for row in rows:
            stream.write_row(row)


def _ids_one_by_one(connection: Connection, rollups: Rollups) -> list[int]:
    # SQLite runs inside this process: a bare statement costs microseconds, and an INSERT that
    # finds the series known takes no number.
    cursor = connection.connection.cursor()
    ids = []
    for names in rollups.series:
        name = (rollups.tenant, *names)
        cursor.execute(_NEW_SERIES, name)
        ids.append(int(cursor.execute(_KNOWN_SERIES, name).fetchone()[0]))
    return ids


def _ids_by_array(connection: Connection, rollups: Rollups) -> list[int]:
    # PostgreSQL is a round trip away: two for all. Known series are left out before the INSERT,
    # because one that conflicts would use up a number of the sequence all the same.
    sites, devices, channels = (
        map(list, zip(*rollups.series, strict=True)) if rollups.series else ([], [], [])
    )
    names = {"tenant": rollups.tenant, "sites": sites, "devices": devices, "channels": channels}
    connection.execute(_NEW_ARRAY, names)
    found = {(s, d, c): number for number, s, d, c in connection.execute(_KNOWN_ARRAY, names)}
    return [found[name] for name in rollups.series]


_NEW_SERIES = (
    "INSERT INTO series (tenant, site, device, channel) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
_KNOWN_SERIES = (
    "SELECT id FROM series WHERE tenant = ? AND site = ? AND device = ? AND channel = ?"
)
_SENT = (
    "unnest(CAST(:sites AS text[]), CAST(:devices AS text[]), CAST(:channels AS text[])) "
    "AS sent (site, device, channel)"
)
_NEW_ARRAY = text(
    f"INSERT INTO series (tenant, site, device, channel) "  # noqa: S608
    f"SELECT CAST(:tenant AS varchar), * FROM {_SENT} "
    "WHERE NOT EXISTS (SELECT 1 FROM series AS s WHERE s.tenant = CAST(:tenant AS varchar) "
    "AND s.site = sent.site AND s.device = sent.device AND s.channel = sent.channel) "
    "ON CONFLICT DO NOTHING"
)
_KNOWN_ARRAY = text(
    f"SELECT id, site, device, channel FROM series JOIN {_SENT} "  # noqa: S608
    "USING (site, device, channel) WHERE tenant = :tenant"
)
