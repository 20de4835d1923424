"""What the gateway holds and how its nodes are, read once for everybody who asks.

The command `status`, the page, the metrics and the alarms all look at the same `Overview`, made
from `gateway.db` (as of the last checkpoint), `operate.db` and the disk. It must change nothing.
"""

import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from heapq import merge
from itertools import groupby, repeat
from pathlib import Path
from sys import intern
from typing import Any

import msgspec

from cobenefit_gateway.config import Config
from cobenefit_gateway.ledger import Ledger
from cobenefit_gateway.table import NEVER_MS

OK, LATE, SILENT = "ok", "late", "silent"
#: What is known of a device, in the order it is looked at.
_NEWEST, _HEALTH, _HEARD = range(3)
_COUNTS = {
    "pages_waiting": "SELECT count(*) FROM pages WHERE parked IS NULL",
    "pages_parked": "SELECT count(*) FROM pages WHERE parked IS NOT NULL",
    "series": "SELECT count(*) FROM series",
    "windows_open": "SELECT count(*) FROM windows WHERE state = 0",
    "windows_due": "SELECT count(*) FROM windows WHERE state = 1",
    "kept": "SELECT count(*) FROM kept",
    "refused_packs": "SELECT coalesce(sum(packs), 0) FROM quarantine",
    "refused_readings": "SELECT coalesce(sum(readings), 0) FROM quarantine",
}


class _Ledger(msgspec.Struct, gc=False):
    # What is shown of a health row.
    t_ms: int
    online: bool
    battery_mv: int | None
    waiting: int
    resets: int
    lost: dict[str, int]
    received_ms: int | None = None
    skew_ms: int | None = None
    clock_known: bool = True


_LEDGER = msgspec.json.Decoder(_Ledger)


