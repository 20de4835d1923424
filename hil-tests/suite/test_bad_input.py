"""Whatever a stranger may send: refused with its reason, counted, and nothing else lost."""

import json
import math
import subprocess
import sys
from binascii import crc32

import cbor2
import paho.mqtt.client as paho
import pytest

from cobenefit_hil.demo.stack import Stack
from cobenefit_wire import pack, topics

pytestmark = [pytest.mark.hil, pytest.mark.broker]
SITE, DEVICE, CHANNEL = "sceaux", "stranger", "energy_import_wh"
NOON_MS, HOUR_MS = 1_700_000_000_000 - 1_700_000_000_000 % 3_600_000, 3_600_000
YEAR_2000_MS, YEAR_2100_MS = 946_684_800_000, 4_102_444_800_000


def packed(seq, t_ms, values):
    return pack.encode(pack.Pack(1, seq, 0, t_ms, "Wh", 0, HOUR_MS, (), tuple(values), b""))


def flipped(data):
    return data[:40] + bytes((data[40] ^ 1,)) + data[41:]


def relabelled(data):
    body = data[:3] + b"\x0e" + data[4:-6]
    return body + data[-6:-4] + (crc32(body) & 0xFFFFFFFF).to_bytes(4, "big")


def senml(value):
    return [{"bn": "temperature", "bt": NOON_MS / 1000, "u": "Cel", "v": value}]


def messages_to_send():
    """Yield (leaf, channel, payload) of good and bad messages."""
    yield "up", CHANNEL, packed(0, NOON_MS, (1000, 1100, 1200))
    yield "up", CHANNEL, flipped(packed(1, NOON_MS, (1,)))
    yield "up", CHANNEL, relabelled(packed(2, NOON_MS, (1,)))
    yield "up", CHANNEL, packed(3, YEAR_2000_MS, (1250,))
    yield "up", CHANNEL, packed(4, YEAR_2100_MS, (1260,))
    yield "up", CHANNEL, packed(5, NOON_MS + 3 * HOUR_MS, (1300, 7, 1400))  # jumps back once
    yield "up", CHANNEL, packed(0, NOON_MS, (1000, 1100, 1200))  # delivered again
    yield "up", "no_such_quantity", packed(6, NOON_MS, (1, 2))
    name = "soil_temperature_degc"
    yield "senml", "", json.dumps([{**senml(12.5)[0], "bn": name}]).encode()
    yield "senml", "", cbor2.dumps([{-2: name, -3: NOON_MS / 1000 + 60, 1: "Cel", 2: 13.5}])
    yield "senml", "", cbor2.dumps([{-2: name, -3: NOON_MS / 1000 + 120, 1: "Cel", 2: math.nan}])
    yield "senml", "", b"{not json"


def publish(port):
    client = paho.Client(paho.CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port)
    client.loop_start()
    for leaf, channel, payload in messages_to_send():
        client.publish(topics.build(SITE, DEVICE, leaf, channel), payload, 1).wait_for_publish(60)
    client.publish("cb/v1/sceaux/STRANGER/up/x", b"?", 1).wait_for_publish(60)
    client.disconnect()
    client.loop_stop()


def quarantine(stack):
    command = ["-m", "cobenefit_gateway", "quarantine", str(stack.gateway_config), "--json"]
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.timeout(900)
def test_bad_input_is_named_counted_and_costs_no_good_reading(tmp_path):
    stack = Stack(tmp_path, {"sceaux": "Europe/Paris"})
    try:
        stack.start()
        publish(stack.broker_port)
        stack.drain()
        shown = {(row["channel"], row["reason"]): row for row in quarantine(stack)}
        report = stack.report(tmp_path / "report.html", tmp_path / "report.json")
    finally:
        stack.stop()
    rows = {row["channel"]: row for row in report["data"]["series"] if row["device"] == DEVICE}
    energy = rows[CHANNEL]
    assert energy["stored"] == 5
    assert energy["quarantined"] == {
        "time_before_earliest": 1,
        "time_in_future": 1,
        "counter_went_back": 1,
        "crc": 0,
        "label": 0,
    }
    assert energy["packs"] == {"crc": 1, "label": 1}
    assert rows["soil_temperature_degc"]["stored"] == 2
    assert {reason for _, reason in shown} >= {
        "crc", "label", "time_before_earliest", "time_in_future", "counter_went_back",
        "quantity", "not_finite", "senml", "topic",
    }  # fmt: skip
    assert report["data"]["lost"] == 0


def test_a_wrong_configuration_is_refused_before_the_first_connection(tmp_path):
    config = tmp_path / "gateway.toml"
    config.write_text('tenant = "demo"\n[broker]\nport = 70000\n')
    command = [sys.executable, "-m", "cobenefit_gateway", "run", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=250)
    assert done.returncode == 2
    for word in (config.name, "port", "70000", "65535"):
        assert word in done.stdout + done.stderr
