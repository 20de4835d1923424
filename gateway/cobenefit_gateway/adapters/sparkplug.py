"""Sparkplug B (Eclipse Sparkplug 3.0.0): births name the metrics, data carry aliases.

Only what is needed of the payload is read, straight from the protobuf wire format: metrics with
name, alias, timestamp, datatype, flags and a number. Births are remembered (saved with the
checkpoint), so data after a restart are understood; data with an alias nobody named are kept in
quarantine as `alias` and the edge node is asked for a rebirth, after which a replay takes them.
Sparkplug data travel at QoS 0: what the broker never had can't be kept.
"""

import struct
import time
from collections.abc import Iterator
from typing import NamedTuple

from cobenefit_gateway.adapters import Message, channel_of, device_id, fingerprint
from cobenefit_gateway.config_operate import AdapterConfig
from cobenefit_gateway.journal import Record
from cobenefit_gateway.state import State
from cobenefit_wire.errors import WireError

_BIRTHS, _DATA = ("NBIRTH", "DBIRTH"), ("NDATA", "DDATA")
#: Section 6.4.16: signed integers travel as unsigned of these widths. [bit]
_SIGNED = {1: 8, 2: 16, 3: 32, 4: 64}
_BOOLEAN = 11
#: Field numbers of `Payload` and `Payload.Metric` in sparkplug_b.proto.
_TIMESTAMP, _METRICS = 1, 2
_NAME, _ALIAS, _WHEN, _TYPE, _TRANSIENT, _NULL = 1, 2, 3, 4, 6, 7
_INT, _LONG, _FLOAT, _DOUBLE, _BOOL = 10, 11, 12, 13, 14
#: Wire types of protobuf.
_VARINT, _I64, _LEN, _I32 = 0, 1, 2, 5
#: Births remembered, and metrics in one message. [1]
MAX_BIRTHS, MAX_METRICS = 10_000, 10_000
_REBIRTH_EVERY_S = 60.0


class Metric(NamedTuple):
    """One metric; `value` is None when it is null or not a number."""

    name: str
    alias: int | None
    t_ms: int | None
    datatype: int
    transient: bool
    value: float | int | None


class Sparkplug:
    """Births and data of the edge nodes of one site.

    Parameters
    ----------
    config : AdapterConfig
        Site and fields; names are those of metrics.
    state : State
        Keeps births and requests for them.
    """

    def __init__(self, config: AdapterConfig, state: State) -> None:
        self._config = config
        self._state = state
        self._aliases: dict[str, dict[int, tuple[str, int]]] = {}
        self._asked: dict[tuple[str, str], float] = {}
        for topic, payload in state.births.items():
            self._remember(topic.split("/"), list(metrics(payload)))

    def decode(self, record: Record) -> Message:
        """Return the readings of a birth or of data; nothing of other messages."""
        parts = record.topic.split("/")
        if len(parts) not in (4, 5) or parts[2] not in _BIRTHS + _DATA:
            return Message(self._config.site, "", [], [])
        device = device_id("-".join(parts[3:]))
        found = list(metrics(record.payload))
        if parts[2] in _BIRTHS:
            self._born(record, parts, found)
        default_ms = timestamp(record.payload) or record.received_ms
        values: dict[str, list[tuple[int, object]]] = {}
        for metric in self._named(parts, found):
            if metric.value is not None and not metric.transient:
                t_ms = metric.t_ms or default_ms
                values.setdefault(metric.name, []).append((t_ms, metric.value))
        channels = {
            rule.channel: channel_of(rule, values[rule.name])
            for rule in self._config.channels(device)
            if rule.name in values
        }
        known = fingerprint(record.topic, record.payload)
        return Message(self._config.site, device, [*channels.values()], [known])

    def _born(self, record: Record, parts: list[str], found: list[Metric]) -> None:
        edge = _edge(parts)
        if parts[2] == "NBIRTH":
            self._aliases.pop(edge, None)
            for topic in [t for t in self._state.births if _edge(t.split("/")) == edge]:
                self._state.forget_birth(topic)
        if len(self._state.births) >= MAX_BIRTHS and record.topic not in self._state.births:
            raise WireError("births", "too many Sparkplug nodes")
        self._remember(parts, found)
        self._state.save_birth(record.topic, record.payload)

    def _remember(self, parts: list[str], found: list[Metric]) -> None:
        table = self._aliases.setdefault(_edge(parts), {})
        table.update({m.alias: (m.name, m.datatype) for m in found if m.alias is not None})

    def _named(self, parts: list[str], found: list[Metric]) -> Iterator[Metric]:
        table = self._aliases.get(_edge(parts), {})
        for metric in found:
            name, datatype = metric.name, metric.datatype
            if not name:
                if metric.alias not in table:
                    self._ask(parts[1], parts[3])
                    raise WireError("alias", "a metric that no birth has named")
                name, born = table[metric.alias]
                datatype = datatype or born
            value = _signed(metric.value, datatype)
            yield metric._replace(name=name, datatype=datatype, value=value)

    def _ask(self, group: str, edge: str) -> None:
        now = time.monotonic()
        if now - self._asked.get((group, edge), -_REBIRTH_EVERY_S) >= _REBIRTH_EVERY_S:
            if len(self._asked) >= MAX_BIRTHS:
                self._asked.clear()
            self._asked[group, edge] = now
            self._state.rebirths.add((group, edge))


