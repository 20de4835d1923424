"""Trips replaced by a screen: closed forms, what weakens them, and what is owed."""

from dataclasses import replace

import pytest

from cobenefit_backend.estimate import remote_assistance, remote_health
from cobenefit_backend.estimate.footprint import Device, FootprintInputs, footprint
from cobenefit_backend.estimate.quantity import Interval
from cobenefit_backend.factors.load import load

FACTORS = load()
NONE = Interval.exactly(0.0)
HEALTH = remote_health.RemoteHealthInputs(
    distance_km=(10.0, 20.0, 30.0, 40.0),
    mode_share={"car_diesel": 0.5, "train": 0.25, "on_foot": 0.25},
    follow_ups=1,
    asked=10,
    would_not_have_come=2,
)
CASES = remote_assistance.RemoteAssistanceInputs(
    cases=100, resolved=80, km_per_visit=Interval(15, 20, 25), followed_up=True, headsets=2
)


def codes(found):
    return {record.code for record in found.disqualifications}


def health(**change):
    return remote_health.estimate(replace(HEALTH, **change), FACTORS, NONE)


def assistance(**change):
    return remote_assistance.estimate(replace(CASES, **change), FACTORS, NONE)


def test_trips_by_hand():
    car, train = 5.4756 / 100 * 3.07, 0.0277
    expected = (1 - 1 / 4) * (1 - 2 / 10) * 2 * 100 * (0.5 * car + 0.25 * train)
    found = health()
    assert found.gross_kgco2e.central == pytest.approx(expected, rel=1e-12)
    assert found.gross_kgco2e.low < expected < found.gross_kgco2e.high
    assert found.evidence_class in ("E", "P")  # P only where a gate fails
    assert found.details["class_before_gates"] == "E"


def test_two_in_a_car_halve_the_car_and_nothing_else():
    alone, both = health().gross_kgco2e.central, health(car_passengers=2.0).gross_kgco2e.central
    train_only = health(mode_share={"train": 1.0})
    assert (
        train_only.gross_kgco2e
        == health(mode_share={"train": 1.0}, car_passengers=3.0).gross_kgco2e
    )
    assert both < alone


def test_centroids_are_lengthened_and_said():
    found = health(distance_source="centroid")
    assert found.gross_kgco2e.central == pytest.approx(1.3 * health().gross_kgco2e.central)
    assert "detour_assumed" in codes(found)
    assert "travel.road_detour" in found.factor_ids


def test_nobody_asked_is_a_potential_and_nothing_logged_an_indicator():
    found = health(asked=0, would_not_have_come=0)
    assert (found.evidence_class, "nobody_asked" in codes(found)) == ("P", True)
    empty = health(distance_km=(), follow_ups=0)
    assert (empty.evidence_class, empty.net_kgco2e) == ("N", None)
    assert "nothing_logged" in codes(empty)


def test_the_link_is_owed_as_footprint():
    own = footprint(FootprintInputs(Device({"pcb": 1}, 5.0)), FACTORS)
    found = remote_health.estimate(replace(HEALTH, gigabytes=1.0), FACTORS, own)
    link = 4 * 9.26934695867389 / 1000
    assert found.footprint_kgco2e.central == pytest.approx(
        own.over(365.0).central + link, rel=1e-9
    )


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"mode_share": {"car_diesel": 0.5}}, "adds up to 0.5"),
        ({"mode_share": {"boat": 1.0}}, "boat"),
        ({"distance_km": (5.0, float("nan"))}, "missing distance"),
        ({"follow_ups": 5}, "follow_ups is 5"),
        ({"would_not_have_come": 11}, "0 to asked"),
        ({"car_passengers": 0.5}, "at least 1"),
    ],
)
def test_impossible_logs_are_refused(change, word):
    with pytest.raises(ValueError, match=word):
        health(**change)


def test_visits_by_hand_and_what_the_headsets_owe():
    van = 8.5 / 100 * 3.17
    found = assistance()
    assert found.gross_kgco2e.central == pytest.approx(80 * 20 * van, rel=1e-12)
    owed = 2 * (70.35 + 1.675) / 5 * 365 / 365.25
    assert found.details["equipment_kgco2e"].central == pytest.approx(owed)
    assert found.details["break_even_km"] == pytest.approx(owed / van)
    assert found.net_kgco2e.central == pytest.approx(80 * 20 * van - owed)
    assert found.details["footprint_truncation_2_kgco2e"].central == pytest.approx(2 * owed)


def test_unchecked_visits_are_a_potential():
    found = assistance(followed_up=False)
    assert (found.evidence_class, "visits_not_looked_up" in codes(found)) == ("P", True)
    assert assistance(cases=0, resolved=0).net_kgco2e is None
    with pytest.raises(ValueError, match="resolved is 101"):
        assistance(resolved=101)


def test_the_tornado_names_what_matters_most():
    spans = assistance().details["contributors"]
    assert next(iter(spans)) in ("km_per_visit", "veh.van.fr2005.l100")
    assert len(spans) <= 5
    widths = [span.half_width for span in spans.values()]
    assert widths == sorted(widths, reverse=True)
