"""Every use case with CO2e says what its figure hangs on, widest first."""

import numpy as np
import pytest

from cobenefit_backend.estimate import smart_meter, traffic
from cobenefit_backend.estimate.quantity import Interval
from cobenefit_backend.estimate.road import SpeedBin, TrafficInputs
from cobenefit_backend.factors.load import load

NONE = Interval.exactly(0.0)


def meter():
    rng = np.random.default_rng(1)
    days = 10 + rng.normal(0, 1, 365)
    inputs = smart_meter.SmartMeterInputs(days, 0.8 * days)
    return smart_meter.estimate(inputs, load(), NONE)


def road():
    before = (SpeedBin("car_petrol", 20, 1000), SpeedBin("ev", 20, 100))
    after = (SpeedBin("car_petrol", 30, 1000), SpeedBin("ev", 30, 100))
    return traffic.estimate(TrafficInputs(1.0, before, after), load(), NONE)


@pytest.mark.parametrize(
    ("make", "key"), [(meter, "grid.fr.ademe.avg.lca"), (road, "fuel.petrol.law2017.total")]
)
def test_the_widest_comes_first_and_holds_the_figure(make, key):
    found = make()
    spans = found.details["contributors"]
    assert key in spans
    widths = [span.half_width for span in spans.values()]
    assert widths == sorted(widths, reverse=True)
    assert 0 < len(widths) <= 5
    for span in spans.values():
        assert span.central == pytest.approx(found.gross_kgco2e.central, rel=1e-9)
