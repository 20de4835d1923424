"""kill -9 at random moments: at the end nothing is lost and nothing counted twice.

Real broker, real gateway process, real HTTP; the publishers behave like nodes: they keep every
pack until an ack covers it and send it again when no ack comes.
"""

import random
import sys
import threading
import time

import paho.mqtt.client as paho
import pytest

from cobenefit_hil.services import Service, broker_command, free_port
from cobenefit_wire import messages, quality
from cobenefit_wire.pack import Pack, encode

SITE = "lab"
START_MS = 1_600_000_000_000
PERIOD_MS = 600_000
IN_FLIGHT = 12


class Node:
    """One device: a counter and a gauge, one sequence, a store of packs not yet acknowledged."""

    def __init__(self, name, port, seed):
        self.name, self.rng = name, random.Random(seed)
        self.kept, self.sent_at, self.seq, self.index = {}, {}, 0, 0
        self.made = {"energy_import_wh": [], "power_active_w": []}
        self.good_sum = dict.fromkeys(self.made, 0)
        self.lost_entry, self.lost_sum = None, 0
        self.bent = set()
        self.lock = threading.Lock()
        self.client = paho.Client(
            paho.CallbackAPIVersion.VERSION2, client_id=name, clean_session=False
        )
        self.client.on_connect = lambda c, *_: c.subscribe(f"cb/v1/{SITE}/{name}/ack", 1)
        self.client.on_message = self.on_ack
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def on_ack(self, _client, _userdata, message):
        ack = messages.decode_ack(message.payload)
        pairs = list(zip(ack.ranges[::2], ack.ranges[1::2], strict=True))
        with self.lock:
            for seq in list(self.kept):
                if seq < ack.floor or any(low <= seq <= high for low, high in pairs):
                    del self.kept[seq]

    def make(self):
        n = self.rng.randrange(1, 40)
        t_ms = START_MS + self.index * PERIOD_MS
        channel = self.rng.choice(list(self.made))
        unit = "Wh" if channel == "energy_import_wh" else "W"
        values = [10 * (self.index + i) for i in range(n)]
        if unit == "W":
            values = [v % 90_000 for v in values]  # inside the plausible range
        codes = bytes(quality.TIMEOUT * (self.rng.random() < 0.05) for _ in range(n))
        data = encode(
            Pack(
                3, self.seq, 0, t_ms, unit, 0, PERIOD_MS, (), values, codes if any(codes) else b""
            )
        )
        self.index += n
        self.made[channel].append(n)
        good_sum = sum(v for v, code in zip(values, codes, strict=True) if code == quality.GOOD)
        self.good_sum[channel] += good_sum
        with self.lock:
            if self.seq == 25:  # as if a full ring had to make room
                self.lost_entry, self.lost_sum = (channel, n), good_sum
            else:
                self.kept[self.seq] = (channel, data)
        self.seq += 1

    def send(self):
        now = time.monotonic()
        with self.lock:
            due = [
                (seq, *self.kept[seq])
                for seq in sorted(self.kept)[:IN_FLIGHT]
                if now - self.sent_at.get(seq, 0) > 1.0
            ]
        for seq, channel, data in due:
            self.sent_at[seq] = now
            topic = f"cb/v1/{SITE}/{self.name}/up/{channel}"
            if self.rng.random() < 0.02:
                bent = data[:40] + bytes([data[40] ^ 1]) + data[41:]
                self.client.publish(topic, bent, 1)
                self.bent.add(bent)
            self.client.publish(topic, data, 1)

    def tell_health(self):
        lost = []
        with self.lock:
            if self.seq > 26 and min(self.kept, default=self.seq) > 25:
                lost = [[3, 26, [list(self.lost_entry)]]]
        health = messages.Health(
            3, int(time.monotonic() * 1000), 1, 5, "profile", 6, 7, 8, 9, None, 0, None, lost,
            0, 0, 0, 0, [], 0,
        )  # fmt: skip
        self.client.publish(f"cb/v1/{SITE}/{self.name}/health", messages.encode(health), 1)

    def stop(self):
        self.client.disconnect()
        self.client.loop_stop()


