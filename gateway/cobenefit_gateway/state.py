"""What the gateway knows between two checkpoints: plain objects, and which of them changed.

Everything here is derived from the journal and saved by `store.Store.checkpoint` in one
transaction with the journal position, so replaying the journal after a crash rebuilds exactly
what was lost and counts nothing twice. It must do no I/O.
"""

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain
from math import inf
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cobenefit_gateway.acks import Sequences
from cobenefit_gateway.config import ChannelRule, Config
from cobenefit_gateway.core.aggregate import Links
from cobenefit_gateway.journal import OVERSIZE, Record
from cobenefit_gateway.slots import Slots, Window
from cobenefit_gateway.table import Table
from cobenefit_wire import units

BASE, DAY = 0, 1
#: Fingerprints of refused or third-party messages remembered, to know a copy. [1]
MAX_SEEN = 10_000
#: Length of a fingerprint. [B]
SEEN_BYTES = 16
#: Refused messages kept whole, for a replay after the cause is put right. [1]
MAX_KEPT = 10_000
#: A gap above this many periods is not covered; readings at most this many apart are contiguous.
_COVERED_PERIODS, _CONTIGUOUS_PERIODS = 3.0, 1.5

DeviceBoot = tuple[str, str, int]


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """How one channel is judged and aggregated; series that are judged alike share one."""

    unit: str
    kind: str
    low: float
    high: float
    period_ms: int
    links: Links
    edges: NDArray[np.float64]
    zone: str
    fine: bool
    rate_per_s: float
    stuck_ms: int
    deviations: float


def rule_of(config: Config, site: str, device: str, channel: str) -> Rule | None:
    """Return the rule of a channel; None when its quantity is unknown."""
    name = units.quantity_of(channel)
    if not name:
        return None
    event = units.QUANTITIES[name].kind == units.EVENT
    return _rule(
        name,
        config.rule(site, device, channel),
        config.edges(channel) if event else (),
        config.timezone(site),
        config.fine(site, device),
    )


@lru_cache(maxsize=4096)
def _rule(
    name: str, channel: ChannelRule, edges: tuple[float, ...], zone: str, fine: bool
) -> Rule:
    # One object for all series that share it.
    quantity = units.QUANTITIES[name]
    period_ms = max(round(channel.period_s * 1000), 1)
    gauge = quantity.kind == units.GAUGE
    # A counter of pieces is a 32-bit register; energy indexes roll over by meter type and are
    # treated as resets.
    rolls = quantity.kind == units.COUNTER and quantity.unit == "count"
    links = Links(
        gap_ms=round(period_ms * _COVERED_PERIODS),
        join_ms=round(period_ms * _CONTIGUOUS_PERIODS),
        modulus=quantity.high + 1.0 if rolls else 0.0,
    )
    return Rule(
        quantity.unit,
        quantity.kind,
        float(quantity.low),
        float(quantity.high),
        period_ms,
        links,
        np.array(edges, dtype=np.float64),
        zone,
        fine,
        rate_per_s=channel.max_rate_per_s or _own_rate(quantity),
        stuck_ms=round(channel.max_stuck_s * 1000) if gauge else 0,
        deviations=channel.outlier_deviations if gauge else 0.0,
    )


def _own_rate(quantity: units.Quantity) -> float:
    # Energy can't rise faster than the largest plausible power: W are Wh per 3600 s.
    is_energy = quantity.kind == units.COUNTER and quantity.unit == "Wh"
    return units.QUANTITIES["power_active_w"].high / 3600 if is_energy else inf


