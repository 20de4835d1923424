"""The Modbus master: published exchanges, every single-bit error, every cut, late replies."""

import asyncio
import json

from cobenefit_node.drivers import maps, modbus
from cobenefit_node.drivers.line import pause
from cobenefit_wire import quality


def _vectors():
    with open(__file__.rsplit("/", 2)[0] + "/vectors/modbus.json") as f:
        return json.load(f)


def _sealed(body):
    crc = modbus.crc16(body)
    return body + bytes((crc & 255, crc >> 8))


def _answer(asked, *chunks):
    answer = modbus.Answer(asked)
    for chunk in chunks:
        if answer.feed(chunk):
            break
    answer.close()
    return answer


class Bus:
    """A line with slaves on it: `reply(request, number)` returns the bytes that come back."""

    def __init__(self, reply):
        self.reply = reply
        self.asked = []
        self.waiting = b""

    def write(self, data):
        self.asked.append(bytes(data))
        self.waiting += self.reply(bytes(data), len(self.asked))

    async def drain(self):
        pass

    async def read(self, n):
        while not self.waiting:
            await pause(2)
        data, self.waiting = self.waiting[:n], self.waiting[n:]
        return data


def _registers(words):
    """A slave that holds `words`, whatever it is asked for."""

    def reply(asked, number):
        first, count = asked[2] << 8 | asked[3], asked[5]
        body = b"".join(bytes((w >> 8, w & 255)) for w in words[first : first + count])
        return _sealed(bytes((asked[0], asked[1], 2 * count)) + body)

    return reply


def _read(reply, devices, reads=1):
    bus = Bus(reply)

    async def run():
        driver = modbus.Modbus(bus, devices, 2, 40)
        got = []
        for _ in range(reads):
            got.append(await driver.read())
        return got

    return bus, asyncio.run(run())


def _sdm120():
    words = [0] * 0x50
    for at, high, low in ((0, 0x4366, 0x3334), (6, 0x3F80, 0), (12, 0x458E, 0x3C35)):
        words[at], words[at + 1] = high, low
    words[0x48], words[0x49] = 0x462A, 0x7521
    return words


SOIL = (495, 0xFFF6, 1200, 65, 120, 30, 180)


def test_published_requests_and_replies():
    for v in _vectors()["exchanges"]:
        asked = bytes.fromhex(v["asked"])
        function, _, blocks = maps.MAPS[v["map"]]
        fields = {f[0]: (block[0] + f[1], f[3]) for block in blocks for f in block[2]}
        register, power = fields[v["channel"]]
        assert modbus.request(1, function, register, 2) == asked, v["name"]
        answer = _answer(asked, bytes.fromhex(v["reply"]))
        assert answer.quality == quality.GOOD, v["name"]
        bits = int.from_bytes(answer.data, "big")
        assert modbus.scaled_float32(bits, power) == v["value"], v["name"]


def test_published_soil_replies():
    for v in _vectors()["soil"]:
        asked = bytes.fromhex(v["asked"])
        assert modbus.request(1, 3, 0, len(v["registers"])) == asked
        data = _answer(asked, bytes.fromhex(v["reply"])).data
        assert [data[i] << 8 | data[i + 1] for i in range(0, len(data), 2)] == v["registers"]


def test_zero_bytes_of_a_line_driver_and_an_echo_do_no_harm():
    asked = modbus.request(1, 4, 0, 2)
    raw = bytes.fromhex(_vectors()["glitch"]["reply"])
    assert _answer(asked, raw).quality == quality.GOOD
    assert _answer(asked, asked + raw).data == raw[4:8]
    assert _answer(asked, *[raw[i : i + 1] for i in range(len(raw))]).data == raw[4:8]


def test_floats_become_integers_without_floats():
    vectors = _vectors()
    for bits, power, value in vectors["floats"]:
        got = modbus.scaled_float32(bits, power)
        assert got == value and isinstance(got, int), (hex(bits), got)
    for bits in vectors["not_finite"]:
        assert modbus.scaled_float32(bits, 3) is None, hex(bits)


