"""The broker is gone for a day: what the ring holds arrives, what it can't hold is counted."""

import pytest

from cobenefit_hil.trial import Balance, Trial, lost_by_channel

pytestmark = [pytest.mark.hil, pytest.mark.needs("uart", "simulated_time")]
MINUTE_MS = 60_000
DAY = 24 * 60


@pytest.mark.timeout(600)
def test_a_day_without_a_broker_is_delivered_or_counted(tmp_path, broker):
    day = {"instants": DAY, "period_ms": MINUTE_MS, "three": True}
    room = {"ring": {"segments": 32}, "pack_readings": 60}
    small = {"ring": {"segments": 4, "segment_bytes": 4096}, "health_ms": 1000}
    overrun = {"settings": {"OVERRUN": "1"}}
    with (
        Trial(tmp_path, broker.port, "far", **day, config=room) as far,
        Trial(tmp_path, broker.port, "full", **day, config=small, board=overrun) as full,
    ):
        for trial in (far, full):
            trial.link.down()
            trial.board.boot()
        left = [far, full]
        while left:  # each as soon as its day is over: a node waits two minutes for its last acks
            over = lambda: [t for t in left if t.world.done.is_set()]  # noqa: E731
            assert far.station.wait(over, 250), [t.board.console()[-3000:] for t in left]
            for trial in over():
                left.remove(trial)
                assert trial.station.packs == {}
                trial.link.up()
        for trial in (far, full):
            assert trial.board.wait(250) == 0, trial.board.console()[-3000:]
            assert trial.station.errors == []
            assert (trial.link.sessions, trial.station.last_health().reconnects) == (1, 0)
        assert far.balance() == Balance(10 * DAY, 10 * DAY)
        assert far.station.missing() == []
        assert_counted(full)


def assert_counted(full):
    """Whether a ring that was too small has counted, by channel, all it gave up."""
    balance = full.balance()
    assert balance.served == 10 * DAY == balance.arrived + balance.lost
    assert balance.arrived > 1000
    assert len(lost_by_channel(full.station)) == 10
    assert (balance.unexplained, balance.changed) == (0, 0)