def metrics(payload: bytes) -> Iterator[Metric]:
    """Yield the metrics of a payload; WireError when it is not one."""
    count = 0
    for number, kind, value in _fields(payload):
        if number == _METRICS and kind == _LEN and isinstance(value, bytes):
            count += 1
            if count > MAX_METRICS:
                raise WireError("protobuf", "too many metrics")
            yield _metric(value)


def timestamp(payload: bytes) -> int | None:
    """Return when a payload was made; None when it does not say [Unix ms]."""
    found = (v for n, k, v in _fields(payload) if n == _TIMESTAMP and k == _VARINT)
    return next((v for v in found if isinstance(v, int)), None)


def rebirth(group: str, edge: str, now_ms: int) -> tuple[str, bytes]:
    """Return topic and payload of the command that asks an edge node for its births.

    Parameters
    ----------
    group : str
        Group id.
    edge : str
        Edge node id.
    now_ms : int
        Gateway time. [Unix ms]

    Returns
    -------
    tuple of str, bytes
        Section 6.4.26: NCMD with `Node Control/Rebirth` true.
    """
    name = b"Node Control/Rebirth"
    stamp = _varint(now_ms)
    metric = (
        *(b"\x0a", bytes([len(name)]), name, b"\x18", stamp),
        *(b"\x20", bytes([_BOOLEAN]), b"\x70\x01"),
    )
    body = b"".join(metric)
    return f"spBv1.0/{group}/NCMD/{edge}", b"\x08" + stamp + b"\x12" + _varint(len(body)) + body


def _edge(parts: list[str]) -> str:
    return f"{parts[1]}/{parts[3]}"


def _metric(data: bytes) -> Metric:
    got = {number: (kind, value) for number, kind, value in _fields(data)}

    def whole(number: int) -> int | None:
        kind, value = got.get(number, (_VARINT, None))
        return value if kind == _VARINT and isinstance(value, int) else None

    kind, name = got.get(_NAME, (_LEN, b""))
    try:
        text = name.decode() if isinstance(name, bytes) and kind == _LEN else ""
    except UnicodeDecodeError as err:
        raise WireError("protobuf", "a metric's name is not UTF-8") from err
    value = None if whole(_NULL) else _value(got)
    return Metric(
        text, whole(_ALIAS), whole(_WHEN), whole(_TYPE) or 0, bool(whole(_TRANSIENT)), value
    )


def _value(got: dict[int, tuple[int, bytes | int]]) -> float | int | None:
    for number, wire, form in ((_FLOAT, _I32, "<f"), (_DOUBLE, _I64, "<d")):
        kind, raw = got.get(number, (None, b""))
        if kind == wire and isinstance(raw, bytes):
            return float(struct.unpack(form, raw)[0])
    for number in (_INT, _LONG, _BOOL):
        kind, value = got.get(number, (None, None))
        if kind == _VARINT and isinstance(value, int):
            return value
    return None


def _signed(value: float | None, datatype: int) -> float | int | None:
    bits = _SIGNED.get(datatype)
    if bits is None or not isinstance(value, int):
        return value
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def _fields(data: bytes) -> Iterator[tuple[int, int, bytes | int]]:
    # Protobuf encoding: a tag (number << 3 | wire type), then the value.
    at = 0
    while at < len(data):
        tag, at = _read_varint(data, at)
        kind = tag & 7
        value: bytes | int
        if kind == _VARINT:
            value, at = _read_varint(data, at)
        else:
            size = {_I64: 8, _I32: 4}.get(kind, -1)
            if kind == _LEN:
                size, at = _read_varint(data, at)
            if size < 0 or at + size > len(data):
                raise WireError("protobuf", "not a Sparkplug B payload")
            value, at = data[at : at + size], at + size
        yield tag >> 3, kind, value


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & (1 << 64) - 1, at
    raise WireError("protobuf", "not a Sparkplug B payload")


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