def play(nodes, stop, making):
    beat = 0
    while not stop.wait(0.02):
        beat += 1
        for node in nodes:
            if making.is_set():
                node.make()
            node.send()
            if beat % 25 == 0:
                node.tell_health()


def subscribe_once(port, command, log):
    # The broker queues for the gateway from its first subscription on.
    probe = Node("probe", port, 9)
    probe.make()
    with Service("gateway", command, log):
        while probe.kept:
            probe.send()
            time.sleep(0.05)
    probe.stop()


def sometimes(n):
    # The page was taken but the answer was lost, as with the first; or the backend is busy.
    return {1: 500, 4: 503}.get(n % 7)


@pytest.mark.broker
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("broker_name", "wanted"), [("iotcore", 21), ("mosquitto", 4)])
def test_kill_at_random_moments_loses_nothing_and_counts_nothing_twice(
    tmp_path, receiver, monkeypatch, program, *, broker_name, wanted
):
    if broker_name == "mosquitto":
        program("mosquitto")
    monkeypatch.setenv("COBENEFIT_BROKER", broker_name)
    rng = random.Random(20261122)
    port = free_port()
    receiver.fail = sometimes
    config = tmp_path / "gateway.toml"
    config.write_text(
        f'tenant = "t"\ncheckpoint_s = 0.15\n[broker]\nport = {port}\n[windows]\n'
        f'timezone = "Europe/Paris"\n[backend]\nurl = "{receiver.url}"\n'
    )
    command = [sys.executable, "-m", "cobenefit_gateway", "run", str(config)]
    stop, making = threading.Event(), threading.Event()
    making.set()
    kills = 0
    with Service("broker", broker_command(port, tmp_path), tmp_path / "broker.log", port=port):
        subscribe_once(port, command, tmp_path / "gateway.log")
        nodes = [Node(f"node-{i}", port, i) for i in range(3)]
        player = threading.Thread(target=play, args=(nodes, stop, making))
        player.start()
        try:
            while kills < wanted:
                gateway = Service("gateway", command, tmp_path / "gateway.log")
                gateway.start()
                time.sleep(rng.uniform(0.1, 1.6))
                unacked = sum(len(node.kept) for node in nodes)
                assert gateway.running(), gateway.tail()
                gateway.kill()
                kills += unacked > 0
            gateway = Service("gateway", command, tmp_path / "gateway.log")
            gateway.start()
            making.clear()
            wait_for(lambda: not any(node.kept for node in nodes), gateway)
            # Its health says what it has lost once all before that is acknowledged.
            wait_for(lambda: all(told_lost(receiver, node) for node in nodes), gateway)
        finally:
            stop.set()
            player.join()
        assert gateway.stop(120) == 0, gateway.tail()
        for node in nodes:
            node.stop()
    check_balance(receiver, nodes)


def told_lost(receiver, node):
    return sum(receiver.lost(node.name, channel) for channel in node.made)


def wait_for(ready, gateway):
    until = time.monotonic() + 240
    while not ready():
        assert time.monotonic() < until, gateway.tail()
        time.sleep(0.05)


def check_balance(receiver, nodes):
    assert receiver.repeats > 0  # pages were sent twice, and counted once
    for node in nodes:
        for channel, packs in node.made.items():
            stored = receiver.stored(node.name, channel)
            refused = receiver.refused(node.name, channel)
            lost = receiver.lost(node.name, channel)
            assert stored + refused + lost == sum(packs), (node.name, channel)
            assert stored > 0
            assert refused > 0
        assert node.seq > 26
        assert told_lost(receiver, node) == node.lost_entry[1]
        rows = [r for k, r in receiver.rollups.items() if k[1] == node.name]
        assert sum(r["sum"] or 0 for r in rows) + node.lost_sum == sum(node.good_sum.values())
        assert sum(receiver.refused(node.name, c, "packs") for c in node.made) == len(node.bent)
    for node in nodes:
        check_increase(receiver, node)


def check_increase(receiver, node):
    # The counter only rises, so its windows' increases add up to last minus first.
    rows = [
        row
        for (_, device, channel, *_), row in sorted(receiver.rollups.items())
        if device == node.name and channel == "energy_import_wh" and row["count"]
    ]
    assert sum(r["delta"] for r in rows) == rows[-1]["last"] - rows[0]["first"]
