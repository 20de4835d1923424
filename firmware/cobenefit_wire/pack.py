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
    head = check(data)
    try:
        return _decode(data, head)
    except IndexError:
        raise WireError("layout", "fields cut short", len(data))  # noqa: B904


def _decode(data: bytes, head: tuple[Any, ...]) -> Pack:
    at = UNIT_AT + 1
    unit, at = _unit(data, at)
    exponent, at = _exponent(data, at)
    period_ms, deltas_ms, n, at = _times(data, at)
    values, at = _values(data, at, n)
    quality, at = _quality(data, at, len(values), head[0] == 0xAB)
    if at != len(data) - 6:
        raise WireError("layout", "fields after the last one known", at)
    return Pack(
        head[1], head[2], head[3], head[4], unit, exponent, period_ms, deltas_ms, values, quality
    )


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


def _unit(data: bytes, at: int) -> tuple[Any, ...]:
    size = data[at] - 0x60
    if not 0 <= size <= 16:
        raise WireError("layout", "unit", at)
    try:
        return bytes(data[at + 1 : at + 1 + size]).decode(), at + 1 + size
    except UnicodeError:
        raise WireError("layout", "unit is not UTF-8", at)  # noqa: B904


def _exponent(data: bytes, at: int) -> tuple[Any, ...]:
    label, raw = data[at], data[at + 1]
    if label != 16 or raw >= 0x38 or 0x18 <= raw < 0x20:
        raise WireError("label", "exponent", at)
    return (raw if raw < 0x18 else 0x20 - 1 - raw), at + 2


def _times(data: bytes, at: int) -> tuple[Any, ...]:
    if data[at] == 17 and data[at + 1] == 0x1A:
        period_ms = int.from_bytes(data[at + 2 : at + 6], "big")
        if not period_ms:
            raise WireError("layout", "period is zero", at)
        return period_ms, (), 0, at + 6
    if data[at] != 18 or data[at + 2] != UINT32:
        raise WireError("label", "neither period nor deltas", at)
    raw, at = _array(data, at, 4)
    n = len(raw) // 4
    return 0, struct.unpack("<%dI" % n, raw), n, at


def _values(data: bytes, at: int, expected: int) -> tuple[Any, ...]:
    if data[at] != 2 or data[at + 2] not in FORMATS:
        raise WireError("label", "values", at)
    code, size = FORMATS[data[at + 2]]
    raw, end = _array(data, at, size)
    n = len(raw) // size
    if not 1 <= n <= MAX_READINGS or (expected and n != expected):
        raise WireError("layout", "number of values", at)
    return struct.unpack("<%d%s" % (n, code), raw), end


def _array(data: bytes, at: int, size: int) -> tuple[Any, ...]:
    if data[at + 1] != 0xD8 or data[at + 3] != 0x59:
        raise WireError("layout", "typed array", at)
    length = int.from_bytes(data[at + 4 : at + 6], "big")
    end = at + 6 + length
    if length % size or end > len(data) - 6:
        raise WireError("layout", "array length", at)
    return bytes(data[at + 6 : end]), end


def _quality(data: bytes, at: int, n: int, present: bool) -> tuple[Any, ...]:
    if not present:
        return b"", at
    if data[at] != 19 or data[at + 1] != 0x59:
        raise WireError("label", "quality", at)
    end = at + 4 + n
    if int.from_bytes(data[at + 2 : at + 4], "big") != n or end > len(data) - 6:
        raise WireError("layout", "quality length", at)
    return bytes(data[at + 4 : end]), end


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
