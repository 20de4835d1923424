"""What to do with each message of the journal: route it, drop copies, count what is refused.

The journal's records go in, in order; the state changes; the boots to acknowledge come out. Run
on the same records it does the same, which is what makes a replay after a crash exact. It must do
no I/O beyond the `reopen` function its readings need.
"""

import logging
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import numpy as np

from cobenefit_gateway.acks import Sequences, TooManyRangesError
from cobenefit_gateway.batch import Columns, Piece
from cobenefit_gateway.config import Config
from cobenefit_gateway.decode import Block, Refusal, decode_packs
from cobenefit_gateway.journal import OVERSIZE, REPEATED, Record
from cobenefit_gateway.readings import Readings
from cobenefit_gateway.routes import Route, Routes
from cobenefit_gateway.senml_in import decode_senml, is_absolute
from cobenefit_gateway.state import DeviceBoot, Series, State, rule_of
from cobenefit_wire import messages, topics
from cobenefit_wire.errors import WireError
from cobenefit_wire.topics import Topic

log = logging.getLogger(__name__)
#: Bounded, so that a stranger inventing device names can't fill the memory.
MAX_SERIES = 1_000_000
#: What JSON readers can hold exactly. [1]
_LARGEST = 1 << 53


class Intake:
    """Takes journal records into a state.

    Parameters
    ----------
    config : Config
        Rules of sites and channels.
    state : State
        Changed in place.
    readings : Readings
        Where accepted runs go.
    """

    def __init__(self, config: Config, state: State, readings: Readings) -> None:
        self._config = config
        self._state = state
        self._readings = readings
        self._routes = Routes()
        self._batches = 0

    def take(self, records: Sequence[Record]) -> set[DeviceBoot]:
        """Take a batch of records.

        Parameters
        ----------
        records : sequence of Record
            In the order of the journal.

        Returns
        -------
        set of (site, device, boot)
            Whose acknowledgement is due, duplicates included.
        """
        taking = _Taking(self._routes, records)
        self._batches += 1
        self._state.totals["messages"] += len(records)
        new = [False] * len(taking.packs)
        at = 0
        # In the order of the journal: a health message may give up a pack that comes after it.
        for i, record in enumerate(records):
            route = taking.routes[i]
            if at < len(new) and taking.packs[at] == i:
                if taking.boot[at] >= 0:
                    new[at] = self._is_new(route, taking.boot[at], taking.seq[at], taking.due)
                if at in taking.refused:
                    self._refused(route, record, taking.refused[at], new=new[at])
                at += 1
            else:
                self._other(route, record, taking)
        pieces = [x for block in taking.blocks if (x := self._piece(block, taking, new))]
        self._readings.add([*pieces, *taking.columns.piece()])
        return taking.due

    def _is_new(self, route: Route, boot: int, seq: int, due: set[DeviceBoot]) -> bool:
        sequences = route.sequences
        if sequences is None or boot != route.boot:
            route.key = route.topic.site, route.topic.device, boot
            sequences = self._state.sequences.setdefault(route.key, Sequences())
            route.boot, route.sequences, route.batch = boot, sequences, -1
        try:
            new = sequences.add(seq)
        except TooManyRangesError:
            self._state.totals["scattered"] += 1
            return False
        if route.batch != self._batches:
            route.batch = self._batches
            due.add(route.key)
            self._state.changes.sequences.add(route.key)
        if not new:
            self._state.totals["duplicates"] += 1
        return new

    def _refused(self, route: Route, record: Record, refusal: Refusal, *, new: bool) -> None:
        if refusal.boot < 0:
            self._unreadable(route, record, refusal.reason, refusal.text)
        elif new:
            self._refuse_pack(route.topic, refusal.reason, record.received_ms, refusal.text)

    def _piece(self, block: Block, taking: "_Taking", new: list[bool]) -> Piece | None:
        # The rows of a block that are new and of the agreed unit.
        rows = [row for row, at in enumerate(block.at) if new[at]]
        where = [taking.packs[block.at[row]] for row in rows]
        routes = [taking.routes[i] for i in where]
        records = taking.records
        n = block.value.shape[1]
        if any(route.unit != block.unit for route in routes):
            fits = [
                self._fits(route, route.topic.channel, block.unit, n, records[i].received_ms)
                for route, i in zip(routes, where, strict=True)
            ]
            rows = [x for x, good in zip(rows, fits, strict=True) if good]
            where = [x for x, good in zip(where, fits, strict=True) if good]
            routes = [x for x, good in zip(routes, fits, strict=True) if good]
        if not rows:
            return None
        if len(rows) < len(block.at):
            block = block.chosen(rows)
        return Piece(
            [route.series for route in routes if route.series is not None],
            [records[i].received_ms for i in where],
            np.full(len(rows), n, dtype=np.int64),
            block.step_ms,
            block.t_ms.ravel(),
            block.value.ravel(),
            block.given(),
        )

    def _fits(self, route: Route, channel: str, unit: str, n: int, received_ms: int) -> bool:
        # Whether readings of this unit belong to the channel; refused and counted if not.
        topic = route.topic
        series = self._series(topic, channel)
        place, when = (topic.site, topic.device, channel), (received_ms, received_ms)
        if series is None:
            text = "the channel is named after no known quantity"
            self._state.refuse(place, "quantity", when, readings=n, packs=1, detail=text)
            return False
        if topic.leaf == "up":
            route.series, route.unit = series, series.rule.unit
        if unit != series.rule.unit:
            text = f"unit {unit!r} where {series.rule.unit!r} is agreed"
            self._state.refuse(place, "unit", when, readings=n, packs=1, detail=text)
            return False
        return True

    def _series(self, topic: Topic, channel: str) -> Series | None:
        key = topic.site, topic.device, channel
        series = self._state.series.get(key)
        if series is None:
            rule = rule_of(self._config, *key)
            if rule is None or len(self._state.series) >= MAX_SERIES:
                return None
            series = self._state.add_series(len(self._state.series) + 1, key, rule)
        return series

    def _other(self, route: Route, record: Record, taking: "_Taking") -> None:
        topic = route.topic
        try:
            _check_readable(route, record)
            if topic.leaf == "senml":
                self._senml(route, record, taking.columns)
            elif topic.leaf == "health":
                self._health(topic, messages.decode_health(record.payload), record, taking.due)
            elif topic.leaf == "state" and record.payload:
                self._online(topic, messages.decode_state(record.payload))
        except WireError as err:
            self._unreadable(route, record, err.reason, err.text)
        except Exception as err:
            # The one place that survives anything: else this message, read again from the
            # journal at every start, would stop the gateway for good.
            log.exception("a message on %s could not be handled", record.topic)
            self._unreadable(route, record, "internal", type(err).__name__)

    def _senml(self, route: Route, record: Record, columns: Columns) -> None:
        channels = decode_senml(record.payload, record.received_ms)
        copy = self._state.is_copy(_fingerprint(record))
        if copy and (record.kind == REPEATED or is_absolute(record.payload)):
            self._state.totals["duplicates"] += 1
            return
        for channel in channels:
            key = route.topic.site, route.topic.device, channel.name
            series = self._state.series.get(key)
            if series is None or series.rule.unit != channel.unit:
                n = len(channel.value)
                if not self._fits(route, channel.name, channel.unit, n, record.received_ms):
                    continue
                series = self._state.series[key]
            columns.add(series, record.received_ms, channel)

    def _online(self, topic: Topic, state: messages.State) -> None:
        place = topic.site, topic.device
        if self._state.online.get(place) == state.online:
            return
        self._state.online[place] = state.online
        for key, row in self._state.health.items():
            if key[:2] == place:
                row["online"] = state.online
                self._state.changes.health.add(key)

    def _health(
        self, topic: Topic, health: messages.Health, record: Record, due: set[DeviceBoot]
    ) -> None:
        _check_health(health)
        place = topic.site, topic.device
        row = self._health_row((*place, health.boot), record.received_ms)
        if health.uptime_ms >= row["uptime_ms"]:
            fresh = {k: v for k, v in health._asdict().items() if k not in ("lost", "t_ms")}
            row |= fresh | {"t_ms": record.received_ms if health.t_ms is None else health.t_ms}
        for boot, below, by_channel in health.lost:
            _check_lost(boot, below, by_channel)
            key = *place, boot
            self._state.sequences.setdefault(key, Sequences()).raise_floor(below)
            self._state.changes.sequences.add(key)
            due.add(key)
            lost: dict[str, int] = self._health_row(key, record.received_ms)["lost"]
            for channel, readings in by_channel:
                lost[channel] = max(lost.get(channel, 0), readings)

    def _health_row(self, key: DeviceBoot, t_ms: int) -> dict[str, Any]:
        # A boot that is only known from its losses gets a row of zeros, so that they are counted.
        site, device, boot = key
        self._state.changes.health.add(key)
        return self._state.health.setdefault(
            key,
            {
                "site": site,
                "device": device,
                "t_ms": t_ms,
                "boot": boot,
                "uptime_ms": 0,
                "wakes": 0,
                "energy_mj": 0,
                "energy_method": "unknown",
                "tx_bytes": 0,
                "rx_bytes": 0,
                "reconnects": 0,
                "resets": 0,
                "battery_mv": None,
                "waiting": 0,
                "lost": {},
                "online": self._state.online.get((site, device), True),
            },
        )

    def _unreadable(self, route: Route, record: Record, reason: str, text: str) -> None:
        # Nothing vouches for who sent it: known by its bytes, so a copy is not counted again.
        if self._state.is_copy(_fingerprint(record)):
            self._state.totals["duplicates"] += 1
            return
        detail = text + (f" ({record.topic[:80]})" if route.problem is not None else "")
        self._refuse_pack(route.topic, reason, record.received_ms, detail)

    def _refuse_pack(self, topic: Topic, reason: str, received_ms: int, detail: str) -> None:
        place = topic.site, topic.device, topic.channel
        self._state.refuse(place, reason, (received_ms, received_ms), packs=1, detail=detail)


