"""Bytes on the wire for each reading of a pack of 60, MQTT included, beside SenML."""

import json

from cobenefit_wire import pack, topics

READINGS = 60


def wire_bytes() -> float:
    """Return the bytes of one PUBLISH at QoS 1, for each reading [B]."""
    values = tuple(5_000_000 + 7 * i for i in range(READINGS))
    one = pack.Pack(1, 1, 0, 1_700_000_000_000, "Wh", 0, 0, (0, *(60_000,) * 59), values, b"")
    topic = topics.build("school", "meter-01", "up", "energy_import_wh")
    # OASIS MQTT 3.1.1, section 3.3: fixed header with 2 bytes of length, topic, packet identifier.
    return (3 + 2 + len(topic) + 2 + len(pack.encode(one))) / READINGS


def senml_bytes() -> float:
    """Return the bytes of the same readings as SenML JSON (RFC 8428), for each reading [B]."""
    base = {"bn": "school/meter-01/energy_import_wh", "bt": 1.7e9, "bu": "Wh"}
    rows = [{"t": 60 * i, "v": 5_000_000 + 7 * i} for i in range(READINGS)]
    text = json.dumps([base | rows[0], *rows[1:]], separators=(",", ":"))
    return len(text) / READINGS


value = wire_bytes()
row = {"name": "node_wire_bytes", "value": value, "unit": "B/reading"}
print(json.dumps(row | {"peer": "SenML JSON", "ratio": senml_bytes() / value}))
