"""The power meter's registers, and the ledger that it feeds."""

from cobenefit_node.health import Ledger
from cobenefit_node.power import Ina219, power_mw


class Bus:
    """An I2C bus with one meter: registers as the data sheet lays them out."""

    def __init__(self, shunt, bus):
        self.registers = {1: shunt, 2: bus}
        self.written = {}
        self.dead = False

    def writeto_mem(self, address, register, data):
        self.written[address, register] = data

    def readfrom_mem(self, address, register, count):
        if self.dead:
            raise OSError(19)
        assert (address, count) == (0x40, 2)
        return self.registers[register].to_bytes(2, "big")


def test_the_data_sheets_example():
    # SBOS448G, table 8: 20 mV on 2 mOhm is 10 A; 11.98 V is 0x5D98; 119.82 W by its own rounding.
    assert power_mw(2000, 0x5D98, 2) == 119_800


def test_current_that_flows_back_is_no_negative_energy():
    assert power_mw(0x10000 - 500, 0x5D98, 100) == 0


def _message(ledger, uptime_ms):
    return ledger.message(1, uptime_ms, None, tx=0, rx=0, waiting=0, lost=[])


def test_measured_energy_replaces_the_profile_and_says_so():
    bus = Bus(510, 1250 << 3)  # 5.1 mV on 100 mOhm at 5 V: 51 mA, 255 mW
    ledger = Ledger({"idle": 100}, 1)
    ledger.meter = Ina219(bus, 100)
    assert bus.written[0x40, 0] == b"\x3f\xff"
    assert _message(ledger, 0).energy_method == "profile"
    for t_ms in range(500, 10_001, 500):
        ledger.measure(t_ms)
    said = _message(ledger, 10_000)
    assert (said.energy_method, said.energy_mj) == ("measured", 2550)


def test_time_the_meter_missed_counts_at_its_mean():
    bus = Bus(510, 1250 << 3)
    ledger = Ledger({}, 1)
    ledger.meter = Ina219(bus, 100)
    ledger.measure(1000)
    bus.dead = True
    failed = 0
    try:
        ledger.measure(2000)
    except OSError:
        failed = 1
    assert failed
    bus.dead = False
    ledger.measure(60_000)  # a gap nobody measured
    ledger.measure(61_000)
    assert _message(ledger, 61_000).energy_mj == 255 * 61


def test_without_a_meter_nothing_is_measured():
    ledger = Ledger({"idle": 100}, 1)
    ledger.measure(500)
    said = _message(ledger, 10_000)
    assert (said.energy_method, said.energy_mj) == ("profile", 1000)
