"""What the gateway holds and how its nodes are, read once for everybody who asks.

The command `status`, the page, the metrics and the alarms all look at the same `Overview`, made
from `gateway.db` (as of the last checkpoint), `operate.db` and the disk. It must change nothing.
"""

import shutil
import sqlite3
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from sys import intern
from typing import Any

import msgspec

from cobenefit_gateway.config import Config
from cobenefit_gateway.ledger import Ledger
from cobenefit_gateway.table import NEVER_MS

OK, LATE, SILENT = "ok", "late", "silent"
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
    """Everything at one instant; `live` is what only the running process knows."""

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


def read(config: Config, ledger: Ledger, now_ms: int) -> Overview:
    """Return the overview of a data folder.

    Parameters
    ----------
    config : Config
        Where the data are and when nodes count as late.
    ledger : Ledger
        Its `operate.db`.
    now_ms : int
        Gateway time. [Unix ms]

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
        return Overview(
            now_ms,
            config.tenant,
            spool,
            tuple(_devices(config, db, ledger, now_ms)),
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
        )
    finally:
        db.close()


def _devices(config: Config, db: sqlite3.Connection, ledger: Ledger, now_ms: int) -> list[Device]:
    found: defaultdict[str, dict[str, Device]] = defaultdict(dict)
    for site, device, newest_ms in db.execute(
        "SELECT site, device, max(max_t_ms) FROM series GROUP BY site, device"
    ):
        newest = newest_ms if newest_ms > NEVER_MS else None
        found[site][device] = Device(intern(site), device, newest_ms=newest)
    for site, device, body in db.execute("SELECT site, device, body FROM health ORDER BY boot"):
        one = found[site].setdefault(device, Device(intern(site), device))
        _take_health(one, _LEDGER.decode(body))
    for site, device, t_ms in ledger.db.execute("SELECT site, device, t_ms FROM heard"):
        if device in found[site]:
            found[site][device].heard_ms = t_ms
    for site, device, back_ms in ledger.db.execute("SELECT site, device, back_ms FROM asleep"):
        if device in found[site]:
            found[site][device].back_ms = back_ms
    devices = [one for site in found.values() for one in site.values()]
    for one in devices:
        one.state = state_of(config, one, now_ms)
    devices.sort(key=lambda d: (d.site, d.device))
    return devices


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
