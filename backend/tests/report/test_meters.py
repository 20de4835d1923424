"""A study's hours, accuracy classes, events and alarms reach the estimate and its record."""

import json
from datetime import date, timedelta

import numpy as np
import pytest

from cobenefit_backend import study as studies
from cobenefit_backend.estimate.quantity import Interval
from cobenefit_backend.estimate.smart_meter import SmartMeterInputs, estimate
from cobenefit_backend.factors.load import load
from cobenefit_backend.report.meters import event_rows, hour_sides, meter_records, with_meters
from cobenefit_backend.report.series import hourly_energy

HOUR_MS = 3_600_000
FIRST_MS = 1_672_527_600_000  # 2023-01-01T00:00+01:00
EVENT = {
    "start": "2024-07-01", "end": "2024-07-15", "kind": "closure", "treatment": "exclude",
    "evidence": "minutes of the council, 2024-06-12", "author": "J. Martin",
}  # fmt: skip


def windows(hours, wh, minutes=10):
    """Return the rollups of a counter read at the start of every window."""
    length_ms = minutes * 60_000
    per_hour = 60 // minutes
    rows, register, moved = [], 0.0, 0.0
    for n in range(hours * per_hour):
        start = FIRST_MS + n * length_ms
        row = {"start_ms": start, "length_s": minutes * 60, "count": 1, "expected": 1}
        times = {"first_t_ms": start, "last_t_ms": start}
        rows.append(row | times | {"first": register, "last": register, "delta": moved})
        moved = wh(n // per_hour) / per_hour
        register += moved
    return rows


def weather(hours, every=1):
    return [
        {"t_ms": FIRST_MS + h * HOUR_MS, "temperature_degc": 10 + 5 * np.sin(h / 24 * 2 * np.pi)}
        for h in range(0, hours, every)
    ]


def study_of(document, **fields):
    document["study"][0] |= fields
    return studies.parse(json.dumps(document).encode()).study[0]


def test_hours_are_what_the_register_moved_between_full_hours():
    rows = windows(48, lambda hour: 100.0 + hour)
    found = hourly_energy(rows, weather(48, every=3), "Europe/Paris")
    assert found.start == np.datetime64("2023-01-01T00")
    assert found.energy_kwh[:47] == pytest.approx((100 + np.arange(47)) / 1000)
    assert np.isfinite(found.temperature_degc[:46]).all()
    assert hourly_energy([], [], "Europe/Paris") is None


def test_an_hour_without_its_readings_is_missing_with_its_neighbours():
    rows = [
        row for row in windows(24, lambda _: 60.0) if row["start_ms"] // HOUR_MS % 24 != 9
    ]  # 10 h
    found = hourly_energy(rows, [], "Europe/Paris")
    # the hours on both sides end in the gap
    assert np.flatnonzero(np.isnan(found.energy_kwh)).tolist() == [8 + 1, 9 + 1, 10 + 1]
    assert found.temperature_degc is None
    assert np.nanmax(found.energy_kwh) == pytest.approx(0.06)


def test_hours_of_both_periods_or_none(study_document):
    study = study_of(
        study_document, model="hourly", baseline=["2023-01-01", "2023-01-08"],
        reporting=["2023-01-08", "2023-01-15"],
    )  # fmt: skip
    fine = {"school": windows(14 * 24, lambda _: 500.0, minutes=60)}
    sides = hour_sides(fine, weather(14 * 24), "Europe/Paris", study)
    assert sides.baseline_kwh.shape == sides.reporting_kwh.shape == (1, 168)
    assert sides.reporting_start == np.datetime64("2023-01-08T00")
    assert hour_sides(fine, [], "Europe/Paris", study) is None
    assert hour_sides({"school": []}, weather(24), "Europe/Paris", study) is None


def year_inputs(step=0.0):
    rng = np.random.default_rng(1)
    use = 50 + rng.normal(0, 3, (1, 731))
    use[0, 500:] += step
    return SmartMeterInputs(use[:, :365], use[:, 365:])


def test_classes_and_events_reach_the_figure(study_document):
    study = study_of(study_document, event=[EVENT], previous_accuracy="mid_a")
    inputs = with_meters(year_inputs(), study, {"school": "mid_c"}, None)
    assert inputs.accuracy_ratio.tolist() == [0.01]
    assert inputs.previous_accuracy_ratio == 0.035
    figure = estimate(inputs, load(), Interval.exactly(0.0))
    assert figure.details["reporting_days"] == 366 - 14
    codes = {record.code for record in figure.disqualifications}
    assert "event_excluded" in codes
    assert "accuracy_assumed" not in codes
    (row,) = event_rows(study, figure)
    assert {key: row[key] for key in EVENT} == EVENT
    assert row["devices"] == ["school"]


def test_an_alarm_suggests_and_changes_nothing(study_document):
    study = study_of(study_document)
    inputs = with_meters(year_inputs(step=12.0), study, {}, None)
    before = estimate(inputs, load(), Interval.exactly(0.0))
    (record,) = meter_records(inputs, study, hours_wanted=False)
    assert record.code == "change_elsewhere"
    declared = date.fromisoformat(record.data["suggested_start"])
    assert abs(declared - (date(2023, 1, 1) + timedelta(days=500))) < timedelta(days=10)
    assert record.data["step_kwh_per_day"] == pytest.approx(12, abs=3)
    assert estimate(inputs, load(), Interval.exactly(0.0)) == before
    assert inputs.events == ()
    assert meter_records(year_inputs(), study, hours_wanted=False) == ()


def test_hours_asked_for_and_not_stored_are_said(study_document):
    study = study_of(study_document, model="hourly")
    (record,) = meter_records(year_inputs(), study, hours_wanted=True)
    assert record.code == "no_hours"


def test_the_report_shows_events_and_the_model(municipality, study_document):
    study_document["study"][0] |= {
        "model": "split",
        "event": [EVENT | {"treatment": "adjust", "start": "2024-09-02", "end": "2024-10-01"}],
    }
    study_document["device"][0]["accuracy"] = "mid_b"
    answer = municipality.post("/v1/studies", content=json.dumps(study_document).encode())
    assert answer.status_code == 202, answer.text
    report = municipality.get("/v1/report").json()
    case = next(case for case in report["use_cases"] if case["study"] == "school")
    assert case["details"]["model"] == "split"
    (event,) = case["details"]["events"]
    assert event["after_kwh"]["low"] < 0 < event["after_kwh"]["high"]  # nothing happened
    codes = {record["code"] for record in case["disqualifications"]}
    assert "event_adjusted" in codes
    assert "accuracy_assumed" not in codes
