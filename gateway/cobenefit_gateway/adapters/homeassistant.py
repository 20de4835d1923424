"""Tell Home Assistant about channels, by its MQTT discovery, and publish their latest value.

Only accepted readings are published, so a flagged jump of a counter never becomes a spike of
energy there. Values expire when a node is late, so that an old one is not taken for a new one.
Both are retained. Passages (event channels) have no latest value and are left out.
"""

import json
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from cobenefit_gateway.config import Config
from cobenefit_gateway.state import DAY, Series
from cobenefit_wire import units

Publish = Callable[[str, bytes, bool], bool]


class Entity(NamedTuple):
    """How Home Assistant sees a quantity: device class, its unit, our value times `factor`."""

    device_class: str | None
    unit: str | None
    factor: float = 1.0


#: By quantity; units are those Home Assistant allows for the device class.
ENTITIES = {
    "energy_import_wh": Entity("energy", "Wh"),
    "energy_export_wh": Entity("energy", "Wh"),
    "power_active_w": Entity("power", "W"),
    "power_apparent_va": Entity("apparent_power", "VA"),
    "voltage_v": Entity("voltage", "V"),
    "current_a": Entity("current", "A"),
    "pulse_count": Entity(None, None),
    "vehicle_count": Entity(None, None),
    "soil_moisture_ratio": Entity("moisture", "%", 100),
    "soil_temperature_degc": Entity("temperature", "°C"),
    "soil_conductivity_s_m": Entity("conductivity", "mS/cm", 10),
    "soil_ph": Entity("ph", None),
    "soil_nitrogen_ratio": Entity(None, "mg/kg", 1e6),
    "soil_phosphorus_ratio": Entity(None, "mg/kg", 1e6),
    "soil_potassium_ratio": Entity(None, "mg/kg", 1e6),
    "pm2_5_kg_m3": Entity("pm25", "µg/m³", 1e9),
    "pm10_kg_m3": Entity("pm10", "µg/m³", 1e9),
    "co2_ratio": Entity("carbon_dioxide", "ppm", 1e6),
    "air_temperature_degc": Entity("temperature", "°C"),
    "relative_humidity_ratio": Entity("humidity", "%", 100),
    "water_level_m": Entity("distance", "m"),
}
#: Channels told at once; the others follow at the next checkpoint. [1]
_AT_ONCE = 100
#: Discovery is repeated this often, in case somebody cleared it. [s]
_AGAIN_S = 3600.0


class Discovery:
    """Publishes what changed, as much as the broker takes.

    Parameters
    ----------
    config : Config
        Prefix of the topics, and when a value expires.
    publish : callable
        Sends (topic, payload, retain); False when it can't now.
    """

    def __init__(self, config: Config, publish: Publish) -> None:
        self._config = config
        self._prefix = config.homeassistant.prefix
        self._publish = publish
        self._told: dict[Series, float] = {}
        self._due: dict[Series, None] = {}

    def tell(self, changed: Iterable[Series]) -> None:
        """Publish discovery and value of changed channels; what finds no room waits."""
        if not self._prefix:
            return
        self._due.update(dict.fromkeys(s for s in changed if s.rule.kind != units.EVENT))
        for series in list(self._due)[:_AT_ONCE]:
            if not self._one(series):
                return
            del self._due[series]

    def _one(self, series: Series) -> bool:
        latest = latest_of(series)
        if latest is None:
            return True
        now = time.monotonic()
        if now - self._told.get(series, -_AGAIN_S) >= _AGAIN_S:
            topic, body = discovery(self._config, series)
            if not self._publish(topic, json.dumps(body).encode(), True):
                return False
            self._told[series] = now
        return self._publish(state_topic(series), value(series, *latest), True)


def latest_of(series: Series) -> tuple[float, int] | None:
    """Return the latest accepted reading among open windows, and its time.

    Parameters
    ----------
    series : Series
        Whose.

    Returns
    -------
    tuple of float, int or None
        Value and time; None when no window is open. [unit of the quantity, Unix ms]
    """
    days = [w for (grid, _), w in series.windows.items() if grid == DAY and w.segments]
    if not days:
        return None
    last = max((w.segments[-1] for w in days), key=lambda s: s.last_t_ms)
    return last.last, last.last_t_ms


def value(series: Series, reading: float, t_ms: int) -> bytes:
    """Return the message for one reading.

    Parameters
    ----------
    series : Series
        Whose it is.
    reading : float
        In our unit. [unit of the quantity]
    t_ms : int
        When. [Unix ms]

    Returns
    -------
    bytes
        JSON with the value in Home Assistant's unit and the time.
    """
    factor = _entity(series).factor
    at = datetime.fromtimestamp(t_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return json.dumps({"value": float(f"{reading * factor:.12g}"), "time": at}).encode()


def state_topic(series: Series) -> str:
    """Return where a channel's value is published, apart from the nodes' own branch."""
    return f"cobenefit/{series.site}/{series.device}/{series.channel}"


def discovery(config: Config, series: Series) -> tuple[str, dict[str, Any]]:
    """Return topic and body of a channel's discovery message."""
    entity = _entity(series)
    device = f"cobenefit-{series.site}-{series.device}"
    counter = series.rule.kind == units.COUNTER
    body = {
        "name": series.channel.replace("_", " "),
        "unique_id": f"{device}-{series.channel}",
        "state_topic": state_topic(series),
        "value_template": "{{ value_json.value }}",
        "json_attributes_topic": state_topic(series),
        "state_class": "total_increasing" if counter else "measurement",
        "expire_after": config.node_rule(series.site, series.device).late_s,
        "device": {"identifiers": [device], "name": f"{series.site} {series.device}"},
        "origin": {"name": "cobenefit"},
    }
    if entity.device_class:
        body["device_class"] = entity.device_class
    if entity.unit:
        body["unit_of_measurement"] = entity.unit
    return f"{config.homeassistant.prefix}/sensor/{device}/{series.channel}/config", body


def _entity(series: Series) -> Entity:
    return ENTITIES[units.quantity_of(series.channel)]
