"""Traffic that moved to a parallel street has not gone."""

from dataclasses import replace

import pytest

from cobenefit_backend.estimate.fuel_curve import kgco2e_per_km
from cobenefit_backend.estimate.quantity import Interval
from cobenefit_backend.estimate.road import SpeedBin, TrafficInputs, counted
from cobenefit_backend.estimate.traffic import compare, estimate
from cobenefit_backend.estimate.uncertainty import Draws
from cobenefit_backend.factors.load import load

FACTORS = load()
NONE = Interval.exactly(0.0)
CAR = "car_petrol"


def emitted(speed_kmh):
    return float(kgco2e_per_km(Draws(FACTORS).value, CAR, speed_kmh, "a", "average"))


def codes(result):
    return {record.code for record in result.disqualifications}


SHIFTED = TrafficInputs(
    1.0,
    before=(SpeedBin(CAR, 30, 1000), SpeedBin(CAR, 30, 200, 1.5)),
    after=(SpeedBin(CAR, 30, 700), SpeedBin(CAR, 30, 500, 1.5)),
    screenline=True,
)


def test_volume_shifted_to_a_longer_parallel_street_is_no_saving_but_a_cost():
    result = compare(SHIFTED, FACTORS)
    # 300 vehicles drive 1.5 km instead of 1
    assert result.net_kgco2e.central == pytest.approx(-300 * 0.5 * emitted(30))
    assert result.rebound_kgco2e.central == pytest.approx(0, abs=1e-9)
    assert result.traffic_growth_ratio == 0


def test_the_same_road_alone_credits_nothing_and_says_why():
    alone = TrafficInputs(1.0, SHIFTED.before[:1], SHIFTED.after[:1])
    found = estimate(alone, FACTORS, NONE)
    assert found.net_kgco2e.central == pytest.approx(0, abs=1e-9)
    assert "no_screenline" in codes(found)
    assert found.details["vehicles_after"] == 700
    assert found.details["traffic_growth_ratio"] == pytest.approx(-0.3)
    assert "no_screenline" not in codes(estimate(SHIFTED, FACTORS, NONE))


def test_a_faster_road_is_credited_for_the_vehicles_it_still_has_not_lost():
    faster = TrafficInputs(2.0, (SpeedBin(CAR, 20, 1000),), (SpeedBin(CAR, 25, 700),))
    found = compare(faster, FACTORS)
    saved = 2.0 * 1000 * (emitted(20) - emitted(25))
    assert found.net_kgco2e.central == pytest.approx(saved)
    assert found.gross_kgco2e.central == pytest.approx(saved)
    assert found.rebound_kgco2e.central == pytest.approx(0, abs=1e-9)


def test_traffic_that_really_went_counts_with_a_screenline():
    gone = replace(SHIFTED, after=(SpeedBin(CAR, 30, 700), SHIFTED.before[1]))
    assert compare(gone, FACTORS).net_kgco2e.central == pytest.approx(300 * emitted(30))


def test_a_class_that_vanished_or_grew_is_kept_apart():
    inputs = TrafficInputs(
        1.0,
        (SpeedBin(CAR, 30, 1000), SpeedBin("rigid", 30, 100)),
        (SpeedBin(CAR, 30, 500), SpeedBin("bus", 30, 20)),
        before_days=1, after_days=2,
    )  # fmt: skip
    after = {row.vehicle_class: row.vehicles for row in counted(inputs).after}
    assert after == pytest.approx({CAR: 2000, "bus": 20, "rigid": 200})


def test_induced_traffic_is_charged_with_and_without_a_screenline():
    grown = TrafficInputs(1.0, (SpeedBin(CAR, 20, 1000),), (SpeedBin(CAR, 25, 1200),))
    results = [compare(replace(grown, screenline=s), FACTORS) for s in (False, True)]
    assert results[0] == results[1]
    assert results[0].rebound_kgco2e.central == pytest.approx(200 * emitted(25))
