"""What the gateway knows between two checkpoints: plain objects, and which of them changed.

Everything here is derived from the journal and saved by `store.Store.checkpoint` in one
transaction with the journal position, so replaying the journal after a crash rebuilds exactly
what was lost and counts nothing twice. It must do no I/O.
"""

from collections import defaultdict, deque
from dataclasses import dataclass, field
from math import nan
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cobenefit_gateway.acks import Sequences
from cobenefit_gateway.config import Config
from cobenefit_gateway.core.aggregate import Links, Segment
from cobenefit_gateway.journal import OVERSIZE, Record
from cobenefit_wire import units

BASE, DAY = 0, 1
#: No event time yet. [ms]
NEVER_MS = -(1 << 62)
#: Fingerprints of refused or third-party messages remembered, to know a copy. [1]
MAX_SEEN = 10_000
#: A gap above this many periods is not covered; readings at most this many apart are contiguous.
#: Refused messages kept whole, for a replay after the cause is put right. [1]
MAX_KEPT = 10_000
_COVERED_PERIODS, _CONTIGUOUS_PERIODS = 3.0, 1.5

DeviceBoot = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Rule:
    """How one channel is judged and aggregated."""

    unit: str
    kind: str
    low: float
    high: float
    period_ms: int
    links: Links
    edges: NDArray[np.float64]
    zone: str
    fine: bool


def rule_of(config: Config, site: str, device: str, channel: str) -> Rule | None:
    """Return the rule of a channel; None when its quantity is unknown."""
    name = units.quantity_of(channel)
    if not name:
        return None
    quantity = units.QUANTITIES[name]
    period_ms = max(round(config.period_s(site, device, channel) * 1000), 1)
    # A counter of pieces is a 32-bit register; energy indexes roll over by meter type and are
    # treated as resets.
    rolls = quantity.kind == units.COUNTER and quantity.unit == "count"
    links = Links(
        gap_ms=round(period_ms * _COVERED_PERIODS),
        join_ms=round(period_ms * _CONTIGUOUS_PERIODS),
        modulus=quantity.high + 1.0 if rolls else 0.0,
    )
    event = quantity.kind == units.EVENT
    return Rule(
        quantity.unit,
        quantity.kind,
        float(quantity.low),
        float(quantity.high),
        period_ms,
        links,
        np.array(config.edges(channel) if event else (), dtype=np.float64),
        config.timezone(site),
        config.fine(site, device),
    )


@dataclass(slots=True)
class Window:
    """One window of one series that is still open, or open again."""

    start_ms: int
    length_s: int
    segments: list[Segment] = field(default_factory=list)
    flagged: int = 0
    histogram: list[int] | None = None


@dataclass(slots=True, eq=False)
class Series:
    """One channel of one device: its rule, its last accepted reading, its open windows."""

    id: int
    site: str
    device: str
    channel: str
    rule: Rule
    max_t_ms: int = NEVER_MS
    last_t_ms: int = NEVER_MS
    last: float = nan
    suspect: float = nan
    closed_ms: int = NEVER_MS
    windows: dict[tuple[int, int], Window] = field(default_factory=dict)
    touched: set[tuple[int, int]] = field(default_factory=set)


@dataclass(slots=True)
class Refused:
    """Running totals of one reason at one place."""

    readings: int = 0
    packs: int = 0
    first_t_ms: int | None = None
    last_t_ms: int | None = None
    detail: str = ""


class Kept(NamedTuple):
    """A refused message: as it came, where and why it was refused, and what that counted.

    `known` says that its sequence was noted when it was refused, so it is no copy of itself.
    """

    record: Record
    place: tuple[str, str, str]
    reason: str
    readings: int
    known: bool
    number: int = 0


