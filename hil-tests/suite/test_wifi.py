"""A node keeps its Wi-Fi: joins, joins again, and resets what does not come back."""

from itertools import count, pairwise
from pathlib import Path

import pytest

from cobenefit_hil.access_point import AccessPoint
from cobenefit_hil.air import Air
from cobenefit_hil.peers.tic import ENERGY, POWER, TicPeer
from cobenefit_hil.plugin import DEVICE, PERIOD_MS, SITE, START_MS
from cobenefit_hil.virtual.board import VirtualBoard
from cobenefit_wire import messages, topics

pytestmark = [pytest.mark.hil, pytest.mark.needs("power", "uart", "simulated_time", "wifi")]
SSID, PASSWORD = "barn", "correct horse"
INSTANTS = 160
RESET = 73
BRIDGE_SCRIPT = Path(__file__).parents[2] / "firmware/bridge_main.py"


@pytest.fixture
def point(tmp_path):
    return AccessPoint(tmp_path / "ap", SSID, PASSWORD)


@pytest.fixture
def peer(tmp_path):
    times_ms = [START_MS + i * PERIOD_MS for i in range(INSTANTS)]
    values = {ENERGY: [100 * i for i in range(INSTANTS)], POWER: [10] * INSTANTS}
    with TicPeer(DEVICE, tmp_path, times_ms, values) as meter:
        yield meter


@pytest.fixture
def node_config(node_config):
    # Small, so that time stands still, full, while there is no link.
    return node_config | {
        "wifi": {"ssid": SSID, "password": PASSWORD},
        "ring": {"segments": 3, "segment_bytes": 1024},
        "health_ms": 1000,
    }


@pytest.fixture
def board(node_config, peer, point, tmp_path):
    lines = {"UART1": peer.sensor.path, "CONTROL": peer.control.path, **point.lines()}
    virtual = VirtualBoard(node_config, tmp_path / "board", lines)
    yield virtual
    virtual.power_cut()


def assert_all_arrived(station, board):
    assert board.wait(100) == 0, board.console()
    assert len(station.readings()) == 2 * INSTANTS
    assert station.missing() == []
    assert station.errors == []
    assert PASSWORD not in board.console()


def births(station):
    """Return how often the board said that it is online; its will is none."""
    return sum(state.online for state in station.states)


def acknowledge(station):
    """Ack from now on, and at once what came before: it is sent again only after 10 s."""
    station.acking.set()
    boot = next(iter(station.packs))[0]
    floor = next(n for n in count() if (boot, n) not in station.packs)
    ack = messages.Ack(boot, floor, [], START_MS)
    station.publish(topics.build(SITE, DEVICE, "ack"), messages.encode(ack))


def test_a_node_joins_under_its_own_name_and_leaves_when_it_ends(
    node_config, board, point, ack_station
):
    own = "192.168.7.20"
    node_config["wifi"]["address"] = [own, "255.255.255.0", "192.168.7.1", "192.168.7.1"]
    board.flash(node_config)
    board.boot()
    assert_all_arrived(ack_station, board)
    assert [(what, name) for _, what, name in point.seen()] == [
        ("on", DEVICE),
        (f"address {own}", DEVICE),
        ("joined", DEVICE),
        ("off", DEVICE),
    ]
    assert f"Wi-Fi {SSID}: joined, -61 dBm" in board.console()
    assert ack_station.last_health().reconnects == 0


def test_a_node_survives_an_access_point_that_comes_and_goes(board, point, ack_station):
    point.off()
    board.boot()
    assert ack_station.wait(lambda: point.count("absent") > 0, 60), board.console()
    assert not ack_station.states
    ack_station.acking.clear()  # so that it does not end meanwhile
    for drops in range(3):
        if drops:
            point.off()
            lost = lambda n=drops: point.count("lost") == n  # noqa: E731
            assert ack_station.wait(lost, 60), board.console()
        point.on()
        back = lambda n=drops: births(ack_station) > n and ack_station.packs  # noqa: E731
        assert ack_station.wait(back, 60), board.console()
    acknowledge(ack_station)
    assert_all_arrived(ack_station, board)
    assert (point.count("joined"), point.count("lost")) == (3, 2)
    assert ack_station.last_health().reconnects == 2
    assert f"Wi-Fi {SSID}: no such access point" in board.console()
    assert f"Wi-Fi {SSID}: lost" in board.console()


