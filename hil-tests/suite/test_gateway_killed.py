"""The gateway is killed again and again while a real node sends: the ledger still balances."""

import random
import time

import pytest

from cobenefit_hil.demo.balance import balance
from cobenefit_hil.demo.nodes import NODES
from cobenefit_hil.demo.run import node_config, wires
from cobenefit_hil.demo.stack import Stack
from cobenefit_hil.virtual.board import VirtualBoard

pytestmark = [
    pytest.mark.hil,
    pytest.mark.needs("power", "uart", "simulated_time"),
    pytest.mark.timeout(300),
]
KILLS = 20
SEED = 20_261_122
HOUSE = next(node for node in NODES if node.device == "house")


def test_nothing_is_lost_or_doubled_when_the_gateway_dies(tmp_path):
    moments = random.Random(SEED)
    stack = Stack(tmp_path, {"sceaux": "Europe/Paris"})
    directory = tmp_path / "house"
    directory.mkdir()
    unacked = 0
    try:
        stack.start()
        with HOUSE.peer(directory) as peer:
            config = node_config(HOUSE, stack.broker_port) | {"pack_readings": 10}
            with VirtualBoard(config, directory, wires(HOUSE, peer)) as board:
                for _ in range(KILLS):
                    time.sleep(moments.uniform(0.1, 0.8))
                    assert board.poll() is None, "the world ended before the last kill"
                    stack.gateway.kill()
                    served = peer.served
                    time.sleep(0.05)
                    unacked += peer.served > served  # the node went on while nobody could ack
                    stack.gateway.start()
                assert board.wait(200) == 0, board.console()
        stack.drain()
        report = stack.report(tmp_path / "report.html", tmp_path / "report.json")
    finally:
        stack.stop()
    assert unacked >= KILLS // 2, "too few kills came while the node was sending"
    lines = balance({"house": peer.ledger.summary()}, report["data"]["series"])
    assert len(lines) == 2
    assert sum(line.served for line in lines) == 2 * len(peer.times_ms)
    assert [line for line in lines if not line.balanced] == []
