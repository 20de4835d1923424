"""The analogue soil probe: published calibration, rounding, cut wires, noise."""

import asyncio
import json

from cobenefit_node.drivers.soil_adc import SAMPLES, SoilAdc, moisture_permille
from cobenefit_wire import quality


class Adc:
    def __init__(self, *values):
        self.values = list(values)

    def read_u16(self):
        if not self.values:
            raise OSError(5)
        return self.values.pop(0) if len(self.values) > 1 else self.values[0]


def _read(*raw, dry=(52_000, 0), wet=(20_800, 1000), number=1):
    return [tuple(v) for v in asyncio.run(SoilAdc(Adc(*raw), dry, wet, number).read())]


def test_a_published_calibration():
    with open(__file__.rsplit("/", 2)[0] + "/vectors/environment.json") as f:
        vector = json.load(f)["soil_adc"][0]
    for raw, permille in vector["table"]:
        assert moisture_permille(raw, vector["dry"], vector["wet"]) == permille


def test_the_points_are_met_whichever_way_the_probe_goes():
    for dry, wet in (((50_000, 50), (20_000, 450)), ((20_000, 50), (50_000, 450))):
        assert moisture_permille(dry[0], dry, wet) == 50
        assert moisture_permille(wet[0], dry, wet) == 450
        assert moisture_permille(35_000, dry, wet) == 250


def test_read_takes_the_median():
    spikes = [0, 65_535] * (SAMPLES // 2 - 1)
    assert _read(*spikes, 36_400, 36_400, 36_400, number=2) == [
        ("soil_moisture_ratio_2", 500, -3, quality.GOOD)
    ]


def test_a_cut_wire_and_an_impossible_value_are_out_of_range_and_kept():
    assert _read(0) == [("soil_moisture_ratio", 1667, -3, quality.RANGE)]
    assert _read(65_535) == [("soil_moisture_ratio", -434, -3, quality.RANGE)]
    assert _read(20_000)[0][3] == quality.RANGE
    # At the rails a value is not believed, even where the line through the points allows it.
    assert _read(65_500, dry=(65_535, 0))[0][3] == quality.RANGE


def test_every_single_bit_error_stays_on_the_line():
    """An analogue value has no checksum: what a bit does is the distance it moves."""
    for bit in range(16):
        (value,) = _read(36_400 ^ 1 << bit)
        assert value[1] == moisture_permille(36_400 ^ 1 << bit, (52_000, 0), (20_800, 1000))


def test_an_input_that_fails_is_a_timeout():
    assert _read() == [("soil_moisture_ratio", 0, -3, quality.TIMEOUT)]


def test_wrong_points_are_refused():
    for dry, wet in (((), (1, 2)), ((70_000, 0), (1, 2)), ((5, 0), (6, 1001)), ((5, 0), (5, 9))):
        try:
            SoilAdc(None, dry, wet)
        except ValueError as err:
            assert "permille" in str(err) or "calibrate" in str(err)
        else:
            raise AssertionError("accepted: " + repr((dry, wet)))
