"""The broker is gone for a day: what the ring holds arrives, what it can't hold is counted."""

import pytest

from cobenefit_hil.trial import Balance, Trial, lost_by_channel

pytestmark = [pytest.mark.hil, pytest.mark.needs("uart", "simulated_time")]
MINUTE_MS = 60_000
DAY = 24 * 60


def test_a_day_without_a_broker_is_delivered_when_it_is_back(tmp_path, broker):
    room = {"ring": {"segments": 32}, "pack_readings": 60}
    with Trial(
        tmp_path, broker.port, "far", instants=DAY, period_ms=MINUTE_MS, three=True, config=room
    ) as far:
        far.link.down()
        far.board.boot()
        assert far.world.done.wait(60), far.board.console()[-3000:]
        assert far.station.packs == {}
        far.link.up()
        assert far.board.wait(100) == 0, far.board.console()[-3000:]
        assert far.balance() == Balance(10 * DAY, 10 * DAY)
        assert far.station.missing() == []
        assert far.station.errors == []
        assert (far.link.sessions, far.station.healths[-1].reconnects) == (1, 0)


def test_a_ring_that_overflows_counts_every_reading_it_gave_up(tmp_path, broker):
    small = {"ring": {"segments": 4, "segment_bytes": 4096}, "health_ms": 1000}
    with Trial(
        tmp_path, broker.port, "full", instants=DAY, period_ms=MINUTE_MS, three=True,
        config=small, board={"settings": {"OVERRUN": "1"}},
    ) as full:  # fmt: skip
        full.link.down()
        full.board.boot()
        assert full.world.done.wait(60), full.board.console()[-3000:]
        full.link.up()
        assert full.board.wait(100) == 0, full.board.console()[-3000:]
        balance = full.balance()
        assert balance.served == 10 * DAY == balance.arrived + balance.lost
        assert balance.arrived > 1000
        assert len(lost_by_channel(full.station)) == 10
        assert (balance.unexplained, balance.changed) == (0, 0)
        assert full.station.errors == []
