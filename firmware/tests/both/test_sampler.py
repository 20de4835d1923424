"""The sampler: runs, forms of packs, flags and time."""

import asyncio

from cobenefit_node.clock import Ended
from cobenefit_node.health import Ledger
from cobenefit_node.reading import Value
from cobenefit_node.sampler import Sampler
from cobenefit_wire import pack, quality

T0 = 1_750_000_000_000


class Config:
    pack_readings = 4
    pack_age_ms = 1_000_000


class Script:
    """A clock and a driver that follow a list of (time, values)."""

    channels = ("energy_import_wh",)

    def __init__(self, steps, event=False, known=True):
        self.steps = list(steps)
        self.event = event
        self.known = known
        self.t_ms = 0

    def time_known(self):
        return self.known

    def now_ms(self):
        return self.t_ms

    async def next_tick(self, _period_ms):
        if not self.steps:
            raise Ended
        self.t_ms, self.values = self.steps.pop(0)
        return self.t_ms

    async def read(self):
        if isinstance(self.values, Exception):
            raise self.values
        return self.values


class Store:
    """Keeps what was appended; the ring itself has its own tests."""

    def __init__(self, full=False):
        self.boot, self.seq, self.packs, self.full, self.lost = 3, 0, [], full, []

    def append(self, channel, readings, data):
        if self.full:
            raise OSError(28)
        self.packs.append((channel, readings, pack.decode(data)))
        self.seq += 1
        return (0, 0)

    def count_lost(self, *args):
        self.lost.append(args)


def _sample(script, store=None, period_ms=1000):
    store = store or Store()
    ledger = Ledger({}, 1)
    lines = []
    sampler = Sampler(
        script,
        period_ms,
        Config,
        clock=script,
        ring=store,
        offer=lambda _: None,
        ledger=ledger,
        log=lines.append,
    )

    async def run():
        try:
            await sampler.run()
        except Ended:
            sampler.flush()

    asyncio.run(run())
    return store, ledger


def _wh(value, code=0, exponent=0):
    return Value("energy_import_wh", value, exponent, code)


def test_equally_spaced_readings_take_the_period_form_with_the_right_times():
    store, ledger = _sample(Script([(T0 + 1000 * i, [_wh(i)]) for i in range(6)]))
    (_, n, first), (_, rest, second) = store.packs
    assert (n, rest) == (4, 2)
    assert (first.period_ms, first.deltas_ms, first.quality) == (1000, (), b"")
    assert pack.times_ms(first) == [T0, T0 + 1000, T0 + 2000, T0 + 3000]
    assert (first.boot, first.seq, second.seq) == (3, 0, 1)
    assert (second.t_ms, second.values, second.unit) == (T0 + 4000, (4, 5), "Wh")
    assert ledger.wakes == 6


def test_a_single_reading_has_the_sensors_period():
    store, _ = _sample(Script([(T0, [_wh(1)])]))
    assert store.packs[0][2].period_ms == 1000


def test_a_gap_makes_deltas():
    store, _ = _sample(Script([(T0 + t, [_wh(t)]) for t in (0, 1000, 3000)]))
    read = store.packs[0][2]
    assert read.period_ms == 0
    assert pack.times_ms(read) == [T0, T0 + 1000, T0 + 3000]


def test_events_use_deltas_and_their_own_moment_and_may_be_many_or_none():
    speed = [Value("vehicle_speed_km_h", 50, 0, 0), Value("vehicle_speed_km_h", 61, 0, 0)]
    store, _ = _sample(Script([(T0 + 7, speed), (T0 + 9, []), (T0 + 30, speed[:1])], event=True))
    read = store.packs[0][2]
    assert (read.period_ms, read.values) == (0, (50, 61, 50))
    assert pack.times_ms(read) == [T0 + 7, T0 + 7, T0 + 30]


def test_quality_travels_only_with_a_flag_and_nothing_is_dropped():
    store, _ = _sample(Script([(T0, [_wh(1)]), (T0 + 1000, [_wh(0, quality.CHECKSUM)])]))
    assert store.packs[0][2].quality == bytes((0, quality.CHECKSUM))


def test_a_value_the_wire_cannot_hold_is_flagged():
    steps = [(T0 + 1000 * i, [_wh(v)]) for i, v in enumerate((1.5, None, 1 << 63))]
    read = _sample(Script(steps))[0].packs[0][2]
    assert read.values == (0, 0, 0)
    assert read.quality == bytes((quality.RANGE,) * 3)


