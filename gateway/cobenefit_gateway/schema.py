"""The tables of the gateway's database, and how it is opened.

Columns that came later are added to a database that lacks them, so every earlier one opens. Tables
and columns are described in docs/reference/gateway.md.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cobenefit_gateway import rescue

_SEQUENCES = """
CREATE TABLE IF NOT EXISTS sequences(
  number INTEGER PRIMARY KEY, site TEXT NOT NULL, device TEXT NOT NULL, boot INTEGER NOT NULL,
  floor INTEGER NOT NULL, ranges TEXT NOT NULL, crc INTEGER);
"""
_SCHEMA = (
    _SEQUENCES
    + """
CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS totals(name TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS series(
  id INTEGER PRIMARY KEY, site TEXT NOT NULL, device TEXT NOT NULL, channel TEXT NOT NULL,
  max_t_ms INTEGER NOT NULL, last_t_ms INTEGER NOT NULL, last REAL, suspect REAL,
  closed_ms INTEGER NOT NULL, UNIQUE(site, device, channel));
CREATE TABLE IF NOT EXISTS windows(
  series_id INTEGER, grid INTEGER, start_ms INTEGER, length_s INTEGER NOT NULL,
  state INTEGER NOT NULL, readings INTEGER NOT NULL, flagged INTEGER NOT NULL,
  segments TEXT NOT NULL, histogram TEXT, revision INTEGER NOT NULL DEFAULT 0,
  sent_last REAL, sent_last_t_ms INTEGER,
  PRIMARY KEY(series_id, grid, start_ms)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS windows_due ON windows(series_id, grid, start_ms) WHERE state = 1;
CREATE INDEX IF NOT EXISTS windows_open ON windows(series_id) WHERE state = 0;
CREATE TABLE IF NOT EXISTS quarantine(
  site TEXT, device TEXT, channel TEXT, reason TEXT, readings INTEGER NOT NULL,
  packs INTEGER NOT NULL, first_t_ms INTEGER, last_t_ms INTEGER, detail TEXT NOT NULL,
  changed INTEGER NOT NULL, PRIMARY KEY(site, device, channel, reason)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS health(
  site TEXT, device TEXT, boot INTEGER, body TEXT NOT NULL, changed INTEGER NOT NULL,
  PRIMARY KEY(site, device, boot)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS seen(
  number INTEGER PRIMARY KEY AUTOINCREMENT, fingerprint BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS pages(
  number INTEGER PRIMARY KEY, sha256 TEXT NOT NULL, rollups BLOB NOT NULL,
  windows INTEGER NOT NULL, parked TEXT, made_ms INTEGER);
CREATE TABLE IF NOT EXISTS kept(
  number INTEGER PRIMARY KEY AUTOINCREMENT, topic TEXT NOT NULL, payload BLOB NOT NULL,
  received_ms INTEGER NOT NULL, kind INTEGER NOT NULL, site TEXT NOT NULL, device TEXT NOT NULL,
  channel TEXT NOT NULL, reason TEXT NOT NULL, readings INTEGER NOT NULL, known INTEGER NOT NULL,
  again INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS births(topic TEXT PRIMARY KEY, payload BLOB NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS kept_again ON kept(number) WHERE again = 1;
"""
)


def connect(path: Path) -> sqlite3.Connection:
    """Return a connection that commits durably and waits for other writers.

    Parameters
    ----------
    path : Path
        The database file; made when missing.

    Returns
    -------
    sqlite3.Connection
        In autocommit mode: transactions are explicit.
    """
    db = sqlite3.connect(path, isolation_level=None, timeout=30.0, check_same_thread=False)
    db.text_factory = _text
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.executescript(_SCHEMA)
    rescue.add_sums(db)
    _number_sequences(db)
    if "made_ms" not in {row[1] for row in db.execute("PRAGMA table_info(pages)")}:
        db.execute("ALTER TABLE pages ADD COLUMN made_ms INTEGER")  # a database of 0.1.0
    return db


def _text(raw: bytes) -> str:
    # A damaged text is read too: it is for its row's checksum to tell.
    return raw.decode(errors="replace")


def _number_sequences(db: sqlite3.Connection) -> None:
    # In the first schema rows were found by site, device and boot; they have a number since.
    if "number" in {row[1] for row in db.execute("PRAGMA table_info(sequences)")}:
        return
    with transaction(db):
        db.execute("ALTER TABLE sequences RENAME TO sequences_1")
        db.execute(_SEQUENCES)
        db.execute(
            "INSERT INTO sequences(site, device, boot, floor, ranges, crc) "
            "SELECT site, device, boot, floor, ranges, crc FROM sequences_1"
        )
        db.execute("DROP TABLE sequences_1")


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """Everything inside is committed together, or nothing is."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
