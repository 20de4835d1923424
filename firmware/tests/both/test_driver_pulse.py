"""The pulse counter: wraps, restarts, energy."""

import asyncio

from cobenefit_node.drivers.pulse import Pulse, Total
from cobenefit_wire import quality


class Counter:
    def __init__(self, *values):
        self.values = list(values)

    def value(self):
        value = self.values.pop(0)
        if value is None:
            raise OSError(5)
        return value


def _reads(driver, n):
    async def run():
        got = []
        for _ in range(n):
            got += await driver.read()
        return got

    return asyncio.run(run())


def _refused(**options):
    try:
        Pulse(Counter(), **options)
    except ValueError as err:
        return str(err)
    raise AssertionError("accepted: " + repr(options))


def test_a_total_never_goes_back_over_any_wrap():
    for bits in (8, 16, 32):
        total, truth, step = Total(bits), 0, (1 << bits) // 7 + 1
        for _ in range(50):
            truth += step
            assert total.update(truth & ((1 << bits) - 1)) == truth
        assert total.resets == 0


def test_a_signed_counter_is_taken_modulo_its_width():
    total = Total(32)
    assert total.update(0x7FFFFFFF) == 0x7FFFFFFF
    assert total.update(-0x80000000) == 0x80000000


def test_a_restart_is_not_a_wrap():
    """The jump of 42,949,672 of arendst/Tasmota#7674 is what must not happen."""
    total = Total(32)
    assert [total.update(raw) for raw in (1000, 1200, 0, 30)] == [1000, 1200, 1200, 1230]
    assert total.resets == 1


def test_channels_and_energy():
    assert _reads(Pulse(Counter(7), "vehicle_count", number=2), 1) == [
        ("vehicle_count_2", 7, 0, quality.GOOD)
    ]
    meter = Pulse(Counter(0, 1, 799, 800, 1601), "energy_import_wh", pulses_per_kwh=800)
    assert [v.value for v in _reads(meter, 5)] == [0, 1, 998, 1000, 2001]


def test_a_counter_that_fails_is_flagged_and_comes_back():
    codes = [v.quality for v in _reads(Pulse(Counter(1, None, 3)), 3)]
    assert codes == [quality.GOOD, quality.TIMEOUT, quality.GOOD]


def test_wrong_options_are_refused_with_their_range():
    assert "vehicle_count" in _refused(channel="power_active_w")
    assert "pulses_per_kwh" in _refused(channel="energy_import_wh")
    assert "pulses_per_kwh" in _refused(channel="pulse_count", pulses_per_kwh=1000)
    assert "8 to 32" in _refused(bits=64)
