"""Erasing what is known of a meter, or of a whole site, and keeping it from coming back.

What stays is the bare proof (`erasure`: which device, when, how many rows, by whom) and one line
of the audit log. Published versions of reports are immutable: they are listed, because what they
say can no longer be derived. Rows that a gateway still sends for the time before are refused.
"""

import io
import json
import secrets
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from sqlite3 import OperationalError

from sqlalchemy import Connection, inspect, text

from cobenefit_backend.access.audit import COMMAND_LINE, note
from cobenefit_backend.database import Database, Row, owned
from cobenefit_backend.publication import device_name

_DEVICE = "CAST(:device AS varchar)"
_MINE = f"tenant = :tenant AND site = :site AND ({_DEVICE} = '' OR device = {_DEVICE})"
_SERIES = f"series_id IN (SELECT id FROM series WHERE {_MINE})"  # noqa: S608  no value of a caller
_PLACE = (
    f"tenant = :tenant AND site = :site AND ({_DEVICE} = '' OR place = {_DEVICE} OR "
    f"substr(place, 1, length({_DEVICE}) + 1) = {_DEVICE} || '/')"
)
TABLES = {
    "rollup": f"tenant = :tenant AND {_SERIES}",
    "series": _MINE,
    "device_health": _MINE,
    "quarantine": _MINE,
    "consent": _MINE,
    "activity": _PLACE,
}
"""What is removed, in this order; an activity belongs to a device that its place names."""
_PROOF = text(
    "INSERT INTO erasure (tenant, site, device, erased_ms, rows, erased_by) "
    "VALUES (:tenant, :site, :device, :erased_ms, :rows, :erased_by) "
    "ON CONFLICT (tenant, site, device) DO UPDATE SET erased_ms = excluded.erased_ms, "
    "rows = erasure.rows + excluded.rows, erased_by = excluded.erased_by"
)
_DEVICES = owned(
    "SELECT DISTINCT device FROM {series} WHERE site = :site AND "
    "(CAST(:device AS varchar) = '' OR device = :device)"
)
_LEDGER = owned("SELECT id, members FROM {publication} ORDER BY id")
_LEDGER_SET = text("UPDATE publication SET members = :members WHERE tenant = :tenant AND id = :id")
_SALT = owned("SELECT salt FROM {public_page}")


@dataclass(frozen=True, slots=True)
class Subject:
    """What is to be erased.

    Attributes
    ----------
    tenant, site : str
        Whose, and where.
    device : str
        Which; empty for everything of the site.
    """

    tenant: str
    site: str
    device: str

    @property
    def values(self) -> dict[str, str]:
        """For the statements."""
        return {"tenant": self.tenant, "site": self.site, "device": self.device}

    @property
    def word(self) -> str:
        """What must be repeated to confirm."""
        return f"{self.site}/{self.device}" if self.device else self.site


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure removes, or would.

    Attributes
    ----------
    rows : dict
        Rows by table. [1]
    versions : list of dict
        `number` and `studies` of published reports that rest on it and stay as they are.
    """

    rows: dict[str, int]
    versions: list[Row]


def preview(database: Database, subject: Subject) -> Erased:
    """Return what an erasure would remove; nothing is changed."""
    with database.reading(subject.tenant) as connection:
        rows = {
            table: int(
                connection.execute(
                    text(f"SELECT count(*) FROM {table} WHERE {mine}"),  # noqa: S608
                    subject.values,
                ).scalar_one()
            )
            for table, mine in TABLES.items()
        }
        return Erased(rows, _versions(connection, subject))


def erase(database: Database, subject: Subject, now_ms: int, by: str = COMMAND_LINE) -> Erased:
    """Remove everything known of a device or a site, and keep it from coming back.

    Parameters
    ----------
    database : Database
        The database.
    subject : Subject
        What.
    now_ms : int
        Unix time; what was measured before is refused from now on. [ms]
    by : str, optional
        Who.

    Returns
    -------
    Erased
        What was removed. On SQLite, call `finish` to have the bytes gone too.
    """
    with database.writing(subject.tenant) as connection:
        if not database.postgres:
            # Freed pages are overwritten in this very transaction, on this connection.
            connection.exec_driver_sql("PRAGMA secure_delete=ON")
        versions = _versions(connection, subject)
        _forget_in_ledger(connection, subject)
        rows = {
            table: connection.execute(
                text(f"DELETE FROM {table} WHERE {mine}"),  # noqa: S608
                subject.values,
            ).rowcount
            for table, mine in TABLES.items()
        }
        total = sum(rows.values())
        proof = {**subject.values, "erased_ms": now_ms, "rows": total, "erased_by": by}
        connection.execute(_PROOF, proof)
        note(connection, subject.tenant, by, "erased", f"{subject.word} {total} rows")
    return Erased(rows, versions)


def finish(database: Database, wait_ms: int = 5_000) -> bool:
    """Rewrite a SQLite file without what was deleted, its journal too.

    Parameters
    ----------
    database : Database
        The database; on PostgreSQL there is nothing to do here (vacuum and backups are its own).
    wait_ms : int, optional
        How long to wait for others to end what they read. [ms]

    Returns
    -------
    bool
        False when somebody went on reading: then stop the server and do it again.
    """
    if database.postgres:
        return True
    with database.engine.connect() as connection:
        raw = connection.connection.driver_connection
        if raw is None:
            return False
        try:
            raw.execute("PRAGMA secure_delete=ON")
            raw.execute(f"PRAGMA busy_timeout={wait_ms}")
            raw.execute("VACUUM")
            busy, _, _ = raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except OperationalError:  # locked
            return False
        finally:
            connection.invalidate()  # its settings go with it
    return not busy


def _forget_in_ledger(connection: Connection, subject: Subject) -> None:
    """Put names that mean nothing in the ledger, the same in every release."""
    values = {"tenant": subject.tenant}
    salt = connection.execute(_SALT, values).scalar()
    if salt is None:
        return
    devices = {*connection.execute(_DEVICES, subject.values).scalars(), subject.device}
    fresh = {device_name(salt, subject.site, device): secrets.token_hex(16) for device in devices}
    for row in connection.execute(_LEDGER, values).all():
        cells = [[_renamed(name, fresh) for name in cell] for cell in json.loads(row.members)]
        changed = {"tenant": subject.tenant, "id": row.id, "members": json.dumps(cells)}
        connection.execute(_LEDGER_SET, changed)


def _renamed(name: str, fresh: dict[str, str]) -> str:
    device, _, study = name.partition(":")
    return f"{fresh.get(device, device)}:{study}"


def _versions(connection: Connection, subject: Subject) -> list[Row]:
    """Return the published versions whose figures rest on the subject."""
    if not inspect(connection).has_table("report_version"):
        return []
    query = owned("SELECT number, archive FROM {report_version} ORDER BY number")
    rows = connection.execute(query, {"tenant": subject.tenant}).all()
    found = [(row.number, _studies(bytes(row.archive), subject)) for row in rows]
    return [{"number": number, "studies": names} for number, names in found if names]


def _studies(archive: bytes, subject: Subject) -> Sequence[str]:
    with zipfile.ZipFile(io.BytesIO(archive)) as packed:
        names = [name for name in packed.namelist() if name.endswith("report.json")]
        reports = [json.loads(packed.read(name)) for name in names]
    return [
        case["study"]
        for report in reports
        for case in report["use_cases"]
        if case["site"] == subject.site
        and (not subject.device or subject.device in case["devices"])
    ]
