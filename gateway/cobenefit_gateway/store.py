"""The one SQLite database: everything derived from the journal, and how far it was read.

A checkpoint is one transaction (WAL, synchronous=FULL): changed series, sequences, windows,
quarantine and health rows, the pages made from closed windows, and the journal position they
stand for. After a crash the database is at its last checkpoint and the journal from that position
is read again.
"""

import json
import uuid
from collections.abc import Iterable
from itertools import islice
from math import nan
from sys import intern

import numpy as np

from cobenefit_gateway import rescue
from cobenefit_gateway.acks import Sequences
from cobenefit_gateway.config import Config
from cobenefit_gateway.core.partials import IntArray
from cobenefit_gateway.emit import DUE, OPEN, SENT, emit
from cobenefit_gateway.errors import DamagedError, StorageError
from cobenefit_gateway.journal import Position, Record
from cobenefit_gateway.rows import (
    KNOWN_SERIES,
    KNOWN_WINDOW,
    NEW_SERIES,
    NEW_WINDOW,
    Row,
    segments_of,
    series_rows,
    window_rows,
)
from cobenefit_gateway.schema import connect, transaction
from cobenefit_gateway.slots import Window
from cobenefit_gateway.state import (
    BASE,
    MAX_KEPT,
    MAX_SEEN,
    SEEN_BYTES,
    Changes,
    DeviceBoot,
    Kept,
    Refused,
    State,
    rule_of,
)
from cobenefit_gateway.sums import SUMMED, row_sum
from cobenefit_gateway.table import Table