class Series:
    """One channel of one device; its last readings are in a table, its open windows in slots.

    Parameters
    ----------
    state : State
        Has the table and the slots.
    number : int
        Its number, > 0. [1]
    place : tuple of str
        Site, device and channel.
    """

    __slots__ = ("_state", "id", "place")

    def __init__(self, state: "State", number: int, place: tuple[str, str, str]) -> None:
        self._state = state
        self.id = number
        self.place = place

    @property
    def site(self) -> str:
        """Where it is."""
        return self.place[0]

    @property
    def device(self) -> str:
        """Whose it is."""
        return self.place[1]

    @property
    def channel(self) -> str:
        """What it measures."""
        return self.place[2]

    @property
    def rule(self) -> Rule:
        """How it is judged and aggregated."""
        table = self._state.table
        return table.rules.rule(int(table.rule[self.id]))

    @property
    def max_t_ms(self) -> int:
        """The newest event time [ms]."""
        return int(self._state.table.max_t_ms[self.id])

    @property
    def last_t_ms(self) -> int:
        """Time of the last accepted reading of a counter [ms]."""
        return int(self._state.table.last_t_ms[self.id])

    @property
    def last(self) -> float:
        """The last accepted reading of a counter, NaN when there is none [unit]."""
        return float(self._state.table.last[self.id])

    @property
    def suspect(self) -> float:
        """The reading of a counter flagged just now, NaN when there is none [unit]."""
        return float(self._state.table.suspect[self.id])

    @property
    def closed_ms(self) -> int:
        """Windows that end up to here are closed [ms]."""
        return int(self._state.table.closed_ms[self.id])

    @property
    def windows(self) -> dict[tuple[int, int], Window]:
        """A picture of its open windows, by grid and start."""
        slots = self._state.slots
        found = slots.of(np.array([self.id])).tolist()
        return {(int(slots.grid[i]), int(slots.start_ms[i])): slots.get(i) for i in found}


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

    sequences: set[DeviceBoot] = field(default_factory=set)
    quarantine: set[tuple[str, str, str, str]] = field(default_factory=set)
    health: set[DeviceBoot] = field(default_factory=set)
    seen: deque[bytes] = field(default_factory=lambda: deque[bytes](maxlen=MAX_SEEN))
    kept: deque[Kept] = field(default_factory=lambda: deque(maxlen=MAX_KEPT))
    replayed: list[int] = field(default_factory=list)
    births: set[str] = field(default_factory=set)
    unheard: set[DeviceBoot] = field(default_factory=set)

    def touch(self, keys: set[DeviceBoot], key: DeviceBoot, *, heard: bool = True) -> None:
        """Note that something of a boot changed.

        Parameters
        ----------
        keys : set of (site, device, boot)
            `sequences` or `health`.
        key : (site, device, boot)
            Which boot.
        heard : bool
            Whether the node itself said so just now.
        """
        if heard:
            self.unheard.discard(key)
        elif key not in self.sequences and key not in self.health:
            self.unheard.add(key)
        keys.add(key)


def _nothing() -> None:
    # No readings wait.
    return


@dataclass(slots=True)
class State:
    """All of it; `totals` counts what happened (messages, duplicates, …).

    `settle` brings what was gathered of late into the windows; call it before looking at them.
    """

    table: Table = field(default_factory=Table)
    slots: Slots = field(init=False)
    by_id: list[Series] = field(default_factory=list)
    settle: Callable[[], None] = field(default=_nothing)
    series: dict[tuple[str, str, str], Series] = field(default_factory=dict)
    sequences: dict[DeviceBoot, Sequences] = field(default_factory=dict)
    quarantine: dict[tuple[str, str, str, str], Refused] = field(default_factory=dict)
    health: dict[DeviceBoot, dict[str, Any]] = field(default_factory=dict)
    online: dict[tuple[str, str], bool] = field(default_factory=dict)
    seen: OrderedDict[bytes, None] = field(default_factory=OrderedDict)
    births: dict[str, bytes] = field(default_factory=dict)
    rebirths: set[tuple[str, str]] = field(default_factory=set)
    totals: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    changes: Changes = field(default_factory=Changes)

    def __post_init__(self) -> None:
        """Make slots that belong to the table."""
        self.slots = Slots(self.table)

    def add_series(self, number: int, place: tuple[str, str, str], rule: Rule) -> Series:
        """Make a series known.

        Parameters
        ----------
        number : int
            Its number, > 0. [1]
        place : tuple of str
            Site, device and channel.
        rule : Rule
            How it is judged and aggregated.

        Returns
        -------
        Series
            Without readings.
        """
        series = Series(self, number, place)
        self.table.reserve(number)
        self.table.rule[number] = self.table.rules.number(rule)
        self.by_id += [series] * (number + 1 - len(self.by_id))
        self.series[place] = self.by_id[number] = series
        return series

    def changed(self) -> Iterator[Series]:
        """Yield the series that are not saved as they are.

        Yields
        ------
        Series
            In the order of their numbers.
        """
        return map(self.by_id.__getitem__, np.flatnonzero(self.table.changed).tolist())

    def saved(self) -> None:
        """Note that everything is saved as it is."""
        self.table.known |= self.table.changed
        self.table.changed[:] = False
        self.changes = Changes()

    def heard(self) -> Iterator[tuple[str, str]]:
        """Yield who was heard since everything was saved.

        Yields
        ------
        tuple of str
            Site and device, some more than once.
        """
        changes = self.changes
        for key in chain(changes.sequences, changes.health):
            if key not in changes.unheard:
                yield key[:2]
        for series in self.changed():
            yield series.place[:2]

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
        if len(self.seen) > MAX_SEEN:
            self.seen.popitem(last=False)
        return False
