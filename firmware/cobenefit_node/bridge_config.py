"""`config.json` of a bridge: its broker, its Wi-Fi and the nodes it serves.

Checked in full before anything is switched on, as the node's is; `docs/howto/bridge-a-field.md`
describes each key.
"""

import json
from collections import namedtuple

from cobenefit_node.bridge_keys import flag, octets
from cobenefit_node.config import ConfigError, _broker, _power, _Table, _wifi
from cobenefit_wire import topics

BridgeConfig = namedtuple(
    "BridgeConfig",
    ("site", "device", "board", "broker", "wifi", "channel", "health_ms", "power_mw", "nodes"),
)
Served = namedtuple("Served", ("device", "mac", "key", "encrypt"))

#: ESP-NOW has room for 20 peers, MicroPython's images for 6 encrypted ones.
MOST_NODES = 20
MOST_ENCRYPTED = 6


def load(path: str) -> BridgeConfig:
    """Return the checked configuration in a file; ConfigError or OSError when there is none."""
    try:
        with open(path) as f:
            raw = json.load(f)
    except ValueError as err:
        raise ConfigError(path, "(file)", str(err), "a JSON object")  # noqa: B904
    return parse(raw, path)


def parse(raw: object, path: str = "config.json") -> BridgeConfig:
    """Return the checked configuration of an already parsed object."""
    top = _Table(raw, path, "")
    config = BridgeConfig(
        top.check("site", topics.is_id, "[a-z0-9-]{1,32}"),
        top.check("device", topics.is_id, "[a-z0-9-]{1,32}"),
        top.check("board", topics.is_channel, "[a-z0-9_]{1,32}", "unix"),
        _broker(top.table("broker")),
        _wifi(top) if "wifi" in top.raw else None,
        top.integer("channel", 1, 13, None),
        top.integer("health_ms", 1000, 86_400_000, 60_000),
        _power(top.table("power_mw", {})),
        _nodes(top),
    )
    if (config.wifi is None) == (config.channel is None):
        raise top.error("channel", config.channel, "exactly one of channel and wifi")
    top.done()
    return config


def _nodes(top: _Table) -> list[Served]:
    raw = top.take("nodes", [])
    if not isinstance(raw, list) or not 1 <= len(raw) <= MOST_NODES:
        raise top.error("nodes", "***", "a list of 1 to %d nodes" % MOST_NODES)
    nodes = [_node(_Table(raw[i], top.path, "nodes." + str(i) + ".")) for i in range(len(raw))]
    for field in (0, 1):
        if len({node[field] for node in nodes}) != len(nodes):
            raise top.error("nodes", "***", "each device and each mac once")
    encrypted = len([1 for node in nodes if node.encrypt])
    if encrypted > MOST_ENCRYPTED:
        raise top.error("nodes", encrypted, "at most %d with encrypt true" % MOST_ENCRYPTED)
    return nodes


def _node(table: _Table) -> Served:
    node = Served(
        table.check("device", topics.is_id, "[a-z0-9-]{1,32}"),
        octets(table, "mac", 6),
        octets(table, "key", 32),
        flag(table, "encrypt", True),
    )
    table.done()
    return node
