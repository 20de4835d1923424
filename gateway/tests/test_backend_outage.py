"""A real backend that is killed and comes back: it costs disk, nothing else."""

import json
import sqlite3
import subprocess
import sys
import time

import paho.mqtt.client as paho
import pytest

from cobenefit_hil.services import Service, broker_command, free_port
from cobenefit_wire import messages
from cobenefit_wire.pack import Pack, encode

START_MS = 1_600_041_600_000
DAY_MS = 86_400_000


def module(name, *words):
    return [sys.executable, "-m", name, *map(str, words)]


class Node:
    """Sends one reading a day and keeps each pack until an ack covers it."""

    def __init__(self, port):
        self.floor = 0
        self.client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        self.client.on_connect = lambda c, *_: c.subscribe("cb/v1/s/d/ack", 1)
        self.client.on_message = self.on_ack
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def on_ack(self, _client, _userdata, message):
        self.floor = max(self.floor, messages.decode_ack(message.payload).floor)

    def send_until_acknowledged(self, upto, timeout_s=120):
        until = time.monotonic() + timeout_s
        while self.floor < upto:
            assert time.monotonic() < until, f"{self.floor} of {upto} acknowledged"
            for seq in range(self.floor, upto):
                t_ms = START_MS + seq * DAY_MS
                body = encode(Pack(1, seq, 0, t_ms, "Wh", 0, 600_000, (), [10 * seq], b""))
                self.client.publish("cb/v1/s/d/up/energy_import_wh", body, 1)
            end = time.monotonic() + 1
            while self.floor < upto and time.monotonic() < end:
                time.sleep(0.02)

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def stand(tmp_path):
    stand = type("Stand", (), {})()
    broker_port, backend_port = free_port(), free_port()
    settings = tmp_path / "backend.toml"
    stand.database = tmp_path / "backend.sqlite3"
    settings.write_text(
        f'[database]\nurl = "sqlite:///{stand.database}"\n[server]\nport = {backend_port}\n'
    )
    key = subprocess.run(
        module("cobenefit_backend", "key", "create", "t", "--quiet", "--config", settings),
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    stand.backend = Service(
        "backend", module("cobenefit_backend", "serve", "--config", settings),
        tmp_path / "backend.log", port=backend_port,
    )  # fmt: skip
    stand.config = tmp_path / "gateway.toml"
    stand.config.write_text(
        f'tenant = "t"\ncheckpoint_s = 0.1\n[broker]\nport = {broker_port}\n'
        f'[backend]\nurl = "http://127.0.0.1:{backend_port}"\nmax_pages = 2\ndrain_s = 60\n'
    )
    gateway = Service(
        "gateway", module("cobenefit_gateway", "run", stand.config), tmp_path / "gateway.log",
        env={"COBENEFIT_GATEWAY_KEY": key},
    )  # fmt: skip
    stand.gateway = gateway
    with (
        Service(
            "broker", broker_command(broker_port, tmp_path), tmp_path / "b.log", port=broker_port
        ),
        stand.backend,
        gateway,
    ):
        stand.node = Node(broker_port)
        yield stand
        stand.node.close()


def status(stand):
    done = subprocess.run(
        module("cobenefit_gateway", "status", stand.config, "--json"),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


def stored(stand):
    with sqlite3.connect(stand.database) as db:
        (found,) = db.execute("SELECT coalesce(sum(count), 0) FROM rollup").fetchone()
    db.close()
    return found


def wait_for(condition, what, timeout_s=120):
    until = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until, what
        time.sleep(0.1)


@pytest.mark.broker
@pytest.mark.timeout(600)
def test_a_backend_that_is_killed_for_long_loses_nothing_with_a_small_spool(stand):
    stand.node.send_until_acknowledged(5)
    wait_for(lambda: stored(stand) == 4, "the backend does not take the first days")
    stand.backend.kill()
    for upto in range(8, 30, 3):  # acknowledged to the node although the backend is away
        stand.node.send_until_acknowledged(upto)
    wait_for(lambda: status(stand)["windows_due"] > 0, "nothing waits behind the spool")
    held = status(stand)
    assert held["pages_waiting"] == 2
    assert held["pages_deferred"] > 0
    assert held.get("windows_dropped", 0) == 0
    stand.gateway.kill()  # and the gateway too, on top
    stand.gateway.start()
    stand.backend.start()
    wait_for(lambda: stored(stand) == 28, f"{stored(stand)} of 28 arrived")
    assert stand.gateway.stop(90) == 0, stand.gateway.tail()
    assert stored(stand) == 29
    assert status(stand)["pages_waiting"] == status(stand)["windows_due"] == 0
