"""The one SQLite database: everything derived from the journal, and how far it was read.

A checkpoint is one transaction (WAL, synchronous=FULL): changed series, sequences, windows,
quarantine and health rows, the pages made from closed windows, and the journal position they
stand for. After a crash the database is at its last checkpoint and the journal from that position
is read again. Tables and columns are described in docs/reference/gateway.md.
"""

import json
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from math import isnan, nan
from pathlib import Path
from sys import intern

import msgspec

from cobenefit_gateway import rescue
from cobenefit_gateway.acks import Sequences
from cobenefit_gateway.config import Config
from cobenefit_gateway.core.aggregate import Segment
from cobenefit_gateway.emit import DUE, OPEN, emit
from cobenefit_gateway.errors import StorageError
from cobenefit_gateway.journal import Position
from cobenefit_gateway.state import (
    BASE,
    MAX_SEEN,
    Changes,
    DeviceBoot,
    Refused,
    Series,
    State,
    Window,
    rule_of,
)

SCHEMA_VERSION = "1"
_DAY_MS = 86_400_000
#: A new copy of the database is taken when the journal has grown by this many files. [1]
_COPY_SEGMENTS = 16
_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS totals(name TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sequences(
  site TEXT, device TEXT, boot INTEGER, floor INTEGER NOT NULL, ranges TEXT NOT NULL,
  PRIMARY KEY(site, device, boot)) WITHOUT ROWID;
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
  windows INTEGER NOT NULL, parked TEXT);
