"""The packets a gateway sends, as bytes, and what a broker says in its CONNACK. No I/O.

MQTT 3.1.1 and 5 (OASIS Standards, 2014 and 2019), only what a subscriber that publishes at QoS 1
needs.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cobenefit_gateway.errors import FramingError
from cobenefit_gateway.framing import varint

PINGREQ = b"\xc0\x00"
DISCONNECT = b"\xe0\x00"
#: Flag of a PUBLISH that is sent again (section 3.3.1.1).
DUP = 8
#: Size in bytes of each property of a CONNACK (section 2.2.2 of 5); 0 is a text, -1 a pair.
_SIZES = {0x11: 4, 0x12: 0, 0x13: 2, 0x15: 0, 0x16: 0, 0x1A: 0, 0x1C: 0, 0x1F: 0, 0x21: 2,
          0x22: 2, 0x24: 1, 0x25: 1, 0x26: -1, 0x27: 4, 0x28: 1, 0x29: 1, 0x2A: 1}  # fmt: skip
_UNLIMITED = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Greeting:
    """What a CONNACK says; limits are ours to keep."""

    code: int
    session_present: bool
    keepalive_s: int | None = None
    receive_maximum: int = 65_535
    max_packet: int = _UNLIMITED


def connect(
    version: int, client_id: str, keepalive_s: int, username: str = "", password: str = ""
) -> bytes:
    """Return a CONNECT that keeps the session (section 3.1).

    Parameters
    ----------
    version : int
        4 is MQTT 3.1.1, 5 is MQTT 5. [1]
    client_id : str
        The session hangs on it.
    keepalive_s : int
        Longest silence of ours. [s]
    username, password : str
        '' for none.

    Returns
    -------
    bytes
        The packet.
    """
    flags = (0x80 if username else 0) | (0x40 if username and password else 0)
    head = _text("MQTT") + struct.pack(">BBH", version, flags, keepalive_s)
    if version == 5:
        # The session never expires; any number of messages on their way. No maximum packet size:
        # the broker would drop a longer one unseen, we count it as it streams past.
        limits = struct.pack(">BIBH", 0x11, _UNLIMITED, 0x21, 65_535)
        head += _varint(len(limits)) + limits
    body = head + _text(client_id)
    if username:
        body += _text(username)
        body += _text(password) if password else b""
    return _packet(0x10, body)


def subscribe(version: int, message_id: int, filters: Sequence[str]) -> bytes:
    """Return a SUBSCRIBE at QoS 1 (section 3.8).

    Parameters
    ----------
    version : int
        4 is MQTT 3.1.1, 5 is MQTT 5. [1]
    message_id : int
        1 to 65535. [1]
    filters : sequence of str
        Topic filters.

    Returns
    -------
    bytes
        The packet.
    """
    topics = b"".join(_text(f) + b"\x01" for f in filters)
    return _packet(0x82, _identified(version, message_id) + topics)


def unsubscribe(version: int, message_id: int, filters: Sequence[str]) -> bytes:
    """Return an UNSUBSCRIBE (section 3.10).

    Parameters
    ----------
    version : int
        4 is MQTT 3.1.1, 5 is MQTT 5. [1]
    message_id : int
        1 to 65535. [1]
    filters : sequence of str
        Topic filters.

    Returns
    -------
    bytes
        The packet.
    """
    return _packet(0xA2, _identified(version, message_id) + b"".join(map(_text, filters)))


def publish(
    version: int, message_id: int, topic: str, payload: bytes, *, retain: bool = False
) -> bytes:
    """Return a PUBLISH at QoS 1 (section 3.3).

    Parameters
    ----------
    version : int
        4 is MQTT 3.1.1, 5 is MQTT 5. [1]
    message_id : int
        1 to 65535. [1]
    topic : str
        Where to.
    payload : bytes
        What.
    retain : bool
        Whether the broker keeps it for whoever comes later.

    Returns
    -------
    bytes
        The packet.
    """
    return _packet(
        0x33 if retain else 0x32, _text(topic) + _identified(version, message_id) + payload
    )


def pubacks(ids: Sequence[int]) -> bytes:
    """Return the PUBACK of each message, in order, as one piece (section 3.4).

    Parameters
    ----------
    ids : sequence of int
        Packet identifiers, 1 to 65535; 0 needs no answer and is left out. [1]

    Returns
    -------
    bytes
        The packets.
    """
    numbers = np.array(ids, dtype=">u2")
    numbers = numbers[numbers != 0]
    rows = np.empty((numbers.size, 4), dtype=np.uint8)
    rows[:, 0], rows[:, 1] = 0x40, 2
    rows[:, 2:] = numbers.view(np.uint8).reshape(-1, 2)
    return rows.tobytes()


def greeting(version: int, body: bytes) -> Greeting:
    """Return what a CONNACK says (section 3.2).

    Parameters
    ----------
    version : int
        4 is MQTT 3.1.1, 5 is MQTT 5. [1]
    body : bytes
        The packet without its fixed header.

    Returns
    -------
    Greeting
        Code 0 is welcome; limits are those of MQTT 3.1.1 where nothing is said.

    Raises
    ------
    FramingError
        If it can't be read.
    """
    if len(body) < 2:
        raise FramingError("a CONNACK of fewer than two bytes")
    code, present = body[1], bool(body[0] & 1)
    if version != 5 or len(body) == 2:
        return Greeting(code, present)
    try:
        found = _properties(body)
    except (IndexError, KeyError) as err:
        raise FramingError("a CONNACK with unreadable properties") from err
    return Greeting(
        code,
        present,
        found.get(0x13),
        found.get(0x21, 65_535),
        found.get(0x27, _UNLIMITED),
    )


def _properties(body: bytes) -> dict[int, int]:
    length, at = varint(body, 2)
    end, found = at + length, {}
    while at < end:
        key = body[at]
        size = _SIZES[key]
        at += 1
        if size > 0:
            found[key] = int.from_bytes(body[at : at + size], "big")
            at += size
        for _ in range(1 - size if size <= 0 else 0):
            at += 2 + (body[at] << 8 | body[at + 1])
    return found


def _identified(version: int, message_id: int) -> bytes:
    return message_id.to_bytes(2, "big") + (b"\0" if version == 5 else b"")


def _text(text: str) -> bytes:
    raw = text.encode()
    return len(raw).to_bytes(2, "big") + raw


def _packet(head: int, body: bytes) -> bytes:
    return bytes((head,)) + _varint(len(body)) + body


def _varint(value: int) -> bytes:
    out = bytearray()
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes((*out, value))
