"""Links that fail without saying so: the node notices by its own time-outs, and counts truly.

The faults of the default run happen to several boards at once, each behind a proxy of its own,
with a keepalive of 8 s and a health every 5 s; `--long` waits for the node's own 60 s.
"""

import time
from contextlib import ExitStack

import pytest

from cobenefit_hil.trial import Balance, Trial

pytestmark = [pytest.mark.hil, pytest.mark.needs("uart", "simulated_time")]
INSTANTS = 2000
#: Fault: ways on which the open connection is stranded, then new ones; packets withheld on it.
FAULTS = {
    "stranded": (("to_broker", "to_node"), (), ()),
    "stranded-up": (("to_broker",), (), ()),
    "stranded-down": (("to_node",), (), ()),
    "no-connack": (("to_broker", "to_node"), ("to_broker", "to_node"), ()),
    "no-puback": ((), (), (4,)),
}


def strike(trial, name):
    """Let a fault happen to a link that works."""
    stranded, stranded_from_start, withheld = FAULTS[name]
    trial.link.stranded.update(stranded_from_start)
    trial.link.withhold(*withheld)
    trial.link.strand(*stranded)


@pytest.mark.timeout(900)
def test_a_link_that_dies_silently_is_noticed_and_nothing_is_lost(
    tmp_path, broker, long_run, measured
):
    board = {} if long_run else {"settings": {"KEEPALIVE_S": "8"}}
    limit_s = 200 if long_run else 180
    config = {} if long_run else {"health_ms": 5000}
    with ExitStack() as stack:
        trials = {
            name: stack.enter_context(
                Trial(tmp_path, broker.port, name, instants=INSTANTS, config=config, board=board)
            )
            for name in FAULTS
        }
        for name, trial in trials.items():
            trial.world.held_at = INSTANTS // 2  # there is something to send when it is struck
            trial.board.boot()
            assert trial.station.wait(lambda t=trial: len(t.station.packs) > 5, 60)
            strike(trial, name)
            trial.world.held_at = None
        noticed_s = notice(trials, limit_s)
        for name, trial in trials.items():
            assert trial.board.wait(250) == 0, trial.board.console()[-3000:]
            assert trial.balance() == Balance(2 * INSTANTS, 2 * INSTANTS), name
            assert trial.station.errors == []
            assert trial.station.last_health().reconnects == trial.link.sessions - 1 >= 1, name
        for name in ("stranded", "stranded-down"):  # by its silence, before a health is stuck
            assert "1.5 keepalives" in trials[name].board.console()
    for name, seconds in noticed_s.items():
        measured(f"{name} noticed after", round(seconds, 1), "s")


def notice(trials, limit_s):
    """Wait until each board has made a new connection; return how long each took [s]."""
    started = time.monotonic()
    before = {name: trial.link.accepted for name, trial in trials.items()}
    noticed_s = {}
    while len(noticed_s) < len(trials):
        took_s = time.monotonic() - started
        for name, trial in trials.items():
            if trial.link.accepted > before[name]:
                trial.link.stranded.clear()  # the new connection stays as it began
                noticed_s.setdefault(name, took_s)
        left = [name for name in trials if name not in noticed_s]
        assert took_s < limit_s, (left, [trials[n].board.console()[-800:] for n in left])
        time.sleep(0.05)
    return noticed_s