def test_every_single_bit_error_is_refused():
    asked = modbus.request(1, 4, 0, 2)
    raw = bytearray(bytes.fromhex("010404436633341b38"))
    reasons = set()
    for bit in range(len(raw) * 8):
        raw[bit // 8] ^= 1 << (bit % 8)
        answer = _answer(asked, bytes(raw))
        assert answer.quality != quality.GOOD, bit
        reasons.add(answer.quality)
        raw[bit // 8] ^= 1 << (bit % 8)
    assert reasons == {quality.CHECKSUM}, reasons


def test_every_cut_is_a_time_out():
    asked = modbus.request(1, 4, 0, 2)
    raw = bytes.fromhex("010404436633341b38")
    for n in range(len(raw)):
        assert _answer(asked, raw[:n]).quality == quality.TIMEOUT, n


def test_a_meter_is_read_in_two_requests():
    bus, reads = _read(_registers(_sdm120()), [{"map": "sdm120", "unit": 7}])
    assert reads[0] == [
        ("voltage_v", 2302, -1, 0),
        ("current_a", 1000, -3, 0),
        ("power_active_w", 4552, 0, 0),
        ("energy_import_wh", 10909282, 0, 0),
    ]
    assert [asked[0] for asked in bus.asked] == [7, 7]
    assert [asked[3] for asked in bus.asked] == [0, 0x48]


def test_a_soil_probe_is_read_in_one_request_in_units_of_its_quantities():
    bus, reads = _read(_registers(SOIL), [{"map": "soil_a"}])
    assert [(v.value, v.exponent, v.quality) for v in reads[0]] == [
        (495, -3, 0), (-10, -1, 0), (1200, -4, 0), (65, -1, 0),
        (120, -6, 0), (30, -6, 0), (180, -6, 0),
    ]  # fmt: skip
    assert len(bus.asked) == 1


def test_only_the_wanted_channels_are_asked_for():
    wanted = [{"map": "sdm120", "channels": ["energy_import_wh"], "number": 2}]
    bus, reads = _read(_registers(_sdm120()), wanted)
    assert reads[0] == [("energy_import_wh_2", 10909282, 0, 0)]
    assert len(bus.asked) == 1


def test_implausible_and_not_finite_values_are_flagged():
    words = _sdm120()
    words[0], words[1] = 0x7FC0, 0  # NaN
    words[6], words[7] = 0x7F7F, 0xFFFF  # the largest float
    _, reads = _read(_registers(words), [{"map": "sdm120"}])
    codes = [v.quality for v in reads[0]]
    assert codes == [quality.NOT_FINITE, quality.RANGE, quality.GOOD, quality.GOOD]
    assert -(1 << 63) <= reads[0][1].value < 1 << 63, "a pack holds 64 bits"
    _, reads = _read(_registers((1001, 0, 0, 65, 0, 0, 3000)), [{"map": "soil_a"}])
    assert [v.quality for v in reads[0]] == [quality.RANGE, 0, 0, 0, 0, 0, quality.RANGE]


def test_silence_is_asked_once_more_then_flagged():
    bus, reads = _read(lambda asked, number: b"", [{"map": "sdm120"}])
    assert [v.quality for v in reads[0]] == [quality.TIMEOUT] * 4
    assert bus.asked == [modbus.request(1, 4, 0, 14)] * 2


def test_a_reply_to_the_second_request_is_good():
    words = _registers(SOIL)
    bus, reads = _read(lambda a, n: words(a, n) if n > 1 else b"", [{"map": "soil_a"}])
    assert [v.quality for v in reads[0]] == [quality.GOOD] * 7
    assert len(bus.asked) == 2


def test_a_damaged_reply_flags_its_block_alone():
    words = _registers(_sdm120())

    def reply(asked, number):
        raw = words(asked, number)
        return raw if number > 1 else raw[:-1] + bytes((raw[-1] ^ 1,))

    bus, reads = _read(reply, [{"map": "sdm120"}])
    codes = [v.quality for v in reads[0]]
    assert codes == [quality.CHECKSUM] * 3 + [quality.GOOD]
    assert len(bus.asked) == 2


def test_an_exception_is_a_protocol_error():
    _, reads = _read(lambda a, n: _sealed(bytes((1, 0x83, 2))), [{"map": "soil_a"}])
    assert [v.quality for v in reads[0]] == [quality.PROTOCOL] * 7


def test_a_late_reply_is_never_taken_for_the_next_one():
    """Same address, function and length: only the order tells them apart."""
    old, new = _registers((111,) * 7), _registers((222,) * 7)

    def reply(asked, number):
        return b"" if number < 3 else new(asked, number)

    bus = Bus(reply)

    async def run():
        driver = modbus.Modbus(bus, [{"map": "soil_a"}], 2, 40)
        first = await driver.read()
        bus.waiting = old(bus.asked[0], 0)
        return first, await driver.read()

    first, second = asyncio.run(run())
    assert first[0].quality == quality.TIMEOUT
    assert second[0] == ("soil_moisture_ratio", 222, -3, quality.GOOD)


def test_noise_is_flagged():
    _, reads = _read(lambda a, n: bytes(range(256)), [{"map": "soil_a"}])
    assert [v.quality for v in reads[0]] == [quality.CHECKSUM] * 7


def test_the_gap_is_three_and_a_half_characters():
    gaps = [modbus.gap_ms(baud) for baud in (2400, 4800, 9600, 19200, 115200)]
    assert gaps == [17, 9, 5, 3, 2], gaps  # 16.04, 8.02, 4.01, 2.01 (1.75 allowed), 1.75


def test_two_devices_on_one_line():
    words = _registers(_sdm120())
    devices = [
        {"map": "sdm120", "unit": 1, "channels": ["power_active_w"]},
        {"map": "sdm120", "unit": 2, "channels": ["power_active_w"], "number": 2},
    ]
    _, reads = _read(lambda a, n: words(a, n) if a[0] == 2 else b"", devices)
    assert reads[0] == [
        ("power_active_w", 0, 0, quality.TIMEOUT),
        ("power_active_w_2", 4552, 0, quality.GOOD),
    ]


def test_wrong_devices_are_refused_with_what_is_known():
    for devices, said in (
        ([{"map": "sdm999"}], "sdm120"),
        ([{"map": "sdm120", "unit": 0}], "1 to 247"),
        ([{"map": "sdm120", "channels": ["soil_ph"]}], "none"),
        ([{"map": "sdm120"}, {"map": "sdm120", "unit": 2}], "number"),
    ):
        try:
            modbus.Modbus(None, devices)
        except ValueError as err:
            assert said in str(err), err
        else:
            raise AssertionError("accepted: " + repr(devices))


class DeadBus(Bus):
    def write(self, data):
        raise OSError(5)


def test_a_dead_line_is_a_time_out():
    async def run():
        return await modbus.Modbus(DeadBus(None), [{"map": "soil_a"}], 2, 30).read()

    assert [v.quality for v in asyncio.run(run())] == [quality.TIMEOUT] * 7


def test_published_replies_of_further_maps():
    for v in _vectors()["maps"]:
        function, _, blocks = maps.MAPS[v["map"]]
        (first, count, fields), asked = blocks[0], bytes.fromhex(v["asked"])
        function = v.get("function", function)
        assert modbus.request(1, function, first, count) == asked, v["source"]
        answer = _answer(asked, bytes.fromhex(v["reply"]))
        assert answer.quality == quality.GOOD, v["source"]
        got = []
        for quantity, register, kind, power in fields:
            channel = modbus.Channel(quantity)
            got.append(modbus._value(channel, answer.data, 2 * register, kind, power))
        assert [[g.channel, g.value] for g in got] == v["values"], got
        assert [g.quality for g in got] == [quality.GOOD] * len(got)


def test_published_requests_of_further_maps():
    for v in _vectors()["requests"]:
        function, _, ((first, count, fields),) = maps.MAPS[v["map"]]
        asked = [modbus.request(1, function, first + field[1], 1) for field in fields]
        assert [a.hex() for a in asked] == v["asked"]
        assert count == len(fields)


def _float_words(value):
    import struct

    raw = struct.pack(">f", value)
    return raw[0] << 8 | raw[1], raw[2] << 8 | raw[3]


def test_values_a_published_meter_shows():
    for v in _vectors()["shown"]:
        words = [0] * 0x60
        for register, value in v["registers"].items():
            words[int(register)], words[int(register) + 1] = _float_words(value)
        _, reads = _read(_registers(words), [{"map": v["map"]}])
        assert [[r.channel, r.value] for r in reads[0]] == v["values"]


def test_single_phase_and_three_phase_meters_have_their_power_elsewhere():
    words = _sdm120() + [0] * 0x10
    words[0x34], words[0x35] = _float_words(-1234.5)
    words[0x4A], words[0x4B] = _float_words(7.0)
    for name, power_w in (("sdm230", 4552), ("sdm630", -1235), ("sdm72", -1235)):
        _, reads = _read(_registers(words), [{"map": name}])
        found = {r.channel: r.value for r in reads[0]}
        assert found["power_active_w"] == power_w, name
        assert (found["energy_import_wh"], found["energy_export_wh"]) == (10909282, 7000)


def test_every_single_bit_error_of_an_integer_reply_is_refused():
    v = _vectors()["maps"][0]
    asked, raw = bytes.fromhex(v["asked"]), bytearray(bytes.fromhex(v["reply"]))
    for bit in range(len(raw) * 8):
        raw[bit // 8] ^= 1 << (bit % 8)
        assert _answer(asked, bytes(raw)).quality != quality.GOOD, bit
        raw[bit // 8] ^= 1 << (bit % 8)
    for n in range(len(raw)):
        assert _answer(asked, bytes(raw[:n])).quality == quality.TIMEOUT, n


def test_cold_ground_is_rounded_away_from_zero():
    _, reads = _read(_registers((0xFF05, 1821, 1821)), [{"map": "soil_c"}])
    assert [(r.value, r.quality) for r in reads[0]] == [(-25, 0), (182, 0), (1821, 0)]
    rounded = [modbus.rounded(value, -1) for value in (-15, -14, -5, 4, 5, 14, 15)]
    assert rounded == [-2, -1, -1, 0, 1, 1, 2]


def test_implausible_integers_are_flagged():
    words = (2300, 0xFFFF, 0xFFFF, 0, 0x0F42, 0xFFFF, 0xFFFF, 500, 100, 0)
    _, reads = _read(_registers(words), [{"map": "pzem004t"}])
    assert [r.quality for r in reads[0]] == [0, quality.RANGE, quality.RANGE, 0]
