"""One door to the database: every transaction belongs to a tenant, on SQLite and PostgreSQL.

A query names a tenant's table in braces, `{rollup}`; this module puts in its place that table
limited to the tenant, so that no query can forget to. On PostgreSQL the transaction also carries
`app.tenant`, and row-level security refuses every other row, whatever a query says. Example:

    database.rows("lille", "SELECT site FROM {series} WHERE device = :device", device="school")
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, TextClause, create_engine, event, text
from sqlalchemy.engine import make_url

from cobenefit_backend.errors import ConfigError

BUSY_TIMEOUT_S = 30.0
Row = dict[str, Any]
_TABLE = re.compile(r"\{(\w+)\}")


def open_engine(url: str) -> Engine:
    """Return an engine whose connections sync every commit and wait for each other.

    Parameters
    ----------
    url : str
        `sqlite:///path` or `postgresql://user@host/name`.

    Returns
    -------
    Engine
        The engine.

    Raises
    ------
    ConfigError
        PostgreSQL is asked for and its driver is not installed.
    """
    if make_url(url).get_backend_name() == "postgresql":
        return _open_postgres(url)
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_S})

    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, see below
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        writing = connection.get_execution_options().get("writing", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


def _open_postgres(url: str) -> Engine:
    options = f"-c synchronous_commit=on -c lock_timeout={int(BUSY_TIMEOUT_S)}s -c timezone=UTC"
    try:
        return create_engine(
            make_url(url).set(drivername="postgresql+psycopg"),
            connect_args={"options": options},
            pool_pre_ping=True,
        )
    except ModuleNotFoundError as error:
        raise ConfigError(
            "PostgreSQL needs the extra: pip install 'cobenefit[postgres]'",
            file="environment", key="database.url", value="postgresql",
        ) from error  # fmt: skip


def owned(query: str) -> TextClause:
    """Return a query whose tables in braces are limited to the tenant `:tenant`."""
    limited = r"(SELECT * FROM \1 WHERE tenant = :tenant) AS \1"
    return text(_TABLE.sub(limited, query))


class Database:
    """Transactions of one tenant at a time.

    Parameters
    ----------
    engine : Engine
        From `open_engine`, migrated to head.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.postgres = engine.dialect.name == "postgresql"

    @contextmanager
    def reading(self, tenant: str, credential: str = "") -> Iterator[Connection]:
        """Give a transaction that sees one tenant; `credential` is a hash someone showed."""
        with self.engine.connect() as connection:
            self._enter(connection, tenant, credential)
            yield connection

    @contextmanager
    def writing(self, tenant: str, *, data: bool = True) -> Iterator[Connection]:
        """Give a transaction that writes for one tenant, and count the change if it is of data.

        The counter's row is written first: it is the lock by which writers of a tenant wait for
        each other (on SQLite all writers do).
        """
        writer = self.engine.connect().execution_options(writing=True)
        with writer as connection, connection.begin():
            self._enter(connection, tenant)
            connection.execute(
                text(
                    "INSERT INTO change (tenant, number) VALUES (:tenant, :step) "
                    "ON CONFLICT (tenant) DO UPDATE SET number = change.number + :step"
                ),
                {"tenant": tenant, "step": int(data)},
            )
            yield connection

    def rows(self, tenant: str, query: str, **values: Any) -> list[Row]:
        """Return what a query finds among the rows of a tenant.

        Parameters
        ----------
        tenant : str
            Whose rows.
        query : str
            SQL with tables in braces and values as `:name`.
        **values : Any
            The values.

        Returns
        -------
        list of dict
            The rows.
        """
        with self.reading(tenant) as connection:
            found = connection.execute(owned(query), {**values, "tenant": tenant})
            names = list(found.keys())
            return [dict(zip(names, row, strict=True)) for row in found.all()]

    def many(self, connection: Connection, statement: str, rows: list[tuple[Any, ...]]) -> None:
        """Run a statement with `?` for each value, for many rows, without the ORM."""
        mark = "%s" if self.postgres else "?"
        if rows:
            connection.exec_driver_sql(statement.replace("?", mark), rows)

    def tenants(self) -> list[str]:
        """Return every tenant something was ever stored for, sorted; for the operator."""
        with self.engine.connect() as connection:
            return list(
                connection.execute(text("SELECT tenant FROM change ORDER BY tenant")).scalars()
            )

    def _enter(self, connection: Connection, tenant: str, credential: str = "") -> None:
        if self.postgres:
            connection.execute(
                text(
                    "SELECT set_config('app.tenant', :tenant, true), "
                    "set_config('app.credential', :credential, true)"
                ),
                {"tenant": tenant, "credential": credential},
            )
