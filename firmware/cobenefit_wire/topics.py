"""MQTT topics: `cb/v1/<site>/<device>/<leaf>`.

Packs are below `up/<channel>`, answers below `cmd/result/<subject>`, whose subject is the channel.

Site and device ids match `[a-z0-9-]{1,32}`, channels `[a-z0-9_]{1,32}`. Example:

    >>> build("lille-01", "meter-7", "up", "energy_import_wh")
    'cb/v1/lille-01/meter-7/up/energy_import_wh'
"""

from collections import namedtuple

from cobenefit_wire.errors import WireError

PREFIX = "cb/v1"
LEAVES = ("up", "senml", "ack", "cmd", "cmd/result", "state", "health", "ota")
_LONGER = ("up", "cmd/result")
_ID = "abcdefghijklmnopqrstuvwxyz0123456789-"
_CHANNEL = "abcdefghijklmnopqrstuvwxyz0123456789_"

Topic = namedtuple("Topic", ("site", "device", "leaf", "channel"))


def is_id(text: str) -> bool:
    """Whether a text may be a site or device id."""
    return 1 <= len(text) <= 32 and not text.strip(_ID)


def is_channel(text: str) -> bool:
    """Whether a text may be a channel name."""
    return 1 <= len(text) <= 32 and not text.strip(_CHANNEL)


def build(site: str, device: str, leaf: str, channel: str = "") -> str:
    """Return the topic of one leaf of one device; `channel` with `up` and `cmd/result` only."""
    if not is_id(site) or not is_id(device):
        raise ValueError("site and device must match [a-z0-9-]{1,32}: " + site + " / " + device)
    if leaf not in LEAVES or (leaf in _LONGER) != (channel != ""):
        raise ValueError(
            "leaf must be one of "
            + ", ".join(LEAVES)
            + "; a channel with "
            + " and ".join(_LONGER)
        )
    if channel and not is_channel(channel):
        raise ValueError("channel must match [a-z0-9_]{1,32}: " + channel)
    return f"{PREFIX}/{site}/{device}/{leaf}" + ("/" + channel if channel else "")


def branch(site: str, device: str) -> str:
    """Return what all topics of one device begin with, the last `/` included."""
    return build(site, device, "ack")[:-3]


def parse(topic: str) -> Topic:
    """Return the parts of a topic; raise `WireError('topic')` when it is none of ours."""
    parts = topic.split("/", 4)
    if len(parts) < 5 or not topic.startswith(PREFIX + "/"):
        raise WireError("topic", "not below " + PREFIX)
    site, device, leaf = parts[2:]
    longer, _, channel = leaf.rpartition("/")
    if longer in _LONGER:
        leaf = longer
    else:
        channel = ""
    if not is_id(site) or not is_id(device) or leaf not in LEAVES:
        raise WireError("topic", "unknown site, device or leaf")
    if (leaf in _LONGER) != is_channel(channel):
        raise WireError("topic", "bad channel")
    return Topic(site, device, leaf, channel)
