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


def replacing(table: type[SQLModel], newer: str = "", compare: str = ">") -> str:
    """Return `ON CONFLICT` on the primary key; `newer` limits the replacement.

    Parameters
    ----------
    table : type of SQLModel
        The table.
    newer : str, optional
        Expression over its columns that must be larger in the row that arrives.
    compare : {'>', '>='}, optional
        Whether equal rows are replaced.

    Returns
    -------
    str
        SQL.
    """
    name = str(table.__tablename__)
    keys = [column.name for column in table.__table__.primary_key]  # type: ignore[attr-defined]
    updates = ", ".join(f"{c} = excluded.{c}" for c in columns_of(table) if c not in keys)
    limit = f" WHERE {_of('excluded', newer)} {compare} {_of(name, newer)}" if newer else ""
    return f"ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {updates}{limit}"


def _of(row: str, expression: str) -> str:
    return " + ".join(f"{row}.{column}" for column in expression.split(" + "))


def _upsert(table: type[SQLModel], newer: str = "", compare: str = ">") -> str:
    columns = columns_of(table)
    return (
        f"INSERT INTO {table.__tablename__} ({', '.join(columns)}) "  # noqa: S608
        f"VALUES ({', '.join('?' * len(columns))}) {replacing(table, newer, compare)}"
    )


UPSERT_ROLLUP = _upsert(Rollup, "revision")
UPSERT_HEALTH = _upsert(DeviceHealth, "uptime_ms", ">=")
UPSERT_QUARANTINE = _upsert(Quarantine, "readings + packs")
UPSERT_WEATHER = _upsert(Weather)
UPSERT_ACTIVITY = _upsert(Activity)
UPSERT_STUDY = _upsert(StudyDocument)
