"""The optical head's driver: a published readout, every bit, every cut, silence, rate changes."""

import asyncio
import json

from cobenefit_node.drivers import iec62056, obis
from cobenefit_node.drivers.line import pause
from cobenefit_wire import quality


def _vectors():
    with open(__file__.rsplit("/", 2)[0] + "/vectors/iec62056.json") as f:
        return json.load(f)


def _readout():
    vector = _vectors()["readouts"][0]
    return vector["text"].encode(), vector


def _block(lines):
    """A data message built by the rule of the standard's annex B."""
    text = lines + b"!\r\n\x03"
    bcc = 0
    for byte in text:
        bcc ^= byte
    return b"\x02" + text + bytes((bcc,))


class Head:
    """An optical head on a meter; `data` is what it sends after the acknowledgement."""

    def __init__(self, data, identification=b"/PAF5EC3gr00006\r\n", echo=False, slow_only=False):
        self.data = data
        self.identification = identification
        self.echo = echo
        self.slow_only = slow_only
        self.said = []
        self.waiting = b""
        self.rates = []

    def write(self, message):
        self.said.append(bytes(message))
        if self.echo:
            self.waiting += message
        if message == iec62056.REQUEST:
            self.waiting += self.identification
        elif not (self.slow_only and message[2:3] != b"0"):
            self.waiting += self.data

    async def drain(self):
        pass

    async def read(self, n):
        while not self.waiting:
            await pause(2)
        data, self.waiting = self.waiting[:n], self.waiting[n:]
        return data


def _values(head, reads=1, rebaud=False, timeout_ms=40, **options):
    async def run():
        changed = head.rates.append if rebaud else None
        driver = iec62056.Iec62056(
            head, timeout_ms=timeout_ms, rebaud=changed, settle=False, **options
        )
        got = []
        for _ in range(reads):
            got.append(await driver.read())
        return got

    return asyncio.run(run())


def _codes(values):
    return [v.quality for v in values]


def test_a_published_readout_gives_its_values():
    raw, vector = _readout()
    head = Head(raw, vector["identification"].encode())
    (values,) = _values(head, export=True)
    assert values == [
        ("energy_import_wh", vector["import_wh"], 0, quality.GOOD),
        ("energy_export_wh", vector["export_wh"], 0, quality.GOOD),
    ]
    assert head.said == [b"/?!\r\n", b"\x06000\r\n"]


def test_a_published_readout_whose_check_does_not_hold_is_flagged():
    (vector,) = _vectors()["broken"]
    (values,) = _values(Head(vector["text"].encode()))
    assert _codes(values) == [quality.CHECKSUM]


def test_published_lines_give_their_values():
    for vector in _vectors()["lines"]:
        text = b"\x02" + vector["text"].encode()
        assert obis.milli(text, b"1.8.0", b"kWh") == (vector["import_wh"], quality.GOOD)
        if vector["export_wh"] is not None:
            assert obis.milli(text, b"2.8.0", b"kWh") == (vector["export_wh"], quality.GOOD)


def test_units_and_snapshots():
    for line, found in (
        (b"1.8.0(0001.5*kWh)", (1500, 0)),
        (b"1.8.0(0001.54321*kWh)", (1543, 0)),
        (b"1.8.0(1543*Wh)", (1543, 0)),
        (b"1-0:1.8.0*255(1543)", (1543000, 0)),
        (b"1.8.0*01(1543*kWh)", (0, obis.MISSING)),
        (b"1.8.0*01(7*kWh)\r\n1.8.0(1543*kWh)", (1543000, 0)),
        (b"21.8.0(1543*kWh)", (0, obis.MISSING)),
        (b"1.8.0(*kWh)", (0, quality.PROTOCOL)),
        (b"1.8.0()", (0, quality.PROTOCOL)),
        (b"1.8.0(1.2.3*kWh)", (0, quality.PROTOCOL)),
        (b"1.8.0(15 43*kWh)", (0, quality.PROTOCOL)),
        (b"1.8.0(1543*m3)", (0, quality.PROTOCOL)),
    ):
        assert obis.milli(b"F.F(00)\r\n" + line + b"\r\n", b"1.8.0", b"kWh") == found, line


