"""A study document is checked in full and says where it is wrong."""

import json

import pytest

from cobenefit_backend import study
from cobenefit_backend.errors import InputError


def _set(document, path, value):
    *way, last = path
    for key in way:
        document = document[key]
    document[last] = value


@pytest.mark.parametrize(
    ("path", "value", "part"),
    [
        (("site", 0, "timezone"), "Europe/Lutetia", "unknown time zone"),
        (("study", 0, "site"), "moon", "no site 'moon'"),
        (("study", 0, "devices"), ["toaster"], "no device 'toaster'"),
        (("study", 0, "reporting"), ["2023-06-01", "2024-06-01"], "must start after"),
        (("study", 0, "baseline"), ["2023-13-01", "2024-01-01"], "YYYY-MM-DD"),
        (("study", 0, "channel"), "", "needed for smart_meter"),
        (("study", 1, "id"), "school", "given twice"),
        (("study", 2, "classes"), {"car_petrol": 0.5}, "add up to 1"),
        (("study", 2, "classes"), {"hovercraft": 1.0}, "hovercraft"),
        (("study", 2, "speed_after_km_h"), None, "a counter has no speeds"),
        (("study", 3, "area_ha"), None, "needed for soil"),
        (("device", 0, "lifetime_years"), -1, "lifetime_years|> 0"),
        (("study", 0, "use_case"), "magic", "use_case|magic"),
        (("nonsense",), 1, "nonsense"),
    ],
)
def test_the_first_fault_is_named(study_document, path, value, part):
    _set(study_document, path, value)
    with pytest.raises(InputError, match=part) as refused:
        study.parse(json.dumps(study_document).encode(), file="demo.json")
    assert "demo.json" in str(refused.value)


def test_tables_and_json_give_the_same_document(study_document):
    assert study.parse(study_document) == study.parse(json.dumps(study_document).encode())
