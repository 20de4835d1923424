"""The P1 driver: published telegrams, every single-bit error, every cut, noise, both kinds."""

import asyncio
import json

from cobenefit_node.drivers import p1
from cobenefit_node.drivers.line import pause, seven_bits
from cobenefit_wire import quality


def _even(data):
    """8N1 sight of a 7E1 sender: bit 7 makes the number of ones even."""
    return bytes([b | (sum(1 for i in range(7) if b >> i & 1) & 1) << 7 for b in data])


def _telegrams():
    """Published telegrams as they are on the line: versions 2 and 3 are sent as 7E1."""
    with open(__file__.rsplit("/", 2)[0] + "/vectors/p1.json") as f:
        vectors = json.load(f)["telegrams"]
    return [(_raw(v), v) for v in vectors]


def _raw(vector):
    text = vector["text"].encode()
    return text if vector["version"] >= "4" else _even(text)


def _read_all(data):
    parser = p1.Parser()
    parser.feed(data)
    telegrams = []
    while True:
        telegram = parser.frame()
        if telegram is None:
            return telegrams
        telegrams.append(telegram)


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
        driver = p1.P1(line, timeout_ms=options.pop("timeout_ms", 60), **options)
        got = []
        for _ in range(reads):
            got.append(await driver.read())
        return got

    return asyncio.run(run())


def _three(values):
    return [(v.value, v.quality) for v in values]


def _truth(vector):
    return [(vector[key], quality.GOOD) for key in ("import_wh", "power_w", "export_wh")]


V2, V3, V4, V5 = 0, 1, 2, 3


def test_published_telegrams_give_their_values():
    assert [vector["version"] for _, vector in _telegrams()] == ["2.2", "3", "4.2", "5"]
    for raw, vector in _telegrams():
        (values,) = _values(Line(raw), export=True)
        assert _three(values) == _truth(vector), vector["version"]
        assert [v.channel for v in values] == [
            "energy_import_wh", "power_active_w", "energy_export_wh",
        ]  # fmt: skip


