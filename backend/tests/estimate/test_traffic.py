"""The speed curve by hand, the split in gross and rebound, and what may be claimed."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cobenefit_backend.estimate.fuel_curve import fuel_l_per_km, kgco2e_per_km
from cobenefit_backend.estimate.quantity import Interval
from cobenefit_backend.estimate.road import SpeedBin, TrafficInputs
from cobenefit_backend.estimate.traffic import compare, estimate
from cobenefit_backend.estimate.uncertainty import Draws
from cobenefit_backend.factors.load import load

FACTORS = load()
NONE = Interval.exactly(0.0)
FLEET = (("car_petrol", 40), ("car_diesel", 40), ("lgv_diesel", 15), ("rigid", 5))


def value(key):
    return Draws(FACTORS).value(key)


def side(speed, scale=1.0):
    return tuple(SpeedBin(name, speed, share * 100 * scale) for name, share in FLEET)


ROAD = TrafficInputs(1.0, side(20), side(25))


def codes(result):
    return {record.code for record in result.disqualifications}


@pytest.mark.parametrize(("speed", "litre"), [(20, 9.932), (50, 6.844)])
def test_petrol_car_by_hand(speed, litre):  # C5
    assert 100 * float(fuel_l_per_km(value, "car_petrol", speed)) == pytest.approx(litre, abs=5e-4)


def test_the_queue_is_charged_at_the_idle_rate_not_cut():
    crawl = float(fuel_l_per_km(value, "car_petrol", 2.0))
    assert 100 * crawl == pytest.approx(60.4, abs=0.06)
    idle_l_per_h = FACTORS["traffic.tag_a.car_petrol.a"].value
    assert crawl * 2.0 > idle_l_per_h  # an hour at 2 km/h burns at least an hour of idling


def test_van_at_two_speeds():
    litre = [float(fuel_l_per_km(value, "lgv_diesel", v)) * 3.17 for v in (50, 30)]
    assert litre == pytest.approx([0.2190, 0.2537], abs=5e-5)


def test_the_example_fleet():  # C5
    result = compare(ROAD, FACTORS)
    vehicles = 10_000
    assert result.co2e_kg["before"].central / vehicles == pytest.approx(0.30984, abs=5e-6)
    assert result.co2e_kg["after"].central / vehicles == pytest.approx(0.27721, abs=5e-6)
    change = result.net_kgco2e.central / result.co2e_kg["before"].central
    assert change == pytest.approx(0.1053, abs=5e-5)
    assert result.break_even_growth.central == pytest.approx(0.1177, abs=5e-5)


def test_growth_at_break_even_wipes_out_the_effect():
    growth = compare(ROAD, FACTORS).break_even_growth.central
    result = compare(replace(ROAD, after=side(25, 1 + growth)), FACTORS)
    assert result.net_kgco2e.central == pytest.approx(0, abs=1e-6)
    assert result.rebound_kgco2e.central == pytest.approx(result.gross_kgco2e.central)
    assert result.traffic_growth_ratio == pytest.approx(growth)


@settings(max_examples=15, deadline=None)
@given(st.floats(5, 120), st.floats(5, 120), st.floats(0.2, 3), st.floats(0.1, 20))
def test_net_is_gross_minus_rebound(before, after, growth, length):
    result = compare(TrafficInputs(length, side(before), side(after, growth)), FACTORS)
    expected = result.gross_kgco2e.central - result.rebound_kgco2e.central
    assert result.net_kgco2e.central == pytest.approx(expected, abs=1e-6)
    for interval in (*result.fuel_l.values(), *result.co2e_kg.values(), result.net_kgco2e):
        assert interval.low <= interval.central <= interval.high


def test_swapping_the_sides_flips_the_sign():  # C12
    forward = compare(ROAD, FACTORS).net_kgco2e.central
    backward = compare(replace(ROAD, before=ROAD.after, after=ROAD.before), FACTORS)
    assert backward.net_kgco2e.central == pytest.approx(-forward)


def test_the_distribution_matters_not_the_mean():
    spread = (SpeedBin("car_petrol", 10, 50), SpeedBin("car_petrol", 70, 50))
    mean = (SpeedBin("car_petrol", 40, 100),)
    result = compare(TrafficInputs(1.0, spread, mean), FACTORS)
    assert result.fuel_l["before"].central > 1.2 * result.fuel_l["after"].central


def test_sides_of_different_length_are_brought_to_the_same_days():
    result = compare(replace(ROAD, before=side(20, 2), before_days=2), FACTORS)
    assert result.net_kgco2e.central == pytest.approx(compare(ROAD, FACTORS).net_kgco2e.central)


def test_electric_cars_bring_the_marginal_grid_in():
    cars = (SpeedBin("ev", 30, 100),)
    result = compare(TrafficInputs(1.0, cars, (), screenline=True), FACTORS)
    assert result.net_kgco2e.central == pytest.approx(20.52 * 0.0519)
    assert result.net_marginal_kgco2e.central == pytest.approx(20.52 * 0.158)
    assert result.fuel_l["before"].central == 0
    assert compare(ROAD, FACTORS).net_marginal_kgco2e is None


def test_buses_use_the_only_vintage_that_has_them():
    assert kgco2e_per_km(value, "bus", 20, "a", "average") == kgco2e_per_km(
        value, "bus", 20, "b", "average"
    )


def test_spot_speeds_give_no_co2e():
    result = estimate(replace(ROAD, speed_source="spot"), FACTORS, NONE)
    assert result.evidence_class == "N"
    assert result.net_kgco2e is None
    assert "spot_speed_only" in codes(result)
    assert result.details["vehicles_before"] == 10_000


def test_modelled_speeds_are_never_claimed():
    result = estimate(replace(ROAD, speed_source="modelled"), FACTORS, NONE)
    assert (result.evidence_class, result.label) == ("P", "modelled")
    assert result.data_origin == "modelled"
    assert "modelled_speeds" in codes(result)


def test_a_control_corridor_makes_it_measured():
    strong = replace(ROAD, detector_error_ratio=0.01)
    assert estimate(strong, FACTORS, NONE).evidence_class == "E"
    alone = replace(strong, control_corridor=True)
    assert estimate(alone, FACTORS, NONE).evidence_class == "E"
    measured = estimate(replace(alone, screenline=True), FACTORS, NONE)
    assert measured.evidence_class == "M"
    assert "no_control" not in codes(measured)


def test_a_speed_above_the_curve_is_cut_and_recorded():
    fast = replace(ROAD, after=(SpeedBin("car_petrol", 150, 10),))
    assert "speed_cut" in codes(estimate(fast, FACTORS, NONE))
    assert fuel_l_per_km(value, "car_petrol", 150) == fuel_l_per_km(value, "car_petrol", 130)
