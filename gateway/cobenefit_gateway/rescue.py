"""A second copy of the database, and how to go on from it when the first is damaged.

Every row that readings were summed up in, or are still to be read from, carries a checksum. The
copy is taken now and then, and the journal is kept from the copy's position on, so copy and
journal together give the state again. A restored database is a new spool, and its revisions start
far above those sent before, so that what the backend has already is replaced, never added to.
"""

import logging
import os
import shutil
import sqlite3
import uuid
from collections.abc import Sequence
from contextlib import closing
from hashlib import sha256
from pathlib import Path

from cobenefit_gateway.errors import DamagedError, StorageError
from cobenefit_gateway.journal import Position
from cobenefit_gateway.sums import SUMMED, fits, row_sum

log = logging.getLogger(__name__)
DATABASE, COPY, DAMAGED = "gateway.db", "gateway.db.copy", "gateway.db.damaged"
#: Its presence says that a damaged row was met while the gateway ran.
SUSPECT = "gateway.db.suspect"
#: What revisions rise by when the state is rebuilt; far more than a window is ever revised.
_REVISIONS = 1_000_000
#: Tables of the first version; those added since may be missing.
_TABLES = {
    *("series", "sequences", "windows", "meta"),
    *("totals", "quarantine", "health", "seen", "pages"),
}
_POSITION = ("segment", "offset", "checkpoint", "revisions")


def add_sums(db: sqlite3.Connection) -> None:
    """Add the checksum columns to a database that has none; rows without one are not checked."""
    for table in SUMMED:
        if "crc" not in {row[1] for row in db.execute(f"PRAGMA table_info({table})")}:
            db.execute(f"ALTER TABLE {table} ADD COLUMN crc INTEGER")


def position_sum(db: sqlite3.Connection) -> int:
    """Return the checksum of the journal position in a database [1]."""
    meta = dict(db.execute("SELECT key, value FROM meta"))
    return row_sum(meta.get(key) for key in _POSITION)


def check_tables(path: Path) -> None:
    """Check that a database that has tables has all of them, before any is made.

    Parameters
    ----------
    path : Path
        The database file; may be missing.

    Raises
    ------
    DamagedError
        If one is missing, its name in the file damaged, or the file is gone though it has a copy.
    """
    if not path.exists() or not path.stat().st_size:
        if (path.parent / COPY).exists():
            raise DamagedError("the database is gone")
        return
    with closing(sqlite3.connect(path)) as db:
        names = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type='table'")}
    if not names >= _TABLES:
        raise DamagedError(f"the database lacks {sorted(_TABLES - names)}")


def check_window(folder: Path, values: Sequence[object], crc: int | None) -> None:
    """Check a window that is read again while the gateway runs.

    Parameters
    ----------
    folder : Path
        The data folder, where a damaged row is noted, so that the next start rebuilds.
    values : sequence
        Its columns, in the order of `SUMMED`.
    crc : int or None
        Its checksum; None in a row of a version without. [1]

    Raises
    ------
    DamagedError
        If it does not fit.
    """
    if not fits("windows", values, crc):
        (folder / SUSPECT).touch()
        raise DamagedError(
            f"{folder / DATABASE}: a window does not have its checksum; start the gateway again, "
            "it rebuilds the database"
        )


def verify(db: sqlite3.Connection) -> None:
    """Check everything that open windows, acknowledgements and waiting pages depend on.

    Parameters
    ----------
    db : sqlite3.Connection
        The gateway's database.

    Raises
    ------
    DamagedError
        If a page of the file or a row does not check out.
    """
    (answer,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if answer != "ok":
        raise DamagedError(f"the database is damaged: {answer}")
    kept = dict(db.execute("SELECT key, value FROM meta WHERE key = 'sum'"))
    if kept and int(kept["sum"]) != position_sum(db):
        raise DamagedError("the journal position does not have its checksum")
    for table, columns in SUMMED.items():
        some = "WHERE state < 2 AND crc IS NOT NULL" if table == "windows" else "WHERE crc > -1"
        for *values, crc in db.execute(f"SELECT {columns}, crc FROM {table} {some}"):  # noqa: S608
            if not fits(table, values, crc):
                raise DamagedError(f"a row of {table} does not have its checksum")
    for rollups, digest in db.execute("SELECT rollups, sha256 FROM pages WHERE parked IS NULL"):
        if sha256(rollups).hexdigest() != digest:
            raise DamagedError("a page does not have its hash")


def copy(db: sqlite3.Connection, folder: Path) -> bool:
    """Take a copy of the database; the old one stays when there is no room.

    Parameters
    ----------
    db : sqlite3.Connection
        Not inside a transaction.
    folder : Path
        The data folder.

    Returns
    -------
    bool
        Whether there is a new copy.
    """
    part = folder / (COPY + ".part")
    try:
        part.unlink(missing_ok=True)
        with closing(sqlite3.connect(part)) as target:
            db.backup(target)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(folder / COPY)
        _sync_folder(folder)
    except (OSError, sqlite3.Error) as err:
        log.warning("%s: no new copy of the database: %s", folder, err)
        return False
    return True


def copied_position(folder: Path) -> Position | None:
    """Return the journal position of the copy; None when there is no readable copy."""
    path = folder / COPY
    if not path.exists():
        return None
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as db:
            meta = dict(db.execute("SELECT key, value FROM meta"))
            return Position(int(meta["segment"]), int(meta["offset"]))
    except (sqlite3.Error, KeyError, ValueError):
        return None


def restore(folder: Path, why: Exception) -> None:
    """Move a damaged database aside and put the copy in its place, or nothing where none was made.

    Parameters
    ----------
    folder : Path
        The data folder.
    why : Exception
        What is wrong with the database.

    Raises
    ------
    StorageError
        If copy and journal do not reach back far enough to give the state again.
    """
    log.error("%s: %s; it is rebuilt from its copy and the journal", folder / DATABASE, why)
    has_copy = copied_position(folder) is not None
    segments = sorted(int(p.stem) for p in (folder / "journal").glob("*.log") if p.stem.isdigit())
    if not has_copy and segments and segments[0] > 1:
        raise StorageError(
            f"{folder / DATABASE}: {why}; there is no copy and the journal begins later. Restore "
            "both from a backup, or start with another data_dir"
        ) from why
    for suffix in ("", "-wal", "-shm"):
        path = folder / (DATABASE + suffix)
        if path.exists():
            path.replace(folder / (DAMAGED + suffix))
    if has_copy:
        part = folder / (DATABASE + ".part")
        shutil.copyfile(folder / COPY, part)
        part.replace(folder / DATABASE)
    (folder / SUSPECT).unlink(missing_ok=True)
    _sync_folder(folder)


def begin_again(db: sqlite3.Connection) -> None:
    """Make a restored database a new spool with higher revisions; count that it was rebuilt."""
    db.execute("UPDATE meta SET value = ? WHERE key = 'spool'", (str(uuid.uuid4()),))
    db.execute(
        "UPDATE meta SET value = CAST(value AS INTEGER) + ? WHERE key = 'revisions'", (_REVISIONS,)
    )
    db.execute(
        "INSERT INTO totals VALUES('state_rebuilt', 1) ON CONFLICT DO UPDATE SET count = count + 1"
    )
    db.execute("INSERT OR REPLACE INTO meta VALUES('sum', ?)", (str(position_sum(db)),))


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