SCHEMA_VERSION = "2"
#: Those that are read too, and become this one.
_OLDER = ("1",)
_DAY_MS = 86_400_000
#: A new copy of the database is taken when the journal has grown by this many files. [1]
_COPY_SEGMENTS = 16
#: What all kept messages may weigh. [B]
_KEPT_BYTES = 64 << 20
#: Messages taken again in one checkpoint. [1]
_AGAIN_AT_ONCE = 500
#: Series whose rows are made before they are written. [1]
_SERIES_AT_ONCE = 1000
#: Columns of the table that are saved, in the order of those of `series`.
_REMEMBERED = ("max_t_ms", "last_t_ms", "last", "suspect", "closed_ms")


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
        if self._meta("schema") in _OLDER:
            self._set_meta(schema=SCHEMA_VERSION)
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
            f"SELECT {SUMMED['series']} FROM series"  # noqa: S608
        ):
            rule = rule_of(self._config, site, device, channel)
            if rule is None:
                raise StorageError(f"series {number}: unknown quantity of channel {channel!r}")
            state.add_series(number, (intern(site), device, intern(channel)), rule)
            for name, value in zip(_REMEMBERED, rest, strict=True):
                getattr(state.table, name)[number] = nan if value is None else value
            state.table.known[number] = True
        self._forget_fine(state)
        self._load_windows(state)
        for number, site, device, boot, floor, ranges in self._db.execute(
            f"SELECT number, {SUMMED['sequences']} FROM sequences"  # noqa: S608
        ):
            known = Sequences(floor, json.loads(ranges), number=number)
            state.sequences[intern(site), device, boot] = known
        for site, device, channel, reason, *row, _ in self._db.execute("SELECT * FROM quarantine"):
            state.quarantine[site, device, channel, reason] = Refused(*row)
        for site, device, boot, body in self._db.execute(
            "SELECT site, device, boot, body FROM health"
        ):
            state.health[site, device, boot] = json.loads(body)
            state.online[site, device] = state.health[site, device, boot]["online"]
        rows = self._db.execute("SELECT fingerprint FROM seen ORDER BY number")
        seen = b"".join(row[0] for row in rows)[-MAX_SEEN * SEEN_BYTES :]
        for i in range(0, len(seen), SEEN_BYTES):
            state.seen[seen[i : i + SEEN_BYTES]] = None
        state.births.update(dict(self._db.execute("SELECT topic, payload FROM births")))
        state.totals.update(dict(self._db.execute("SELECT name, count FROM totals")))
        return state

    def _load_windows(self, state: State) -> None:
        rows = self._db.execute(
            "SELECT series_id, grid, start_ms, length_s FROM windows WHERE state = 0 "
            "ORDER BY series_id, grid, start_ms"
        ).fetchall()
        number, grid, start_ms, length_s = np.array(rows, dtype=np.int64).reshape(-1, 4).T
        slots = state.slots.open(number, grid, start_ms, length_s.tolist())
        state.slots.stored[slots] = True
        for slot, row in zip(slots.tolist(), rows, strict=True):
            window = self.window(*row[:3])
            if window is not None:
                state.slots.put(slot, window)

    def asked_again(self) -> list[Kept]:
        """Return refused messages that somebody asked to take again, some at a time."""
        rows = self._db.execute(
            f"SELECT {SUMMED['kept']}, number FROM kept "  # noqa: S608
            "WHERE again = 1 ORDER BY number LIMIT ?",
            (_AGAIN_AT_ONCE,),
        )
        return [
            Kept(Record(*r[:4]), r[4:7], r[7], r[8], bool(r[9]), r[10]) for r in rows.fetchall()
        ]

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
            f"SELECT {SUMMED['windows']}, crc FROM windows "  # noqa: S608
            "WHERE series_id = ? AND grid = ? AND start_ms = ?",
            (series_id, grid, start_ms),
        ).fetchone()
        if row is None:
            return None
        *values, crc = row
        rescue.check_window(self._config.data_dir, values, crc)
        length_s, _, flagged, segments, bins = values[3:]
        histogram = json.loads(bins) if bins else None
        return Window(start_ms, length_s, segments_of(segments), flagged, histogram)

    def checkpoint(
        self, state: State, position: Position, *, flush: bool = False, copy: bool = False
    ) -> bool:
        """Save what changed, close what is complete, make pages; all in one transaction.

        Parameters
        ----------
        state : State
            Its changes are cleared; closed windows leave it.
        position : Position
            The journal up to here is in the state.
        flush : bool
            Close every open window as it is.
        copy : bool
            Take a copy of the database too: what was taken in is not in the journal.

        Returns
        -------
        bool
            Whether all closed windows are in pages; if not, the spool is full.
        """
        state.settle()
        with transaction(self._db):
            number = int(self._meta("checkpoint")) + 1
            table = state.table
            if flush:
                table.changed |= table.window >= 0
            changed = np.flatnonzero(table.changed)
            for at in range(0, changed.size, _SERIES_AT_ONCE):
                self._save_series(state, changed[at : at + _SERIES_AT_ONCE], flush=flush)
            self._save_changes(state, number)
            complete = emit(self._db, self._config, state)
            if not complete:  # the spool is full: what grew too old meanwhile is lost, and counted
                state.totals["windows_dropped"] += self._drop_old(table, changed, DUE)
                self._db.execute(
                    "INSERT OR REPLACE INTO totals VALUES('windows_dropped', ?)",
                    (state.totals["windows_dropped"],),
                )
            self._set_meta(checkpoint=number, segment=position.segment, offset=position.offset)
            total = str(rescue.position_sum(self._db))
            self._db.execute("INSERT OR REPLACE INTO meta VALUES('sum', ?)", (total,))
        state.saved()
        grown = position.segment - self.kept_from.segment >= _COPY_SEGMENTS
        wanted = flush or copy or grown or self._copied is None
        if wanted and rescue.copy(self._db, self._config.data_dir):
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

    def _save_series(self, state: State, number: IntArray, *, flush: bool) -> None:
        # Rows of series and of their windows; those that close leave the state.
        table, slots = state.table, state.slots
        slot = slots.of(number)
        of = slots.id[slot]
        end_ms = slots.start_ms[slot] + slots.length_s[slot] * 1000
        closes = end_ms <= table.max_t_ms[of] - self._config.windows.lateness_s * 1000
        closes |= flush
        np.maximum.at(table.closed_ms, of[closes], end_ms[closes])
        stays = slots.dirty[slot] & ~closes
        for some, sql in (
            (closes, NEW_WINDOW.format(state=DUE)),
            (stays & ~slots.stored[slot], NEW_WINDOW.format(state=OPEN)),
            (stays & slots.stored[slot], KNOWN_WINDOW),
        ):
            self._save(sql, window_rows(slots, slot[some]), int(np.count_nonzero(some)))
        slots.dirty[slot] = False
        slots.stored[slot[stays]] = True
        slots.close(slot[closes])
        known = table.known[number]
        for theirs, sql in ((number[~known], NEW_SERIES), (number[known], KNOWN_SERIES)):
            self._save(sql, series_rows(state, theirs), theirs.size)
        self._drop_old(table, np.unique(of[closes]), SENT)

    def _save(self, sql: str, rows: Iterable[Row], wanted: int) -> None:
        found = self._db.executemany(sql, rows).rowcount
        if wanted and found != wanted:  # an update of a row that is not there changes nothing
            (self._config.data_dir / rescue.SUSPECT).touch()
            raise DamagedError(f"{wanted - found} rows are not where they were saved: {sql}")

    def _drop_old(self, table: Table, number: IntArray, state: int) -> int:
        oldest_ms = table.max_t_ms[number] - (self._config.windows.reopen_days + 2) * _DAY_MS
        return self._db.executemany(
            "DELETE FROM windows WHERE series_id = ? AND grid IN (0, 1) AND start_ms < ? "
            "AND state = ?",
            [(i, ms, state) for i, ms in zip(number.tolist(), oldest_ms.tolist(), strict=True)],
        ).rowcount

    def _save_changes(self, state: State, number: int) -> None:
        changes, run = state.changes, self._db.executemany
        self._save_sequences(state)
        run(
            "INSERT OR REPLACE INTO quarantine VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (*key, q.readings, q.packs, q.first_t_ms, q.last_t_ms, q.detail, number)
                for key, q in ((key, state.quarantine[key]) for key in changes.quarantine)
            ],
        )
        run(
            "INSERT OR REPLACE INTO health VALUES(?, ?, ?, ?, ?)",
            ((*key, json.dumps(state.health[key]), number) for key in changes.health),
        )
        if changes.seen:
            # One row for all, under the number of the last.
            self._db.execute(
                "INSERT INTO seen SELECT coalesce(max(number), 0) + ?, ? FROM seen",
                (len(changes.seen), b"".join(changes.seen)),
            )
            self._db.execute(
                "DELETE FROM seen WHERE number <= (SELECT max(number) FROM seen) - ?", (MAX_SEEN,)
            )
        self._save_kept(changes)
        run("DELETE FROM births WHERE topic = ?", [(topic,) for topic in changes.births])
        known = [_summed((t, state.births[t])) for t in changes.births if t in state.births]
        run("INSERT INTO births VALUES(?, ?, ?)", known)
        run("INSERT OR REPLACE INTO totals VALUES(?, ?)", list(state.totals.items()))

    def _save_sequences(self, state: State) -> None:
        of = state.sequences
        changed = sorted(state.changes.sequences, key=lambda key: of[key].number)
        new = next((i for i, key in enumerate(changed) if of[key].number), len(changed))
        (last,) = self._db.execute("SELECT coalesce(max(number), 0) FROM sequences").fetchone()
        for number, key in enumerate(changed[:new], last + 1):
            of[key].number = number
        rows = (_sequence_row(key, of[key]) for key in changed)
        self._save(
            "INSERT INTO sequences(site, device, boot, floor, ranges, crc, number) "
            "VALUES(?, ?, ?, ?, ?, ?, ?)",
            islice(rows, new),
            new,
        )
        self._save(
            "UPDATE sequences SET floor = ?4, ranges = ?5, crc = ?6 WHERE number = ?7",
            rows,
            len(changed) - new,
        )

    def _save_kept(self, changes: Changes) -> None:
        self._db.executemany("DELETE FROM kept WHERE number = ?", [(n,) for n in changes.replayed])
        if not changes.kept:
            return
        self._db.executemany(
            f"INSERT INTO kept({SUMMED['kept']}, crc) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                _summed((*k.record, *k.place, k.reason, k.readings, int(k.known)))
                for k in changes.kept
            ],
        )
        self._db.execute(
            "DELETE FROM kept WHERE number <= (SELECT coalesce(max(number), 0) FROM "
            "(SELECT number, count(*) OVER w AS n, sum(length(payload)) OVER w AS size FROM kept "
            "WINDOW w AS (ORDER BY number DESC)) WHERE n > ? OR size > ?)",
            (MAX_KEPT, _KEPT_BYTES),
        )

    def _forget_fine(self, state: State) -> None:
        # Without a consent (any more), fine windows are not kept.
        coarse = [(s.id, BASE) for s in state.series.values() if not s.rule.fine]
        with transaction(self._db):
            self._db.executemany("DELETE FROM windows WHERE series_id = ? AND grid = ?", coarse)

    def _meta(self, key: str) -> str:
        value: str = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()[0]
        return value

    def _set_meta(self, **values: int | str) -> None:
        self._db.executemany(
            "UPDATE meta SET value = ? WHERE key = ?", [(str(v), k) for k, v in values.items()]
        )


def _sequence_row(key: DeviceBoot, sequences: Sequences) -> tuple[object, ...]:
    ranges = json.dumps(sequences.ranges) if sequences.ranges else "[]"
    return *_summed((*key, sequences.floor, ranges)), sequences.number


def _summed(values: tuple[object, ...]) -> tuple[object, ...]:
    return (*values, row_sum(values))
