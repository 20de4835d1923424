"""A field without Wi-Fi: node, ESP-NOW, bridge, broker, gateway's acks, and all back."""

import re
from pathlib import Path

import pytest

from cobenefit_hil.air import Air
from cobenefit_hil.peers.tic import ENERGY, POWER, TicPeer
from cobenefit_hil.plugin import DEVICE, PERIOD_MS, SITE, START_MS
from cobenefit_hil.services import Service, free_port
from cobenefit_hil.virtual.board import VirtualBoard
from cobenefit_wire import frames, topics

pytestmark = [pytest.mark.hil, pytest.mark.needs("power", "uart", "simulated_time", "radio")]
NODE_MAC, BRIDGE_MAC, STRANGER_MAC = "020000000001", "0200000000b0", "0200000000ee"
KEY = "5c" * 32
CHANNEL = 6
INSTANTS = 240
ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "firmware/bridge_main.py"
HOWTO = ROOT / "docs/howto/bridge-a-field.md"


@pytest.fixture
def peer(tmp_path):
    times_ms = [START_MS + i * PERIOD_MS for i in range(INSTANTS)]
    values = {ENERGY: [100 * i for i in range(INSTANTS)], POWER: [10] * INSTANTS}
    with TicPeer(DEVICE, tmp_path, times_ms, values) as meter:
        yield meter


@pytest.fixture
def air():
    with Air() as air:
        yield air


@pytest.fixture
def node_config():
    return {
        "site": SITE,
        "device": DEVICE,
        "bridge": {"peer": BRIDGE_MAC, "channel": CHANNEL, "key": KEY},
        "sensors": [{"driver": "tic", "uart": 1, "period_ms": PERIOD_MS}],
        "pack_readings": 40,
        "pack_age_ms": 86_400_000,
        # Small, so that readings are taken while packs are on their way.
        "ring": {"segments": 3, "segment_bytes": 1024},
    }


@pytest.fixture
def bridge_config(broker):
    return {
        "site": SITE,
        "device": "bridge",
        "broker": {"host": "127.0.0.1", "port": broker.port},
        "channel": CHANNEL,
        "health_ms": 1000,
        "nodes": [{"device": DEVICE, "mac": NODE_MAC, "key": KEY}],
    }


@pytest.fixture
def bridge(bridge_config, air, tmp_path):
    board = VirtualBoard(bridge_config, tmp_path / "bridge", air.station(BRIDGE_MAC))
    board.start(SCRIPT)
    yield board
    board.power_cut()


@pytest.fixture
def board(node_config, peer, air, bridge, tmp_path):
    """Return the node; its bridge is on."""
    assert bridge.poll() is None
    lines = {"UART1": peer.sensor.path, "CONTROL": peer.control.path}
    lines |= air.station(NODE_MAC)
    virtual = VirtualBoard(node_config, tmp_path / "board", lines)
    yield virtual
    virtual.power_cut()


def assert_all_arrived_once(station, board):
    assert board.wait(100) == 0, board.console()
    assert len(station.readings()) == 2 * INSTANTS
    assert station.missing() == []
    assert station.errors == []


def test_all_readings_arrive_through_an_air_that_loses_a_third(air, board, ack_station):
    air.loss_ratio, air.double_ratio, air.reorder_ratio = 0.3, 0.1, 0.1
    board.boot()
    assert_all_arrived_once(ack_station, board)
    last = lambda: [h for h in ack_station.healths if h.wakes == INSTANTS]  # noqa: E731
    assert ack_station.wait(last, 60), ack_station.healths
    assert (last()[-1].waiting, last()[-1].lost) == (0, [])
    assert min(air.counts[way] for way in ("lost", "doubled", "late")) > 0
    assert max(len(frame) for _, _, frame in air.heard) <= frames.FRAME_BYTES


def test_a_bridge_that_loses_its_power_loses_nothing(bridge, board, peer, ack_station):
    peer.held_at = INSTANTS - 40  # the node is not done before the second cut
    board.boot()
    for packs in (1, 5):
        assert ack_station.wait(lambda n=packs: len(ack_station.packs) > n, 60), board.console()
        bridge.power_cut()
        bridge.start(SCRIPT)
    peer.held_at = None
    assert_all_arrived_once(ack_station, board)
    assert "boot 3" in bridge.console()


def test_a_node_that_loses_its_power_goes_on_where_it_was(board, peer, ack_station):
    peer.held_at = INSTANTS - 40  # what is left is of the second boot
    board.boot()
    assert ack_station.wait(lambda: len(ack_station.packs) > 2, 60), board.console()
    board.power_cut()
    peer.held_at = None
    board.boot()
    assert board.wait(100) == 0, board.console()
    first, second = sorted({boot for boot, _ in ack_station.packs})
    assert second == first + 1
    assert ack_station.missing() == []
    assert ack_station.errors == []


def test_a_node_waits_for_a_bridge_that_is_out_of_reach(air, board, ack_station):
    air.silent = True
    board.boot()
    unheard = lambda: "no answer from the bridge" in board.console()  # noqa: E731
    assert ack_station.wait(unheard, 60), board.console()
    assert not ack_station.packs
    air.silent = False
    assert_all_arrived_once(ack_station, board)


