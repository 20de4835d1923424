"""Packs: one channel run of readings as bytes, and back.

A pack is a CBOR map with integer labels, every integer written at a fixed width, so that packs of
one shape have every field at the same offset and a batch decodes as one reshape. It is valid CBOR
(RFC 8949), readable by any library, but not that RFC's deterministic encoding. Labels -4 (base
unit) and 2 (value) mean what SenML's do (RFC 8428 section 6); the others are ours:

    9 version · 10 boot · 11 sequence · 12 flags · 13 base time [ms] · -4 unit · 16 exponent ·
    17 period [ms] or 18 deltas [ms] · 2 values · 19 quality (optional) · 23 CRC32 of all before it

Values and deltas are typed arrays (RFC 8746 section 2.1), little endian. A reading's value is
integer x 10^exponent. The first delta counts from the base time (usually 0), each later one from
the reading before. With flag 1 the base time is the node's monotonic clock: its wall clock was
not known. This file must not do I/O, read a clock, or use a float.
"""

import struct
from binascii import crc32
from collections import namedtuple

from cobenefit_wire.errors import WireError
from cobenefit_wire.hints import Any

VERSION = 1
FLAG_TIME_UNKNOWN = 1
MAX_READINGS = 4096

INT16, INT32, INT64, FLOAT32, FLOAT64 = 77, 78, 79, 85, 86
UINT32 = 70
FORMATS = {INT16: ("h", 2), INT32: ("i", 4), INT64: ("q", 8), FLOAT32: ("f", 4), FLOAT64: ("d", 8)}

#: Where the fixed fields start; the unit's text head follows at UNIT_AT + 1.
BOOT_AT, SEQ_AT, FLAGS_AT, TIME_AT, UNIT_AT = 5, 11, 17, 20, 28

# One channel run: `t_ms` is the base time; either `period_ms` > 0 or `deltas_ms` is as long as
# `values`; `quality` is bytes as long as `values`, or empty when all are good.
Pack = namedtuple(
    "Pack",
    (
        "boot",
        "seq",
        "flags",
        "t_ms",
        "unit",
        "exponent",
        "period_ms",
        "deltas_ms",
        "values",
        "quality",
    ),
)


def encode(pack: Pack) -> bytes:
    """Return the bytes of a pack; ValueError when its fields do not fit the contract."""
    n = len(pack.values)
    _check(pack, n)
    unit = pack.unit.encode()
    head = struct.pack(
        ">BBBBBIBBIBBBBBQB",
        0xAB if pack.quality else 0xAA,
        9,
        VERSION,
        10,
        0x1A,
        pack.boot,
        11,
        0x1A,
        pack.seq,
        12,
        0x18,
        pack.flags,
        13,
        0x1B,
        pack.t_ms,
        0x23,
    )
    exponent = pack.exponent if pack.exponent >= 0 else 0x20 - 1 - pack.exponent
    parts = [head, bytes((0x60 + len(unit),)), unit, bytes((16, exponent))]
    if pack.period_ms:
        parts.append(struct.pack(">BBI", 17, 0x1A, pack.period_ms))
    else:
        parts.append(struct.pack(">BBBBH", 18, 0xD8, UINT32, 0x59, 4 * n))
        parts.append(struct.pack("<%dI" % n, *pack.deltas_ms))
    tag = _narrowest(pack.values)
    code, size = FORMATS[tag]
    parts.append(struct.pack(">BBBBH", 2, 0xD8, tag, 0x59, size * n))
    parts.append(struct.pack("<%d%s" % (n, code), *pack.values))
    if pack.quality:
        parts.append(struct.pack(">BBH", 19, 0x59, n))
        parts.append(bytes(pack.quality))
    body = b"".join(parts)
    return body + struct.pack(">BBI", 23, 0x1A, crc32(body) & 0xFFFFFFFF)


def dated(data: bytes, offset_ms: int) -> bytes:
    """Return a whole pack that bears `FLAG_TIME_UNKNOWN` with Unix time instead.

    `offset_ms` is what to add to the node's monotonic clock [ms].
    """
    body = bytearray(memoryview(data)[:-6])
    body[FLAGS_AT] &= ~FLAG_TIME_UNKNOWN & 0xFF
    t_ms = struct.unpack_from(">Q", body, TIME_AT)[0]
    struct.pack_into(">Q", body, TIME_AT, t_ms + offset_ms)
    return bytes(body) + struct.pack(">BBI", 23, 0x1A, crc32(body) & 0xFFFFFFFF)


def _check(pack: Pack, n: int) -> None:
    if not 1 <= n <= MAX_READINGS:
        raise ValueError("a pack holds 1 to 4096 readings, not %d" % n)
    if not -24 <= pack.exponent <= 23:
        raise ValueError("the exponent must be -24 to 23")
    if len(pack.unit.encode()) > 16:
        raise ValueError("the unit is longer than 16 bytes")
    if pack.quality and len(pack.quality) != n:
        raise ValueError("quality must be as long as values")
    if pack.period_ms < 0 or (not pack.period_ms and len(pack.deltas_ms) != n):
        raise ValueError("give a period in ms, or as many deltas as values")


def _narrowest(values: tuple[Any, ...]) -> int:
    # Two widths only: counters need 64 bits after 2^31, and each further shape is a further batch.
    if min(values) >= -0x80000000 and max(values) <= 0x7FFFFFFF:
        return INT32
    return INT64


def decode(data: bytes) -> Pack:
    """Return the pack in `data`; WireError says what is wrong and where."""
    from cobenefit_wire import unpack

    return unpack.decode(data)


def check(data: bytes) -> tuple[Any, ...]:
    """Check frame and CRC; return (map byte, boot, sequence, flags, base time [ms])."""
    if len(data) < 48:
        raise WireError("truncated", "%d bytes" % len(data), len(data))
    if data[0] not in (0xAA, 0xAB) or data[1] != 9:
        raise WireError("label", "not a pack", 0)
    if data[2] != VERSION:
        raise WireError("version", "pack version %d" % data[2], 2)
    (_, _, _, b, b1, boot, s, s1, seq, f, f1, flags, t, t1, t_ms, u) = struct.unpack(
        ">BBBBBIBBIBBBBBQB", data[: UNIT_AT + 1]
    )
    if (b, b1, s, s1, f, f1, t, t1, u) != (10, 0x1A, 11, 0x1A, 12, 0x18, 13, 0x1B, 0x23):
        raise WireError("label", "unknown label in the head", 3)
    (c, c1, crc) = struct.unpack(">BBI", data[-6:])
    if (c, c1) != (23, 0x1A):
        raise WireError("label", "the CRC is not last", len(data) - 6)
    if crc32(data[:-6]) & 0xFFFFFFFF != crc:
        raise WireError("crc", "CRC32 does not match", len(data) - 4)
    return data[0], boot, seq, flags, t_ms


def times_ms(pack: Pack) -> list[int]:
    """Return the time of each reading of a pack, in ms of Unix time."""
    if pack.period_ms:
        return [pack.t_ms + i * pack.period_ms for i in range(len(pack.values))]
    out = []
    t_ms = pack.t_ms
    for delta_ms in pack.deltas_ms:
        t_ms += delta_ms
        out.append(t_ms)
    return out