"""
_SEGMENTS = msgspec.json.Decoder(list[Segment])


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
    db.execute("PRAGMA journal_mode=WAL")
    db.execute("PRAGMA synchronous=FULL")
    db.executescript(_SCHEMA)
    rescue.add_sums(db)
    return db


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


class Store:
    """Loads and saves a `State`.

    Parameters
    ----------
    config : Config
        Where the database is, and the rules of the series in it.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        config.data_dir.mkdir(parents=True, exist_ok=True)
        path = config.data_dir / rescue.DATABASE
        rescue.check_tables(path)
        self._db = connect(path)
        self._copied = rescue.copied_position(config.data_dir)
        with transaction(self._db):
            for key, value in (
                ("schema", SCHEMA_VERSION),
                ("spool", str(uuid.uuid4())),
                ("checkpoint", "0"),
                ("next_page", "1"),
                ("segment", "1"),
                ("offset", "0"),
                ("revisions", "0"),
            ):
                self._db.execute("INSERT OR IGNORE INTO meta VALUES(?, ?)", (key, value))
        if self._meta("schema") != SCHEMA_VERSION:
            raise StorageError(
                f"{path}: schema {self._meta('schema')}, this gateway writes {SCHEMA_VERSION}; "
                "run the version that made it, or start with another data_dir"
            )

    @property
    def position(self) -> Position:
        """The journal position the database stands for."""
        return Position(int(self._meta("segment")), int(self._meta("offset")))

    @property
    def kept_from(self) -> Position:
        """Where the journal must still be kept from, to rebuild a damaged database."""
        return self._copied or Position(1, 0)

    def load(self) -> State:
        """Return the state of the last checkpoint."""
        state = State()
        for number, site, device, channel, *rest in self._db.execute(
            f"SELECT {rescue.SUMMED['series']} FROM series"  # noqa: S608
        ):
            rule = rule_of(self._config, site, device, channel)
            if rule is None:
                raise StorageError(f"series {number}: unknown quantity of channel {channel!r}")
            max_t_ms, last_t_ms, last, suspect, closed_ms = rest
            series = state.add_series(number, (intern(site), device, intern(channel)), rule)
            series.remember(max_t_ms, last_t_ms, _nan(last), _nan(suspect), closed_ms)
        self._forget_fine(state)
        rows = self._db.execute("SELECT series_id, grid, start_ms FROM windows WHERE state = 0")
        for number, grid, start_ms in rows.fetchall():
            window = self.window(number, grid, start_ms)
            if window is not None:
                state.by_id[number].windows[grid, start_ms] = window
        for site, device, boot, floor, ranges in self._db.execute(
            f"SELECT {rescue.SUMMED['sequences']} FROM sequences"  # noqa: S608
        ):
            state.sequences[site, device, boot] = Sequences(floor, json.loads(ranges))
        for site, device, channel, reason, *row, _ in self._db.execute("SELECT * FROM quarantine"):
            state.quarantine[site, device, channel, reason] = Refused(*row)
        for site, device, boot, body in self._db.execute(
            "SELECT site, device, boot, body FROM health"
        ):
            state.health[site, device, boot] = json.loads(body)
            state.online[site, device] = state.health[site, device, boot]["online"]
        for (fingerprint,) in self._db.execute("SELECT fingerprint FROM seen ORDER BY number"):
            state.seen[fingerprint] = None
        state.totals.update(dict(self._db.execute("SELECT name, count FROM totals")))
        return state

    def window(self, series_id: int, grid: int, start_ms: int) -> Window | None:
        """Return a stored window, open or closed; None when there is none.

        Parameters
        ----------
        series_id : int
            Whose it is. [1]
        grid : int
            `state.BASE` or `state.DAY`. [1]
        start_ms : int
            Its start. [ms]

        Returns
        -------
        Window or None
            A fresh object.
        """
        row = self._db.execute(
            f"SELECT {rescue.SUMMED['windows']}, crc FROM windows "  # noqa: S608
            "WHERE series_id = ? AND grid = ? AND start_ms = ?",
            (series_id, grid, start_ms),
        ).fetchone()
        if row is None:
            return None
        *values, crc = row
        if crc is not None and rescue.row_sum(values) != crc:
            raise rescue.suspect(self._config.data_dir)
        length_s, _, flagged, segments, bins = values[3:]
        histogram = json.loads(bins) if bins else None
        return Window(start_ms, length_s, _SEGMENTS.decode(segments), flagged, histogram)

    def checkpoint(self, state: State, position: Position, *, flush: bool = False) -> bool:
        """Save what changed, close what is complete, make pages; all in one transaction.

        Parameters
        ----------
        state : State
            Its changes are cleared; closed windows leave it.
        position : Position
            The journal up to here is in the state.
        flush : bool
            Close every open window as it is.

        Returns
        -------
        bool
            Whether all closed windows are in pages; if not, the spool is full.
        """
        state.settle()
        with transaction(self._db):
            number = int(self._meta("checkpoint")) + 1
            if flush:
                state.changes.series.update(s for s in state.series.values() if s.windows)
            for series in state.changes.series:
                self._save_series(series, flush)
            self._save_changes(state, number)
            complete = emit(self._db, self._config, state)
            self._set_meta(checkpoint=number, segment=position.segment, offset=position.offset)
            total = str(rescue.position_sum(self._db))
            self._db.execute("INSERT OR REPLACE INTO meta VALUES('sum', ?)", (total,))
        state.changes = Changes()
        grown = position.segment - self.kept_from.segment >= _COPY_SEGMENTS
        if (flush or grown or self._copied is None) and rescue.copy(
            self._db, self._config.data_dir
        ):
            self._copied = position
        return complete

    def verify(self) -> None:
        """Check the database; StorageError when it is damaged."""
        rescue.verify(self._db)

    def begin_again(self) -> None:
        """Become a new spool, after a rebuild."""
        with transaction(self._db):
            rescue.begin_again(self._db)

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def _save_series(self, series: Series, flush: bool) -> None:
        lateness_ms = self._config.windows.lateness_s * 1000
        watermark_ms = series.max_t_ms - lateness_ms
        rows = []
        for (grid, start_ms), window in list(series.windows.items()):
            end_ms = start_ms + window.length_s * 1000
            closes = flush or end_ms <= watermark_ms
            if closes:
                series.closed_ms = max(series.closed_ms, end_ms)
                del series.windows[grid, start_ms]
            if closes or window.dirty:
                rows.append(_row(series.id, grid, window, DUE if closes else OPEN))
                window.dirty = False
        self._db.executemany(
            "INSERT INTO windows(series_id, grid, start_ms, length_s, state, readings, flagged, "
            "segments, histogram, crc) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT DO UPDATE SET state = excluded.state, readings = excluded.readings, "
            "flagged = excluded.flagged, segments = excluded.segments, "
            "histogram = excluded.histogram, crc = excluded.crc",
            rows,
        )
        values = (
            *(series.id, series.site, series.device, series.channel, series.max_t_ms),
            *(series.last_t_ms, series.last, series.suspect, series.closed_ms),
        )
        self._db.execute(
            "INSERT INTO series VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(id) DO UPDATE "
            "SET max_t_ms = excluded.max_t_ms, last_t_ms = excluded.last_t_ms, "
            "last = excluded.last, suspect = excluded.suspect, closed_ms = excluded.closed_ms, "
            "crc = excluded.crc",
            (*values, rescue.row_sum(values)),
        )
        keep_ms = (self._config.windows.reopen_days + 2) * _DAY_MS
        self._db.execute(
            "DELETE FROM windows WHERE series_id = ? AND grid IN (0, 1) AND start_ms < ? "
            "AND state = 2",
            (series.id, series.max_t_ms - keep_ms),
        )

    def _save_changes(self, state: State, number: int) -> None:
        changes, run = state.changes, self._db.executemany
        run(
            "INSERT OR REPLACE INTO sequences VALUES(?, ?, ?, ?, ?, ?)",
            [_sequence_row(key, state.sequences[key]) for key in changes.sequences],
        )
        run(
            "INSERT OR REPLACE INTO quarantine VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (*key, q.readings, q.packs, q.first_t_ms, q.last_t_ms, q.detail, number)
                for key, q in ((key, state.quarantine[key]) for key in changes.quarantine)
            ],
        )
        run(
            "INSERT OR REPLACE INTO health VALUES(?, ?, ?, ?, ?)",
            [(*key, json.dumps(state.health[key]), number) for key in changes.health],
        )
        if changes.seen:
            run("INSERT INTO seen(fingerprint) VALUES(?)", [(f,) for f in changes.seen])
            self._db.execute(
                "DELETE FROM seen WHERE number <= (SELECT max(number) FROM seen) - ?", (MAX_SEEN,)
            )
        run("INSERT OR REPLACE INTO totals VALUES(?, ?)", list(state.totals.items()))

    def _forget_fine(self, state: State) -> None:
        # Without a consent (any more), fine windows are not kept.
        coarse = [(s.id, BASE) for s in state.series.values() if not s.rule.fine]
        with transaction(self._db):
            self._db.executemany("DELETE FROM windows WHERE series_id = ? AND grid = ?", coarse)

    def _meta(self, key: str) -> str:
        value: str = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()[0]
        return value

    def _set_meta(self, **values: int) -> None:
        self._db.executemany(
            "UPDATE meta SET value = ? WHERE key = ?", [(str(v), k) for k, v in values.items()]
        )


def _row(series_id: int, grid: int, window: Window, state: int) -> tuple[object, ...]:
    segments = msgspec.json.encode(window.segments).decode()
    histogram = json.dumps(window.histogram) if window.histogram is not None else None
    readings = sum(s.readings for s in window.segments)
    head = series_id, grid, window.start_ms, window.length_s
    tail = readings, window.flagged, segments, histogram
    return (*head, state, *tail, rescue.row_sum((*head, *tail)))


def _sequence_row(key: DeviceBoot, sequences: Sequences) -> tuple[object, ...]:
    values = (*key, sequences.floor, json.dumps(sequences.ranges))
    return (*values, rescue.row_sum(values))


def _nan(value: float | None) -> float:
    # SQLite stores NaN as NULL.
    return nan if value is None or isnan(value) else value
