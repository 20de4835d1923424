"""The duty cycle on a board without a rig: when it reads, sends and sleeps, and what it keeps."""

import asyncio
import os

from cobenefit_node import config
from cobenefit_node.duty import Duty, Held
from cobenefit_node.health import Ledger
from cobenefit_node.reading import Value
from cobenefit_node.ring import Ring
from cobenefit_node.sampler import Sampler
from cobenefit_wire import messages, pack

DIRECTORY = (os.getenv("TMPDIR") or "/tmp") + "/cb-duty-test"
T0 = 1_750_000_200_000  # a multiple of the period
PERIOD_MS = 600_000


class Asleep(Exception):  # noqa: N818
    """The board sleeps: what runs ends here."""


class Board:
    """RTC memory of a size, and a deep sleep that raises."""

    def __init__(self, room=2048):
        self.raw = b""
        self.room = room
        self.slept_ms = self.resets = 0

    def rtc_memory(self):
        return self._memory

    def _memory(self, data=None):
        if data is not None:
            assert len(data) <= 2048
            self.raw = bytes(data)
        return self.raw

    def deepsleep(self, ms):
        self.slept_ms = ms
        raise Asleep

    def reset(self):
        self.resets += 1
        raise Asleep


class Clock:
    """A wall clock that the test moves; waiting jumps."""

    def __init__(self, now_ms):
        self.t_ms = now_ms

    def now_ms(self):
        return self.t_ms

    def time_known(self):
        return True

    def offset_ms(self):
        return 0

    def held(self):
        return [self.t_ms]

    def resume(self, held, _planned_ms):
        return self.t_ms - held[0]

    async def reach(self, due_ms):
        self.t_ms = max(self.t_ms, due_ms)


class Meter:
    """A driver that counts its readings."""

    channels = ("energy_import_wh",)
    event = False
    n = 0

    async def read(self):
        Meter.n += 1
        return [Value("energy_import_wh", Meter.n, 0, 0)]


class Uplink:
    """Acknowledges everything at once, or nothing until it is given up."""

    good = True

    def __init__(self, ring):
        self.ring = ring
        self.sends = 0
        self.farewell = None
        self.progress = 0

    def moved(self):
        return 10, 20

    async def run(self):
        await asyncio.sleep(10)

    async def finish(self, _timeout_ms, busy):
        assert not busy(0)
        self.sends += 1
        if self.good and self.ring.seq:
            self.ring.commit(self.ring.boot, self.ring.seq, [])
        return self.good


class Updates:
    restart = trial = False

    def on_trial(self):
        return self.trial

    def busy(self):
        return False

    def check(self):
        """Nothing is on trial."""


class Watchdog:
    def feed(self):
        """Fed."""


class Node:
    """One wake of a node over the flash and the RTC memory of a board."""

    def __init__(self, board, clock, **sleep):
        raw = {"site": "s", "device": "d", "broker": {"host": "h"}, "pack_readings": 4,
               "pack_age_ms": 86_400_000, "sleep": sleep,
               "sensors": [{"driver": "modbus", "uart": 1, "period_ms": PERIOD_MS}]}  # fmt: skip
        settings = config.parse(raw)
        held = Held(board)
        self.ledger = Ledger({}, 1, 0)
        self.ring = Ring(DIRECTORY, 8, 4096, held.position)
        held.take_up(self.ring, clock, self.ledger, True)
        self.state = messages.State(True, self.ring.boot, "v", "unix", "4", 0)
        self.uplink = Uplink(self.ring)
        self.updates = Updates()
        self.parts = (self.updates,)
        self.samplers = [
            Sampler(
                Meter(), PERIOD_MS, settings, clock=clock, ring=self.ring, offer=lambda _: None,
                ledger=self.ledger, log=lambda _: None,
            )
        ]  # fmt: skip
        self.duty = Duty(self, settings, board, clock, held)

    def alive(self):
        return True

    def on_trial(self):
        return self.updates.on_trial()

    def keep_account(self):
        """Nothing to measure."""

    def log(self, _text):
        """Silent."""

    def live(self):
        try:
            asyncio.run(self.duty.run(Watchdog()))
        except Asleep:
            self.ring.close()


def _fresh():
    try:
        os.mkdir(DIRECTORY)
    except OSError:
        for name in os.listdir(DIRECTORY):
            os.remove(DIRECTORY + "/" + name)
    Meter.n = 0
    Uplink.good = True
    return Board(), Clock(T0)


def _wake(board, clock, **sleep):
    """Let the planned sleep pass and live through one wake."""
    clock.t_ms += board.slept_ms
    node = Node(board, clock, **sleep)
    node.live()
    return node


def _readings():
    """Return (time, value) of all that is in the ring, in the order of writing."""
    ring = Ring(DIRECTORY, 8, 4096)
    found, cursor = [], (0, 0)
    while True:
        following = ring.following(cursor)
        if following is None:
            ring.close()
            return found
        _, position, cursor = following
        read = pack.decode(ring.read(position)[1])
        found += list(zip(pack.times_ms(read), read.values))


def test_a_node_reads_on_its_ticks_and_sends_when_a_pack_is_full():
    board, clock = _fresh()
    sends = []
    for i in range(9):
        node = _wake(board, clock)
        assert board.slept_ms == PERIOD_MS
        assert (node.ring.boot, node.ledger.wakes) == (1, i)
        sends.append(node.uplink.sends)
    assert sends == [0, 0, 0, 1, 0, 0, 0, 1, 0]
    assert Meter.n == 9
    assert node.ledger.asleep_ms == 8 * PERIOD_MS
    assert node.ledger.before[:2] == [80, 160]


