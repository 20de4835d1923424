"""Reading imports for the pages: a few at a time, one in full, and who would be dropped next."""

import json
from typing import Any

from cobenefit_backend.consent_log import consents_of
from cobenefit_backend.database import Database, Row
from cobenefit_backend.errors import RequestError
from cobenefit_backend.imports.agreed import readable
from cobenefit_backend.imports.batches import MAX_PREVIEWS

_LISTED = "id, site, device, channel, file, format, state, number, made_by, made_ms, summary"
_ORDER = "ORDER BY made_ms DESC, id"


def recent(database: Database, tenant: str, start: int, limit: int) -> list[Row]:
    """Return imports, newest first, without the lines they refused.

    Parameters
    ----------
    database : Database
        The database.
    tenant : str
        Whose.
    start : int
        How many newer ones to leave out. [1]
    limit : int
        At most so many. [1]

    Returns
    -------
    list of dict
        Columns of the table, `summary` as it was made.
    """
    query = f"SELECT {_LISTED} FROM {{import_batch}} {_ORDER} LIMIT :limit OFFSET :start"  # noqa: S608
    return [_told(row) for row in database.rows(tenant, query, limit=limit, start=start)]


def one(database: Database, tenant: str, number: str) -> Row:
    """Return an import with what it refused, and the values a reader may see.

    Parameters
    ----------
    database : Database
        The database.
    tenant, number : str
        Whose, and its id.

    Returns
    -------
    dict
        Columns of the table but the values.

    Raises
    ------
    RequestError
        404 when there is none (any more).
    """
    query = f"SELECT {_LISTED}, replaces, refused FROM {{import_batch}} WHERE id = :id"  # noqa: S608
    found = database.rows(tenant, query, id=number.replace("\0", ""))
    if not found:
        raise RequestError(404, "import", f"no import {number!r}")
    return readable(_told(found[0]), consents_of(database).register(tenant))


def waiting(database: Database, tenant: str) -> tuple[int, str]:
    """Return how many previews wait, and the file of the one that the next would drop.

    Parameters
    ----------
    database : Database
        The database.
    tenant : str
        Whose.

    Returns
    -------
    tuple
        Their number [1], and a name; empty while there is room.
    """
    query = f"SELECT file FROM {{import_batch}} WHERE state = 'preview' {_ORDER}"  # noqa: S608
    files = [str(row["file"]) for row in database.rows(tenant, query)]
    return len(files), files[-1] if len(files) >= MAX_PREVIEWS else ""


def _told(row: Row) -> dict[str, Any]:
    return {
        name: json.loads(v) if name in ("summary", "refused") else v for name, v in row.items()
    }