def test_a_password_that_is_refused_is_said_and_not_hammered(board, point, ack_station):
    point.on(password="another")
    board.boot()
    assert ack_station.wait(lambda: point.count("refused") > 2, 60), board.console()
    assert f"Wi-Fi {SSID}: refused, check the password" in board.console()
    times_ms = [t for t, what, _ in point.seen() if what == "refused"]
    waits_ms = [b - a for a, b in pairwise(times_ms)]
    # Each back-off is twice the last, 250 ms at first, and a jitter takes a quarter at most.
    assert all(wait >= 187 << i for i, wait in enumerate(waits_ms[:3])), waits_ms
    point.on(password=PASSWORD)
    assert_all_arrived(ack_station, board)
    assert ack_station.last_health().reconnects == 0


def test_a_driver_that_hangs_is_freed_by_a_reset_of_its_interface(
    node_config, board, point, ack_station
):
    node_config["wifi"]["give_up_ms"] = 1000
    board.flash(node_config)
    point.on(hangs=1)
    board.boot()
    assert_all_arrived(ack_station, board)
    assert [what for _, what, _ in point.seen()] == ["on", "off", "on", "joined", "off"]
    assert "interface reset" in board.console()
    assert "no answer" in board.console()


def test_an_interface_that_says_joined_while_nothing_works_is_reset_too(
    node_config, board, broker, point, ack_station
):
    node_config["wifi"]["give_up_ms"] = 1000
    board.flash(node_config)
    broker.kill()
    board.boot()
    assert ack_station.wait(lambda: point.count("joined") > 1, 60), board.console()
    assert [what for _, what, _ in point.seen()][:5] == ["on", "joined", "off", "on", "joined"]


def test_a_node_without_wi_fi_for_too_long_restarts_and_loses_nothing(
    node_config, board, point, ack_station
):
    node_config["wifi"]["restart_ms"] = 1000
    board.flash(node_config)
    point.off()
    board.boot()
    assert board.wait(100) == RESET, board.console()
    del node_config["wifi"]["restart_ms"]  # a slow start is no reason for another
    board.flash(node_config)
    point.on()
    board.boot()
    assert board.wait(100) == 0, board.console()
    assert len({boot for boot, _ in ack_station.packs}) == 2
    assert ack_station.missing() == []
    assert ack_station.errors == []


class TestBridge:
    """The same for a bridge, whose radio also hears its nodes."""

    @pytest.fixture
    def wifi(self):
        return {"ssid": SSID, "password": PASSWORD}

    @pytest.fixture
    def bridge(self, broker, point, wifi, tmp_path):
        config = {
            "site": SITE,
            "device": "bridge",
            "broker": {"host": "127.0.0.1", "port": broker.port},
            "wifi": wifi,
            "nodes": [{"device": DEVICE, "mac": "020000000001", "key": "5c" * 32}],
        }
        with Air() as air:
            lines = air.station("0200000000b0") | point.lines()
            board = VirtualBoard(config, tmp_path / "bridge", lines)
            board.start(BRIDGE_SCRIPT)
            yield board
            board.power_cut()

    def test_it_joins_again_and_says_the_channel(self, bridge, point, ack_station):
        assert ack_station.wait(lambda: births(ack_station) > 0, 60), bridge.console()
        point.off()
        assert ack_station.wait(lambda: point.count("lost") > 0, 60), bridge.console()
        point.on(channel=11)
        assert ack_station.wait(lambda: births(ack_station) > 1, 60), bridge.console()
        assert "on channel 6: nodes must be, too" in bridge.console()
        assert "on channel 11: nodes must be, too" in bridge.console()

    @pytest.mark.parametrize("wifi", [{"ssid": "elsewhere", "give_up_ms": 1000}])
    def test_it_restarts_rather_than_reset_the_radio_under_its_nodes(
        self, bridge, point, ack_station
    ):
        assert bridge.wait(100) == RESET, bridge.console()
        assert point.count("off") == 0
        assert ack_station.errors == []
