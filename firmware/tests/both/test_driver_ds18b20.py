"""DS18B20: the datasheet's table, the application note's ROM, bit errors, faults of the bus."""

import asyncio
import json

from cobenefit_node.drivers import ds18b20
from cobenefit_wire import quality


def _vectors():
    with open(__file__.rsplit("/", 2)[0] + "/vectors/environment.json") as f:
        return json.load(f)["ds18b20"]


def _checked(data):
    return data + bytes((ds18b20.crc(data),))


def _scratch(raw):
    return _checked(bytes((raw & 0xFF, raw >> 8)) + b"\x4b\x46\x7f\xff\x0c\x10")


ROMS = [_checked(bytes((0x28, n, 2, 3, 4, 5, 6))) for n in (1, 2)]


class Bus:
    def __init__(self, **scratch):
        self.scratch = scratch
        self.there = True
        self.fails = False

    def reset(self):
        if self.fails:
            raise OSError(5)
        return self.there

    def select_rom(self, rom):
        self.rom = rom

    def writebyte(self, byte):
        self.byte = byte

    def readinto(self, buf):
        buf[:] = self.scratch.get("s%d" % self.rom[1], b"\xff" * 9)


def _read(bus, count=1, **options):
    roms = ["".join("%02x" % byte for byte in rom) for rom in ROMS[:count]]
    driver = ds18b20.Ds18b20(bus, roms, convert_ms=0, **options)
    return [tuple(value) for value in asyncio.run(driver.read())]


def test_the_table_of_the_datasheet():
    for digits, tenths_of_mdegc in _vectors()[0]["table"]:
        raw = int(digits, 16)
        assert ds18b20.sixteenths(_scratch(raw)) * 625 == tenths_of_mdegc, digits
        wanted = (tenths_of_mdegc + 500) // 1000  # 0.1 degC, half up
        assert ds18b20.scaled(ds18b20.sixteenths(_scratch(raw)), -1) == wanted, digits


def test_the_rom_of_the_application_note():
    assert ds18b20.crc(bytes.fromhex(_vectors()[1]["rom"])) == 0


def test_each_sensor_is_a_channel():
    bus = Bus(s1=_scratch(0x0191), s2=_scratch(0xFF5E))
    assert _read(bus, 2) == [
        ("soil_temperature_degc", 251, -1, 0),
        ("soil_temperature_degc_2", -101, -1, 0),
    ]
    assert _read(bus, 1, channel="air_temperature_degc", number=3) == [
        ("air_temperature_degc_3", 2506, -2, 0)
    ]


def test_no_single_bit_error_is_believed():
    good = _scratch(0x0191)
    for bit in range(8 * len(good)):
        broken = bytearray(good)
        broken[bit // 8] ^= 1 << bit % 8
        assert _read(Bus(s1=bytes(broken)))[0][3] == quality.CHECKSUM, bit


def test_a_scratchpad_cut_anywhere_is_not_believed():
    good = _scratch(0x0191)
    for n in range(9):
        assert _read(Bus(s1=good[:n] + b"\xff" * (9 - n)))[0][3] != quality.GOOD, n


def test_each_fault_has_its_reason():
    assert _read(Bus())[0][3] == quality.TIMEOUT  # nobody of that number
    assert _read(Bus(s1=bytes(9)))[0][3] == quality.CHECKSUM  # a shorted line, CRC 0 over zeros
    assert _read(Bus(s1=_scratch(0x0550)))[0][3] == quality.PROTOCOL  # 85 degC: never converted
    assert _read(Bus(s1=_scratch(0x07D0)), channel="air_temperature_degc") == [
        ("air_temperature_degc", 12_500, -2, quality.RANGE)
    ]
    empty, failing = Bus(s1=_scratch(0)), Bus(s1=_scratch(0))
    empty.there, failing.fails = False, True
    assert _read(empty, 2)[1][3] == _read(failing)[0][3] == quality.TIMEOUT


def test_wrong_options_are_refused():
    for roms, options in (
        ([], {}),
        (["28ff"], {}),
        (["zz" * 8], {}),
        (["021cb801000000a2"], {}),  # a whole number, of another family
        (["".join("%02x" % byte for byte in ROMS[0])], {"channel": "soil_ph"}),
    ):
        try:
            ds18b20.Ds18b20(None, roms, **options)
        except ValueError as err:
            assert "rom" in str(err) or "channel" in str(err)
        else:
            raise AssertionError("accepted: " + repr(roms))
