"""A changed configuration taken over while messages flow; real broker, real process, signals."""

import json
import os
import signal
import subprocess
import sys
import time

import paho.mqtt.client as paho
import pytest

from cobenefit_hil.services import Service, broker_command, free_port

START_S = 1_600_041_600
UPLINK = {
    "time": "2020-09-14T00:00:00+00:00",
    "deviceInfo": {"devEui": "0101010101010101"},
    "object": {"temperature": 21.5},
}
ADAPTER = """
[[adapter]]
kind = "chirpstack"
site = "field"
[[adapter.field]]
name = "temperature"
channel = "air_temperature_degc"
"""


def command(*words):
    return [sys.executable, "-m", "cobenefit_gateway", *map(str, words)]


def wait_for(condition, what, timeout_s=90):
    until = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until, what
        time.sleep(0.05)


def status(config):
    done = subprocess.run(command("status", config, "--json"), capture_output=True, text=True)
    return json.loads(done.stdout) if done.returncode == 0 else {}


@pytest.fixture
def stand(tmp_path, monkeypatch, program, receiver, hook):
    """A mosquitto, a gateway on it, and a publisher that never repeats itself."""
    program("mosquitto")
    monkeypatch.setenv("COBENEFIT_BROKER", "mosquitto")
    port = free_port()
    stand = type("Stand", (), {})()
    stand.receiver, stand.page, stand.hook = receiver, free_port(), hook
    stand.config = tmp_path / "gateway.toml"
    stand.text = (
        f'tenant = "t"\ncheckpoint_s = 0.1\n[broker]\nport = {port}\n'
        f'[backend]\nurl = "{receiver.url}"\n[http]\nport = {stand.page}\n'
        f'[log]\nformat = "json"\n[alarms]\nevery_s = 1\n[webhook]\nurl = "{hook.url}"\n'
    )
    stand.config.write_text(stand.text)
    stand.port = port
    with Service("broker", broker_command(port, tmp_path), tmp_path / "b.log", port=port):
        stand.gateway = Service(
            "gateway", command("run", stand.config), tmp_path / "gateway.log", port=stand.page
        )
        stand.gateway.start()
        stand.client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        stand.client.connect("127.0.0.1", port)
        stand.client.loop_start()
        wait_for(lambda: "connected_ms" in page(stand).get("live", {}), "no broker")
        yield stand
        stand.client.disconnect()
        stand.client.loop_stop()
        stand.gateway.kill()


def page(stand):
    import urllib.request

    try:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{stand.page}/status.json", timeout=60
        ) as answer:
            return json.loads(answer.read())
    except OSError:
        return {}


def publish(stand, number):
    body = [{"n": "voltage_v", "u": "V", "t": START_S + 600 * number, "v": 230}]
    stand.client.publish("cb/v1/s/d/senml", json.dumps(body), 1).wait_for_publish(60)


def taken_over(stand, times):
    return stand.gateway.log.read_text().count("taken over") >= times


@pytest.mark.broker
def test_reloads_under_way_lose_no_message_and_new_topics_are_heard(stand):
    sent = 0
    for reload in range(3):
        for _ in range(20):
            publish(stand, sent)
            sent += 1
        stand.config.write_text(stand.text + ADAPTER * (reload > 0))
        stand.gateway.process.send_signal(signal.SIGHUP)
        for _ in range(20):
            publish(stand, sent)
            sent += 1
        wait_for(lambda n=reload: taken_over(stand, n + 1), stand.gateway.tail())
    uplink = json.dumps(UPLINK)
    until = time.monotonic() + 90  # no subscription yet: the broker drops it, so again
    while page(stand).get("series") != 2 and time.monotonic() < until:
        stand.client.publish("application/a/device/b/event/up", uplink, 1)
        time.sleep(0.05)
    assert stand.gateway.stop(60) == 0, stand.gateway.tail()
    assert stand.receiver.stored("d", "voltage_v") == sent
    assert stand.receiver.stored("0101010101010101", "air_temperature_degc") == 1


