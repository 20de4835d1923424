"""What to do with each message of the journal: route it, drop copies, count what is refused.

The journal's records go in, in order; the state changes; the boots to acknowledge come out. Run
on the same records it does the same, which is what makes a replay after a crash exact. It must do
no I/O beyond the `reopen` function its readings need.
"""

import logging
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from cobenefit_gateway.acks import Sequences, TooManyRangesError
from cobenefit_gateway.batch import Arrival
from cobenefit_gateway.config import Config
from cobenefit_gateway.decode import Refusal, Run, decode_packs
from cobenefit_gateway.journal import OVERSIZE, REPEATED, Record
from cobenefit_gateway.readings import Readings
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
_LARGEST_SMALL = 1_000_000


@lru_cache(maxsize=100_000)
def _parse(topic: str) -> Topic | WireError:
    try:
        return topics.parse(topic)
    except WireError as err:
        return err


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
        due: set[DeviceBoot] = set()
        arrivals: list[Arrival] = []
        packs = [i for i, r in enumerate(records) if self._is_pack(r)]
        results = decode_packs([records[i].payload for i in packs])
        decoded = dict(zip(packs, results, strict=True))
        for i, record in enumerate(records):
            self._state.totals["messages"] += 1
            topic = _parse(record.topic)
            if i in decoded and isinstance(topic, Topic):
                self._pack(topic, record, decoded[i], arrivals, due)
            else:
                self._other(record, arrivals, due)
        self._readings.add(arrivals)
        return due

    def _is_pack(self, record: Record) -> bool:
        topic = _parse(record.topic)
        return isinstance(topic, Topic) and topic.leaf == "up" and record.kind != OVERSIZE

    def _pack(
        self,
        topic: Topic,
        record: Record,
        result: Run | Refusal,
        arrivals: list[Arrival],
        due: set[DeviceBoot],
    ) -> None:
        if result.boot < 0:
            self._unreadable(record, str(result[0]), str(result[1]))
            return
        key = topic.site, topic.device, result.boot
        try:
            new = self._state.sequences.setdefault(key, Sequences()).add(result.seq)
        except TooManyRangesError:
            self._state.totals["scattered"] += 1
            return
        due.add(key)
        self._state.changes.sequences.add(key)
        if not new:
            self._state.totals["duplicates"] += 1
        elif isinstance(result, Refusal):
            self._refuse_pack(topic, result.reason, record.received_ms, result.text)
        else:
            self._accept(topic, topic.channel, result, record.received_ms, arrivals)

    def _accept(
        self, topic: Topic, channel: str, run: Run, received_ms: int, arrivals: list[Arrival]
    ) -> None:
        series = self._series(topic, channel)
        place = topic.site, topic.device, channel
        when, n = (received_ms, received_ms), run.value.size
        if series is None:
            text = "the channel is named after no known quantity"
            self._state.refuse(place, "quantity", when, readings=n, packs=1, detail=text)
        elif run.unit != series.rule.unit:
            text = f"unit {run.unit!r} where {series.rule.unit!r} is agreed"
            self._state.refuse(place, "unit", when, readings=n, packs=1, detail=text)
        else:
            arrivals.append(Arrival(series, run, received_ms))

    def _series(self, topic: Topic, channel: str) -> Series | None:
        key = topic.site, topic.device, channel
        series = self._state.series.get(key)
        if series is None:
            rule = rule_of(self._config, *key)
            if rule is None or len(self._state.series) >= MAX_SERIES:
                return None
            series = Series(len(self._state.series) + 1, *key, rule)
            self._state.series[key] = series
        return series

    def _other(self, record: Record, arrivals: list[Arrival], due: set[DeviceBoot]) -> None:
        try:
            topic = _readable(record)
            if topic.leaf == "senml":
                self._senml(topic, record, arrivals)
            elif topic.leaf == "health":
                self._health(topic, messages.decode_health(record.payload), record, due)
            elif topic.leaf == "state" and record.payload:
                state = messages.decode_state(record.payload)
                self._online(topic, state)
                self._greet(topic, state, due)
        except WireError as err:
            self._unreadable(record, err.reason, err.text)
        except Exception as err:
            # The one place that survives anything: else this message, read again from the
            # journal at every start, would stop the gateway for good.
            log.exception("a message on %s could not be handled", record.topic)
            self._unreadable(record, "internal", type(err).__name__)

    def _senml(self, topic: Topic, record: Record, arrivals: list[Arrival]) -> None:
        runs = decode_senml(record.payload, record.received_ms)
        copy = self._state.is_copy(_fingerprint(record))
        if copy and (record.kind == REPEATED or is_absolute(record.payload)):
            self._state.totals["duplicates"] += 1
            return
        for channel, run in runs.items():
            self._accept(topic, channel, run, record.received_ms, arrivals)

    def _online(self, topic: Topic, state: messages.State) -> None:
        place = topic.site, topic.device
        if self._state.online.get(place) == state.online:
            return
        self._state.online[place] = state.online
        for key, row in self._state.health.items():
            if key[:2] == place:
                row["online"] = state.online
                self._state.changes.health.add(key)

    def _greet(self, topic: Topic, state: messages.State, due: set[DeviceBoot]) -> None:
        # An ack tells the time; a boot without packs may wait for it, to date them.
        key = topic.site, topic.device, state.boot
        if state.online and key not in self._state.sequences:
            self._state.sequences[key] = Sequences()
            due.add(key)

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
                "asleep_ms": 0,
                "radio_ms": 0,
                "error_permille": 0,
                "flash_bytes": 0,
                "causes": [],
                "battery_changes": 0,
                "online": self._state.online.get((site, device), True),
            },
        )

    def _unreadable(self, record: Record, reason: str, text: str) -> None:
        # Nothing vouches for who sent it: known by its bytes, so a copy is not counted again.
        if self._state.is_copy(_fingerprint(record)):
            self._state.totals["duplicates"] += 1
            return
        topic = _parse(record.topic)
        place = Topic("", "", "", "") if isinstance(topic, WireError) else topic
        detail = text + (f" ({record.topic[:80]})" if isinstance(topic, WireError) else "")
        self._refuse_pack(place, reason, record.received_ms, detail)

    def _refuse_pack(self, topic: Topic, reason: str, received_ms: int, detail: str) -> None:
        place = topic.site, topic.device, topic.channel
        self._state.refuse(place, reason, (received_ms, received_ms), packs=1, detail=detail)


def _readable(record: Record) -> Topic:
    topic = _parse(record.topic)
    if isinstance(topic, WireError):
        raise topic
    if record.kind == OVERSIZE:
        raise WireError("oversize", "longer than a message may be")
    return topic


def _fingerprint(record: Record) -> bytes:
    return blake2b(record.topic.encode() + b"\0" + record.payload, digest_size=16).digest()


def _check_health(health: messages.Health) -> None:
    numbers = [x for x in (*health, *health.causes) if isinstance(x, int)]
    small = max(health.error_permille, health.battery_changes) <= _LARGEST_SMALL
    if max(numbers) > _LARGEST or not small or len(health.energy_method) > 64:
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
