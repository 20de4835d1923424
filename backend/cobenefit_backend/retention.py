"""Retention: what is older than a month is removed, for one tenant or for all.

On PostgreSQL a month that nobody keeps is dropped with its partition, in milliseconds; that
takes the owner's role. Otherwise rows are deleted tenant by tenant.
"""

from sqlalchemy import text

from cobenefit_backend.access.audit import COMMAND_LINE, note
from cobenefit_backend.database import Database
from cobenefit_backend.imports.restate import forget

OLD = {
    "rollup": "start_ms < :before_ms",
    "weather": "t_ms < :before_ms",
    "spool_page": "received_ms < :before_ms",
    "audit": "t_ms < :before_ms",
    "delivery": "created_ms < :before_ms",
    "credential": "expires_ms < :before_ms",
    "import_window": "start_ms < :before_ms",
}
"""What is old, by table; each has its reason to be kept no longer than the readings."""
_PARTS = (
    "SELECT relname FROM pg_class JOIN pg_inherits ON inhrelid = pg_class.oid "
    "WHERE inhparent = 'rollup'::regclass AND relname < :name AND relname ~ '^rollup_[0-9]{6}$' "
    "ORDER BY relname"
)


def prune(database: Database, before_ms: int, tenants: list[str]) -> dict[str, int]:
    """Remove what is older, and leave a line in the audit log of each tenant.

    Parameters
    ----------
    database : Database
        The database.
    before_ms : int
        Start of the first month that is kept. [ms]
    tenants : list of str
        Whose.

    Returns
    -------
    dict
        Rows removed by table; those of dropped months are not counted one by one.
    """
    removed = dict.fromkeys(OLD, 0)
    for tenant in tenants:
        with database.writing(tenant) as connection:
            for table, old in OLD.items():
                statement = text(f"DELETE FROM {table} WHERE tenant = :tenant AND {old}")  # noqa: S608
                found = connection.execute(statement, {"tenant": tenant, "before_ms": before_ms})
                removed[table] += found.rowcount
            forget(connection, tenant, before_ms)
            what = f"older than {before_ms} ms"
            note(connection, tenant, COMMAND_LINE, "pruned", what)
    return removed


def drop_months(database: Database, first_kept: str) -> list[str]:
    """Drop the monthly partitions before a month, for every tenant at once.

    Parameters
    ----------
    database : Database
        PostgreSQL, as the role that owns the tables; on SQLite there are none.
    first_kept : str
        `YYYYMM`.

    Returns
    -------
    list of str
        The partitions dropped.
    """
    if not database.postgres:
        return []
    with database.engine.begin() as connection:
        names = connection.execute(text(_PARTS), {"name": f"rollup_{first_kept}"}).scalars().all()
        for name in names:
            connection.execute(text(f"DROP TABLE {name}"))
    return list(names)
