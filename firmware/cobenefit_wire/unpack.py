"""Packs, back from bytes: the half of `pack.py` that a node never needs, nor has memory for."""

import struct

from cobenefit_wire.errors import WireError
from cobenefit_wire.hints import Any
from cobenefit_wire.pack import FORMATS, MAX_READINGS, UINT32, UNIT_AT, Pack, check


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
