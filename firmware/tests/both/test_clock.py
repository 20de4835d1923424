"""The clock: multiples of the period, an unknown time, and a time that is set meanwhile."""

import asyncio
import sys

from cobenefit_node.clock import Clock
from cobenefit_node.drivers import legal_time
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
    assert clock.now_ms() < 60_000
    clock.set(5)  # a time that can't be: ignored, and the board's clock is not touched
    assert not clock.time_known()


def test_a_clock_set_while_waiting_ends_the_wait():
    async def run():
        clock = Wall(0)
        waiting = asyncio.create_task(clock.next_tick(200))
        await sleep_ms(20)
        clock.wall_ms = KNOWN_MS
        t_ms = await asyncio.wait_for(waiting, 60)
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


class Kept:
    """A twin file; the file format has its own tests."""

    def __init__(self, item=None):
        self.item = item
        self.writes = 0

    def load(self):
        return self.item

    def save(self, item):
        self.item = item
        self.writes += 1


class Chip:
    """A board's machine module, whose RTC is the clock's wall."""

    def __init__(self, clock):
        self.clock = clock

    def RTC(self):  # noqa: N802
        return self

    def datetime(self, fields):
        year, month, day, _weekday, hour, minute, second, us = fields
        at = b"H%02d%02d%02d%02d%02d%02d" % (year - 2000, month, day, hour, minute, second)
        wall_ms = legal_time.unix_ms(at) + 3_600_000 + us // 1000
        self.clock.wall_ms = wall_ms - self.clock.uptime_ms()


def with_chip(clock, work):
    before = sys.modules.get("machine")
    sys.modules["machine"] = Chip(clock)
    try:
        work()
    finally:
        del sys.modules["machine"]
        if before is not None:
            sys.modules["machine"] = before


def near(a, b):
    return abs(a - b) < 30_000  # a busy machine is late; what is told apart differs by an hour


Y2000_MS = 946_684_800_000


def test_a_board_waking_in_2000_starts_at_the_floor_and_learns_the_time_from_an_ack():
    kept = Kept([KNOWN_MS, 0])
    clock = Wall(Y2000_MS)

    def life():
        clock.keep(kept)
        # The certificate check sees the floor; stamps still count from the start.
        assert near(clock._wall_ms(), KNOWN_MS)
        assert not clock.time_known()
        assert clock.now_ms() < 1500
        clock.save_floor()
        assert kept.item == [KNOWN_MS, 1]
        clock.set(KNOWN_MS + 86_400_000)
        assert clock.time_known()
        assert near(clock.now_ms(), KNOWN_MS + 86_400_000)
        assert near(clock.offset_ms(), KNOWN_MS + 86_400_000)
        clock.save_floor()
        assert kept.item[1] == 0
        assert near(kept.item[0], KNOWN_MS + 86_400_000)

    with_chip(clock, life)


def test_a_guess_stays_one_over_a_restart_that_keeps_the_clock_running():
    clock = Wall(KNOWN_MS + 60_000)
    clock.keep(Kept([KNOWN_MS, 1]))
    assert not clock.time_known()
    clock.hint(KNOWN_MS + 90_000)
    assert clock.time_known()


def test_a_clock_behind_its_floor_is_not_believed():
    clock = Wall(KNOWN_MS - 86_400_000)
    kept = Kept([KNOWN_MS, 0])
    with_chip(clock, lambda: clock.keep(kept))
    assert not clock.time_known()
    assert near(clock._wall_ms(), KNOWN_MS)


def test_a_port_without_a_clock_to_set_keeps_the_time_itself():
    class Hostless(Clock):
        def _wall_ms(self):
            return self.uptime_ms() + self._shift_ms

    clock = Hostless()
    before = sys.modules.get("machine")
    sys.modules["machine"] = object()
    try:
        clock.set(KNOWN_MS)
    finally:
        del sys.modules["machine"]
        if before is not None:
            sys.modules["machine"] = before
    assert clock.time_known()
    assert near(clock.now_ms(), KNOWN_MS)


def test_an_ack_moves_a_known_clock_forwards_only_and_a_hint_never():
    clock = Wall(KNOWN_MS)

    def life():
        clock.set(KNOWN_MS - 3_600_000)  # it waited an hour in the broker's queue
        clock.set(KNOWN_MS + 1000)  # on its way
        clock.hint(KNOWN_MS + 7_200_000)
        assert near(clock.now_ms(), KNOWN_MS)
        clock.set(KNOWN_MS + 3_600_000)
        assert near(clock.now_ms(), KNOWN_MS + 3_600_000)

    with_chip(clock, life)


def test_the_floor_is_written_four_times_a_day():
    clock = Wall(KNOWN_MS)
    kept = Kept()
    clock.keep(kept)
    for _ in range(24 * 60):
        clock.save_floor()
        clock._uptime_ms += 60_000
    assert kept.writes == 4


def test_ntp_is_asked_again_after_a_day():
    class Network:
        asked = 0

        def settime(self):
            self.asked += 1

    clock = Wall(KNOWN_MS)
    network = sys.modules["ntptime"] = Network()
    try:
        for _ in range(49):
            clock.ask_network()
            clock._uptime_ms += 3_600_000
    finally:
        del sys.modules["ntptime"]
    assert network.asked == 2


def test_a_clock_set_while_running_moves_the_ticks_with_it():
    async def run(jump_ms):
        clock = Wall(KNOWN_MS)
        waiting = asyncio.create_task(clock.next_tick(300))
        await sleep_ms(20)
        clock.wall_ms += jump_ms
        t_ms = await asyncio.wait_for(waiting, 60)
        assert t_ms % 300 == 0
        assert 0 <= clock.now_ms() - t_ms < 30_000
        assert near(t_ms, KNOWN_MS + jump_ms)

    asyncio.run(run(3_600_000))
    asyncio.run(run(-3_600_000))


def test_legal_time_of_france_becomes_unix_time():
    # 2024-01-07 12:16:38 in winter is 11:16:38 UTC; 2024-07-14 00:00:00 in summer is 22:00 UTC.
    assert legal_time.unix_ms(b"H240107121638") == 1_704_626_198_000
    assert legal_time.unix_ms(b"E240714000000") == 1_720_908_000_000
    # The hour that comes twice: 2024-10-27 02:30 in summer, then again in winter.
    summer, winter = legal_time.unix_ms(b"E241027023000"), legal_time.unix_ms(b"H241027023000")
    assert winter - summer == 3_600_000
    assert (
        legal_time.unix_ms(b"H240301000000") - legal_time.unix_ms(b"H240228000000") == 172_800_000
    )
    for bad in (
        b"h240107121638",
        b"H241307121638",
        b"H24010712163",
        b"H2401071216 8",
        b" 240107121638",
    ):
        assert legal_time.unix_ms(bad) == 0
