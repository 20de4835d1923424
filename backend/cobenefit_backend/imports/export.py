"""The values of an import as our own CSV, which can be imported again and gives the same rows."""

import json
from datetime import UTC, datetime

from cobenefit_backend.database import Database
from cobenefit_backend.errors import RequestError
from cobenefit_backend.exports.csv_file import Dialect, csv_file
from cobenefit_backend.exports.tables import Table
from cobenefit_backend.imports.restate import samples_of

COLUMNS = ("site", "device", "channel", "start", "end", "value", "unit")


def exported(database: Database, tenant: str, number: str, dialect: Dialect) -> bytes:
    """Return what was taken of a file.

    Parameters
    ----------
    database : Database
        The database.
    tenant : str
        Whose.
    number : str
        Id of the import.
    dialect : {'rfc4180', 'fr'}
        See `csv_file`.

    Returns
    -------
    bytes
        CSV: start and end with their offset, the end empty for an instant; no value is rounded.

    Raises
    ------
    RequestError
        404 when there is no such import.
    """
    found = database.rows(tenant, "SELECT * FROM {import_batch} WHERE id = :id", id=number)
    if not found:
        raise RequestError(404, "import", f"no import {number!r}")
    (batch,) = found
    names = [batch[name] for name in COLUMNS[:3]]
    unit = json.loads(batch["summary"])["unit"]
    rows = [
        (*names, _iso(s.start_ms), _iso(s.end_ms) if s.end_ms > s.start_ms else "", s.value, unit)
        for s in samples_of(batch)
    ]
    return csv_file(Table("import", COLUMNS, tuple(rows)), dialect)


def _iso(t_ms: int) -> str:
    return datetime.fromtimestamp(t_ms / 1000, UTC).isoformat()
