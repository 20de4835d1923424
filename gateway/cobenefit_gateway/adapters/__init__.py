"""Messages that are not ours, made into readings: one small file per kind.

An adapter takes a journal record and returns whose it is and its runs by channel, or raises
`WireError`, which puts the message into quarantine with a reason. The journal, the windows and the
rest treat the readings like any other. Which field becomes which channel is configured.
"""

from collections.abc import Sequence
from hashlib import blake2b
from math import isfinite
from typing import NamedTuple, Protocol

from paho.mqtt.client import topic_matches_sub

from cobenefit_gateway.config import Config
from cobenefit_gateway.config_operate import FieldRule
from cobenefit_gateway.decode import LAST_MS
from cobenefit_gateway.journal import Record
from cobenefit_gateway.senml_in import Channel
from cobenefit_gateway.state import State
from cobenefit_wire import quality, topics, units
from cobenefit_wire.errors import WireError


class Message(NamedTuple):
    """Readings of one device; a message with a fingerprint seen before is a copy."""

    site: str
    device: str
    channels: list[Channel]
    fingerprints: Sequence[bytes]


class Adapter(Protocol):
    """Decodes one kind of message."""

    def decode(self, record: Record) -> Message:
        """Return what a message holds; WireError when it can't be read."""


class Adapters:
    """The adapters of a configuration.

    Parameters
    ----------
    config : Config
        Has one entry per kind and site.
    state : State
        Where an adapter keeps what it must remember.
    """

    def __init__(self, config: Config, state: State) -> None:
        from cobenefit_gateway.adapters.lorawan import ChirpStack, TheThingsNetwork
        from cobenefit_gateway.adapters.sparkplug import Sparkplug

        self._by_filter: list[tuple[str, Adapter]] = []
        for entry in config.adapter:
            made: Adapter
            if entry.kind == "sparkplug":
                made = Sparkplug(entry, state)
            else:
                made = (ChirpStack if entry.kind == "chirpstack" else TheThingsNetwork)(entry)
            self._by_filter.append((entry.subscription, made))

    def of(self, topic: str) -> Adapter | None:
        """Return who takes a topic; None for ours and for strangers."""
        if not self._by_filter or topic.startswith(topics.PREFIX):
            return None
        return next((a for f, a in self._by_filter if topic_matches_sub(f, topic)), None)


def subscriptions(config: Config) -> list[str]:
    """Return the topic filters of all adapters."""
    return [entry.subscription for entry in config.adapter]


def device_id(text: object) -> str:
    """Return a device id made from a foreign one; WireError when none can be made."""
    made = "".join("-" if c in "_. /" else c for c in str(text).lower())
    if not isinstance(text, str) or not topics.is_id(made):
        raise WireError("device", "no device id of at most 32 of [a-z0-9-] can be made of it")
    return made


def fingerprint(*parts: object) -> bytes:
    """Return what tells a message from another."""
    return blake2b("\0".join(map(str, parts)).encode(), digest_size=16).digest()


def channel_of(rule: FieldRule, values: Sequence[tuple[int, object]]) -> Channel:
    """Return one channel's readings.

    Parameters
    ----------
    rule : FieldRule
        Channel and factor.
    values : sequence of (int, object)
        Time and raw value of each reading. [Unix ms, any]

    Returns
    -------
    Channel
        Ordered in time; what is not finite is flagged.

    Raises
    ------
    WireError
        If a value is not a number.
    """
    rows = sorted(values, key=lambda row: row[0])
    numbers = []
    for _, value in rows:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise WireError("field", f"{rule.name!r} is not a number")
        try:
            numbers.append(float(value) * rule.factor)
        except OverflowError:
            numbers.append(float("inf"))
    codes = [quality.GOOD if isfinite(x) else quality.NOT_FINITE for x in numbers]
    t_ms = [max(min(t, LAST_MS), -LAST_MS) for t, _ in rows]
    kept = [x if isfinite(x) else 0.0 for x in numbers]
    unit = units.QUANTITIES[units.quantity_of(rule.channel)].unit
    return Channel(rule.channel, unit, t_ms, kept, codes if any(codes) else None)
