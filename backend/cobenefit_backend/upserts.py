"""The statements that write many rows at once: INSERT with ON CONFLICT on the primary key.

Made from the tables themselves, so that a new column needs no second list.
"""

from sqlmodel import SQLModel

from cobenefit_backend.models import (
    Activity,
    DeviceHealth,
    Quarantine,
    Rollup,
    StudyDocument,
    Weather,
)


def columns_of(table: type[SQLModel]) -> list[str]:
    """Return the names of the columns in the order of the table."""
    return [column.name for column in table.__table__.columns]  # type: ignore[attr-defined]


NEWER_ROLLUP = "excluded.revision > rollup.revision"


def replacing(table: type[SQLModel], newer: str = "") -> str:
    """Return `ON CONFLICT` on the primary key; `newer` limits the replacement.

    Parameters
    ----------
    table : type of SQLModel
        The table.
    newer : str, optional
        Condition on the row that arrives (`excluded`) and the one there.

    Returns
    -------
    str
        SQL.
    """
    keys = [column.name for column in table.__table__.primary_key]  # type: ignore[attr-defined]
    updates = ", ".join(f"{c} = excluded.{c}" for c in columns_of(table) if c not in keys)
    limit = f" WHERE {newer}" if newer else ""
    return f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {updates}{limit}"


def _upsert(table: type[SQLModel], newer: str = "") -> str:
    columns = columns_of(table)
    return (
        f"INSERT INTO {table.__tablename__} ({', '.join(columns)}) "  # noqa: S608
        f"VALUES ({', '.join('?' * len(columns))}) {replacing(table, newer)}"
    )


UPSERT_ROLLUP = _upsert(Rollup, NEWER_ROLLUP)
UPSERT_HEALTH = _upsert(DeviceHealth, "excluded.uptime_ms >= device_health.uptime_ms")
# A gateway that gives no revision can only be told apart by its totals, which rarely shrink.
UPSERT_QUARANTINE = _upsert(
    Quarantine,
    "excluded.revision > quarantine.revision OR excluded.revision = quarantine.revision "
    "AND excluded.readings + excluded.packs > quarantine.readings + quarantine.packs",
)
UPSERT_WEATHER = _upsert(Weather)
UPSERT_ACTIVITY = _upsert(Activity)
UPSERT_STUDY = _upsert(StudyDocument)
