"""Frames of the radio between a node and its bridge: at most 250 bytes, each with a tag.

`docs/reference/radio.md` lays them out. A message of up to `PARTS` parts is cut by `part` and put
together by `Assembly`; `Key` makes and checks the tags and derives the key of a session. No I/O,
no clock.

    >>> key = Key(bytes(32))
    >>> key.opened(key.sealed(b"x"))
    b'x'

Sources: HMAC: Krawczyk, Bellare, Canetti, RFC 2104, 1997; a tag of half the hash, section 5.
250 bytes: Espressif, "ESP-NOW", ESP-IDF programming guide, section "Frame format" (v1.0), 2025.
"""

import hashlib
import struct

FRAME_BYTES = 250
TAG_BYTES = 16
KEY_BYTES = 32
NONCE_BYTES = 16
#: Kinds of frames. The bit of a direction keeps a frame from being reflected to its sender.
HELLO, UP, UP_STATE = 0x11, 0x13, 0x14
WELCOME, DOWN, DOWN_STATE, GONE = 0x22, 0x23, 0x24, 0x25
VERSION = 1
#: First byte of a message.
PUBLISH, RETAIN, SUBSCRIBE, UNSUBSCRIBE, WILL, PING, BYE = 1, 2, 3, 4, 5, 6, 7
#: States of a message at its receiver: parts are missing; it waits its turn; it is done with.
HAVE, WAIT, DONE = 0, 1, 2
#: In the index of a part: please answer.
ASK = 0x80
_PART = ">BIBB"
_STATE = ">BIBI"
PART_BYTES = FRAME_BYTES - struct.calcsize(_PART) - TAG_BYTES
PARTS = 32
MESSAGE_BYTES = PARTS * PART_BYTES


class Key:
    """A secret of 32 bytes that makes and checks tags (HMAC-SHA256, its first half)."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) != KEY_BYTES:
            raise ValueError("a key has %d bytes" % KEY_BYTES)
        padded = secret + bytes(64 - KEY_BYTES)
        self._inner = bytes([b ^ 0x36 for b in padded])
        self._outer = bytes([b ^ 0x5C for b in padded])

    def digest(self, data: bytes) -> bytes:
        """Return HMAC-SHA256 of some bytes, 32 bytes."""
        inner = hashlib.sha256(self._inner)
        inner.update(data)
        outer = hashlib.sha256(self._outer)
        outer.update(inner.digest())
        return outer.digest()

    def sealed(self, data: bytes) -> bytes:
        """Return the bytes with their tag behind them."""
        return data + self.digest(data)[:TAG_BYTES]

    def opened(self, frame: bytes) -> bytes:
        """Return the bytes before a tag that is right, nothing when it is not."""
        data = frame[:-TAG_BYTES]
        differing = 0
        for a, b in zip(self.digest(data), frame[-TAG_BYTES:]):  # half of it
            differing |= a ^ b  # the time this takes must not tell how much was right
        return data if data and not differing and len(frame) > TAG_BYTES else b""

    def session(self, node_nonce: bytes, bridge_nonce: bytes) -> "Key":
        """Return the key of one session: fresh as long as either nonce is."""
        return Key(self.digest(b"session" + node_nonce + bridge_nonce))

    def radio_key(self) -> bytes:
        """Return the LMK of an encrypted ESP-NOW peer, 16 bytes, of the same secret."""
        return self.digest(b"lmk")[:16]


class Assembly:
    """The parts of one message that have come."""

    def __init__(self, count: int) -> None:
        self._parts: list[bytes] = [b""] * count
        self.had = 0

    def fits(self, index: int, count: int) -> bool:
        """Whether a part is one of this message."""
        return count == len(self._parts) and index < count

    def add(self, index: int, body: bytes) -> None:
        """Take a part; one that came before is the same."""
        self._parts[index] = body
        self.had |= 1 << index

    def whole(self) -> bytes:
        """Return the message, nothing while parts are missing."""
        complete = self.had == (1 << len(self._parts)) - 1
        return b"".join(self._parts) if complete else b""


def parts(size: int) -> int:
    """Return how many parts a message of a size [B] takes; ValueError when too many [1]."""
    if not 0 < size <= MESSAGE_BYTES:
        raise ValueError("a message has 1 to %d bytes, this has %d" % (MESSAGE_BYTES, size))
    return (size + PART_BYTES - 1) // PART_BYTES


def part(kind: int, number: int, index: int, message: bytes, ask: bool) -> bytes:
    """Return one part of a message, without its tag."""
    at = index * PART_BYTES
    head = struct.pack(_PART, kind, number, index | (ASK if ask else 0), parts(len(message)))
    return head + message[at : at + PART_BYTES]


def read_part(data: bytes) -> tuple[int, int, int, bool, bytes]:
    """Return number, index, count, whether an answer is asked for, and body; count 0 if bad."""
    size = struct.calcsize(_PART)
    if len(data) <= size:
        return 0, 0, 0, False, b""
    _, number, index, count = struct.unpack(_PART, data[:size])
    ask, index = bool(index & ASK), index & ~ASK
    body = data[size:]
    last = index == count - 1
    if index >= count or count > PARTS or (not last and len(body) != PART_BYTES):
        return number, 0, 0, False, b""
    return number, index, count, ask, body


def state(kind: int, number: int, code: int, had: int) -> bytes:
    """Return what a receiver says of a message, without its tag."""
    return struct.pack(_STATE, kind, number, code, had)


def read_state(data: bytes) -> tuple[int, int, int]:
    """Return number, code and the parts had as bits; number 0 if bad."""
    if len(data) != struct.calcsize(_STATE):
        return 0, 0, 0
    _, number, code, had = struct.unpack(_STATE, data)
    return number, code, had


def hello(nonce: bytes) -> bytes:
    """Return a node's wish for a session, without its tag."""
    return bytes((HELLO, VERSION)) + nonce


