"""Every value a meter serves arrives once and unchanged; faults arrive flagged."""

import pytest

from cobenefit_hil.peers.base import Fault
from cobenefit_hil.peers.tic import ENERGY, POWER, TicPeer
from cobenefit_hil.plugin import DEVICE, INSTANTS, PERIOD_MS, START_MS
from cobenefit_wire import quality

pytestmark = [pytest.mark.hil, pytest.mark.needs("uart", "simulated_time")]
YEAR_2100_MS = 4_102_444_800_000


def served(peer, rows=range(INSTANTS)):
    times = {START_MS + i * PERIOD_MS: i for i in rows}
    return {
        (channel, t_ms): (peer.values[channel][i], 0)
        for channel in (ENERGY, POWER)
        for t_ms, i in times.items()
    }


def test_all_that_is_served_arrives(board, peer, ack_station):
    board.boot()
    assert board.wait(100) == 0, board.console()
    assert ack_station.readings() == served(peer)
    assert ack_station.missing() == []
    assert ack_station.errors == []
    health = ack_station.last_health()
    assert (health.waiting, health.lost, health.wakes) == (0, [], INSTANTS)
    assert health.uptime_ms == (INSTANTS - 1) * PERIOD_MS
    # The project's limit for the wire, MQTT included.
    assert health.tx_bytes / (2 * INSTANTS) <= 16


class TestFaults:
    @pytest.fixture
    def peer(self, tmp_path):
        faults = [Fault(3, "corrupt"), Fault(5, "clock", YEAR_2100_MS)]
        times = [START_MS + i * PERIOD_MS for i in range(20)]
        values = {ENERGY: [100 * i for i in range(20)], POWER: [10] * 20}
        with TicPeer(DEVICE, tmp_path, times, values, faults) as meter:
            yield meter

    def test_a_corrupt_line_is_flagged_and_a_wrong_clock_passed_on(self, board, peer, ack_station):
        board.boot()
        assert board.wait(100) == 0, board.console()
        expected = served(peer, range(20))
        expected[ENERGY, START_MS + 3 * PERIOD_MS] = (0, quality.CHECKSUM)
        for channel in (ENERGY, POWER):
            # The gateway, not the node, judges times.
            expected[channel, YEAR_2100_MS] = expected.pop((channel, START_MS + 5 * PERIOD_MS))
        assert ack_station.readings() == expected
        assert ack_station.missing() == []
