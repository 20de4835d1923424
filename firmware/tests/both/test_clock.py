"""The clock: multiples of the period, an unknown time, and a time that is set meanwhile."""

import asyncio
import sys

from cobenefit_node.clock import Clock
from cobenefit_node.ticks import sleep_ms

KNOWN_MS = 1_750_000_000_000


class Wall(Clock):
    """A clock whose wall time the test moves; waiting is real."""

    def __init__(self, wall_ms):
        super().__init__()
        self.wall_ms = wall_ms

    def _wall_ms(self):
        return self.wall_ms + self.uptime_ms()


def test_ticks_are_multiples_of_the_period_and_in_the_future():
    async def run():
        clock = Clock()
        before = clock.now_ms()
        first = await clock.next_tick(20)
        second = await clock.next_tick(20)
        assert first % 20 == 0
        assert first > before
        assert second - first >= 20
        assert clock.now_ms() >= second

    asyncio.run(run())


def test_the_host_knows_the_time():
    clock = Clock()
    assert clock.time_known()
    # Between the first commit of this file and the year 2100.
    assert 1_795_000_000_000 < clock.now_ms() < 4_102_444_800_000


def test_an_unset_clock_counts_from_the_start():
    clock = Wall(0)
    assert not clock.time_known()
    assert clock.now_ms() < 1000
    clock.set(5)  # a time that can't be: ignored, and the board's clock is not touched
    assert not clock.time_known()


def test_a_clock_set_while_waiting_ends_the_wait():
    async def run():
        clock = Wall(0)
        waiting = asyncio.create_task(clock.next_tick(200))
        await sleep_ms(20)
        clock.wall_ms = KNOWN_MS
        t_ms = await asyncio.wait_for(waiting, 5)
        assert t_ms % 200 == 0
        assert abs(t_ms - KNOWN_MS) < 1000

    asyncio.run(run())


def test_an_unknown_clock_is_set_by_ntp_once():
    class Network:
        asked = 0

        def settime(self):
            self.asked += 1
            if self.asked == 1:
                raise OSError(110)
            clock.wall_ms = KNOWN_MS

    clock = Wall(0)
    network = sys.modules["ntptime"] = Network()
    try:
        clock.ask_network()
        assert "110" in clock.ntp_error
        assert not clock.time_known()
        clock.ask_network()
        assert clock.time_known()
        clock.ask_network()
        assert network.asked == 2
    finally:
        del sys.modules["ntptime"]
