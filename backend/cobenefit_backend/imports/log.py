"""The correction log: who changed what was measured, when, why; lines are added, never changed."""

from sqlalchemy import Connection, text

from cobenefit_backend.database import Database, Row, owned
from cobenefit_backend.errors import RequestError
from cobenefit_backend.imports.records import Target

IMPORT, UNDO, EXCLUDE, RESTORE = "import", "undo", "exclude", "restore"
_COLUMNS = (
    "tenant", "t_ms", "who", "kind", "site", "device", "channel", "start_ms", "end_ms", "why",
    "old", "new", "reference",
)  # fmt: skip
_ADD = text(
    f"INSERT INTO correction ({', '.join(_COLUMNS)}) "  # noqa: S608
    f"VALUES ({', '.join(f':{name}' for name in _COLUMNS)})"
)

_EXCLUSIONS = owned(
    "SELECT * FROM {correction} WHERE kind = 'exclude' AND CAST(id AS varchar) NOT IN "
    "(SELECT reference FROM {correction} WHERE kind = 'restore') ORDER BY id"
)


def add(connection: Connection, tenant: str, kind: str, series: tuple[str, str, str],
        span_ms: tuple[int, int], *, who: str, t_ms: int, why: str = "", old: str = "",
        new: str = "", reference: str = "") -> None:  # fmt: skip
    """Add a line.

    Parameters
    ----------
    connection : Connection
        A transaction that writes for the tenant.
    tenant : str
        Whose log.
    kind : {'import', 'undo', 'exclude', 'restore'}
        What was done.
    series : tuple of str
        Site, device and channel.
    span_ms : tuple of int
        Start and end of what it touches. [ms]
    who : str
        By whom.
    t_ms : int
        When. [ms]
    why : str
        For what reason.
    old, new : str
        What was there before and what is there now.
    reference : str
        Id of the import, or of the exclusion that is put back.
    """
    site, device, channel = series
    why = why.replace("\0", "")  # PostgreSQL's text can't hold it
    line = dict(zip(_COLUMNS, (
        tenant, t_ms, who, kind, site, device, channel, *span_ms, why, old, new, reference,
    ), strict=True))  # fmt: skip
    connection.execute(_ADD, line)


def lines(database: Database, tenant: str, limit: int = 1000) -> list[Row]:
    """Return the latest lines, newest first.

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
        The columns of the table.
    """
    query = "SELECT * FROM {correction} ORDER BY id DESC LIMIT :limit"
    return database.rows(tenant, query, limit=limit)


def exclusions(database: Database, tenant: str) -> list[Row]:
    """Return the periods that are left out and not put back, in the order they were."""
    with database.reading(tenant) as connection:
        return exclusions_of(connection, tenant)


def exclusions_of(connection: Connection, tenant: str) -> list[Row]:
    """Return the same as a transaction of the tenant sees it."""
    found = connection.execute(_EXCLUSIONS, {"tenant": tenant})
    return [dict(row) for row in found.mappings()]


def in_force(database: Database, tenant: str) -> list[Row]:
    """Return the lines that hold now, oldest first: what was undone or put back is not among them.

    Parameters
    ----------
    database : Database
        The database.
    tenant : str
        Whose log.

    Returns
    -------
    list of dict
        Imports committed, periods left out.
    """
    imports = database.rows(
        tenant,
        "SELECT * FROM {correction} WHERE kind = 'import' AND reference IN "
        "(SELECT id FROM {import_batch} WHERE state = 'committed')",
    )
    return sorted([*imports, *exclusions(database, tenant)], key=lambda row: int(row["id"]))


def exclude(
    database: Database, tenant: str, target: Target, span_ms: tuple[int, int], *, why: str,
    who: str, t_ms: int,
) -> int:  # fmt: skip
    """Leave a period of a series out of every estimate; the rows stay stored.

    Parameters
    ----------
    database : Database
        The database.
    tenant : str
        Whose.
    target : Target
        The series.
    span_ms : tuple of int
        Start and end, exclusive. [ms]
    why, who : str
        The reason, and by whom.
    t_ms : int
        When. [ms]

    Returns
    -------
    int
        Id of the line, by which it is put back. [1]

    Raises
    ------
    RequestError
        422 without a reason or with an empty period.
    """
    if not why.strip() or span_ms[0] >= span_ms[1]:
        raise RequestError(422, "correction", "say why, and a start before the end")
    series = target.site, target.device, target.channel
    with database.writing(tenant) as connection:
        add(connection, tenant, EXCLUDE, series, span_ms, who=who, t_ms=t_ms, why=why.strip())
        query = text("SELECT max(id) FROM correction WHERE tenant = :tenant")
        return int(connection.execute(query, {"tenant": tenant}).scalar_one())


def restore(database: Database, tenant: str, number: int, *, why: str, who: str, t_ms: int) -> Row:
    """Put a period back.

    Parameters
    ----------
    database : Database
        The database.
    tenant : str
        Whose.
    number : int
        Id of the exclusion. [1]
    why, who : str
        The reason, and by whom.
    t_ms : int
        When. [ms]

    Returns
    -------
    dict
        The exclusion; putting it back again changes nothing.

    Raises
    ------
    RequestError
        404 when there is no such exclusion.
    """
    query = "SELECT * FROM {correction} WHERE kind = 'exclude' AND id = :id"
    found = database.rows(tenant, query, id=number)
    if not found:
        raise RequestError(404, "correction", f"no exclusion {number}")
    (row,) = found
    if number in [each["id"] for each in exclusions(database, tenant)]:
        series, span_ms = (
            (row["site"], row["device"], row["channel"]),
            (row["start_ms"], row["end_ms"]),
        )
        with database.writing(tenant) as connection:
            add(
                connection, tenant, RESTORE, series, span_ms, who=who, t_ms=t_ms, why=why.strip(),
                reference=str(number),
            )  # fmt: skip
    return row
