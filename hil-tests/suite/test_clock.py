"""A board whose clock starts at 2000-01-01 each time, and learns the time late.

The counter it reads shows the milliseconds since the test began, so a reading says itself when it
was made. Time is real here: the board has no control line.
"""

import time

import pytest

from cobenefit_hil.peers.counter import QUESTION, CounterPeer
from cobenefit_hil.proxy import Proxy
from cobenefit_hil.virtual.board import VirtualBoard
from cobenefit_node.twin import Twin
from cobenefit_wire import pack

pytestmark = [pytest.mark.hil, pytest.mark.needs("counter", "power", "wrong_clock")]
PERIOD_MS = 100
#: The time in an ack is as old as the ack is late; a busy machine takes seconds. [ms]
LATE_MS = 20_000
HOUR_MS = 3_600_000


class Stopwatch(CounterPeer):
    """Counts milliseconds."""

    def __init__(self, directory):
        super().__init__("watch", directory, [0], {"pulse_count": [0]})
        self.began_ms = time.time_ns() // 1_000_000

    def _count_out(self):
        while not self._stopping.is_set():
            asked = self.sensor.read().count(QUESTION)
            now_ms = time.time_ns() // 1_000_000 - self.began_ms
            self.sensor.write(b"%d\n" % now_ms * asked)


@pytest.fixture
def clockless(tmp_path, broker, ack_station):  # noqa: ARG001  the station listens first
    """Yield board, link and counter; the link is down."""
    with Stopwatch(tmp_path) as watch, Proxy(broker.port) as link:
        link.down()
        config = {
            "site": "rig",
            "device": "clockless",
            "broker": {"host": "127.0.0.1", "port": link.port},
            "sensors": [{"driver": "pulse", "counter": 1, "period_ms": PERIOD_MS}],
            "pack_readings": 5,
        }
        lines = {"COUNTER1": watch.sensor.path}
        board = VirtualBoard(config, tmp_path / "board", lines, year_2000=True)
        yield board, link, watch
        board.power_cut()


def errors_ms(station, watch, boot):
    """Return by how much each reading of a boot was made after its stamp [ms]."""
    packs = [p for _, p in list(station.packs.values()) if p.boot == boot]
    assert not any(p.flags & pack.FLAG_TIME_UNKNOWN for p in packs)
    return [
        watch.began_ms + value - t_ms
        for p in packs
        for t_ms, value in zip(pack.times_ms(p), p.values, strict=True)
    ]


def made_since(station, earlier):
    """Return the packs of other boots than these."""
    return [p for _, p in list(station.packs.values()) if p.boot not in earlier]


def segments(board):
    return sum(path.stat().st_size for path in board.file("ring").glob("*.seg"))


def test_readings_made_before_the_time_was_known_are_dated_right(clockless, ack_station):
    board, link, watch = clockless
    for _ in range(2):
        # The second time there is a floor, an hour old: it must not be taken for the time.
        before = {boot for boot, _ in ack_station.packs}
        board.boot()
        assert ack_station.wait(lambda: board.file("ring").exists(), 60), board.console()
        assert ack_station.wait(lambda: segments(board) > 250, 60), board.console()
        link.up()
        fresh = lambda: made_since(ack_station, before)  # noqa: B023, E731
        enough = lambda: sum(len(p.values) for p in fresh()) > 30  # noqa: B023, E731
        assert ack_station.wait(enough, 60), board.console()
        (boot,) = {p.boot for p in fresh()}
        late_ms = errors_ms(ack_station, watch, boot)
        assert len(late_ms) > 30
        assert min(late_ms) >= 0
        assert max(late_ms) < LATE_MS
        kept = lambda: Twin(str(board.file("clock"))).load()  # noqa: E731
        assert ack_station.wait(kept, 60), "no time floor"
        board.power_cut()
        link.down()
        floor = Twin(str(board.file("clock")))
        floor.save([floor.load()[0] - HOUR_MS, 0])
    assert ack_station.errors == []


def test_what_a_boot_never_dated_arrives_flagged_and_never_wrong(clockless, ack_station):
    board, link, watch = clockless
    board.boot()
    assert ack_station.wait(lambda: board.file("ring").exists(), 60), board.console()
    assert ack_station.wait(lambda: segments(board) > 250, 60), board.console()
    board.power_cut()
    link.up()
    board.boot()
    assert ack_station.wait(lambda: len({b for b, _ in ack_station.packs}) == 2, 60)
    old = min(ack_station.states[-1].boot, *(b for b, _ in ack_station.packs))
    flags = {p.flags for _, p in ack_station.packs.values() if p.boot == old}
    assert flags == {pack.FLAG_TIME_UNKNOWN}
    assert errors_ms(ack_station, watch, ack_station.states[-1].boot)
