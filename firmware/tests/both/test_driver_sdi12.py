"""SDI-12: the standard's CRC, numbers, the whole conversation, every way it goes wrong."""

import asyncio
import json

from cobenefit_node.drivers import sdi12
from cobenefit_node.drivers.line import pause
from cobenefit_wire import quality

VALUES = [
    {"channel": "soil_moisture_ratio", "power": 1},
    {},
    {"channel": "soil_temperature_degc", "power": 1, "number": 2},
]
DATA = b"0+23.45+80.1-3.14"


class Sensor:
    """Answers each command as told; `None` is silence."""

    def __init__(self, **replies):
        self.replies = replies
        self.asked = []
        self.out = b""

    async def read(self, n):
        while not self.out:
            await pause(2)
        chunk, self.out = self.out[:7], self.out[7:]
        return chunk

    def write(self, data):
        self.asked.append(data)
        reply = self.replies.get(data[1:-1].decode(), b"") if data != b"\0" else b""
        if isinstance(reply, list):
            reply = reply.pop(0) if reply else b""
        self.out += reply

    async def drain(self):
        await pause(0)


def _read(sensor, **options):
    async def run():
        settings = {"address": "0", "command": "MC", "timeout_ms": 30}
        settings.update(options)
        driver = sdi12.Sdi12(sensor, settings.pop("values", VALUES), **settings)
        return [tuple(value) for value in await driver.read()]

    return asyncio.run(run())


def _good(data=DATA):
    return Sensor(MC=b"00013\r\n0\r\n", D0=data + sdi12.crc(data) + b"\r\n")


def _codes(sensor, **options):
    return [value[3] for value in _read(sensor, **options)]


def test_the_crc_of_the_standard():
    with open(__file__.rsplit("/", 2)[0] + "/vectors/environment.json") as f:
        vector = json.load(f)["sdi12_crc"][0]
    assert sdi12.crc(vector["data"].encode()) == vector["crc"].encode()


def test_numbers_are_taken_apart_and_scaled_without_a_float():
    assert sdi12.numbers(b"+1.23-4+.5") == [b"+1.23", b"-4", b"+.5"]
    for text in (b"1.2", b"+", b"+-1", b"+1.2.3", b"+1e5", b"+12345678", b"+1 2"):
        assert not sdi12.numbers(text), text
    for text, power, wanted in (
        (b"+3.14", 2, 314), (b"-3.14", 1, -31), (b"+3.15", 1, 32), (b"-3.15", 1, -32),
        (b"+7", 3, 7000), (b"+9999999", 9, 9999999000000000), (b"+0.0004", 3, 0), (b"+5", -1, 1),
    ):  # fmt: skip
        assert sdi12.scaled(text, power) == wanted, text


def test_a_measurement():
    sensor = _good()
    assert _read(sensor) == [
        ("soil_moisture_ratio", 235, -3, quality.GOOD),
        ("soil_temperature_degc_2", -31, -1, quality.GOOD),
    ]
    assert sensor.asked == [b"0MC!", b"0D0!"]


def test_values_in_several_replies_with_and_without_crc():
    one, two = b"0+23.45+80.1", b"0-3.14"
    sensor = Sensor(
        CC=b"000003\r\n", D0=one + sdi12.crc(one) + b"\r\n", D1=two + sdi12.crc(two) + b"\r\n"
    )
    assert [value[1] for value in _read(sensor, command="CC")] == [235, -31]
    sensor = Sensor(M1=b"00003\r\n", D0=one + b"\r\n", D1=two + b"\r\n")
    assert [value[1] for value in _read(sensor, command="M1")] == [235, -31]
    assert sensor.asked == [b"0M1!", b"0D0!", b"0D1!"]