def test_no_single_bit_error_ever_gives_another_value():
    raw = _readout()[0]
    codes = set()
    for bit in range(len(raw) * 8):
        if bit % 8 == 7:
            continue  # parity
        broken = bytearray(raw)
        broken[bit // 8] ^= 1 << (bit % 8)
        code = iec62056.block(bytes(broken))[1]
        assert code != quality.GOOD, bit
        codes.add(code)
    assert codes == {quality.CHECKSUM, quality.TIMEOUT}


def test_every_cut_has_no_block():
    raw = _readout()[0]
    for n in range(len(raw)):
        assert iec62056.block(raw[:n])[1] == quality.TIMEOUT, n
        if n:
            assert iec62056.block(raw[n:])[1] in (quality.CHECKSUM, quality.TIMEOUT), n


def test_pairs_of_bit_errors_the_check_misses_are_counted():
    """The same bit wrong in two characters leaves the BCC as it was."""
    raw = _block(b"1.8.0(0032916.425*kWh)\r\n")
    passed = tried = 0
    for first in range(8, len(raw) * 8):
        for second in range(first + 1, len(raw) * 8):
            if first % 8 == 7 or second % 8 == 7:
                continue
            broken = bytearray(raw)
            broken[first // 8] ^= 1 << (first % 8)
            broken[second // 8] ^= 1 << (second % 8)
            tried += 1
            lines, code = iec62056.block(bytes(broken))
            if code == quality.GOOD:
                value, code = obis.milli(lines, b"1.8.0", b"kWh")
                passed += code == quality.GOOD and value != 32916425
    assert 0 < passed < tried // 50, (passed, tried)


def test_parity_left_in_bit_7_is_masked():
    raw, vector = _readout()
    even = bytes([b | (sum(1 for i in range(7) if b >> i & 1) & 1) << 7 for b in raw])
    assert even != raw
    (values,) = _values(Head(even, b"\xafPAF5EC3gr00006\r\n"))
    assert values[0].value == vector["import_wh"]


def test_an_echo_does_no_harm():
    (values,) = _values(Head(_readout()[0], echo=True), export=True)
    assert _codes(values) == [quality.GOOD] * 2


def test_the_rate_follows_the_identification():
    for z, rate in enumerate(iec62056.RATES):
        head = Head(_readout()[0], b"/ABC%d meter\r\n" % z)
        (values,) = _values(head, rebaud=True)
        assert _codes(values) == [quality.GOOD]
        assert head.rates == ([300, rate] if z else [300])
        assert head.said[1] == b"\x060%d0\r\n" % z


def test_a_meter_silent_at_its_fast_rate_is_read_slowly_next_time():
    head = Head(_readout()[0], slow_only=True)
    reads = _values(head, 3, rebaud=True)
    assert [_codes(values)[0] for values in reads] == [quality.TIMEOUT, 0, 0]
    assert head.said[1::2] == [b"\x06050\r\n", b"\x06000\r\n", b"\x06000\r\n"]


def test_a_meter_of_another_mode_is_a_protocol_error():
    for identification in (b"/ABCA meter\r\n", b"/ABC9 meter\r\n", b"/ABC\\2meter\r\n"):
        (values,) = _values(Head(_readout()[0], identification))
        assert _codes(values) == [quality.PROTOCOL], identification


def test_a_meter_without_the_line_is_a_protocol_error():
    (values,) = _values(Head(_block(b"1.8.0(0000001.000*kWh)\r\n")), export=True, number=2)
    assert values == [
        ("energy_import_wh_2", 1000, 0, quality.GOOD),
        ("energy_export_wh_2", 0, 0, quality.PROTOCOL),
    ]


def test_an_implausible_index_is_flagged():
    (values,) = _values(Head(_block(b"1.8.0(99999999.9*kWh)\r\n")))
    assert _codes(values) == [quality.RANGE]


def test_silence_noise_and_cuts_are_flagged():
    raw = _readout()[0]
    noise = bytes(range(1, 128)) * 3
    for head, code in (
        (Head(b"", b""), quality.TIMEOUT),
        (Head(b"", b"\x00\x55\x00"), quality.CHECKSUM),
        (Head(b""), quality.TIMEOUT),
        (Head(raw[:100]), quality.CHECKSUM),
        (Head(noise), quality.CHECKSUM),
        (Head(b"", noise), quality.CHECKSUM),
    ):
        (values,) = _values(head)
        assert _codes(values) == [code], (head.identification[:4], head.data[:4])


def test_a_late_answer_is_never_taken_for_the_next_one():
    old = _block(b"1.8.0(0000001.000*kWh)\r\n")
    head = Head(_block(b"1.8.0(0000002.000*kWh)\r\n"))
    head.waiting = b"/OLD5meter\r\n" + old
    (values,) = _values(head)
    assert values[0].value == 2000


def test_what_is_kept_is_bounded():
    (values,) = _values(Head(b"\x02" + b"x" * 9000), timeout_ms=200)
    assert _codes(values)[0] in (quality.CHECKSUM, quality.TIMEOUT)


def test_a_dead_line_is_a_time_out():
    class Dead(Head):
        def write(self, message):
            raise OSError(5)

    (values,) = _values(Dead(b""))
    assert _codes(values) == [quality.TIMEOUT]