@pytest.mark.broker
def test_a_wrong_configuration_is_refused_said_and_changes_nothing(stand):
    for wrong, said in (
        ("nonsense = 1", "nonsense"),
        ('tenant = "other"', "until a restart"),
        (stand.text + "[broker.x]", "broker"),
        (
            stand.text.replace("[backend]", 'tls_ca = "none.pem"\n[backend]'),
            "readable certificate",
        ),
    ):
        stand.config.write_text(wrong)
        stand.gateway.process.send_signal(signal.SIGHUP)
        wait_for(lambda said=said: said in stand.gateway.tail(), stand.gateway.tail())
    for line in stand.gateway.log.read_text().splitlines():
        json.loads(line)
    publish(stand, 0)
    wait_for(lambda: page(stand).get("readings") == 1, "it no longer takes messages")
    assert stand.gateway.stop(60) == 0
    stand.config.write_text(stand.text)
    assert [a["code"] for a in status(stand.config)["alarms"]] == ["config_refused"]


@pytest.mark.broker
def test_home_assistant_finds_what_was_announced_before_it_came(stand):
    stand.config.write_text(stand.text + '[homeassistant]\nprefix = "ha"\n')
    stand.gateway.process.send_signal(signal.SIGHUP)
    wait_for(lambda: taken_over(stand, 1), stand.gateway.tail())
    publish(stand, 0)
    got = {}
    late = paho.Client(paho.CallbackAPIVersion.VERSION2)
    late.on_connect = lambda c, *_: c.subscribe([("ha/#", 1), ("cobenefit/#", 1)])
    late.on_message = lambda _c, _u, m: got.update({m.topic: (m.retain, json.loads(m.payload))})
    wait_for(lambda: page(stand).get("readings") == 1, "not taken")
    late.connect("127.0.0.1", stand.port)
    late.loop_start()
    wait_for(lambda: len(got) == 2, f"got {got}")
    late.disconnect()
    late.loop_stop()
    _, announced = got["ha/sensor/cobenefit-s-d/voltage_v/config"]
    assert announced["state_topic"] == "cobenefit/s/d/voltage_v"
    assert got["cobenefit/s/d/voltage_v"][1]["value"] == 230.0


@pytest.mark.broker
def test_the_commands_of_an_operator(stand):
    publish(stand, 0)
    stand.client.publish("cb/v1/s/d/up/BAD", b"x", 1).wait_for_publish(60)
    wait_for(lambda: page(stand).get("refused_packs") == 1, "nothing refused")
    # The gateway runs: it takes the message again itself, and refuses it again.
    done = subprocess.run(command("replay", stand.config), capture_output=True, text=True)
    assert (done.returncode, done.stdout[:23]) == (0, "1 messages taken again;")
    assert page(stand)["replayed"] == 1
    wait_for(lambda: stand.hook.got, "nobody was told")
    assert stand.hook.got[0][1]["alarms"][0]["code"] == "quarantine_grows"
    assert stand.gateway.stop(60) == 0, stand.gateway.tail()
    (alarm,) = status(stand.config)["alarms"]
    assert alarm["code"] == "quarantine_grows"
    done = subprocess.run(
        command("alarms", stand.config, "--ack", alarm["id"]),
        capture_output=True, text=True, env={**os.environ, "LC_ALL": "fr_FR.UTF-8"},
    )  # fmt: skip
    assert "vue" in done.stdout
    listed = subprocess.run(command("alarms", stand.config, "--json"), capture_output=True)
    assert json.loads(listed.stdout)[0]["acked_ms"] is not None
    done = subprocess.run(command("alarms", stand.config, "--ack", 99), capture_output=True)
    assert done.returncode == 2
    shown = subprocess.run(command("status", stand.config), capture_output=True, text=True)
    assert "s/d" in shown.stdout
    printed = subprocess.run(command("unit", stand.config), capture_output=True, text=True)
    assert "[Service]" in printed.stdout
