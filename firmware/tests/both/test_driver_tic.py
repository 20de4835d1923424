"""The TIC driver: published frames, every single-bit error, every cut, noise, both modes."""

import asyncio
import json

from cobenefit_node.drivers import tic
from cobenefit_node.drivers.line import pause
from cobenefit_wire import quality


def _vectors():
    with open(__file__.rsplit("/", 2)[0] + "/vectors/tic.json") as f:
        return json.load(f)


def _frames():
    return [(v["text"].encode(), v) for v in _vectors()["frames"]]


def _read_all(data):
    parser = tic.Parser()
    parser.feed(data)
    frames = []
    while True:
        frame = parser.frame()
        if frame is None:
            return frames
        frames.append(frame)


class Line:
    """A stream that gives one chunk at a time, then is silent."""

    def __init__(self, *chunks):
        self.chunks = list(chunks)

    async def read(self, n):
        while not self.chunks:
            await pause(5)
        chunk = self.chunks.pop(0)
        if len(chunk) > n:
            self.chunks.insert(0, chunk[n:])
        return chunk[:n]


def _values(line, reads=1, **options):
    async def run():
        options.setdefault("fresh", False)
        driver = tic.Tic(line, timeout_ms=options.pop("timeout_ms", 60), **options)
        got = []
        for _ in range(reads):
            got.append(await driver.read())
        return got

    return asyncio.run(run())


HC, BASE_PRODUCER = 0, 3


def test_published_frames_give_their_values():
    for raw, vector in _frames():
        assert _read_all(raw) == [raw], vector["name"]
        assert tic.energy_wh(raw) == (vector["energy_wh"], quality.GOOD), vector["name"]
        assert tic.power_va(raw) == (vector["power_va"], quality.GOOD), vector["name"]
        if vector["export_wh"] is None:
            assert tic.export_wh(raw) == (0, tic.MISSING)
        else:
            assert tic.export_wh(raw) == (vector["export_wh"], quality.GOOD)
        assert tic.intact(raw) is vector["intact"], vector["name"]


def test_published_groups_hold_their_checksum_and_published_errors_do_not():
    for vector in _vectors()["groups"]:
        assert tic.intact(tic.START[:1] + b"\n" + vector["text"].encode() + tic.END), vector
    for vector in _vectors()["broken"]:
        assert not tic.intact(tic.START[:1] + b"\n" + vector["text"].encode() + tic.END), vector


