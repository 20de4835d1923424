"""Records in a segment file: a pack behind a head that says whose it is.

    magic 2 · boot 4 · sequence 4 · readings 2 · pack length 2 · channel length 1 · channel ·
    CRC32 of the head 4 · pack (which ends in its own CRC32)

Integers are big endian. A record is written in one go and only ever at the end of a file. After
damage, reading goes on at the next head whose CRC32 is right.
"""

import struct
from binascii import crc32
from collections import namedtuple

from cobenefit_wire.hints import Any, const

_HEAD = const(">HIIHHB")
_SIZE = const(15)
_MAGIC = const(0xCB01)
_MAGIC_BYTES = const(b"\xcb\x01")
#: Longest head: 15 bytes, a channel of 32, a CRC32.
_LONGEST = const(51)

# Where a record lies: its head `at`, its pack `data_at` to `end`.
Record = namedtuple("Record", ("boot", "seq", "readings", "channel", "at", "data_at", "end"))


def encode(boot: int, seq: int, channel: str, readings: int, data: bytes) -> bytes:
    """Return the bytes of a record."""
    name = channel.encode()
    head = struct.pack(_HEAD, _MAGIC, boot, seq, readings, len(data), len(name)) + name
    return head + struct.pack(">I", crc32(head) & 0xFFFFFFFF) + data


def record_at(f: Any, at: int, size: int) -> Any:
    """Return the record whose head is at `at`, or None when there is no whole one [bytes]."""
    f.seek(at)
    raw = f.read(_LONGEST)
    if len(raw) < _SIZE + 4:
        return None
    magic, boot, seq, readings, length, name_length = struct.unpack(_HEAD, raw[:_SIZE])
    head = _SIZE + name_length
    if magic != _MAGIC or name_length > 32 or len(raw) < head + 4:
        return None
    if struct.unpack(">I", raw[head : head + 4])[0] != crc32(raw[:head]) & 0xFFFFFFFF:
        return None
    data_at = at + head + 4
    if data_at + length > size:
        return None
    channel = raw[_SIZE:head].decode()
    return Record(boot, seq, readings, channel, at, data_at, data_at + length)


def next_record(f: Any, at: int, size: int) -> Any:
    """Return the first whole record at or after `at`, or None [bytes]."""
    record = record_at(f, at, size)
    while record is None and at < size:
        at = _next_magic(f, at + 1, size)
        record = record_at(f, at, size)
    return record


def _next_magic(f: Any, at: int, size: int) -> int:
    """Return where the next magic bytes are, or `size`."""
    while at < size:
        f.seek(at)
        chunk = f.read(256)
        found: int = chunk.find(_MAGIC_BYTES)
        if found >= 0:
            return at + found
        # The magic may straddle two chunks: look at the last byte again.
        at += max(1, len(chunk) - 1)
    return size