def test_what_cannot_continue_starts_a_new_pack():
    for second in (
        (T0 - 5000, [_wh(2)]),  # the clock went back
        (T0 + 1000, [_wh(2, 0, -1)]),  # another exponent
        (T0 + (1 << 33), [_wh(2)]),  # a gap no delta can hold
    ):
        store, _ = _sample(Script([(T0, [_wh(1)]), second]))
        assert [(p.t_ms, p.values) for _, _, p in store.packs] == [(T0, (1,)), (second[0], (2,))]


def test_a_pack_older_than_its_age_is_closed():
    steps = [(T0, [_wh(1)]), (T0 + 1_000_000, [_wh(2)]), (T0 + 1_001_000, [_wh(3)])]
    store, _ = _sample(Script(steps))
    assert [p.values for _, _, p in store.packs] == [(1, 2), (3,)]


def test_an_unknown_time_is_said():
    store, _ = _sample(Script([(12, [_wh(1)])], known=False))
    assert store.packs[0][2].flags == pack.FLAG_TIME_UNKNOWN


class Learns(Script):
    """The time becomes known while a step is read: T0 was the start."""

    def __init__(self, steps, at, **kw):
        super().__init__(steps, known=False, **kw)
        self.at = at

    def offset_ms(self):
        return T0

    def now_ms(self):
        return self.t_ms % T0 + (T0 if self.known else 0)

    async def read(self):
        self.at -= 1
        self.known = self.known or self.at < 0
        return self.values


def test_a_run_is_dated_when_the_time_is_learnt_before_it_is_closed():
    steps = [(0, [_wh(1)]), (1000, [_wh(2)]), (2000, [_wh(3)]), (T0 + 3000, [_wh(4)])]
    store, _ = _sample(Learns(steps, at=2))  # known during the third reading
    read = store.packs[0][2]
    assert len(store.packs) == 1
    assert (read.flags, read.values, read.period_ms) == (0, (1, 2, 3, 4), 1000)
    assert pack.times_ms(read) == [T0, T0 + 1000, T0 + 2000, T0 + 3000]


def test_events_are_dated_too():
    speed = [Value("vehicle_speed_km_h", 50, 0, 0)]
    store, _ = _sample(Learns([(7, speed), (30, speed)], at=1, event=True))
    assert store.packs[0][2].flags == 0
    assert pack.times_ms(store.packs[0][2]) == [T0 + 7, T0 + 30]


def test_a_run_closed_before_the_time_is_learnt_stays_unknown():
    steps = [(1000 * i, [_wh(i)]) for i in range(4)] + [(T0 + 4000, [_wh(4)])]
    store, _ = _sample(Learns(steps, at=4))
    flags = [p.flags for _, _, p in store.packs]
    assert flags == [pack.FLAG_TIME_UNKNOWN, 0]


def test_a_driver_that_raises_is_counted_and_the_next_reading_arrives():
    store, ledger = _sample(Script([(T0, OSError(5)), (T0 + 1000, [_wh(7)])]))
    assert ledger.errors == 1
    assert store.packs[0][2].values == (0, 7)
    assert store.packs[0][2].quality == bytes((quality.PROTOCOL, 0))
    store, ledger = _sample(Script([(T0, MemoryError())], event=True))
    assert (ledger.errors, store.packs) == (1, [])


def test_a_ring_that_cannot_write_counts_the_readings_lost():
    store, ledger = _sample(Script([(T0, [_wh(1)]), (T0 + 1000, [_wh(2)])]), Store(full=True))
    assert store.lost == [(3, 0, "energy_import_wh", 2)]
    assert ledger.errors == 1


def test_the_ledger_turns_time_into_energy():
    ledger = Ledger({"idle": 100, "active": 300, "radio": 700}, 3)
    ledger.active(1000)
    ledger.radio(500)
    # 10 s x 100 mW + 1 s x 200 mW + 0.5 s x 600 mW = 1.5 J
    assert ledger.energy_mj(10_000) == 1500
    assert ledger.resets == 1
    message = ledger.message(1, 10_000, None, tx=5, rx=6, waiting=0, lost=[])
    assert (message.energy_method, message.wakes, message.reconnects) == ("profile", 1, 0)
    unknown = Ledger({"idle": 0}, 1).message(1, 9, None, tx=0, rx=0, waiting=0, lost=[])
    assert (unknown.energy_method, unknown.energy_mj) == ("none", 0)