def test_wakes_per_send_closes_what_there_is():
    board, clock = _fresh()
    sends = [_wake(board, clock, wakes_per_send=2).uplink.sends for _ in range(6)]
    assert sends == [0, 1, 0, 1, 0, 1]


def test_a_trial_without_a_pack_brings_up_no_link():
    board, clock = _fresh()
    clock.t_ms += 1000  # the next reading is ten minutes away
    node = Node(board, clock)
    node.updates.trial = True

    async def run():
        life = asyncio.create_task(node.duty.run(Watchdog()))
        while node.duty._quiet < 3:  # turns of a second, awake
            await asyncio.sleep(0.01)
        assert node.uplink.sends == 0
        clock.t_ms = T0 + PERIOD_MS
        while not node.uplink.sends:
            await asyncio.sleep(0.01)
        life.cancel()

    asyncio.run(run())
    node.ring.close()
    assert Meter.n == 1


def test_a_sleeping_node_says_when_it_will_be_heard_again():
    board, clock = _fresh()
    for _ in range(4):
        node = _wake(board, clock)
    said = node.uplink.farewell
    assert (said.online, said.asleep_s) == (True, 4 * PERIOD_MS // 1000 + 1)


def test_failed_tries_become_rare_and_lose_nothing():
    board, clock = _fresh()
    Uplink.good = False
    sends = [_wake(board, clock).uplink.sends for _ in range(40)]
    # The first pack is full at the fourth wake; then after 2, 4, 8 and 16 more.
    assert [i for i, n in enumerate(sends) if n] == [3, 5, 9, 17, 33]
    assert [t for t, _ in _readings()] == [T0 + i * PERIOD_MS for i in range(40)]


def test_a_reading_a_little_late_bears_its_tick_and_one_far_too_late_is_missed():
    board, clock = _fresh()
    _wake(board, clock)
    board.slept_ms += PERIOD_MS // 20  # the oscillator was slow
    _wake(board, clock)
    assert Meter.n == 2
    assert board.slept_ms == PERIOD_MS - PERIOD_MS // 20
    board.slept_ms += PERIOD_MS // 2
    _wake(board, clock)
    assert Meter.n == 2
    assert board.slept_ms == PERIOD_MS // 2
    _wake(board, clock)
    node = _wake(board, clock)
    node.duty._flush()
    node.ring.close()
    assert [t for t, _ in _readings()] == [T0 + i * PERIOD_MS for i in (0, 1, 3, 4)]


def test_a_clock_set_back_plans_again_instead_of_waiting():
    board, clock = _fresh()
    _wake(board, clock)
    board.slept_ms = -10 * PERIOD_MS + 1000
    _wake(board, clock)
    assert 0 < board.slept_ms <= PERIOD_MS


def test_what_does_not_fit_in_rtc_memory_is_closed_into_the_ring():
    board, clock = _fresh()
    node = Node(board, clock)
    for i in range(400):  # deltas and quality: some 17 bytes each
        stamp = Value("energy_import_wh", i, 0, i % 2)
        from cobenefit_node.sampler import _stamp

        node.samplers[0]._add(_stamp(stamp, T0 - 400_000 + i * i), 0)
    assert node.ring.seq == 0
    node.live()
    assert node.ring.seq == 1
    assert board.raw
    after = Node(board, clock)
    after.ring.close()
    assert after.ring.boot == 1
    assert len(_readings()) == 401


def test_a_reset_between_ring_and_memory_gives_no_reading_twice():
    board, clock = _fresh()
    for _ in range(3):
        _wake(board, clock)
    before = board.raw
    _wake(board, clock)  # the fourth reading closes the pack…
    board.raw = before  # …and the reset comes before the state is kept
    node = _wake(board, clock)
    node.duty._flush()
    node.ring.close()
    times = [t for t, _ in _readings()]
    assert sorted(set(times)) == times
    assert times[:4] == [T0 + i * PERIOD_MS for i in range(4)]


def test_memory_that_went_with_the_power_is_a_new_boot_and_the_ring_stays():
    board, clock = _fresh()
    Uplink.good = False
    for _ in range(6):
        _wake(board, clock)
    board.raw = b""
    node = _wake(board, clock)
    assert (node.ring.boot, node.ring.seq, node.ledger.wakes) == (2, 0, 0)
    assert [v for _, v in _readings()] == [1, 2, 3, 4]


def test_a_state_of_other_software_is_not_taken_up():
    from cobenefit_node.rtc import Kept

    board, clock = _fresh()
    _wake(board, clock)
    Kept(board.rtc_memory()).save([99, 1])
    assert _wake(board, clock).ring.boot == 2


def test_an_update_keeps_a_node_awake_and_restarts_it_with_everything_in_the_ring():
    board, clock = _fresh()
    node = Node(board, clock)
    node.updates.trial = True
    state = []

    async def run():
        life = asyncio.create_task(node.duty.run(Watchdog()))
        while node.uplink.sends < 1:
            await asyncio.sleep(0.01)
        state.append(board.slept_ms)
        node.updates.trial, node.updates.restart = False, True
        try:
            await life
        except Asleep:
            node.ring.close()

    asyncio.run(run())
    assert (state, board.resets) == ([0], 1)
    assert Held(board).position is None