def test_echo_break_and_parity_bit_are_ignored():
    noisy = bytes(byte | 0x80 for byte in b"\0" + b"0MC!00013\r\n0\r\n")
    sensor = Sensor(MC=noisy, D0=b"0D0!" + DATA + sdi12.crc(DATA) + b"\r\n")
    assert [value[1] for value in _read(sensor)] == [235, -31]


def test_the_break_is_a_nul_at_300_bit_s():
    rates = []
    sensor = _good()
    assert _codes(sensor, rebaud=rates.append, paced=False) == [0, 0]
    assert rates == [300, 1200, 300, 1200]
    assert sensor.asked == [b"\0", b"0MC!", b"\0", b"0D0!"]


def test_no_single_bit_error_of_a_reply_gives_another_value():
    reply = DATA + sdi12.crc(DATA) + b"\r\n"
    wanted = _read(_good())
    for bit in range(8 * len(reply)):
        broken = bytearray(reply)
        broken[bit // 8] ^= 1 << bit % 8
        sensor = Sensor(MC=b"00003\r\n", D0=[bytes(broken)] * 3)
        read = _read(sensor, timeout_ms=8)
        if bit % 8 == 7:
            assert read == wanted  # the eighth bit is parity, not data
        else:
            assert all(value[3] in (quality.CHECKSUM, quality.PROTOCOL) for value in read), bit


def test_a_reply_cut_anywhere_is_asked_for_again():
    reply = DATA + sdi12.crc(DATA) + b"\r\n"
    for n in range(0, len(reply), 3):
        sensor = Sensor(MC=b"00003\r\n", D0=[reply[:n], reply])
        assert _codes(sensor, timeout_ms=15) == [0, 0], n


def test_each_fault_has_its_reason():
    assert _codes(Sensor()) == [quality.TIMEOUT] * 2
    assert _codes(Sensor(MC=b"junk" * 60)) == [quality.CHECKSUM] * 2
    assert _codes(Sensor(MC=b"10013\r\n")) == [quality.PROTOCOL] * 2  # another address
    assert _codes(Sensor(MC=b"00x13\r\n")) == [quality.PROTOCOL] * 2
    assert _codes(Sensor(MC=b"00003\r\n")) == [quality.TIMEOUT] * 2  # silent after the M
    assert _codes(Sensor(MC=b"00000\r\n")) == [quality.PROTOCOL] * 2  # nothing measured
    empty = b"0" + sdi12.crc(b"0") + b"\r\n"
    assert _codes(Sensor(MC=b"00003\r\n", D0=empty)) == [quality.PROTOCOL] * 2
    few = b"0+1.0" + sdi12.crc(b"0+1.0") + b"\r\n"
    assert _codes(Sensor(MC=b"00001\r\n", D0=few)) == [0, quality.PROTOCOL]
    far = b"0+123.0+1-99.9"
    assert _codes(_good(far)) == [quality.RANGE] * 2


def test_a_service_request_that_never_comes_is_not_awaited_for_ever():
    sensor = _good()
    sensor.replies["MC"] = b"00013\r\n"
    assert _codes(sensor) == [0, 0]


def test_wrong_options_are_refused_with_what_is_allowed():
    for options, text in (
        ({"address": "10"}, "0-9"),
        ({"address": "!"}, "0-9"),
        ({"command": "D0"}, "MC"),
        ({"command": "M12"}, "MC"),
        ({"longest_s": 0}, "1 to 60"),
        ({"longest_s": 61}, "1 to 60"),
        ({"values": []}, "at least one"),
        ({"values": [{"channel": "rain"}]}, "units"),
        ({"values": [{"channel": "soil_ph", "power": 99}]}, "-9 to 9"),
        ({"values": [{"kanal": "soil_ph"}]}, "kanal"),
        ({"values": [{"channel": "soil_ph"}] * 2}, "once"),
    ):
        try:
            _read(Sensor(), **options)
        except ValueError as err:
            assert text in str(err), str(err)
        else:
            raise AssertionError("accepted: " + repr(options))
