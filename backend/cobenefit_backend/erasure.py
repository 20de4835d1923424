"""Erasing what is known of a meter, or of a whole site, and keeping it from coming back.

Imports and corrections go with the windows: a later undo would build them again from what it
kept. What stays is the bare proof (`erasure`: which device, when, how many rows, by whom) and one
line of the audit log. Published versions of reports are immutable: they are listed, because what
they say can no longer be derived. Rows that a gateway still sends for the time before are refused.
"""

import json
import secrets
from dataclasses import dataclass
from sqlite3 import OperationalError

from sqlalchemy import Connection, text

from cobenefit_backend.access.audit import COMMAND_LINE, note
from cobenefit_backend.database import Database, Row, owned
from cobenefit_backend.errors import RequestError
from cobenefit_backend.publication import device_name
from cobenefit_backend.versions import archive
from cobenefit_backend.versions.kept import Versions
from cobenefit_backend.webhooks import forgotten

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
    "import_window": _MINE,
    "import_batch": _MINE,
    "correction": _MINE,
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

    def is_of(self, site: str, device: str) -> bool:
        """Return whether a device is to be erased."""
        return site == self.site and self.device in ("", device)

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
        `number` and `studies` of published reports that name it and stay as they are; no
        studies where the version only counts its readings, or is of a schema not read here.
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
        rows["delivery"] = forgotten.naming(connection, **subject.values)
    return Erased(rows, _versions(database, subject))


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
        _forget_in_ledger(connection, subject)
        rows = {
            table: connection.execute(
                text(f"DELETE FROM {table} WHERE {mine}"),  # noqa: S608
                subject.values,
            ).rowcount
            for table, mine in TABLES.items()
        }
        rows["delivery"] = forgotten.forget(connection, **subject.values)
        total = sum(rows.values())
        proof = {**subject.values, "erased_ms": now_ms, "rows": total, "erased_by": by}
        connection.execute(_PROOF, proof)
        note(connection, subject.tenant, by, "erased", f"{subject.word} {total} rows")
    return Erased(rows, _versions(database, subject))


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


def _versions(database: Database, subject: Subject) -> list[Row]:
    """Return the published versions whose figures rest on the subject, one archive at a time."""
    numbers = database.rows(subject.tenant, "SELECT number FROM {report_version} ORDER BY number")
    versions = Versions(database)
    found = []
    for number in (int(row["number"]) for row in numbers):
        names = _studies(versions, subject, number)
        if names is not None:
            found.append({"number": number, "studies": names})
    return found


def _studies(versions: Versions, subject: Subject, number: int) -> list[str] | None:
    """Return the studies of a version that rest on the subject, None where nothing does."""
    try:
        report = archive.report_of(versions.archive(subject.tenant, number), number)
    except RequestError:  # of another schema, or damaged: it may well rest on it
        return []
    if not any(subject.is_of(row["site"], row["device"]) for row in report["data"]["series"]):
        return None
    return [
        case["study"]
        for case in report["use_cases"]
        if any(subject.is_of(case["site"], device) for device in case["devices"])
    ]