def test_a_bridge_without_its_broker_says_so_and_the_node_waits(
    broker, bridge, board, ack_station
):
    assert ack_station.wait(lambda: "connected" in bridge.console(), 60), bridge.console()
    broker.kill()
    noticed = lambda: "Error(" in bridge.console()  # noqa: E731 end of file, or a reset
    assert ack_station.wait(noticed, 60), bridge.console()
    board.boot()
    refused = lambda: "the bridge has no broker" in board.console()  # noqa: E731
    assert ack_station.wait(refused, 60), board.console()
    broker.start()
    assert_all_arrived_once(ack_station, board)


def test_strangers_and_forgers_are_refused_and_counted(air, bridge, board, ack_station):
    assert ack_station.wait(lambda: "connected" in bridge.console(), 60), bridge.console()
    node, own, stranger = (bytes.fromhex(m) for m in (NODE_MAC, BRIDGE_MAC, STRANGER_MAC))
    board.boot()
    assert board.wait(100) == 0, board.console()
    arrivals = ack_station.arrivals.copy()
    recorded = [frame for sender, _, frame in air.heard if sender == node][:40]
    forged = frames.Key(bytes(32)).sealed(frames.hello(bytes(frames.NONCE_BYTES)))
    air.inject(stranger, own, recorded[0])
    air.inject(node, own, forged)
    air.inject(node, own, recorded[1][:-1] + bytes((recorded[1][-1] ^ 1,)))
    # A wish repeated opens a session nobody can use: what was recorded fits no other one.
    for frame in recorded:
        air.inject(node, own, frame)
    counted = lambda: int(counts(ack_station, "forged")) >= 2  # noqa: E731
    assert ack_station.wait(counted, 60), ack_station.results
    assert counts(ack_station, "unknown") == "1"
    assert ack_station.arrivals == arrivals
    assert ack_station.errors == []


def counts(station, name):
    """Return a count of the bridge's last report, as it says it."""
    reports = [result.detail for result in station.results if result.subject == "bridge"]
    return re.findall(rf"{name}=(\d+)", reports[-1])[0] if reports else "0"


def test_an_update_notice_reaches_the_node_and_its_answer_the_broker(board, ack_station):
    ack_station.publish(topics.build(SITE, DEVICE, "ota"), b"no notice" * 60, retain=True)
    board.boot()
    assert_all_arrived_once(ack_station, board)
    said = [result for result in ack_station.results if result.subject == "update"]
    # At least once: a session that begins anew brings the notice again.
    assert {result.outcome for result in said} == {"refused"}


class TestAccessControl:
    """The rights that the how-to gives are enough, and no more than the nodes in them need."""

    @pytest.fixture
    def broker(self, tmp_path, program):
        text = HOWTO.read_text(encoding="utf-8")
        rights = re.search(r"```\n(user bridge-1\n.*?)```", text, re.DOTALL).group(1)
        for name, here in (("lille-01", SITE), ("bridge-1", "bridge"), ("soil-1", DEVICE)):
            rights = rights.replace(name, here)
        # The station, which gives no name, may do all.
        (tmp_path / "acl").write_text(f"topic readwrite cb/v1/#\n{rights}", encoding="utf-8")
        port = free_port()
        (tmp_path / "mosquitto.conf").write_text(
            f"user root\nallow_anonymous true\nlistener {port} 127.0.0.1\n"
            f"acl_file {tmp_path}/acl\n",
            encoding="utf-8",
        )
        command = [program("mosquitto"), "-c", str(tmp_path / "mosquitto.conf")]
        with Service("mosquitto", command, tmp_path / "mosquitto.log", port=port) as service:
            yield service

    @pytest.fixture
    def bridge_config(self, bridge_config):
        bridge_config["broker"]["user"] = "bridge"
        return bridge_config

    @pytest.mark.broker
    def test_a_bridge_with_the_rights_of_the_how_to_serves_its_node(self, board, ack_station):
        board.boot()
        assert_all_arrived_once(ack_station, board)

    @pytest.mark.broker
    def test_a_bridge_without_the_right_to_a_branch_publishes_nothing_there(
        self, air, board, bridge, ack_station
    ):
        bridge.power_cut()
        for device in (board, bridge):
            config = device.file("config.json")
            text = config.read_text(encoding="utf-8").replace(f'"{DEVICE}"', '"other"')
            config.write_text(text, encoding="utf-8")
        bridge.start(SCRIPT)
        board.boot()
        node = bytes.fromhex(NODE_MAC)
        sent = lambda: sum(len(f) for mac, _, f in air.heard if mac == node) > 1100  # noqa: E731
        assert ack_station.wait(sent, 60), board.console()
        # What the bridge says of itself, later than the packs, does arrive.
        said = len(ack_station.healths)
        assert ack_station.wait(lambda: len(ack_station.healths) > said + 1, 60)
        assert not ack_station.packs
