"""Uplinks of LoRaWAN network servers as JSON: ChirpStack v4 and The Things Stack v3.

The payload must have been decoded by the server (a codec in the device profile, a payload
formatter): what the bytes of a sensor mean is not repeated here. Fields that are 0 or empty may be
absent from the envelope, so only what identifies the device must be there. A retransmission of
the same frame (same session, counter and bytes) is a copy. Simulated uplinks are refused: nothing
was measured.
"""

import json
from abc import ABC, abstractmethod
from datetime import UTC, datetime
from typing import Any

from cobenefit_gateway.adapters import Message, channel_of, device_id, fingerprint
from cobenefit_gateway.config_operate import AdapterConfig
from cobenefit_gateway.journal import Record
from cobenefit_wire.errors import WireError


class _Uplink(ABC):
    def __init__(self, config: AdapterConfig) -> None:
        self._config = config

    def decode(self, record: Record) -> Message:
        """Return the readings of an uplink; WireError when it can't be read."""
        body = _parsed(record.payload)
        device = device_id(self._device(body))
        fields = self._fields(body)
        if not isinstance(fields, dict) or not fields:
            raise WireError("not_decoded", "the network server has no decoder for this device")
        t_ms = _time_ms(self._time(body), record.received_ms)
        channels = {}
        for rule in self._config.channels(device):
            value = _deep(fields, rule.name)
            if value is not None:
                channels[rule.channel] = channel_of(rule, [(t_ms, value)])
        if not channels:
            names = ", ".join(map(str, list(fields)[:8]))
            raise WireError("no_field", f"none of its fields is configured: {names}")
        frame = fingerprint(device, *self._frame(body))
        return Message(
            self._config.site, device, [*channels.values()], [fingerprint(record.payload), frame]
        )

    @abstractmethod
    def _device(self, body: dict[str, Any]) -> object: ...

    @abstractmethod
    def _fields(self, body: dict[str, Any]) -> object: ...

    @abstractmethod
    def _time(self, body: dict[str, Any]) -> object: ...

    @abstractmethod
    def _frame(self, body: dict[str, Any]) -> tuple[object, ...]: ...


class ChirpStack(_Uplink):
    """Events `up` of ChirpStack v4, JSON encoding."""

    def _device(self, body: dict[str, Any]) -> object:
        return _table(body, "deviceInfo").get("devEui")

    def _fields(self, body: dict[str, Any]) -> object:
        return body.get("object")

    def _time(self, body: dict[str, Any]) -> object:
        return body.get("time")

    def _frame(self, body: dict[str, Any]) -> tuple[object, ...]:
        return body.get("devAddr"), body.get("fCnt", 0), body.get("fPort", 0), body.get("data")


class TheThingsNetwork(_Uplink):
    """Uplink messages of The Things Stack v3."""

    def _device(self, body: dict[str, Any]) -> object:
        if body.get("simulated"):
            raise WireError("simulated", "an uplink simulated in the console")
        return _table(body, "end_device_ids").get("device_id")

    def _fields(self, body: dict[str, Any]) -> object:
        return _table(body, "uplink_message").get("decoded_payload")

    def _time(self, body: dict[str, Any]) -> object:
        # The network server's clock; the radio gateway's own (settings.time) may be wrong.
        return _table(body, "uplink_message").get("received_at") or body.get("received_at")

    def _frame(self, body: dict[str, Any]) -> tuple[object, ...]:
        up = _table(body, "uplink_message")
        session = up.get("session_key_id") or _table(body, "end_device_ids").get("dev_addr")
        return session, up.get("f_cnt", 0), up.get("f_port", 0), up.get("frm_payload")


def _parsed(payload: bytes) -> dict[str, Any]:
    try:
        body = json.loads(payload)
    except (ValueError, RecursionError) as err:
        raise WireError("json", "not JSON; set the server's integration to JSON") from err
    if not isinstance(body, dict):
        raise WireError("json", "not an object")
    return body


def _table(body: dict[str, Any], key: str) -> dict[str, Any]:
    inner = body.get(key)
    if not isinstance(inner, dict):
        raise WireError("envelope", f"no {key!r}: not an uplink of this server")
    return inner


def _deep(fields: dict[str, Any], name: str) -> object:
    if name in fields:
        return fields[name]
    inner: object = fields
    for part in name.split("."):
        inner = inner.get(part) if isinstance(inner, dict) else None
    return inner


def _time_ms(text: object, received_ms: int) -> int:
    if text is None:
        return received_ms
    try:
        moment = datetime.fromisoformat(str(text))
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return round(moment.timestamp() * 1000)
    except (ValueError, OverflowError) as err:
        raise WireError("time", "the time of the uplink can't be read") from err
