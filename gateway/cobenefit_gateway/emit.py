"""Closed windows to rollups, rollups to pages, inside a checkpoint's transaction.

A window is always sent whole; its revision rises each time. When a late reading changes the last
reading of a window, the next window sent before is sent again too, because its increase counts
from there. While the spool is full, closed windows wait in the database.
"""

import json
import sqlite3
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec

from cobenefit_gateway import rescue
from cobenefit_gateway.config import Config
from cobenefit_gateway.core.aggregate import Segment, fold
from cobenefit_gateway.rows import segments_of
from cobenefit_gateway.state import Series, State
from cobenefit_gateway.sums import SUMMED
from cobenefit_wire import units

OPEN, DUE, SENT = 0, 1, 2
#: Windows in one page at most. [1]
PAGE_WINDOWS = 5000
_MS_PER_H = 3_600_000
_COLUMNS = (
    "start_ms",
    "length_s",
    "revision",
    "count",
    "expected",
    "flagged",
    "first",
    "first_t_ms",
    "last",
    "last_t_ms",
    "min",
    "max",
    "sum",
    "m2",
    "delta",
    "integral",
    "covered_s",
    "histogram",
)
_DUE_ROWS = (
    f"SELECT {SUMMED['windows']}, crc, revision, sent_last, sent_last_t_ms "  # noqa: S608
    "FROM windows WHERE state = 1 ORDER BY series_id, grid, start_ms LIMIT ?"
)
_WAITING = "SELECT count(*), coalesce(sum(length(rollups)), 0) FROM pages WHERE parked IS NULL"
_ROW_BEFORE = (
    f"SELECT {SUMMED['windows']}, crc FROM windows "  # noqa: S608
    "WHERE series_id = ? AND grid = ? AND start_ms < ? AND readings > 0 "
    "ORDER BY start_ms DESC LIMIT 1"
)


def emit(db: sqlite3.Connection, config: Config, state: State) -> bool:
    """Make pages of all closed windows, as many as the spool has room for.

    Parameters
    ----------
    db : sqlite3.Connection
        Inside the checkpoint's transaction; series and windows are saved.
    config : Config
        Tenant and size of the spool.
    state : State
        Series by id and their rules; counts pages deferred.

    Returns
    -------
    bool
        Whether all closed windows are in pages.
    """
    by_id = state.by_id
    (base,) = db.execute("SELECT value FROM meta WHERE key = 'revisions'").fetchone()
    while True:
        rows = db.execute(_DUE_ROWS, (PAGE_WINDOWS,)).fetchall()
        if not rows:
            return True
        pages, size = db.execute(_WAITING).fetchone()
        if pages >= config.backend.max_pages or size >= config.backend.max_mb << 20:
            state.totals["pages_deferred"] += 1
            return False
        folder = config.data_dir
        made = [_rollup(db, folder, by_id[row[0]], row, int(base)) for row in rows]
        rollups = [(by_id[row[0]], values) for row, (values, _) in zip(rows, made, strict=True)]
        db.executemany(
            "UPDATE windows SET state = 2, revision = ?, sent_last = ?, sent_last_t_ms = ? "
            "WHERE series_id = ? AND grid = ? AND start_ms = ?",
            [sent for _, sent in made],
        )
        _write_page(db, config.tenant, rollups)


def _rollup(
    db: sqlite3.Connection, folder: Path, series: Series, row: tuple[Any, ...], base: int
) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    # The values of a window, and what to note beside it.
    *values, crc, revision, sent, sent_t_ms = row
    rescue.check_window(folder, values, crc)
    number, grid, start_ms, length_s, _, flagged, body, bins = values
    revision = max(revision, base) + 1
    segments = segments_of(body)
    before = _last_before(db, folder, number, grid, start_ms)
    whole = fold(segments, before, series.rule.links)
    last = (whole.last, whole.last_t_ms) if whole else (None, None)
    # Only a window closed before can have been sent.
    if last != (sent, sent_t_ms) and start_ms + length_s * 1000 < series.closed_ms:
        _send_next_again(db, number, grid, start_ms)
    expected = 0 if series.rule.kind == units.EVENT else length_s * 1000 // series.rule.period_ms
    head = (start_ms, length_s, revision, whole.readings if whole else 0, expected, flagged)
    statistics = _values(whole, series.rule.kind)
    histogram = json.loads(bins) if bins else None
    return (*head, *statistics, histogram), (revision, *last, number, grid, start_ms)


def _last_before(
    db: sqlite3.Connection, folder: Path, number: int, grid: int, start_ms: int
) -> tuple[float, int] | None:
    row = db.execute(_ROW_BEFORE, (number, grid, start_ms)).fetchone()
    if row is None:
        return None
    *values, crc = row
    rescue.check_window(folder, values, crc)
    last = segments_of(values[6])[-1]
    return last.last, last.last_t_ms


def _send_next_again(db: sqlite3.Connection, number: int, grid: int, start_ms: int) -> None:
    db.execute(
        "UPDATE windows SET state = 1 WHERE series_id = ? AND grid = ? AND state = 2 AND "
        "start_ms = (SELECT min(start_ms) FROM windows WHERE series_id = ? AND grid = ? "
        "AND start_ms > ? AND readings > 0)",
        (number, grid, number, grid, start_ms),
    )


def _values(whole: Segment | None, kind: str) -> tuple[Any, ...]:
    if whole is None:
        counter, gauge = kind == units.COUNTER, kind == units.GAUGE
        return (None,) * 8 + (0.0 if counter else None, 0.0 if gauge else None, 0.0)
    gauge = kind == units.GAUGE
    return (
        *(whole.first, whole.first_t_ms, whole.last, whole.last_t_ms),
        *(whole.low, whole.high, whole.total, whole.m2),
        whole.delta if kind == units.COUNTER else None,
        whole.integral / _MS_PER_H if gauge else None,
        whole.covered_ms / 1000 if kind != units.EVENT else 0.0,
    )


def _write_page(
    db: sqlite3.Connection, tenant: str, rollups: list[tuple[Series, tuple[Any, ...]]]
) -> None:
    index: dict[Series, int] = {}
    series_id = [index.setdefault(series, len(index)) for series, _ in rollups]
    body = {
        "tenant": tenant,
        "series": [[s.site, s.device, s.channel] for s in index],
        "series_id": series_id,
        **dict(zip(_COLUMNS, _transposed(rollups), strict=True)),
    }
    raw = msgspec.json.encode(body)
    (number,) = db.execute("SELECT value FROM meta WHERE key = 'next_page'").fetchone()
    db.execute(
        "INSERT INTO pages(number, sha256, rollups, windows, made_ms) VALUES(?, ?, ?, ?, ?)",
        (int(number), sha256(raw).hexdigest(), raw, len(rollups), time.time_ns() // 1_000_000),
    )
    db.execute("UPDATE meta SET value = ? WHERE key = 'next_page'", (str(int(number) + 1),))


def _transposed(rollups: list[tuple[Series, tuple[Any, ...]]]) -> Iterator[list[Any]]:
    return (list(column) for column in zip(*(values for _, values in rollups), strict=True))
