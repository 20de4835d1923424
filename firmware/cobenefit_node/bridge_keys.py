"""What both ends of an ESP-NOW link are configured with; loaded only where there is one."""

from collections import namedtuple

from cobenefit_wire.hints import Any

Bridge = namedtuple("Bridge", ("peer", "channel", "key", "encrypt"))


def read_bridge(top: Any) -> Bridge:
    """Return the bridge of a node's configuration; ConfigError when a value is wrong."""
    table = top.table("bridge")
    bridge = Bridge(
        octets(table, "peer", 6),
        table.integer("channel", 1, 13),
        octets(table, "key", 32),
        flag(table, "encrypt", True),
    )
    table.done()
    return bridge


def octets(table: Any, key: str, count: int) -> bytes:
    """Return bytes written in hexadecimal, with or without colons."""
    value = table.take(key)
    try:
        raw = bytes.fromhex(value.replace(":", ""))
    except (AttributeError, ValueError):
        raw = b""
    if len(raw) != count:
        raise table.error(key, value, "%d bytes in hexadecimal" % count)
    return raw


def flag(table: Any, key: str, default: bool) -> bool:
    """Return true or false."""
    value = table.take(key, default)
    if value is not True and value is not False:
        raise table.error(key, value, "true or false")
    return bool(value)
