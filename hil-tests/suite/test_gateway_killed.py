"""The gateway is killed again and again while packs are unacked: the ledger still balances."""

import contextlib
import random
import time

import paho.mqtt.client as paho
import pytest

from cobenefit_hil.demo import data
from cobenefit_hil.demo.balance import balance
from cobenefit_hil.demo.nodes import NODES
from cobenefit_hil.demo.run import node_config, wires
from cobenefit_hil.demo.stack import Stack
from cobenefit_hil.peers.tic import ENERGY, POWER, TicPeer
from cobenefit_hil.virtual.board import VirtualBoard
from cobenefit_node import segment
from cobenefit_node.acked import Acked
from cobenefit_wire import messages, topics

pytestmark = [
    pytest.mark.hil,
    pytest.mark.needs("power", "uart", "simulated_time"),
    pytest.mark.timeout(1500),
]
#: Kills while packs were unacked, and the half-hours of the house; with --long its four years.
KILLS, INSTANTS = 4, 10_000
LONG_KILLS = 20
HOUSE = next(node for node in NODES if node.device == "house")


class Eavesdropper:
    """Knows what the gateway has acknowledged, as the node does."""

    def __init__(self, port):
        self.acked = Acked()
        self._client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", port)
        self._client.subscribe(topics.build(HOUSE.site, HOUSE.device, "ack"), 1)
        self._client.loop_start()

    def _on_message(self, _client, _userdata, message):
        ack = messages.decode_ack(message.payload)
        self.acked = Acked(ack.floor, ack.ranges)

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()


def in_flash(board):
    """Return the sequences of every whole pack in the board's flash; the board runs on."""
    found = set()
    for path in board.file("ring").glob("*.seg"):
        at = 0
        # A segment that goes meanwhile was acknowledged.
        with contextlib.suppress(FileNotFoundError), path.open("rb") as f:
            size = path.stat().st_size
            while (record := segment.next_record(f, at, size)) is not None:
                found.add(record.seq)
                at = record.end
    return found


def short_house(directory):
    index, power = data.house_index(), data.house_apparent_power()
    values = {ENERGY: index.value.tolist()[:INSTANTS], POWER: power.value.tolist()[:INSTANTS]}
    return TicPeer("house", directory, index.t_ms.tolist()[:INSTANTS], values, mode="historical")


def reach(peer, served, board):
    """Wait until the meter has served so many instants."""
    latest = time.monotonic() + 120
    while peer.served < served:
        assert board.poll() is None, board.console()[-3000:]
        assert time.monotonic() < latest, board.console()[-3000:]
        time.sleep(0.005)


def test_nothing_is_lost_or_doubled_when_the_gateway_dies(tmp_path, seed, *, long_run):
    moments = random.Random(seed)
    house, kills = (HOUSE.peer, LONG_KILLS) if long_run else (short_house, KILLS)
    stack = Stack(tmp_path, {"sceaux": "Europe/Paris"})
    directory = tmp_path / "house"
    directory.mkdir()
    unacked = 0
    try:
        stack.start()
        ears = Eavesdropper(stack.broker_port)
        with house(directory) as peer:
            config = node_config(HOUSE, stack.broker_port) | {"pack_readings": 10}
            with VirtualBoard(config, directory, wires(HOUSE, peer)) as board:
                step = len(peer.times_ms) // (4 * kills)
                while unacked < kills:
                    peer.held_at = peer.served + step  # the world lasts for four times the kills
                    assert peer.held_at < len(peer.times_ms), f"{unacked} kills met unacked packs"
                    reach(peer, peer.served + moments.randrange(step), board)
                    stack.gateway.kill()
                    unacked += any(not ears.acked.covers(seq) for seq in in_flash(board))
                    stack.gateway.start()
                peer.held_at = None
                assert board.wait(600) == 0, board.console()
        ears.close()
        stack.drain()
        report = stack.report(tmp_path / "report.html", tmp_path / "report.json")
    finally:
        stack.stop()
    lines = balance({"house": peer.ledger.summary()}, report["data"]["series"])
    assert sum(line.served for line in lines) == 2 * len(peer.times_ms)
    assert [line for line in lines if not line.balanced] == []
