"""The part of CBOR (RFC 8949) that our small messages use; written to run on a board.

Integers, byte and text strings, arrays, maps, false, true, null. Maps are written from a list of
pairs, because MicroPython does not keep a dict's order. Anything else is refused: packs have a
fixed layout of their own (`pack.py`), and the gateway reads foreign CBOR with a full library.

    >>> dumps(Pairs([(1, 7), (2, b"x")])).hex()
    'a20107024178'
"""

import struct

from cobenefit_wire.errors import WireError
from cobenefit_wire.hints import Any, const

_MAX_DEPTH = const(8)


class Pairs(list):  # type: ignore[type-arg]
    """A map to be written in the order given: a list of (key, value)."""


def _head(major: int, n: int) -> bytes:
    major <<= 5
    if n < 24:
        return bytes((major | n,))
    if n < 0x100:
        return struct.pack(">BB", major | 24, n)
    if n < 0x10000:
        return struct.pack(">BH", major | 25, n)
    if n < 0x100000000:
        return struct.pack(">BI", major | 26, n)
    return struct.pack(">BQ", major | 27, n)


def dumps(item: object) -> bytes:  # noqa: PLR0911
    """Return the CBOR bytes of an item; ValueError for a type outside the part we use."""
    if item is None:
        return b"\xf6"
    if item is True or item is False:
        return b"\xf5" if item else b"\xf4"
    if isinstance(item, int):
        return _head(0, item) if item >= 0 else _head(1, -1 - item)
    if isinstance(item, str):
        raw = item.encode()
        return _head(3, len(raw)) + raw
    if isinstance(item, (bytes, bytearray)):
        return _head(2, len(item)) + bytes(item)
    if isinstance(item, Pairs):
        return _head(5, len(item)) + b"".join([dumps(k) + dumps(v) for k, v in item])
    if isinstance(item, (list, tuple)):
        return _head(4, len(item)) + b"".join([dumps(x) for x in item])
    raise ValueError("not writable as CBOR here: " + str(type(item)))


def loads(data: bytes) -> object:
    """Return the one item in `data`; maps come back as dicts. WireError when it is not one."""
    item, end = _item(data, 0, 0)
    if end != len(data):
        raise WireError("cbor", "bytes after the item", end)
    return item


def _argument(data: bytes, at: int) -> tuple[Any, ...]:
    low = data[at] & 31
    if low < 24:
        return low, at + 1
    size = {24: 1, 25: 2, 26: 4, 27: 8}.get(low)
    if size is None or at + 1 + size > len(data):
        raise WireError("cbor", "bad or cut argument", at)
    return int.from_bytes(data[at + 1 : at + 1 + size], "big"), at + 1 + size


def _item(data: bytes, at: int, depth: int) -> tuple[Any, ...]:
    if at >= len(data) or depth > _MAX_DEPTH:
        raise WireError("cbor", "cut or too deep", at)
    major = data[at] >> 5
    if major == 7:
        simple = {0xF4: False, 0xF5: True, 0xF6: None}
        if data[at] not in simple:
            raise WireError("cbor", "unsupported simple value", at)
        return simple[data[at]], at + 1
    n, after = _argument(data, at)
    if major < 2:
        return (n if major == 0 else -1 - n), after
    if major < 4:
        return _string(data, major, n, after)
    if major == 6:
        raise WireError("cbor", "tags are not used here", at)
    return _collection(data, major, n, after, depth)


def _string(data: bytes, major: int, n: int, at: int) -> tuple[Any, ...]:
    if at + n > len(data):
        raise WireError("cbor", "cut string", at)
    raw = bytes(data[at : at + n])
    if major == 2:
        return raw, at + n
    try:
        return raw.decode(), at + n
    except UnicodeError:
        raise WireError("cbor", "text is not UTF-8", at)  # noqa: B904


def _collection(data: bytes, major: int, n: int, at: int, depth: int) -> tuple[Any, ...]:
    if n > len(data):
        raise WireError("cbor", "longer than the message", at)
    if major == 4:
        items = []
        for _ in range(n):
            item, at = _item(data, at, depth + 1)
            items.append(item)
        return items, at
    pairs: dict[object, object] = {}
    for _ in range(n):
        key, at = _item(data, at, depth + 1)
        if isinstance(key, (list, dict)):
            raise WireError("cbor", "a map key must be simple", at)
        pairs[key], at = _item(data, at, depth + 1)
    return pairs, at
