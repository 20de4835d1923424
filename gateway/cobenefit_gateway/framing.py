"""MQTT packets in bulk: a stream's bytes in, records and control packets out. No I/O, no clock.

Most packets from a broker look like the one before: same length, same topic length. Such a packet
is cut by the offsets of its predecessor after one comparison of its first bytes; every other goes
through the general path. MQTT 3.1.1 and 5 (OASIS Standards, 2014 and 2019); section numbers are
the same in both unless a version is named. It must never look into a payload.

    >>> splitter = Splitter(version=4)
    >>> batch = Delivery(session=1)
    >>> splitter.feed(bytes.fromhex("3006000163616263"), 0, batch)
    []
    >>> batch.records[0].topic, batch.records[0].payload
    ('c', b'abc')
"""

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple

from cobenefit_gateway.errors import FramingError
from cobenefit_gateway.journal import OVERSIZE, RAW, REPEATED, RETAINED, Record

#: Longer messages are refused; only their length and digest are kept. [B]
MAX_PAYLOAD = 65_536
#: A longer packet is digested as it streams past, never held. [B]
MAX_PACKET = 1 << 20
CONNACK, PUBLISH, PUBACK, SUBACK, UNSUBACK, PINGRESP, DISCONNECT = 2, 3, 4, 9, 11, 13, 14
_LONGEST_TOPIC = 512
_new_record = tuple.__new__


@dataclass(slots=True)
class Delivery:
    """Messages of one session; `ids[i]` is what the broker calls `records[i]`, 0 at QoS 0."""

    session: int
    records: list[Record] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)


class Control(NamedTuple):
    """Any packet that is not a PUBLISH: its type (section 2.1.2 of 5) and its body."""

    kind: int
    body: bytes


class _Shape(NamedTuple):
    # Where things are in packets that start like this one; `check` is the v5 property length.
    head: bytes
    topic_at: int
    id_at: int
    payload_at: int
    size: int
    kind: int


#: Longer than any packet, so none is cut like it.
_NO_SHAPE = _Shape(b"", 0, 0, 0, 1 << 62, RAW)


class Splitter:
    """Cuts a byte stream into packets; holds at most one packet's worth.

    Parameters
    ----------
    version : int
        Protocol level of the session: 4 is MQTT 3.1.1, 5 is MQTT 5. [1]
    """

    def __init__(self, version: int) -> None:
        self._properties = version == 5
        self._tail = b""
        self._shape = _NO_SHAPE
        self._skipping: _Skipping | None = None

    @property
    def held_bytes(self) -> int:
        """How much is held of a packet that is not complete yet [B]."""
        return len(self._tail)

    def feed(self, chunk: bytes, received_ms: int, into: Delivery) -> list[Control]:
        """Take bytes of the stream, cut anywhere.

        Parameters
        ----------
        chunk : bytes
            What the socket gave.
        received_ms : int
            Receive time of the messages in it. [ms]
        into : Delivery
            Messages are added to it.

        Returns
        -------
        list of Control
            The other packets, in order.

        Raises
        ------
        FramingError
            If the bytes are not MQTT; the connection can't go on.
        """
        if self._skipping is not None:
            chunk = self._skip(self._skipping, chunk, received_ms, into)
        data = self._tail + chunk if self._tail else chunk
        controls: list[Control] = []
        at = 0
        while True:
            at = self._cut_alike(data, at, received_ms, into)
            span = _span(data, at)
            if span is None:
                break
            body, stop = span
            if stop - at > MAX_PACKET:
                return controls + self._too_long(data, at, span, received_ms, into)
            if stop > len(data):
                break
            if data[at] >> 4 == PUBLISH:
                self._publish(data, at, span, received_ms, into)
            else:
                controls.append(Control(data[at] >> 4, data[body:stop]))
            at = stop
        self._tail = data[at:]
        return controls

    def _cut_alike(self, data: bytes, at: int, received_ms: int, into: Delivery) -> int:
        # The hot loop: packets that start like the last one are cut at the same offsets.
        head, topic_at, id_at, payload_at, size, kind = self._shape
        add, add_id = into.records.append, into.ids.append
        no_id, plain = payload_at == id_at + self._properties, not self._properties
        starts, end = data.startswith, len(data) - size
        while at <= end and starts(head, at):
            body = at + payload_at
            if not (plain or data[body - 1] == 0):
                return at
            try:
                name = data[at + topic_at : at + id_at].decode()
            except UnicodeDecodeError:
                return at
            message_id = data[at + id_at] << 8 | data[at + id_at + 1]
            if not (no_id or message_id):
                return at
            add(_new_record(Record, (name, data[body : at + size], received_ms, kind)))
            add_id(0 if no_id else message_id)
            at += size
        return at

    def _publish(
        self, data: bytes, at: int, span: tuple[int, int], received_ms: int, into: Delivery
    ) -> None:
        body, stop = span
        try:
            message = _head(data, at, body, stop, properties=self._properties)
        except IndexError:
            raise FramingError("a message that ends inside its head") from None
        name = _name(data[body + 2 : message.id_at])
        kind = RETAINED if data[at] & 1 else REPEATED if data[at] & 8 else RAW
        payload = data[message.payload_at : stop]
        if len(payload) > MAX_PAYLOAD:
            digest = blake2b(payload, digest_size=16)
            into.records.append(oversize(name, len(payload), digest.digest(), received_ms))
        else:
            into.records.append(Record(name, payload, received_ms, kind))
            plain = (
                message.payload_at - message.id_at == (2 if message.id else 0) + self._properties
            )
            if plain and message.id_at - body - 2 <= _LONGEST_TOPIC:
                self._shape = _Shape(
                    data[at : body + 2],
                    body + 2 - at,
                    message.id_at - at,
                    message.payload_at - at,
                    stop - at,
                    kind,
                )
        into.ids.append(message.id)

    def _too_long(
        self, data: bytes, at: int, span: tuple[int, int], received_ms: int, into: Delivery
    ) -> list[Control]:
        body, stop = span
        if data[at] >> 4 != PUBLISH:
            raise FramingError(f"packet type {data[at] >> 4} of {stop - at} bytes")
        self._tail = data[at:]
        try:
            message = _head(data, at, body, stop, properties=self._properties)
        except IndexError:  # its head is not all here
            return []
        if message.payload_at - at > MAX_PACKET:
            raise FramingError("properties longer than a packet may be")
        if message.payload_at > len(data):
            return []
        self._tail = b""
        name = _name(data[body + 2 : message.id_at])
        skipping = _Skipping(name, message.id, stop - message.payload_at)
        self._skipping = skipping
        rest = self._skip(skipping, data[message.payload_at :], received_ms, into)
        return self.feed(rest, received_ms, into) if rest else []

    def _skip(
        self, skipping: "_Skipping", chunk: bytes, received_ms: int, into: Delivery
    ) -> bytes:
        rest = skipping.take(chunk)
        if not skipping.left:
            self._skipping = None
            digest = skipping.digest.digest()
            into.records.append(oversize(skipping.name, skipping.size, digest, received_ms))
            into.ids.append(skipping.id)
        return rest


