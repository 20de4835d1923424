"""A node that sleeps between readings: hours of simulated duty, its power cut now and then."""

import json
import random
import time

import pytest

from cobenefit_hil.peers.tic import ENERGY, POWER, TicPeer
from cobenefit_hil.plugin import DEVICE, PERIOD_MS, START_MS
from cobenefit_node import segment

pytestmark = [pytest.mark.hil, pytest.mark.needs("power", "uart", "simulated_time", "deepsleep")]
INSTANTS = 24
#: Twenty days with `--long`.
LONG_INSTANTS = 2880
PACK = 6
SEED = 20_261_122


@pytest.fixture
def instants(long_run):
    return LONG_INSTANTS if long_run else INSTANTS


@pytest.fixture
def peer(tmp_path, instants):
    times = [START_MS + i * PERIOD_MS for i in range(instants)]
    values = {ENERGY: [100 * i for i in range(instants)], POWER: [10] * instants}
    with TicPeer(DEVICE, tmp_path, times, values) as meter:
        yield meter


@pytest.fixture
def node_config(node_config):
    """Wake every 10 min and send what six wakes have gathered."""
    sleep = {"power_uw": 55, "give_up_ms": 3000}
    return node_config | {"pack_readings": PACK, "sleep": sleep, "power_mw": {"idle": 195}}


def committed(board):
    """Return the (channel, time) of no reading, but the (boot, sequence) of every record."""
    found = set()
    for path in sorted(board.file("ring").glob("*.seg")):
        size = path.stat().st_size
        at = 0
        with path.open("rb") as f:
            while (record := segment.next_record(f, at, size)) is not None:
                found.add((record.boot, record.seq))
                at = record.end
    return found


def by_time(station):
    """Return how often each (channel, time) came, over packs of different sequences."""
    count = {}
    for channel, read in list(station.packs.values()):
        for i in range(len(read.values)):
            key = channel, read.t_ms + i * (read.period_ms or PERIOD_MS)
            count[key] = count.get(key, 0) + 1
    return count


def test_every_reading_of_hours_asleep_arrives_and_the_ledger_knows_it(
    board, node_config, peer, ack_station, instants
):
    node_config["sleep"]["give_up_ms"] = 60_000  # its last words must come, however late
    board.flash(node_config)
    board.boot()
    assert board.wait(200 * instants / INSTANTS) == 0, board.console()
    served = {
        (channel, t_ms): (peer.values[channel][i], 0)
        for channel in (ENERGY, POWER)
        for i, t_ms in enumerate(peer.times_ms)
    }
    assert ack_station.readings() == served
    assert ack_station.errors == ack_station.missing() == []
    health = ack_station.last_health()
    # A sleep after every reading, the last of which ends when time does. Nothing is left to send
    # then, and all the same it connects and says so.
    assert board.sleeps == health.wakes == instants
    assert {boot for boot, _ in ack_station.packs} == {health.boot}
    assert health.causes == [1, 0, 0, 0, 0, 0]
    assert health.uptime_ms == health.asleep_ms == health.wakes * PERIOD_MS
    # 55 uW asleep, and at least 195 mW for the time the radio was on.
    asleep_mj = health.asleep_ms * 55 // 1_000_000
    assert health.energy_mj >= asleep_mj + health.radio_ms * 195 // 1000 - 1
    assert (health.energy_method, health.error_permille) == ("profile", 1000)
    assert health.flash_bytes > 0