def test_no_single_bit_error_ever_gives_another_value():
    for at in (V2, V5):
        raw = _telegrams()[at][0]
        flagged = 0
        for bit in range(len(raw) * 8):
            broken = bytearray(raw)
            broken[bit // 8] ^= 1 << (bit % 8)
            intact = [t for t in _read_all(bytes(broken)) if p1.is_intact(t)]
            after_the_end = bit // 8 > raw.rfind(b"!") + (4 if at == V5 else 1)
            assert (intact == []) is not after_the_end, bit
            flagged += not intact
        assert flagged > 3000, flagged


def test_a_damaged_telegram_never_costs_the_next():
    for raw, _ in _telegrams():
        for at in range(0, len(raw), 7):
            broken = raw[:at] + bytes((raw[at] ^ 0x10,)) + raw[at + 1 :]
            assert p1.is_intact(_read_all(raw + broken + raw)[-1]), at


def test_every_cut_gives_true_values_or_a_flag_and_the_next_telegram():
    for at in (V3, V5):
        raw, vector = _telegrams()[at]
        for n in range(len(raw)):
            telegrams = _read_all(raw + raw[:n] + raw)
            assert p1.is_intact(telegrams[0]) and p1.is_intact(telegrams[-1]), n
            for telegram in telegrams:
                if p1.is_intact(telegram):
                    found = p1.energy_wh(seven_bits(telegram), b"1")
                    assert found == (vector["import_wh"], quality.GOOD), n


def test_every_cut_alone_is_silent_or_flagged():
    raw = _telegrams()[V5][0]
    for n in range(0, len(raw) - 2, 11):
        (values,) = _values(Line(raw[:n]), timeout_ms=2)
        assert [v.quality for v in values] == [quality.TIMEOUT] * 2, n


def test_a_telegram_that_lost_its_crc_is_not_taken_for_an_old_one():
    raw = _telegrams()[V5][0]
    (values,) = _values(Line(raw[:-6] + b"\r\n"))
    assert [v.quality for v in values] == [quality.CHECKSUM] * 2


def test_an_old_telegram_without_parity_is_flagged():
    (values,) = _values(Line(seven_bits(_telegrams()[V3][0])))
    assert [v.quality for v in values] == [quality.CHECKSUM] * 2


def test_wrong_parity_in_one_character_is_flagged():
    raw = _telegrams()[V3][0]
    for at in range(0, raw.find(b"!"), 13):
        broken = raw[:at] + bytes((raw[at] ^ 0x80,)) + raw[at + 1 :]
        assert not any(p1.is_intact(t) for t in _read_all(broken)), at


def test_a_change_of_meter_needs_no_setting():
    old, new = _telegrams()[V3], _telegrams()[V5]
    reads = _values(Line(old[0], new[0], old[0]), 3, export=True)
    assert [_three(values) for values in reads] == [_truth(v) for v in (old[1], new[1], old[1])]


def test_any_chunks_and_telegrams_back_to_back():
    raw, vector = _telegrams()[V4]
    for size in (1, 7, 64, 512):
        chunks = [raw[i : i + size] for i in range(0, len(raw), size)]
        reads = _values(Line(*(chunks + chunks)), 2, export=True, timeout_ms=500)
        assert [_three(values) for values in reads] == [_truth(vector)] * 2


def test_a_fresh_read_drops_what_the_uart_kept():
    old, new = _telegrams()[V4], _telegrams()[V5]
    (values,) = _values(Line(old[0], new[0]), fresh=True)
    assert values[0].value in (old[1]["import_wh"], new[1]["import_wh"])
    (values,) = _values(Line(old[0][:200], new[0]), fresh=True)
    assert values[0].value == new[1]["import_wh"]


def _sealed(lines):
    text = b"/XMX5 1\r\n\r\n" + lines + b"!"
    return text + b"%04X\r\n" % p1.crc16(text, 0)


def test_a_total_is_preferred_and_half_a_sum_is_refused():
    total = b"1-0:1.8.0(00001234.567*kWh)\r\n"
    first, second = b"1-0:1.8.1(000001.000*kWh)\r\n", b"1-0:1.8.2(000002.000*kWh)\r\n"
    for lines, value, code in (
        (total, 1234567, quality.GOOD),
        (first + second + total, 1234567, quality.GOOD),
        (first + second, 3000, quality.GOOD),
        (first, 0, quality.PROTOCOL),
        (b"", 0, quality.PROTOCOL),
        (b"1-0:1.8.0(-0001.000*kWh)\r\n", 0, quality.PROTOCOL),
        (b"1-0:1.8.0(000001.000*kvarh)\r\n", 0, quality.PROTOCOL),
        (b"1-0:31.8.0(000001.000*kWh)\r\n", 0, quality.PROTOCOL),
        (b"1-0:1.8.0(99999999.999*kWh)\r\n", 99999999999, quality.RANGE),
    ):
        (values,) = _values(Line(_sealed(lines)))
        assert _three(values)[0] == (value, code), lines


def test_power_is_what_is_drawn_less_what_is_fed_in():
    lines = b"1-0:1.7.0(00.000*kW)\r\n1-0:2.7.0(03.210*kW)\r\n"
    (values,) = _values(Line(_sealed(lines)), number=2)
    assert values[1] == ("power_active_w_2", -3210, 0, quality.GOOD)
    (values,) = _values(Line(_sealed(lines.replace(b"03.210", b"103.21"))))
    assert values[1].quality == quality.RANGE


def test_silence_and_noise_are_flagged():
    (values,) = _values(Line())
    assert [v.quality for v in values] == [quality.TIMEOUT] * 2
    for values in _values(Line(bytes(range(256)) * 8), 4):
        assert all(v.quality in (quality.TIMEOUT, quality.CHECKSUM) for v in values)


def test_garbage_tries_the_other_rate():
    rates = []

    async def run():
        line = Line(b"\x00\xf8" * 40)
        driver = p1.P1(line, fresh=False, timeout_ms=20, rebaud=rates.append)
        for _ in range(4):
            await driver.read()
            line.chunks.append(b"\x00\xf8" * 40)
        line.chunks = [_telegrams()[V3][0]]
        return await driver.read()

    assert all(v.quality == quality.GOOD for v in asyncio.run(run()))
    assert rates == [9600, 115200]


def test_silence_never_changes_the_rate():
    rates = []
    _values(Line(), 4, timeout_ms=5, rebaud=rates.append)
    assert rates == []


def test_an_endless_telegram_is_dropped_and_counted():
    parser = p1.Parser()
    for _ in range(100):
        parser.feed(b"x" * 100)
        assert len(parser._buffer) <= p1.MOST_BYTES
    assert parser.frame() is None
    assert parser.dropped == 10000 - p1.MOST_BYTES


def test_a_dead_line_is_a_time_out():
    class Dead:
        async def read(self, n):
            raise OSError(5)

    (values,) = _values(Dead(), timeout_ms=60)
    assert [v.quality for v in values] == [quality.TIMEOUT] * 2
