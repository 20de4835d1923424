"""Ledger and store compared, device by device and channel by channel.

Sums are of integers below 2^53, so they are exact as floats and compared without a tolerance.
"""

import sqlite3
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from fleet import CHANNELS, SITE, Ints
from ledger import Ledger

_ROLLUPS = """\
SELECT s.device, s.channel, sum(r.count), sum(r.sum), sum(r.delta)
FROM rollup r JOIN series s ON s.id = r.series_id WHERE s.site = ? GROUP BY s.id"""
_REFUSED = "SELECT device, channel, reason, readings, packs FROM quarantine WHERE site = ?"
_LOST = (
    "SELECT h.device, json_each.key, json_each.value FROM device_health h, json_each(h.lost) "
    "WHERE h.site = ?"
)


@dataclass(frozen=True)
class Line:
    """One figure of all devices: what was sent, what is stored, and for how many it differs."""

    name: str
    sent: int
    stored: int
    differ: int


@dataclass(frozen=True)
class Found:
    """What the store holds; one row per device, one column per channel."""

    count: Ints
    total: Ints
    delta: Ints
    flagged: Ints
    crc: Ints
    lost: Ints
    others: Ints


def read(database: Path, devices: int) -> Found:
    """Return what a backend's database holds of the soak's devices."""
    count, total, delta, flagged, crc, lost, others = np.zeros((7, devices, 2), dtype=np.int64)
    found = Found(count, total, delta, flagged, crc, lost, others)
    db = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    for device, channel, *sums in db.execute(_ROLLUPS, (SITE,)):
        at = _place(device, channel)
        found.count[at], found.total[at], found.delta[at] = (x or 0 for x in sums)
    for device, channel, reason, readings, packs in db.execute(_REFUSED, (SITE,)):
        known = {"timeout": found.flagged, "crc": found.crc}.get(reason, found.others)
        known[_place(device, channel)] += readings + packs
    for device, channel, gone in db.execute(_LOST, (SITE,)):
        found.lost[_place(device, channel)] += gone
    db.close()
    return found


def _place(device: str, channel: str) -> tuple[int, int]:
    return int(device[1:]), CHANNELS.index(channel)


def compare(ledger: Ledger, found: Found) -> list[Line]:
    """Return every figure of both; all is well when no device differs in any."""
    zero = np.zeros_like(found.count)
    rise = ledger.last - ledger.first
    pairs = (
        ("readings stored", ledger.sent - ledger.flagged, found.count),
        ("sum of the good values", ledger.total, found.total),
        ("increase of the counters [Wh]", rise, found.delta[:, 0]),
        ("quarantined readings (timeout)", ledger.flagged, found.flagged),
        ("quarantined packs (crc)", ledger.bent, found.crc),
        ("quarantined for another reason", zero, found.others),
        ("readings declared lost", ledger.lost, found.lost),
    )
    return [
        Line(name, int(sent.sum()), int(stored.sum()), _differ(sent, stored))
        for name, sent, stored in pairs
    ]


def _differ(sent: Ints, stored: Ints) -> int:
    return int((sent != stored).reshape(sent.shape[0], -1).any(axis=1).sum())