def read_hello(data: bytes) -> bytes:
    """Return the nonce of a node; nothing when this is no wish of this version."""
    whole = len(data) == 2 + NONCE_BYTES and data[0] == HELLO and data[1] == VERSION
    return data[2:] if whole else b""


def welcome(ready: bool, node_nonce: bytes, bridge_nonce: bytes) -> bytes:
    """Return a bridge's answer, without its tag; `ready` says that it has a broker."""
    return bytes((WELCOME, VERSION, 1 if ready else 0)) + node_nonce + bridge_nonce


def read_welcome(data: bytes, node_nonce: bytes) -> tuple[bool, bytes]:
    """Return whether the bridge is ready, and its nonce; no nonce when this answers another."""
    if len(data) != 3 + 2 * NONCE_BYTES or data[0] != WELCOME or data[1] != VERSION:
        return False, b""
    if data[3 : 3 + NONCE_BYTES] != node_nonce:
        return False, b""
    return bool(data[2]), data[3 + NONCE_BYTES :]


def message(kind: int, leaf: str, payload: bytes) -> bytes:
    """Return the bytes of a message: kind, length of the leaf, leaf, payload."""
    raw = leaf.encode()
    return bytes((kind, len(raw))) + raw + payload


def read_message(data: bytes) -> tuple[int, str, bytes]:
    """Return kind, leaf and payload; kind 0 when the bytes are no message."""
    if len(data) < 2 or len(data) < 2 + data[1]:
        return 0, "", b""
    try:
        return data[0], data[2 : 2 + data[1]].decode(), data[2 + data[1] :]
    except UnicodeError:
        return 0, "", b""


def gone(frame: bytes) -> bytes:
    """Return that the session of a node's frame is not known here, without its tag.

    It names that very frame, so that it can't be recorded and used to end another session.
    """
    return bytes((GONE,)) + frame[-TAG_BYTES:]


def says_gone(data: bytes, frame: bytes) -> bool:
    """Whether data say so of a frame that was sent."""
    return len(data) == 1 + TAG_BYTES and data == gone(frame)
