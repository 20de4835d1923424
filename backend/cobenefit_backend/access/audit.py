"""The audit log: who changed what, one line in the very transaction that changes it.

What gateways send by the thousand is not in it; the pages they sent are (`spool_page`).
"""

import time

from sqlalchemy import Connection, text

from cobenefit_backend.database import Database, Row

COMMAND_LINE = "command line"
_NOTE = text(
    "INSERT INTO audit (tenant, t_ms, who, action, what) "
    "VALUES (:tenant, :t_ms, :who, :action, :what)"
)


def note(connection: Connection, tenant: str, who: str, action: str, what: str) -> None:
    """Add a line.

    Parameters
    ----------
    connection : Connection
        A transaction that writes for the tenant.
    tenant : str
        Whose log.
    who, action, what : str
        The line.
    """
    t_ms = time.time_ns() // 1_000_000
    line = {"tenant": tenant, "t_ms": t_ms, "who": who, "action": action, "what": what}
    connection.execute(_NOTE, line)


def latest(database: Database, tenant: str, limit: int = 1000) -> list[Row]:
    """Return the latest lines of a tenant, newest first.

    Parameters
    ----------
    database : Database
        The database.
    tenant : str
        Whose log.
    limit : int, optional
        At most so many. [1]

    Returns
    -------
    list of dict
        `t_ms`, `who`, `action`, `what`.
    """
    query = "SELECT t_ms, who, action, what FROM {audit} ORDER BY id DESC LIMIT :limit"
    return database.rows(tenant, query, limit=limit)


def before(database: Database, tenant: str, line: int, limit: int) -> list[Row]:
    """Return lines of a tenant that are older than one of them, newest first.

    Parameters
    ----------
    database : Database
        The database.
    tenant : str
        Whose log.
    line : int
        Id of the line; 0: from the newest. [1]
    limit : int
        At most so many. [1]

    Returns
    -------
    list of dict
        `id`, `t_ms`, `who`, `action`, `what`.
    """
    query = (
        "SELECT id, t_ms, who, action, what FROM {audit} WHERE :line = 0 OR id < :line "
        "ORDER BY id DESC LIMIT :limit"
    )
    return database.rows(tenant, query, line=line, limit=limit)
