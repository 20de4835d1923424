"""Power cuts at random moments: what was committed arrives, and nothing arrives changed."""

import random

import pytest

from cobenefit_hil.peers.tic import ENERGY, POWER
from cobenefit_hil.plugin import INSTANTS, PERIOD_MS, START_MS
from cobenefit_node import segment

pytestmark = [pytest.mark.hil, pytest.mark.needs("power", "uart", "simulated_time")]
CUTS = 12
SEED = 20_261_122


def committed(board):
    """Return the (boot, sequence) of every whole record in the board's flash."""
    found = set()
    for path in sorted(board.file("ring").glob("*.seg")):
        size = path.stat().st_size
        at = 0
        with path.open("rb") as f:
            while (record := segment.next_record(f, at, size)) is not None:
                found.add((record.boot, record.seq))
                at = record.end
    return found


def test_committed_readings_survive_power_cuts_at_random_moments(board, peer, ack_station):
    moments = random.Random(SEED)
    expected = set()
    for cut in range(CUTS):
        # Every other time the station is deaf, so that a backlog has to survive.
        (ack_station.acking.clear if cut % 2 else ack_station.acking.set)()
        board.boot()
        # Most cuts come by what the meter has served, so that the world lasts for all; the others
        # come while the node starts.
        enough = peer.served + moments.randint(5, 20)
        peer.held_at = enough + 25  # were this test not to run for a while
        starting_s = 60 if cut % 3 else moments.uniform(0.05, 0.5)
        ack_station.wait(lambda n=enough: peer.served >= n or board.poll() is not None, starting_s)
        assert board.poll() is None, "it stopped before the cut: " + board.console()
        board.power_cut()
        expected |= committed(board)
    assert expected, "no cut found anything in flash"
    peer.held_at = None
    ack_station.acking.set()
    board.boot()
    assert board.wait(110) == 0, board.console()
    assert expected - set(ack_station.packs) == set()
    assert ack_station.missing() == []
    assert ack_station.errors == []
    assert ack_station.last_health().lost == []
    for (channel, t_ms), (value, code) in ack_station.readings().items():
        row = (t_ms - START_MS) // PERIOD_MS
        if code == 0:
            assert value == peer.values[channel][row], (channel, t_ms)
        assert channel in (ENERGY, POWER)


def test_a_backlog_of_an_earlier_boot_arrives_after_restart(board, broker, peer, ack_station):
    broker.kill()
    peer.held_at = INSTANTS // 2
    board.boot()
    assert ack_station.wait(lambda: len(committed_or_none(board)) >= 20, 60), board.console()
    board.power_cut()
    backlog = committed(board)
    peer.held_at = None
    broker.start()
    board.boot()
    assert board.wait(100) == 0, board.console()
    assert backlog <= set(ack_station.packs)
    first, second = sorted({boot for boot, _ in ack_station.packs})
    assert second == first + 1
    assert committed(board) & backlog == set()


def committed_or_none(board):
    return committed(board) if board.file("ring").exists() else set()
