"""Bad input: a named record or an error with its row; never a NaN, never a bare number."""

import json

import pytest

from cobenefit_backend.documents.answer import answer
from cobenefit_backend.errors import InputError
from cobenefit_backend.factors.load import load

DAYS = [9.0, 10.0, 11.0, 10.0, 9.5] * 73
BIN = {"class": "car_petrol", "speed_kmh": 50, "vehicles": 100}


def asked(use_case, **document):
    return answer(use_case, json.dumps(document).encode(), load(), "in.json")


def meter(**document):
    return asked("smart_meter", **{"baseline_kwh": DAYS, "reporting_kwh": DAYS, **document})


@pytest.mark.parametrize(
    ("use_case", "document", "message"),
    [
        ("smart_meter", {"baseline_kwh": [*DAYS[:-1], -3.0], "reporting_kwh": DAYS},
         r"in.json: \$.baseline_kwh\[364\]: .*>= 0"),
        ("smart_meter", {"baseline_kwh": DAYS, "reporting_kwh": [*DAYS[:-1], 9500.0]},
         r"in.json: \$.reporting_kwh\[364\]: energy_kwh 9500 is 950 times the median"),
        ("smart_meter", {"baseline_kwh": DAYS, "reporting_kwh": DAYS, "baseline_degc": [1.0]},
         r"\$.baseline_degc: has 1 values"),
        ("smart_meter", {"baseline_kwh": DAYS, "reporting_kwh": DAYS, "accuracy_ratio": 2},
         r"\$.accuracy_ratio"),
        ("traffic", {"length_km": 1, "before": [BIN | {"speed_kmh": 0}], "after": [BIN]},
         r"\$.before\[0\].speed_kmh"),
        ("remote_health", {"mode_share": {"car_diesel": 0.5}, "distance_km": [3.0]},
         r"in.json: \$"),
    ],
)  # fmt: skip
def test_an_error_names_the_row(use_case, document, message):
    with pytest.raises(InputError, match=message):
        asked(use_case, **document)


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ({"baseline_kwh": DAYS[:40]}, "baseline_too_short"),
        ({"baseline_kwh": [None] * 60 + DAYS[60:]}, "baseline_coverage"),
        ({"reporting_kwh": [None] * 60 + DAYS[60:]}, "low_coverage"),
        ({"reporting_kwh": [1000 * kwh for kwh in DAYS]}, "unit_changed"),
        ({"baseline_kwh": [1000 * kwh for kwh in DAYS]}, "unit_suspected"),
        ({"baseline_kwh": [0.01] * 300 + [400.0] * 65}, "weak_baseline"),
    ],
)
def test_a_weakness_has_a_name_and_the_figure_an_interval(document, code):
    if code == "weak_baseline":
        with pytest.raises(InputError, match="times the median"):
            meter(**document)
        document = {"baseline_kwh": [1.0] * 355 + [200.0] * 10}
    found = meter(**document)
    assert code in {record["code"] for record in found["disqualifications"]}
    net = found["net_kgco2e"]
    assert net is None or net["low"] < net["central"] < net["high"]


def test_nothing_at_all_is_no_figure():
    found = meter(baseline_kwh=[None] * 365)
    assert (found["evidence_class"], found["net_kgco2e"]) == ("N", None)
    json.dumps(found, allow_nan=False)


def test_one_day_is_no_figure():
    assert meter(baseline_kwh=[12.0])["net_kgco2e"] is None
