"""MQTT topics: `cb/v1/<site>/<device>/<leaf>`, with `up/<channel>` for packs.

Site and device ids match `[a-z0-9-]{1,32}`, channels `[a-z0-9_]{1,32}`. Example:

    >>> build("lille-01", "meter-7", "up", "energy_import_wh")
    'cb/v1/lille-01/meter-7/up/energy_import_wh'
"""

from collections import namedtuple

from cobenefit_wire.errors import WireError

PREFIX = "cb/v1"
LEAVES = ("up", "senml", "ack", "cmd", "cmd/result", "state", "health", "ota")
_ID = "abcdefghijklmnopqrstuvwxyz0123456789-"
_CHANNEL = "abcdefghijklmnopqrstuvwxyz0123456789_"

Topic = namedtuple("Topic", ("site", "device", "leaf", "channel"))


def is_id(text: str) -> bool:
    """Whether a text may be a site or device id."""
    return 1 <= len(text) <= 32 and all(c in _ID for c in text)


def is_channel(text: str) -> bool:
    """Whether a text may be a channel name."""
    return 1 <= len(text) <= 32 and all(c in _CHANNEL for c in text)


def build(site: str, device: str, leaf: str, channel: str = "") -> str:
    """Return the topic of one leaf of one device; `channel` only with the leaf `up`."""
    if not is_id(site) or not is_id(device):
        raise ValueError("site and device must match [a-z0-9-]{1,32}: " + site + " / " + device)
    if leaf not in LEAVES or (leaf == "up") != (channel != ""):
        raise ValueError("leaf must be one of " + ", ".join(LEAVES) + "; a channel only with up")
    if channel and not is_channel(channel):
        raise ValueError("channel must match [a-z0-9_]{1,32}: " + channel)
    return f"{PREFIX}/{site}/{device}/{leaf}" + ("/" + channel if channel else "")


def branch(site: str, device: str) -> str:
    """Return what all topics of one device begin with, the last `/` included."""
    return build(site, device, "ack")[:-3]


def parse(topic: str) -> Topic:
    """Return the parts of a topic; raise `WireError('topic')` when it is none of ours."""
    parts = topic.split("/")
    if len(parts) < 5 or parts[0] + "/" + parts[1] != PREFIX:
        raise WireError("topic", "not below " + PREFIX)
    site, device = parts[2], parts[3]
    channel = ""
    leaf = "/".join(parts[4:])
    if parts[4] == "up" and len(parts) == 6:
        leaf, channel = "up", parts[5]
    if not is_id(site) or not is_id(device) or leaf not in LEAVES:
        raise WireError("topic", "unknown site, device or leaf")
    if (leaf == "up") != is_channel(channel):
        raise WireError("topic", "bad channel")
    return Topic(site, device, leaf, channel)
