"""Watching and warning: indicators by hand, and no CO2e without a measured release."""

import numpy as np
import pytest

from cobenefit_backend.estimate import climate_event, surveillance
from cobenefit_backend.estimate.quantity import Interval
from cobenefit_backend.factors.load import load

OWN = Interval(1.0, 2.0, 3.0)
WATCH = surveillance.SurveillanceInputs(
    before=np.array([10.0, 30.0, 50.0, np.nan]),
    after=np.array([10.0, 20.0, 26.0, 24.0]),
    threshold=25.0,
    unit="ug/m3",
    detection_h_before=(10.0, 30.0, 20.0),
    detection_h_after=(1.0, 3.0),
)


def test_watching_air_gives_hours_and_no_co2e():
    found = surveillance.estimate(WATCH, load(), OWN)
    assert (found.evidence_class, found.gross_kgco2e, found.net_kgco2e) == ("N", None, None)
    assert found.footprint_kgco2e == OWN
    assert found.details["hours_above_ratio_before"] == pytest.approx(2 / 3)
    assert found.details["hours_above_ratio_after"] == pytest.approx(1 / 4)
    assert found.details["excess_before"] == pytest.approx((5 + 25) / 3)
    assert found.details["detection_h_before"] == 20
    assert [record.code for record in found.disqualifications] == ["indicator_only"]


def test_a_measured_release_stopped_earlier_counts():
    leak = surveillance.Release("ch4", Interval(0.8, 1.0, 1.2), Interval(20, 24, 28))
    inputs = surveillance.SurveillanceInputs(
        WATCH.before, WATCH.after, 25.0, "ug/m3", releases=(leak,)
    )
    found = surveillance.estimate(inputs, load(), OWN)
    assert found.gross_kgco2e.central == pytest.approx(24 * 27.9)
    assert found.details["class_before_gates"] == "E"
    assert found.net_kgco2e.central == pytest.approx(24 * 27.9 - 2)


def test_warnings_by_hand():
    inputs = climate_event.ClimateEventInputs(
        hits=8, misses=2, false_alarms=4, lead_h=(6.0, 12.0, 3.0),
        probability=(0.9, 0.2, 0.6), outcome=(True, False, False), people_warned=300,
    )  # fmt: skip
    found = climate_event.estimate(inputs, load(), OWN)
    details = found.details
    assert details["pod"].central == pytest.approx(0.8)
    assert details["far"].central == pytest.approx(4 / 12)
    assert details["csi"].central == pytest.approx(8 / 14)
    assert details["brier"] == pytest.approx((0.01 + 0.04 + 0.36) / 3)
    assert details["brier_skill"] == pytest.approx(1 - (0.41 / 3) / (1 / 3 * 2 / 3))
    assert (details["lead_h_median"], details["lead_h_least"]) == (6.0, 3.0)
    assert found.evidence_class == "N"
    assert found.net_kgco2e is None


def test_no_event_gives_no_score_and_says_so():
    found = climate_event.estimate(climate_event.ClimateEventInputs(0, 0, 0), load(), OWN)
    assert found.details["pod"] is found.details["far"] is found.details["csi"] is None
    assert "few_events" in {record.code for record in found.disqualifications}


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"hits": -1}, "0 or more"),
        ({"probability": (0.5,)}, "1 probabilities and 0 outcomes"),
        ({"probability": (1.5,), "outcome": (True,)}, "lies in 0 to 1"),
        ({"lead_h": (1.0, 2.0)}, "2 lead times for 1 hits"),
    ],
)
def test_impossible_records_are_refused(change, word):
    base = {"hits": 1, "misses": 0, "false_alarms": 0}
    with pytest.raises(ValueError, match=word):
        climate_event.estimate(climate_event.ClimateEventInputs(**{**base, **change}), load(), OWN)
