"""Where versions are kept: rows that are added and read, and nothing else."""

import hashlib
from typing import Any

from sqlalchemy import Connection, text

from cobenefit_backend.access.audit import note
from cobenefit_backend.database import Database, Row, owned
from cobenefit_backend.errors import RequestError

MAX_VERSIONS = 1000
LOOKED_AFTER = "looked-after"
COLUMNS = (
    "number", "created_ms", "who", "why", "status", "due", "method_version", "factor_set",
    "factor_sha256", "code_version", "data_sha256", "report_sha256", "sha256",
)  # fmt: skip
_NAMES = ", ".join(COLUMNS)
_ADD = text(
    f"INSERT INTO report_version (tenant, {_NAMES}, archive) VALUES (:tenant, "  # noqa: S608
    f"{', '.join(f':{name}' for name in COLUMNS)}, :archive)"
)
_LAST = owned("SELECT coalesce(max(number), 0) FROM {report_version}")
_DUE = text("INSERT INTO report_due (tenant, day) VALUES (:tenant, :day) ON CONFLICT DO NOTHING")


class Versions:
    """The versions of every tenant in one database.

    Parameters
    ----------
    database : Database
        The database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, tenant: str, version: Row, archive: bytes, by: str) -> Row:
        """Add a version under the next number.

        Parameters
        ----------
        tenant : str
            Whose.
        version : mapping
            Every one of `COLUMNS` but `number` and `sha256`.
        archive : bytes
            Its files.
        by : str
            Who, for the audit log.

        Returns
        -------
        mapping
            All of `COLUMNS`.

        Raises
        ------
        RequestError
            409 when the tenant has `MAX_VERSIONS`, or the day it was due on was looked after
            meanwhile.
        """
        with self._database.writing(tenant, data=False) as connection:
            if version["due"] and not self._look_after(connection, tenant, version["due"]):
                raise RequestError(409, LOOKED_AFTER, f"what was due on {version['due']} is done")
            number = 1 + connection.execute(_LAST, {"tenant": tenant}).scalar_one()
            if number > MAX_VERSIONS:
                raise RequestError(409, "too-many", f"{tenant} has {MAX_VERSIONS} versions")
            row = {**version, "number": number, "sha256": hashlib.sha256(archive).hexdigest()}
            connection.execute(_ADD, {**row, "tenant": tenant, "archive": archive})
            what = f"{number} {row['status']} {row['sha256']}"
            note(connection, tenant, by, "report published", what)
        return {name: row[name] for name in COLUMNS}

    def pass_over(self, tenant: str, day: str) -> None:
        """Keep that a day on which a report was due brought nothing new."""
        with self._database.writing(tenant, data=False) as connection:
            self._look_after(connection, tenant, day)

    @staticmethod
    def _look_after(connection: Connection, tenant: str, day: str) -> bool:
        return connection.execute(_DUE, {"tenant": tenant, "day": day}).rowcount == 1

    def was_due(self, tenant: str, day: str) -> bool:
        """Return whether a day on which a report was due has been looked after."""
        query = "SELECT day FROM {report_due} WHERE day = :day"
        return bool(self._database.rows(tenant, query, day=day))

    def listed(self, tenant: str, below: int = MAX_VERSIONS + 1, limit: int = 50) -> list[Row]:
        """Return versions, newest first.

        Parameters
        ----------
        tenant : str
            Whose.
        below : int, optional
            Only numbers below this one. [1]
        limit : int, optional
            At most so many. [1]

        Returns
        -------
        list of dict
            Their `COLUMNS`.
        """
        query = (
            f"SELECT {_NAMES} FROM {{report_version}} WHERE number < :below "  # noqa: S608
            "ORDER BY number DESC LIMIT :limit"
        )
        return self._database.rows(tenant, query, below=below, limit=limit)

    def latest(self, tenant: str) -> Row | None:
        """Return the latest version, None when nothing was published."""
        found = self.listed(tenant, limit=1)
        return found[0] if found else None

    def one(self, tenant: str, number: int) -> Row:
        """Return what is known of a version.

        Parameters
        ----------
        tenant : str
            Whose.
        number : int
            Which. [1]

        Returns
        -------
        mapping
            Its `COLUMNS`.

        Raises
        ------
        RequestError
            404 when there is none of that number.
        """
        found = self._one(tenant, number, _NAMES)
        return {name: found[name] for name in COLUMNS}

    def archive(self, tenant: str, number: int) -> bytes:
        """Return the files of a version.

        Parameters
        ----------
        tenant : str
            Whose.
        number : int
            Which. [1]

        Returns
        -------
        bytes
            The archive as it was published.

        Raises
        ------
        RequestError
            404 when there is none of that number, 409 when its bytes are not those published.
        """
        found = self._one(tenant, number, "sha256, archive")
        content = bytes(found["archive"])
        if hashlib.sha256(content).hexdigest() != found["sha256"]:
            raise RequestError(
                409, "damaged", f"version {number} is not what was published: restore a back-up"
            )
        return content

    def _one(self, tenant: str, number: int, names: str) -> dict[str, Any]:
        query = f"SELECT {names} FROM {{report_version}} WHERE number = :number"  # noqa: S608
        rows = self._database.rows(tenant, query, number=number)
        if not rows:
            raise RequestError(404, "version", f"no version {number} of this report")
        return rows[0]