def test_asleep_is_not_gone(board, node_config, ack_station):
    node_config["sleep"]["give_up_ms"] = 60_000  # who gives up leaves without a goodbye
    board.flash(node_config)
    board.boot()
    assert ack_station.wait(lambda: any(s.asleep_s for s in ack_station.states), 60)
    said = next(s for s in ack_station.states if s.asleep_s)
    assert (said.online, said.asleep_s) == (True, PACK * PERIOD_MS // 1000 + 1)
    # The will, which says offline, was never published; only the end of time is a goodbye.
    assert board.wait(100) == 0, board.console()
    assert ack_station.wait(lambda: not ack_station.states[-1].online, 60)
    online = [s.online for s in ack_station.states]
    assert all(online[: online.index(False)]), ack_station.states
    assert not any(online[online.index(False) :]), ack_station.states


def test_power_cuts_awake_and_asleep_lose_nothing_committed(
    board, node_config, peer, ack_station, instants
):
    board.flash(node_config | {"pack_readings": 2})
    moments = random.Random(SEED)
    expected = set()
    boots = 0
    for cuts in range(7 * instants // INSTANTS):
        (ack_station.acking.clear if cuts % 2 else ack_station.acking.set)()
        peer.held_at = peer.served + 3  # the world lasts for all cuts
        board.boot()
        boots += 1
        if cuts % 3 == 2:
            board.power_cut_asleep(120)
        else:
            # One pack at least, then a moment of whatever the board does by then.
            ready = lambda n=board.sleeps + 2: board.sleeps >= n  # noqa: E731
            assert ack_station.wait(ready, 120), board.console()
            time.sleep(moments.uniform(0, 0.5))
            assert board.poll() is None, board.console()
            board.power_cut()
        expected |= committed(board)
    assert expected, "no cut found anything in flash"
    ack_station.acking.set()
    peer.held_at = None
    node_config["sleep"]["give_up_ms"] = 60_000  # its last packs must come, however late
    board.flash(node_config | {"pack_readings": 2})
    board.power_cut(brown_out=True)
    board.boot()
    assert board.wait(100 * instants / INSTANTS) == 0, board.console()
    assert expected - set(ack_station.packs) == set()
    assert ack_station.errors == ack_station.missing() == []
    assert ack_station.last_health().lost == []
    assert set(by_time(ack_station).values()) == {1}, "a reading came twice"
    for (channel, t_ms), (value, code) in ack_station.readings().items():
        assert code or value == peer.values[channel][(t_ms - START_MS) // PERIOD_MS]
    causes = ack_station.last_health().causes
    # A start that was cut before it could be counted is none.
    assert causes[0] <= boots
    assert causes[1:] == [0, 0, 0, 0, 1]


def test_a_broker_that_is_gone_costs_ever_fewer_tries_and_no_reading(  # noqa: PLR0917 fixtures
    board, broker, peer, ack_station, node_config, instants
):
    broker.kill()
    node_config["sleep"]["give_up_ms"] = 1000
    board.flash(node_config)
    board.boot()
    assert board.wait(150 * instants / INSTANTS) == 1, board.console()
    tries = board.console().count("sent in")
    # Packs are waiting from the 6th wake on: tries at 6, 8, 12, 20 and at the end of time.
    assert tries <= 5
    broker.start()
    node_config["sleep"]["give_up_ms"] = 60_000  # the station may subscribe after the first try
    board.flash(node_config)
    board.boot()
    assert board.wait(100) == 0, board.console()
    assert {key[1] for key in ack_station.readings()} == set(peer.times_ms)


def test_a_watchdogs_reset_loses_no_reading_that_was_taken(
    board, node_config, peer, ack_station, tmp_path
):
    """The board hangs between the reading and its sleep; RTC memory lives through the reset."""
    script = tmp_path / "hang.py"
    script.write_text(HANG)
    for _ in range(2):
        board.boot(script=script)
        assert board.wait(100) == -9, board.console()
    node_config["sleep"]["give_up_ms"] = 60_000  # its last words must come, however late
    board.flash(node_config)
    board.boot()
    assert board.wait(100) == 0, board.console()
    assert {key[1] for key in ack_station.readings()} == set(peer.times_ms)
    assert set(by_time(ack_station).values()) == {1}
    health = ack_station.last_health()
    assert {boot for boot, _ in ack_station.packs} == {health.boot}
    assert (health.causes[2], health.resets) == (2, 2)


#: The rig's own start behind a fault: nothing goes on once a reading has been kept.
HANG = """
import time
from cobenefit_node import duty, main

def hang(_):
    time.sleep(3600)

duty.Duty._must_send = hang
main.WATCHDOG_MS = 3000
import boot
"""


def test_what_is_blind_asleep_is_refused(board, node_config):
    sensor = {"driver": "pulse", "counter": 1, "period_ms": 1000}
    board.flash(node_config | {"sensors": [sensor]})
    board.boot()
    assert board.wait(100) == 2
    assert "sensors.0.driver is 'pulse'" in board.console()
    assert "stops in deep sleep" in board.console()
    assert json.loads(board.file("config.json").read_text())["sleep"]
