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


def _upsert(table: type[SQLModel], newer: str = "") -> str:
    """Return `INSERT … ON CONFLICT` on the primary key; `newer` limits the replacement."""
    columns = columns_of(table)
    keys = [column.name for column in table.__table__.primary_key]  # type: ignore[attr-defined]
    updates = ", ".join(f"{c} = excluded.{c}" for c in columns if c not in keys)
    name = str(table.__tablename__)
    return (
        f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))}) "  # noqa: S608
        f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {updates} {newer}"
    )


UPSERT_ROLLUP = _upsert(Rollup, "WHERE excluded.revision > rollup.revision")
UPSERT_HEALTH = _upsert(DeviceHealth, "WHERE excluded.uptime_ms >= device_health.uptime_ms")
# A gateway that gives no revision can only be told apart by its totals, which rarely shrink.
UPSERT_QUARANTINE = _upsert(
    Quarantine,
    "WHERE excluded.revision > quarantine.revision OR excluded.revision = quarantine.revision "
    "AND excluded.readings + excluded.packs > quarantine.readings + quarantine.packs",
)
UPSERT_WEATHER = _upsert(Weather)
UPSERT_ACTIVITY = _upsert(Activity)
UPSERT_STUDY = _upsert(StudyDocument)