class _Skipping:
    """A message too long to hold: its digest, as it streams past."""

    def __init__(self, name: str, message_id: int, size: int) -> None:
        self.name, self.id, self.size, self.left = name, message_id, size, size
        self.digest = blake2b(digest_size=16)

    def take(self, chunk: bytes) -> bytes:
        mine = chunk[: self.left]
        self.digest.update(mine)
        self.left -= len(mine)
        return chunk[len(mine) :]


def oversize(topic: str, length: int, digest: bytes, received_ms: int) -> Record:
    """Return what is kept of a message longer than `MAX_PAYLOAD`.

    Parameters
    ----------
    topic : str
        Its topic.
    length : int
        Length of its payload. [B]
    digest : bytes
        BLAKE2b-128 of its payload.
    received_ms : int
        When it came. [ms]

    Returns
    -------
    Record
        Of kind `OVERSIZE`.
    """
    return Record(topic, length.to_bytes(4, "big") + digest, received_ms, OVERSIZE)


def _name(raw: bytes) -> str:
    try:
        return raw.decode()[:_LONGEST_TOPIC]
    except UnicodeDecodeError:
        return "(not UTF-8)"


class _Head(NamedTuple):
    id_at: int
    id: int
    payload_at: int


def _head(data: bytes, at: int, body: int, stop: int, *, properties: bool) -> _Head:
    # The variable header of a PUBLISH, section 3.3.2.
    qos = data[at] >> 1 & 3
    if stop < body + 2:
        raise FramingError("a message without a topic")
    if qos > 1:
        raise FramingError(f"a message at QoS {qos}, we subscribe at 1")
    id_at = body + 2 + (data[body] << 8 | data[body + 1])
    if id_at + 2 * qos > stop:
        raise FramingError("a topic longer than its packet")
    message_id = data[id_at] << 8 | data[id_at + 1] if qos else 0
    if qos and not message_id:
        raise FramingError("packet identifier 0")  # [MQTT-2.2.1-3]
    payload_at = id_at + 2 * qos
    if properties:
        length, start = varint(data, payload_at)
        payload_at = start + length
    if payload_at > stop:
        raise FramingError("properties longer than their packet")
    return _Head(id_at, message_id, payload_at)


def _span(data: bytes, at: int) -> tuple[int, int] | None:
    # (start, end) of the body of the packet at `at`; None while its fixed header is not all here.
    # Flags other than a PUBLISH's are fixed, section 2.1.3; a client gets no such type as 0 or 1.
    if at + 1 >= len(data):
        return None
    kind = data[at] >> 4
    if kind not in (2, 3, 4, 9, 11, 13, 14) or (kind != PUBLISH and data[at] & 15):
        raise FramingError(f"packet type {data[at]:#04x} is none a broker sends us")
    if data[at + 1] < 128:
        return at + 2, at + 2 + data[at + 1]
    try:
        length, body = varint(data, at + 1)
    except IndexError:
        return None
    return body, body + length


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Return a variable byte integer and the offset after it (section 2.2.3 of 3.1.1).

    Parameters
    ----------
    data : bytes
        Where it is.
    at : int
        Its offset. [B]

    Returns
    -------
    tuple of int, int
        Value and offset after it. [1, B]

    Raises
    ------
    FramingError
        If it is longer than four bytes.
    IndexError
        If the bytes end inside it.
    """
    value = 0
    for i in range(4):
        byte = data[at + i]
        value |= (byte & 127) << 7 * i
        if byte < 128:
            return value, at + i + 1
    raise FramingError("a length of more than four bytes")
