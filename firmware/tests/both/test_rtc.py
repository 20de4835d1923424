"""What outlives deep sleep: the state in RTC memory, and ring, runs, clock and ledger with it."""

import os

from cobenefit_node.clock import Clock
from cobenefit_node.health import Ledger
from cobenefit_node.reading import Value
from cobenefit_node.ring import Ring
from cobenefit_node.rtc import ROOM, Kept
from cobenefit_node.sampler import Sampler
from cobenefit_node.twin import Twin
from cobenefit_wire import pack, quality

DIRECTORY = (os.getenv("TMPDIR") or "/tmp") + "/cb-rtc-test"
T0 = 1_750_000_000_000
KNOWN_MS = 1_750_000_000_000


class Memory:
    """RTC memory as `machine.RTC().memory` is."""

    def __init__(self):
        self.raw = b""

    def __call__(self, data=None):
        if data is None:
            return self.raw
        if len(data) > ROOM:
            raise ValueError("buffer too long")
        self.raw = bytes(data)
        return None


def _fresh():
    try:
        os.mkdir(DIRECTORY)
    except OSError:
        for name in os.listdir(DIRECTORY):
            os.remove(DIRECTORY + "/" + name)


def test_a_state_comes_back_and_damage_is_nothing():
    memory = Memory()
    kept = Kept(memory)
    assert kept.load() is None
    assert kept.save([1, "x", b"y", None])
    assert Kept(memory).load() == [1, "x", b"y", None]
    for i in range(len(memory.raw) * 8):
        whole = memory.raw
        bent = bytearray(whole)
        bent[i // 8] ^= 1 << (i % 8)
        memory.raw = bytes(bent)
        assert Kept(memory).load() is None
        memory.raw = whole


def test_what_is_too_large_is_refused_and_the_state_before_stays():
    memory = Memory()
    kept = Kept(memory)
    kept.save([1])
    assert not kept.save([bytes(ROOM)])
    assert kept.load() == [1]


def test_a_board_without_rtc_memory_keeps_its_state_in_flash():
    _fresh()
    here = os.getcwd()
    os.chdir(DIRECTORY)
    try:
        before = Twin.written
        assert Kept(None).save([1, 2])
        assert Kept(None).load() == [1, 2]
        assert Twin.written > before
    finally:
        os.chdir(here)


def _append(ring):
    read = pack.Pack(ring.boot, ring.seq, 0, T0, "Wh", 0, 1000, (), (1,), b"")
    ring.append("energy_import_wh", 1, pack.encode(read))


def test_a_ring_goes_on_with_its_boot_and_sequence_and_writes_nothing():
    _fresh()
    ring = Ring(DIRECTORY, 8, 4096)
    _append(ring)
    ring.close()
    names = sorted(os.listdir(DIRECTORY))
    before = Twin.written
    again = Ring(DIRECTORY, 8, 4096, (ring.boot, 1))
    assert (again.boot, again.seq, Twin.written) == (ring.boot, 1, before)
    assert sorted(os.listdir(DIRECTORY)) == names
    again.close()
    # A record that was written after the state was kept counts, whatever the state says.
    third = Ring(DIRECTORY, 8, 4096, (ring.boot, 0))
    assert (third.boot, third.seq) == (ring.boot, 1)
    third.close()
    # A state of another boot, or none, is a new start.
    for resume, boot in ((ring.boot - 1, 5), ring.boot + 1), (None, ring.boot + 2):
        other = Ring(DIRECTORY, 8, 4096, resume)
        assert other.boot == boot
        other.close()


def test_a_torn_record_makes_a_new_boot_for_its_sequence_is_not_used_again():
    _fresh()
    ring = Ring(DIRECTORY, 8, 4096)
    _append(ring)
    _append(ring)
    ring.close()
    path = DIRECTORY + "/" + [n for n in os.listdir(DIRECTORY) if n.endswith(".seg")][0]  # noqa: RUF015
    with open(path, "rb") as f:
        raw = f.read()
    with open(path, "wb") as f:
        f.write(raw[:-5])
    again = Ring(DIRECTORY, 8, 4096, (ring.boot, 1))
    assert (again.boot, again.seq) == (ring.boot + 1, 0)
    again.close()


class Still:
    """A clock and a driver that stand still."""

    channels = ("energy_import_wh",)
    event = False

    def __init__(self, known=True):
        self.known = known

    def time_known(self):
        return self.known

    def offset_ms(self):
        return T0

    async def read(self):
        return []


class Config:
    pack_readings = 60
    pack_age_ms = 1_000_000


def _sampler(ring, known=True):
    still = Still(known)
    return Sampler(
        still, 1000, Config, clock=still, ring=ring, offer=lambda _: None,
        ledger=Ledger({}, 1), log=print,
    )  # fmt: skip


def _add(sampler, t_ms, value, code=0, flags=0):
    from cobenefit_node.sampler import _stamp

    sampler._add(_stamp(Value("energy_import_wh", value, 0, code), t_ms), flags)


def test_open_runs_go_on_as_if_nothing_had_happened():
    _fresh()
    ring = Ring(DIRECTORY, 8, 4096)
    whole, first, second = _sampler(ring), _sampler(ring), _sampler(ring)
    steps = [(T0, 5, 0), (T0 + 1000, 0, quality.CHECKSUM), (T0 + 2000, 7, 0), (T0 + 9000, 8, 0)]
    for t_ms, value, code in steps:
        _add(whole, t_ms, value, code)
    for t_ms, value, code in steps[:2]:
        _add(first, t_ms, value, code)
    for channel, data in first.open_packs():
        second.reopen(channel, data)
    for t_ms, value, code in steps[2:]:
        _add(second, t_ms, value, code)
    assert second.open_packs() == whole.open_packs()
    ring.close()


def test_a_run_of_an_unknown_time_is_dated_after_the_sleep():
    _fresh()
    ring = Ring(DIRECTORY, 8, 4096)
    first, second = _sampler(ring, known=False), _sampler(ring)
    _add(first, 5000, 1, flags=pack.FLAG_TIME_UNKNOWN)
    for channel, data in first.open_packs():
        second.reopen(channel, data)
    second._date()
    read = pack.decode(second.open_packs()[0][1])
    assert (read.flags, read.t_ms) == (0, T0 + 5000)
    ring.close()


class Wall(Clock):
    """A clock whose wall the test moves."""

    def __init__(self, wall_ms):
        super().__init__()
        self.wall_ms = wall_ms

    def _wall_ms(self):
        return self.wall_ms + self._shift_ms


def test_uptime_goes_on_by_what_the_board_clock_says():
    before = Wall(5000)
    held = before.held()
    after = Wall(5000 + 900_000)
    assert after.resume(held, 890_000) == 900_000
    assert 900_000 <= after.uptime_ms() <= 901_000
    # So a stamp from before the sleep is dated right when the time is learnt after it.
    stamp_ms = held[0]
    after.wall_ms = KNOWN_MS
    assert abs(stamp_ms + after.offset_ms() - (KNOWN_MS - 900_000)) <= 1000


def test_a_board_clock_that_did_not_run_on_sleeps_as_planned():
    held = Wall(KNOWN_MS).held()
    after = Wall(0)
    assert after.resume(held, 600_000) == 600_000
    assert not after.time_known()


def test_the_time_floor_is_not_written_at_each_wake():
    class Writes:
        n = 0

        def load(self):
            return [KNOWN_MS, 0]

        def save(self, _item):
            self.n += 1

    twin = Writes()
    clock = Wall(KNOWN_MS)
    clock.keep(twin)
    clock.save_floor()
    assert twin.n == 1
    after = Wall(KNOWN_MS + 600_000)
    after.resume(clock.held(), 600_000)
    after.keep(twin)
    after.save_floor()
    assert twin.n == 1


def test_the_radio_counts_while_the_link_is_up():
    ledger = Ledger({"idle": 100, "radio": 600}, 1, 50)
    ledger.radio_on(True)
    ledger.radio(5000)  # inside that time: not twice
    ledger.radio_on(False)
    said = ledger.message(1, 0, None, tx=0, rx=0, waiting=0, lost=[])
    assert said.radio_ms < 1000


def test_a_meter_measures_the_time_awake_and_the_profile_gives_the_rest():
    class Meter:
        def power_mw(self):
            return 200

    ledger = Ledger({"idle": 100}, 4, 1000)
    ledger.meter = Meter()
    ledger.measure(500)
    ledger.asleep_ms = 1_000_000
    said = ledger.message(1, 1_001_000, None, tx=0, rx=0, waiting=0, lost=[])
    # 1 s x 200 mW measured, 1000 s x 1 mW by the profile; its factor 2 weighs by its joules.
    assert said.energy_mj == 200 + 1000
    assert (said.energy_method, said.error_permille) == ("measured", (200 * 20 + 1000_000) // 1200)