@dataclass(slots=True)
class Changes:
    """Keys whose state differs from the database."""

    series: set[Series] = field(default_factory=set)
    sequences: set[DeviceBoot] = field(default_factory=set)
    quarantine: set[tuple[str, str, str, str]] = field(default_factory=set)
    health: set[DeviceBoot] = field(default_factory=set)
    seen: list[bytes] = field(default_factory=list)
    kept: deque[Kept] = field(default_factory=lambda: deque(maxlen=MAX_KEPT))
    replayed: list[int] = field(default_factory=list)
    births: set[str] = field(default_factory=set)

    def places(self) -> set[tuple[str, str]]:
        """Return site and device of everybody who was heard."""
        return {(s.site, s.device) for s in self.series} | {
            key[:2] for key in self.sequences | self.health
        }


@dataclass(slots=True)
class State:
    """All of it; `totals` counts what happened (messages, duplicates, …)."""

    series: dict[tuple[str, str, str], Series] = field(default_factory=dict)
    sequences: dict[DeviceBoot, Sequences] = field(default_factory=dict)
    quarantine: dict[tuple[str, str, str, str], Refused] = field(default_factory=dict)
    health: dict[DeviceBoot, dict[str, Any]] = field(default_factory=dict)
    online: dict[tuple[str, str], bool] = field(default_factory=dict)
    seen: dict[bytes, None] = field(default_factory=dict)
    births: dict[str, bytes] = field(default_factory=dict)
    rebirths: set[tuple[str, str]] = field(default_factory=set)
    totals: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    changes: Changes = field(default_factory=Changes)

    def refuse(
        self,
        place: tuple[str, str, str],
        reason: str,
        t_ms: tuple[int, int],
        *,
        readings: int = 0,
        packs: int = 0,
        detail: str = "",
    ) -> None:
        """Add to the running totals of one reason.

        Parameters
        ----------
        place : tuple of str
            Site, device and channel, '' where the topic did not say.
        reason : str
            A word of `quality.NAMES` or a `WireError.reason`.
        t_ms : tuple of int
            First and last time it is about. [ms]
        readings : int
            Readings refused. [1]
        packs : int
            Packs refused whole. [1]
        detail : str
            What was wrong with the latest one.
        """
        key = (*place, reason)
        row = self.quarantine.setdefault(key, Refused())
        row.readings += readings
        row.packs += packs
        row.first_t_ms = min(t_ms[0], t_ms[0] if row.first_t_ms is None else row.first_t_ms)
        row.last_t_ms = max(t_ms[1], t_ms[1] if row.last_t_ms is None else row.last_t_ms)
        row.detail = detail[:300] or row.detail
        self.changes.quarantine.add(key)

    def keep(self, kept: Kept) -> None:
        """Keep a refused message for a replay; too long a one was never there whole."""
        if kept.record.kind != OVERSIZE:
            self.changes.kept.append(kept)

    def forgive(self, kept: Kept) -> None:
        """Take a refused message out of the totals, because it is about to be taken again."""
        row = self.quarantine.get((*kept.place, kept.reason))
        if row is not None:
            row.packs -= min(row.packs, 1)
            row.readings -= min(row.readings, kept.readings)
            self.changes.quarantine.add((*kept.place, kept.reason))
        self.changes.replayed.append(kept.number)
        self.totals["replayed"] += 1

    def save_birth(self, topic: str, payload: bytes) -> None:
        """Remember a Sparkplug birth: later messages can't be read without it."""
        self.births[topic] = payload
        self.changes.births.add(topic)

    def forget_birth(self, topic: str) -> None:
        """Forget a birth that another has replaced."""
        del self.births[topic]
        self.changes.births.add(topic)

    def is_copy(self, fingerprint: bytes) -> bool:
        """Remember a message's fingerprint; whether it was there already."""
        if fingerprint in self.seen:
            return True
        self.seen[fingerprint] = None
        self.changes.seen.append(fingerprint)
        while len(self.seen) > MAX_SEEN:
            del self.seen[next(iter(self.seen))]
        return False