def test_no_single_bit_error_ever_gives_another_value():
    flagged = 0
    for raw, vector in _frames():
        truth = {tic.energy_wh: vector["energy_wh"], tic.power_va: vector["power_va"]}
        for bit in range(len(raw) * 8):
            broken = bytearray(raw)
            broken[bit // 8] ^= 1 << (bit % 8)
            frames = _read_all(raw + bytes(broken) + raw)
            assert len(frames) in (3, 2), (vector["name"], bit)
            for frame in frames:
                for source, value in truth.items():
                    got, code = source(frame)
                    assert code != quality.GOOD or got == value, (vector["name"], bit, got)
                    flagged += code != quality.GOOD
            assert frames[0] == frames[-1] == raw, "a whole frame suffers"
    assert flagged > 1000, flagged


def test_a_lost_mark_never_loses_a_frame():
    raw = _frames()[HC][0]
    for bit in range(7):
        for at in (0, 1, len(raw) - 1, len(raw) - 2):
            broken = bytearray(raw)
            broken[at] ^= 1 << bit
            assert len(_read_all(raw + bytes(broken) + raw)) == 3, (bit, at)


def test_pairs_of_bit_errors_the_checksum_misses_stay_in_range():
    """Six bits of sum cannot see +2^k -2^k; what passes is counted here, not wished away."""
    raw = b"\x02\nEAST\t001156667\t/\r\x03"
    passed = tried = 0
    for first in range(2 * 8, 18 * 8):
        for second in range(first + 1, 18 * 8):
            broken = bytearray(raw)
            broken[first // 8] ^= 1 << (first % 8)
            broken[second // 8] ^= 1 << (second % 8)
            parser = tic.Parser()
            parser.feed(bytes(broken))
            tried += 1
            value, code = tic.group(parser.rest() or b"", b"EAST\t", 9)
            if code == quality.GOOD and value != 1156667:
                passed += 1
                assert 0 <= value <= 999999999
    assert 0 < passed < tried // 50, (passed, tried)


def test_every_cut_gives_true_values_or_flags_and_the_next_frame():
    for raw, vector in _frames():
        for n in range(len(raw)):
            frames = _read_all(raw + raw[:n] + raw + raw)
            assert frames[0] == frames[-1] == raw
            for frame in frames:
                value, code = tic.energy_wh(frame)
                assert code != quality.GOOD or value == vector["energy_wh"], n


def test_parity_left_in_bit_7_is_masked():
    raw = _frames()[HC][0]
    even = bytes([b | (sum(1 for i in range(7) if b >> i & 1) & 1) << 7 for b in raw])
    assert even != raw
    assert _read_all(even) == [raw]


def test_a_spoilt_line_feed_does_not_hide_a_group():
    raw = _frames()[BASE_PRODUCER][0].replace(b"\r\n", b"\r\x0f")  # esphome/esphome#17291
    assert tic.energy_wh(raw) == (0, quality.GOOD)
    assert tic.export_wh(raw) == (32781, quality.GOOD)


def test_an_interrupted_frame_ends_at_its_eot():
    raw = _frames()[HC][0]
    frames = _read_all(raw + raw[:60] + b"\r\x04" + raw)  # hekmon/linkytic#9
    assert len(frames) == 3
    assert frames[2] == raw


def test_a_tariff_that_is_missing_spoils_the_sum():
    raw = _frames()[HC][0]
    for label in (b"HCHC", b"HCHP"):
        assert tic.energy_wh(raw.replace(label, b"HCXX")) == (0, quality.CHECKSUM)


def test_read_gives_one_value_per_channel_whatever_the_chunks():
    for raw, vector in _frames():
        for size in (1, 7, 64, 512):
            chunks = [raw[i : i + size] for i in range(0, len(raw), size)]
            (values,) = _values(Line(b"\r\x03", *chunks))
            assert [v.channel for v in values] == ["energy_import_wh", "power_apparent_va"]
            assert [v.value for v in values] == [vector["energy_wh"], vector["power_va"]]
            assert [v.quality for v in values] == [quality.GOOD] * 2


def test_frames_back_to_back_are_read_one_by_one():
    one = b"\x02\nBASE 029757986 @\r\nPAPP 00000 !\r\x03"
    two = b"\x02\nBASE 014036028 #\r\nPAPP 02340 *\r\x03"
    reads = _values(Line(one + two + one), 3)
    assert [values[0].value for values in reads] == [29757986, 14036028, 29757986]


def test_a_fresh_read_drops_what_the_uart_kept():
    one = b"\x02\nBASE 029757986 @\r\nPAPP 00000 !\r\x03"
    two = b"\x02\nBASE 014036028 #\r\nPAPP 02340 *\r\x03"
    (values,) = _values(Line(one + one, two), fresh=True)
    assert values[0].value == 14036028


def test_silence_and_noise_are_flagged():
    (values,) = _values(Line())
    assert [v.quality for v in values] == [quality.TIMEOUT] * 2
    (values,) = _values(Line(bytes(range(256)) * 8))
    assert all(v.quality in (quality.TIMEOUT, quality.CHECKSUM) for v in values)


def test_a_frame_cut_by_silence_keeps_its_whole_groups():
    raw = _frames()[HC][0]
    cut, whole = _values(Line(raw[:-40], raw), 2)
    assert [v.quality for v in cut] == [quality.GOOD, quality.CHECKSUM]
    assert [v.quality for v in whole] == [quality.GOOD] * 2


def test_a_damaged_group_flags_its_channel_alone():
    raw = _frames()[HC][0].replace(b"PAPP 00190", b"PAPP 00191")
    (values,) = _values(Line(raw))
    assert [v.quality for v in values] == [quality.GOOD, quality.CHECKSUM]
    assert values[1].value == 0


def test_a_group_the_meter_does_not_send_is_a_protocol_error():
    (values,) = _values(Line(_frames()[HC][0]), export=True, number=2)
    assert values[2] == ("energy_export_wh_2", 0, 0, quality.PROTOCOL)


def test_a_mode_switch_between_frames_needs_no_setting():
    hist, standard = _frames()[HC], _frames()[4]
    reads = _values(Line(hist[0], standard[0], hist[0]), 3)
    got = [values[0].value for values in reads]
    assert got == [v["energy_wh"] for v in (hist[1], standard[1], hist[1])]


def test_garbage_tries_the_other_rate():
    rates = []

    async def run():
        garbage = Line(b"\x00\xf8" * 40)
        driver = tic.Tic(garbage, fresh=False, timeout_ms=30, rebaud=rates.append)
        for _ in range(4):
            await driver.read()
            garbage.chunks.append(b"\x00\xf8" * 40)
        garbage.chunks = [_frames()[HC][0]]
        return await driver.read()

    assert all(v.quality == quality.GOOD for v in asyncio.run(run()))
    assert rates == [9600, 1200]


def test_an_endless_frame_is_dropped_and_counted():
    parser = tic.Parser()
    for _ in range(100):
        parser.feed(b"x" * 100)
        assert len(parser._buffer) <= tic.MOST_BYTES
    assert parser.frame() is None
    assert parser.dropped > 8000


class Dead:
    """A line whose adapter was pulled out, or whose other end was closed."""

    def __init__(self, error):
        self.error = error
        self.reads = 0

    async def read(self, n):
        self.reads += 1
        if self.error:
            raise OSError(5)
        return b""


def test_a_dead_line_is_a_time_out_and_does_not_spin():
    for error in (True, False):
        line = Dead(error)
        (values,) = _values(line, timeout_ms=100)
        assert [v.quality for v in values] == [quality.TIMEOUT] * 2
        assert line.reads < 10, line.reads


def test_the_meters_clock_is_offered_from_fresh_frames_only():
    # Published frame of 2018-07-16 10:34:23 legal summer time: 08:34:23 UTC.
    raw = [raw for raw, _ in _frames() if b"E180716103423" in raw][0]  # noqa: RUF015
    told = []

    async def run(fresh):
        line = Line(b"kept", raw)  # a fresh read drops what was kept
        driver = tic.Tic(line, timeout_ms=400, fresh=fresh)
        driver.on_time = told.append
        await driver.read()

    asyncio.run(run(False))
    assert told == []
    asyncio.run(run(True))
    assert told == [1_531_730_063_000]


def test_a_damaged_or_doubted_date_is_no_time():
    raw = [raw for raw, _ in _frames() if b"E180716103423" in raw][0]  # noqa: RUF015
    at = raw.find(b"DATE")
    assert tic.date_ms(raw) == 1_531_730_063_000
    for i in range(at + 5, at + 21):
        for bit in range(7):
            bad = bytearray(raw)
            bad[i] ^= 1 << bit
            assert tic.date_ms(bytes(bad)) in (0, 1_531_730_063_000), (i, bit)
    for cut in range(at, at + 22):
        assert tic.date_ms(raw[:cut]) == 0
    historical = _frames()[HC][0]
    assert tic.date_ms(historical) == 0
