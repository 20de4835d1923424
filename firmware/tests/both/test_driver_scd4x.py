"""SCD4x: the datasheet's examples, bit errors, a sensor that is silent or not ready."""

import asyncio
import json

from cobenefit_node.drivers import scd4x
from cobenefit_wire import quality


def _vectors():
    with open(__file__.rsplit("/", 2)[0] + "/vectors/environment.json") as f:
        return json.load(f)["scd4x"]


AIR = bytes.fromhex(_vectors()[0]["hex"])


def _word(number):
    data = bytes((number >> 8, number & 0xFF))
    return data + bytes((scd4x.crc(data),))


class Bus:
    def __init__(self, air=AIR, ready=(0x8006,)):
        self.air = air
        self.ready = list(ready)
        self.written = []
        self.dead = False

    def writeto(self, address, data):
        if self.dead or address != 0x62:
            raise OSError(19)
        self.written.append(data)

    def readfrom(self, address, count):
        if self.dead:
            raise OSError(19)
        if self.written[-1] == scd4x.READY:
            number = self.ready.pop(0) if len(self.ready) > 1 else self.ready[0]
            return _word(number)
        return self.air[:count]


def _driver(bus, started=True):
    driver = scd4x.Scd4x(bus, timeout_ms=250)
    driver._started = started
    return driver


def _read(driver):
    return [tuple(value) for value in asyncio.run(driver.read())]


def test_the_examples_of_the_datasheet():
    values, word = _vectors()
    assert scd4x.crc(bytes.fromhex(word["hex"])[:2]) == 0x92
    co2, temperature, humidity = scd4x.words(AIR)
    assert values["values"] == [
        scd4x.co2_ppm(co2), scd4x.temperature_cdegc(temperature), scd4x.humidity_permille(humidity)
    ]  # fmt: skip


def test_the_ends_of_the_scales():
    assert (scd4x.temperature_cdegc(0), scd4x.temperature_cdegc(65_535)) == (-4500, 13_000)
    assert (scd4x.humidity_permille(0), scd4x.humidity_permille(65_535)) == (0, 1000)


def test_read_gives_three_values():
    assert _read(_driver(Bus())) == [
        ("co2_ratio", 500, -6, 0),
        ("air_temperature_degc", 2500, -2, 0),
        ("relative_humidity_ratio", 370, -3, 0),
    ]


def test_a_single_bit_error_spoils_one_value_and_no_other():
    for bit in range(8 * len(AIR)):
        broken = bytearray(AIR)
        broken[bit // 8] ^= 1 << bit % 8
        codes = [value[3] for value in _read(_driver(Bus(bytes(broken))))]
        wanted = [quality.GOOD] * 3
        wanted[bit // 24] = quality.CHECKSUM
        assert codes == wanted, bit


def test_a_sensor_is_started_once_and_asked_until_it_is_ready():
    bus = Bus(ready=(0x8000, 0x8000, 0x8006))
    scd4x.STOP_MS = 5
    driver = _driver(bus, started=False)
    driver._timeout_ms = 900
    assert _read(driver)[0][1] == 500
    assert bus.written == [scd4x.STOP, scd4x.START] + [scd4x.READY] * 3 + [scd4x.READ]
    bus.written.clear()
    assert _read(driver)[0][1] == 500
    assert bus.written == [scd4x.READY, scd4x.READ]


def test_silence_is_flagged_and_the_sensor_started_again():
    bus = Bus()
    driver = _driver(bus)
    bus.dead = True
    assert [value[3] for value in _read(driver)] == [quality.TIMEOUT] * 3
    bus.dead = False
    assert [value[3] for value in _read(driver)] == [quality.GOOD] * 3
    assert scd4x.START in bus.written


def test_never_ready_is_a_timeout_and_an_idle_line_a_bad_checksum():
    assert [v[3] for v in _read(_driver(Bus(ready=(0x8000,))))] == [quality.TIMEOUT] * 3
    assert [v[3] for v in _read(_driver(Bus(b"\xff" * 9)))] == [quality.CHECKSUM] * 3
    assert [v[3] for v in _read(_driver(Bus(b"\0" * 9)))] == [quality.CHECKSUM] * 3


def test_no_carbon_dioxide_at_all_is_not_believed():
    assert _read(_driver(Bus(_word(0) + AIR[3:])))[0] == ("co2_ratio", 0, -6, quality.RANGE)