@dataclass(slots=True)
class Device:
    """How one node is; None where nothing is known."""

    site: str
    device: str
    state: str = OK
    heard_ms: int | None = None
    newest_ms: int | None = None
    online: bool = True
    battery_mv: int | None = None
    skew_ms: int | None = None
    clock_known: bool = True
    waiting: int = 0
    resets: int = 0
    lost: int = 0
    back_ms: int = 0


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything at one instant; `live` is what only the running process knows.

    `nodes` are how many devices each site has, more than in `devices` where not all were wanted.
    """

    t_ms: int
    tenant: str
    spool: str
    devices: tuple[Device, ...]
    counts: dict[str, int]
    totals: dict[str, int]
    journal_bytes: int
    database_bytes: int
    free_bytes: int
    oldest_page_ms: int | None
    parked: str
    live_ms: int
    live: dict[str, Any] = field(default_factory=dict)
    spool_bytes: int = 0
    nodes: Mapping[str, int] = field(default_factory=dict)

    @property
    def running(self) -> bool:
        """Whether a gateway has written its vitals within two minutes."""
        return 0 <= self.t_ms - self.live_ms < 120_000

    def by_state(self) -> dict[str, int]:
        """Return how many devices are in each state."""
        found = dict.fromkeys((OK, LATE, SILENT), 0)
        for device in self.devices:
            found[device.state] += 1
        return found


def read(
    config: Config,
    ledger: Ledger,
    now_ms: int,
    wanted: Callable[[Config, Device], bool] | None = None,
) -> Overview:
    """Return the overview of a data folder.

    Parameters
    ----------
    config : Config
        Where the data are and when nodes count as late.
    ledger : Ledger
        Its `operate.db`.
    now_ms : int
        Gateway time. [Unix ms]
    wanted : callable, optional
        Whether a device is to be among `devices`; all are when not given.

    Returns
    -------
    Overview
        As of the last checkpoint.
    """
    folder = config.data_dir
    db = sqlite3.connect(f"file:{folder / 'gateway.db'}?mode=ro", uri=True, timeout=30.0)
    try:
        live_ms, live = ledger.vitals()
        oldest = db.execute("SELECT min(made_ms) FROM pages WHERE parked IS NULL").fetchone()[0]
        parked = db.execute("SELECT parked FROM pages WHERE parked IS NOT NULL LIMIT 1").fetchone()
        (size,) = db.execute(
            "SELECT coalesce(sum(length(rollups)), 0) FROM pages WHERE parked IS NULL"
        ).fetchone()
        spool = db.execute("SELECT value FROM meta WHERE key = 'spool'").fetchone()[0]
        nodes: Counter[str] = Counter()
        chosen = []
        for one in _devices(config, db, ledger, now_ms):
            nodes[one.site] += 1
            if wanted is None or wanted(config, one):
                chosen.append(one)
        return Overview(
            now_ms,
            config.tenant,
            spool,
            tuple(chosen),
            {name: db.execute(sql).fetchone()[0] for name, sql in _COUNTS.items()},
            dict(db.execute("SELECT name, count FROM totals ORDER BY name")) | ledger.totals(),
            sum(path.stat().st_size for path in (folder / "journal").glob("*.log")),
            _size(folder / "gateway.db") + _size(folder / "gateway.db-wal"),
            shutil.disk_usage(folder).free,
            oldest,
            parked[0] if parked else "",
            live_ms,
            live,
            size,
            nodes,
        )
    finally:
        db.close()


def _devices(
    config: Config, db: sqlite3.Connection, ledger: Ledger, now_ms: int
) -> Iterator[Device]:
    # One at a time, from four tables side by side: 100,000 of them need not be there at once.
    tables = [
        zip(repeat(kind), source.execute(f"{sql} ORDER BY site, device{then}"))
        for kind, (source, sql, then) in enumerate(
            (
                (db, "SELECT site, device, max(max_t_ms) FROM series GROUP BY site, device", ""),
                (db, "SELECT site, device, body FROM health", ", boot"),
                (ledger.db, "SELECT site, device, t_ms FROM heard", ""),
                (ledger.db, "SELECT site, device, back_ms FROM asleep", ""),
            )
        )
    ]
    for (site, device), rows in groupby(merge(*tables, key=_place), key=_place):
        one, kinds = Device(intern(site), device), set()
        for kind, (_, _, value) in rows:
            kinds.add(kind)
            _take(one, kind, value)
        if not kinds.isdisjoint((_NEWEST, _HEALTH)):
            one.state = state_of(config, one, now_ms)
            yield one


def _place(row: tuple[int, tuple[str, str, Any]]) -> tuple[str, str]:
    return row[1][:2]


def _take(one: Device, kind: int, value: Any) -> None:
    if kind == _NEWEST:
        one.newest_ms = value if value > NEVER_MS else None
    elif kind == _HEALTH:
        _take_health(one, _LEDGER.decode(value))
    elif kind == _HEARD:
        one.heard_ms = value
    else:
        one.back_ms = value


def _take_health(one: Device, row: _Ledger) -> None:
    # The boot heard last is the one that runs; boot numbers may be random.
    one.lost += sum(row.lost.values())
    received_ms = row.received_ms or row.t_ms
    if one.heard_ms is None or received_ms >= one.heard_ms:
        one.heard_ms, one.online = received_ms, row.online
        one.battery_mv, one.waiting, one.resets = row.battery_mv, row.waiting, row.resets
        one.skew_ms, one.clock_known = row.skew_ms, row.clock_known


def state_of(config: Config, one: Device, now_ms: int) -> str:
    """Return whether a device is ok, late or silent.

    Parameters
    ----------
    config : Config
        Has the rules.
    one : Device
        When it was heard.
    now_ms : int
        Gateway time. [Unix ms]

    Returns
    -------
    str
        `OK`, `LATE` or `SILENT`; one never heard since this version runs is ok.
    """
    rule = config.node_rule(one.site, one.device)
    # One that sleeps is awaited from when it said it would be back.
    since_ms = None if one.heard_ms is None else max(one.heard_ms, one.back_ms)
    age_s = 0.0 if since_ms is None else (now_ms - since_ms) / 1000
    return SILENT if age_s > rule.silent_s else LATE if age_s > rule.late_s else OK


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
