"""make(): options are checked before a port is opened; ports are opened as the sensor needs."""

from cobenefit_node import drivers


class Board:
    def __init__(self, stepped=False):
        self.stepped = stepped
        self.opened = []

    def uart(self, number, baud, bits, parity, stop):
        self.opened.append((number, baud, bits, parity, stop))
        return self

    def counter(self, number):
        self.opened.append(number)
        return self

    adc = i2c = onewire = counter

    def rebaud(self, number, baud):
        self.opened.append((number, baud))


def _refused(name, options):
    board = Board()
    try:
        drivers.make(name, board, options)
    except ValueError as err:
        assert board.opened == [], "opened before it was refused"
        return str(err)
    raise AssertionError("accepted: " + name + repr(options))


def test_ports_are_opened_as_the_sensor_needs():
    for name, options, opened in (
        ("tic", {}, (1, 1200, 7, 0, 1)),
        ("tic", {"uart": 2, "baud": 9600}, (2, 9600, 7, 0, 1)),
        ("p1", {}, (1, 115200, 8, None, 1)),
        ("p1", {"baud": 9600, "uart": 2}, (2, 9600, 8, None, 1)),
        ("iec62056", {}, (1, 300, 7, 0, 1)),
        ("modbus", {"map": "pzem004t"}, (1, 9600, 8, None, 1)),
        ("modbus", {"map": "sdm120"}, (1, 2400, 8, None, 1)),
        ("modbus", {"map": "soil_a", "unit": 3, "baud": 9600}, (1, 9600, 8, None, 1)),
        ("ld2451", {"uart": 0}, (0, 115200, 8, None, 1)),
        ("pulse", {"counter": 4}, 4),
        ("pms5003", {"uart": 2}, (2, 9600, 8, None, 1)),
        ("sds011", {}, (1, 9600, 8, None, 1)),
        ("ultrasonic", {"height_mm": 2500}, (1, 9600, 8, None, 1)),
        ("tfluna", {"road_cm": 600}, (1, 115200, 8, None, 1)),
        ("sdi12", {"values": [{"channel": "soil_ph"}]}, (1, 1200, 7, 0, 1)),
        ("soil_adc", {"pin": 34, "dry": [52000, 0], "wet": [21000, 600]}, 34),
        ("scd4x", {"i2c": 1}, 1),
        ("ds18b20", {"pin": 4, "roms": ["280102030405069e"]}, 4),
    ):
        board = Board()
        driver = drivers.make(name, board, options)
        assert board.opened == [opened], name
        assert driver.channels
        assert driver.event is (name in ("ld2451", "tfluna"))


def test_channels_are_known_when_constructed():
    board = Board()
    assert drivers.make("tic", board, {"export": True, "number": 2}).channels == (
        "energy_import_wh_2", "power_apparent_va_2", "energy_export_wh_2",
    )  # fmt: skip
    assert len(drivers.make("modbus", board, {"map": "soil_a"}).channels) == 7
    options = {"channel": "energy_import_wh", "pulses_per_kwh": 1000}
    assert drivers.make("pulse", board, options).channels == ("energy_import_wh",)


def test_wrong_options_are_refused_before_a_port_is_opened():
    assert "ld2451" in _refused("sonar", {})
    assert "pulses_per_kwh" in _refused("pulse", {"pulses": 3})
    assert "sdm120" in _refused("modbus", {})
    assert "247" in _refused("modbus", {"map": "sdm120", "unit": 300})
    assert "9600" in _refused("tic", {"baud": 115200})
    assert "115200" in _refused("p1", {"baud": 1200})
    assert "export" in _refused("iec62056", {"baud": 300})
    assert "away" in _refused("ld2451", {"direction": "left"})
    assert "vehicle_count" in _refused("pulse", {"channel": "soil_ph"})
    assert "20000" in _refused("ultrasonic", {})
    assert "20 to 800" in _refused("tfluna", {})
    assert "at least one" in _refused("sdi12", {})
    assert "permille" in _refused("soil_adc", {})
    assert "roms" in _refused("ds18b20", {})
    assert "timeout_ms" in _refused("scd4x", {"fresh": True})
    assert "timeout_ms" in _refused("pms5003", {"fresh": True})


def test_stepped_time_keeps_every_frame_and_real_time_the_fresh_one():
    assert drivers.make("tic", Board(stepped=True), {}).line.fresh is False
    assert drivers.make("tic", Board(), {}).line.fresh is True
    assert drivers.make("tic", Board(), {"fresh": False}).line.fresh is False


def test_the_rate_of_the_port_is_changed_through_the_board():
    board = Board()
    for name, line in (("tic", "line"), ("p1", "line"), ("iec62056", None)):
        driver = drivers.make(name, board, {"uart": 2})
        (getattr(driver, line) if line else driver)._rebaud(9600)
        assert board.opened[-1] == (2, 9600), name