def _check_readable(route: Route, record: Record) -> None:
    if route.problem is not None:
        raise route.problem
    if record.kind == OVERSIZE:
        raise WireError("oversize", "longer than a message may be")


class _Taking:
    """One batch on its way: routes of all records, and the packs among them decoded."""

    def __init__(self, routes: Routes, records: Sequence[Record]) -> None:
        self.records = records
        self.routes = [routes[record[0]] for record in records]
        self.packs = [
            i
            for i, route in enumerate(self.routes)
            if route.topic.leaf == "up" and records[i].kind != OVERSIZE
        ]
        self.blocks, self.refused = decode_packs([records[i].payload for i in self.packs])
        self.boot, self.seq = [-1] * len(self.packs), [-1] * len(self.packs)
        for block in self.blocks:
            for at, boot, seq in zip(block.at, block.boot, block.seq, strict=True):
                self.boot[at], self.seq[at] = boot, seq
        for at, refusal in self.refused.items():
            self.boot[at], self.seq[at] = refusal.boot, refusal.seq
        self.columns = Columns()
        self.due: set[DeviceBoot] = set()


def _fingerprint(record: Record) -> bytes:
    return blake2b(record.topic.encode() + b"\0" + record.payload, digest_size=16).digest()


def _check_health(health: messages.Health) -> None:
    numbers = [x for x in health if isinstance(x, int)]
    if max(numbers) > _LARGEST or len(health.energy_method) > 64:
        raise WireError("health", "a number or a text is too large")


def _check_lost(boot: object, below: object, by_channel: list[Any]) -> None:
    entries = [
        boot,
        below,
        *(e[1] if isinstance(e, list) and len(e) == 2 else -1 for e in by_channel),
    ]
    if any(
        isinstance(x, bool) or not isinstance(x, int) or not 0 <= x <= _LARGEST for x in entries
    ):
        raise WireError("health", "lost must be [boot, below, [[channel, readings], …]]")
    if not all(isinstance(e[0], str) and topics.is_channel(e[0]) for e in by_channel):
        raise WireError("health", "lost names a bad channel")
