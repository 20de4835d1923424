"""The whole process on real brokers: run until idle, sizes, restarts of the broker, commands."""

import json
import resource
import subprocess
import sys
import threading
import time

import paho.mqtt.client as paho
import pytest

from cobenefit_hil.services import Service, broker_command, free_port
from cobenefit_wire import messages
from cobenefit_wire.pack import Pack, encode

START_MS = 1_600_041_600_000
BROKERS = ["iotcore", "mosquitto"]


def gateway_command(*words):
    return [sys.executable, "-m", "cobenefit_gateway", *map(str, words)]


@pytest.fixture(params=BROKERS)
def broker(request, tmp_path, monkeypatch, program):
    if request.param == "mosquitto":
        program("mosquitto")
    monkeypatch.setenv("COBENEFIT_BROKER", request.param)
    port = free_port()
    with Service("broker", broker_command(port, tmp_path), tmp_path / "b.log", port=port) as it:
        yield it


@pytest.fixture
def config(tmp_path, broker, receiver):
    path = tmp_path / "gateway.toml"
    path.write_text(
        f'tenant = "t"\ncheckpoint_s = 0.1\n[broker]\nport = {broker.port}\n'
        f'[backend]\nurl = "{receiver.url}"\n'
    )
    return path


class Publisher:
    def __init__(self, port, name="pub"):
        self.floor, self.news = 0, threading.Condition()
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=name)
        self.client.on_connect = lambda c, *_: c.subscribe("cb/v1/s/d/ack", 1)
        self.client.on_message = self.on_ack
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def on_ack(self, _client, _userdata, message):
        with self.news:
            self.floor = max(self.floor, messages.decode_ack(message.payload).floor)
            self.news.notify_all()

    def send(self, seq, leaf="up/energy_import_wh", payload=None):
        made = encode(Pack(1, seq, 0, START_MS + seq * 600_000, "Wh", 0, 600_000, (), [seq], b""))
        self.client.publish(f"cb/v1/s/d/{leaf}", made if payload is None else payload, 1)

    def quiet_floor(self, still_s=4.0):
        """Wait until the floor has stood still for a while, and return it."""
        with self.news:
            while self.news.wait(still_s):
                pass
            return self.floor

    def send_until_acknowledged(self, upto, timeout_s=90):
        until = time.monotonic() + timeout_s
        while self.floor < upto and time.monotonic() < until:
            for seq in range(self.floor, upto):
                self.send(seq)
            with self.news:
                self.news.wait_for(lambda: self.floor >= upto, 1.0)
        assert self.floor >= upto

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def publisher(broker):
    publisher = Publisher(broker.port)
    yield publisher
    publisher.close()


@pytest.mark.broker
def test_until_idle_forwards_everything_and_ends(config, receiver, publisher, broker, tmp_path):
    stranger = Publisher(broker.port, "stranger")  # some brokers cut who sends too much
    command = gateway_command("run", config, "--until-idle", 5.0)  # a test may be slow
    with Service("gateway", command, tmp_path / "gateway.log") as gateway:
        publisher.send_until_acknowledged(2)
        publisher.send(0, "senml", b'[{"n":"voltage_v","u":"V","t":1600000000,"v":230}]')
        publisher.send(0, "up/BAD", b"x")
        stranger.send(0, "up/voltage_v", b"y" * 70_000)
        publisher.send_until_acknowledged(30)
        time.sleep(0.2)
        stranger.close()
        assert gateway.process.wait(120) == 0, gateway.tail()
    assert receiver.stored("d", "energy_import_wh") == 30
    assert receiver.stored("d", "voltage_v") == 1
    check_commands(config, broker)


def check_commands(config, broker):
    status = run("status", config, "--json")
    assert status["readings"] >= 30
    assert status["pages_waiting"] == 0
    reasons = {row["reason"]: row["packs"] for row in run("quarantine", config, "--json")}
    # iotcore takes no payload above 20 kB, so the gateway never sees that one.
    large = {} if "iotcore" in broker.command else {"oversize": 1}
    assert reasons == {"topic": 1, **large}
    assert (
        "reason"
        in subprocess.run(
            gateway_command("quarantine", config), capture_output=True, text=True, check=True
        ).stdout
    )


def run(*words):
    done = subprocess.run(gateway_command(*words), capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.broker
def test_a_broker_that_restarts_and_a_second_gateway(
    config, receiver, publisher, broker, tmp_path
):
    gateway = Service("gateway", gateway_command("run", config), tmp_path / "gateway.log")
    gateway.start()
    publisher.send_until_acknowledged(5)
    second = subprocess.run(
        gateway_command("run", config), capture_output=True, text=True, check=False
    )
    assert second.returncode == 3
    assert "another gateway works here" in second.stderr
    broker.kill()
    broker.start()
    publisher.send_until_acknowledged(10)
    assert gateway.stop(60) == 0, gateway.tail()
    assert receiver.stored("d", "energy_import_wh") == 10


@pytest.mark.broker
def test_a_full_disk_stops_acknowledging_and_says_so(
    config, receiver, publisher, broker, tmp_path
):
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    with Service("gateway", gateway_command("run", config), tmp_path / "gateway.log") as gateway:
        publisher.send_until_acknowledged(5)
        # As on a full disk: no file of the process may grow beyond what its log needs.
        resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE, (3000, usual[1]))
        until, seq = time.monotonic() + 90, 5
        while "nothing is acknowledged until there is room" not in gateway.tail():
            assert time.monotonic() < until, gateway.tail()
            publisher.send(seq)
            seq += 1
            time.sleep(0.05)
        floor = publisher.quiet_floor()  # an acknowledgement may still be on its way
        for more in range(20):
            publisher.send(seq + more)
            time.sleep(0.05)
        assert publisher.floor == floor
        assert gateway.running()
        resource.prlimit(gateway.process.pid, resource.RLIMIT_FSIZE, usual)
        publisher.send_until_acknowledged(seq + 20)
        assert gateway.stop(60) == 0, gateway.tail()
    assert receiver.stored("d", "energy_import_wh") == seq + 20
    assert run("status", config, "--json")["disk_full"] > 0


def test_without_a_broker_it_waits_and_still_stops_at_once(tmp_path, receiver):
    config = tmp_path / "gateway.toml"
    config.write_text(
        f'tenant = "t"\n[broker]\nport = {free_port()}\n[backend]\nurl = "{receiver.url}"\n'
    )
    with Service("gateway", gateway_command("run", config), tmp_path / "g.log") as gateway:
        until = time.monotonic() + 60
        while "does not answer" not in gateway.tail() and time.monotonic() < until:
            time.sleep(0.05)
        assert "does not answer" in gateway.tail()
        tries = gateway.log.read_text().count("does not answer")
        assert gateway.stop(60) == 0, gateway.tail()
        assert gateway.log.read_text().count("does not answer") <= tries + 1


def test_commands_without_a_broker(tmp_path):
    config = tmp_path / "gateway.toml"
    for words, code, said in (
        (("init", config), 0, "wrote"),
        (("init", config), 2, "there already"),
        (("check", config, "--offline"), 0, "good"),
        (("status", config), 2, "no gateway has run"),
    ):
        done = subprocess.run(gateway_command(*words), capture_output=True, text=True, check=False)
        assert done.returncode == code
        assert said in done.stdout + done.stderr
    config.write_text(config.read_text().replace("port = 1883", "port = 0"))
    done = subprocess.run(
        gateway_command("run", config), capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    for word in (str(config), "broker.port", "0", "1 to 65535"):
        assert word in done.stderr
