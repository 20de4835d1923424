"""Quantities: what a channel measures, in which unit, how it adds up, how far it is plausible.

A channel is named after its quantity, with `_2`, `_3` … for further sensors of the same kind on
one device. Units are SenML codes (RFC 8428 section 12.1, RFC 8798 section 3). Plausible limits
are in the unit of the quantity; a reading outside them is flagged, not dropped.
"""

from collections import namedtuple

COUNTER = "counter"
GAUGE = "gauge"
EVENT = "event"

Quantity = namedtuple("Quantity", ("unit", "kind", "exponent", "low", "high"))

QUANTITIES = {
    "energy_import_wh": Quantity("Wh", COUNTER, 0, 0, 10_000_000_000),
    "energy_export_wh": Quantity("Wh", COUNTER, 0, 0, 10_000_000_000),
    "power_active_w": Quantity("W", GAUGE, 0, -100_000, 100_000),
    "power_apparent_va": Quantity("VA", GAUGE, 0, 0, 100_000),
    "voltage_v": Quantity("V", GAUGE, -1, 0, 500),
    "current_a": Quantity("A", GAUGE, -3, 0, 200),
    "pulse_count": Quantity("count", COUNTER, 0, 0, 4_294_967_295),
    "vehicle_count": Quantity("count", COUNTER, 0, 0, 4_294_967_295),
    "vehicle_speed_km_h": Quantity("km/h", EVENT, 0, 0, 250),
    "travel_time_s": Quantity("s", EVENT, 0, 1, 7200),
    "soil_moisture_ratio": Quantity("/", GAUGE, -3, 0, 1),
    "soil_temperature_degc": Quantity("Cel", GAUGE, -1, -40, 80),
    "soil_conductivity_s_m": Quantity("S/m", GAUGE, -4, 0, 2),
    "soil_ph": Quantity("pH", GAUGE, -1, 3, 10),
    "soil_nitrogen_ratio": Quantity("/", GAUGE, -6, 0, 0.002),
    "soil_phosphorus_ratio": Quantity("/", GAUGE, -6, 0, 0.002),
    "soil_potassium_ratio": Quantity("/", GAUGE, -6, 0, 0.002),
    # Air and water.
    "pm2_5_kg_m3": Quantity("kg/m3", GAUGE, -10, 0, 0.000001),
    "pm10_kg_m3": Quantity("kg/m3", GAUGE, -10, 0, 0.000001),
    "co2_ratio": Quantity("/", GAUGE, -6, 0.0003, 0.04),
    "air_temperature_degc": Quantity("Cel", GAUGE, -2, -40, 60),
    "relative_humidity_ratio": Quantity("/", GAUGE, -3, 0, 1),
    "water_level_m": Quantity("m", GAUGE, -3, -1, 20),
}


def quantity_of(channel: str) -> str:
    """Return the quantity a channel measures: its name without a `_2`-like suffix, or ''."""
    if channel in QUANTITIES:
        return channel
    stem, _, number = channel.rpartition("_")
    if stem in QUANTITIES and number.isdigit():
        return stem
    return ""
