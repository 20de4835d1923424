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


BACKWARDS = {"low": 3, "central": 2, "high": 4}
FURTHER = {
    "remote_health": {"mode_share": {"car_diesel": 1.0}},
    "remote_assistance": {},
    "industry": {"channel": "energy_import_wh"},
    "data_centre": {"channel": "energy_import_wh", "it_channel": "energy_import_wh_2"},
    "surveillance": {"channel": "pm2_5_kg_m3", "threshold": 25, "unit": "µg/m³"},
    "climate_event": {},
}


def asked(study_document, use_case, **keys):
    common = ("id", "data_origin", "site", "devices", "baseline", "reporting")
    first = study_document["study"][0]
    study_document["study"] = [
        {**{key: first[key] for key in common}, "use_case": use_case, **FURTHER[use_case], **keys}
    ]
    return study.parse(study_document)


@pytest.mark.parametrize("use_case", FURTHER)
def test_each_use_case_has_its_keys_and_refuses_those_of_another(study_document, use_case):
    found = asked(study_document, use_case).study[0]
    assert found.use_case == use_case
    with pytest.raises(InputError, match="unknown field `area_ha`"):
        asked(study_document, use_case, area_ha=2)


@pytest.mark.parametrize(
    ("use_case", "keys", "part"),
    [
        ("remote_health", {"mode_share": {"bus": 0.4}}, "mode_share: shares must add up to 1"),
        ("remote_assistance", {"km_per_visit": BACKWARDS}, "km_per_visit"),
        ("industry", {"channel": ""}, "needed for industry"),
        ("data_centre", {"it_channel": "energy_import_wh"}, "the meter of the IT alone"),
        ("surveillance", {"releases": [{"gas": "ch4", "rate_kg_per_h": {"low": 2, "central": 1,
         "high": 3}, "hours_gained": {"low": 1, "central": 1, "high": 1}}]}, "rate_kg_per_h"),
    ],
)  # fmt: skip
def test_what_a_use_case_needs_is_named(study_document, use_case, keys, part):
    with pytest.raises(InputError, match=part):
        asked(study_document, use_case, **keys)


def test_parallel_streets_have_their_own_devices(study_document):
    road = study_document["study"][2]
    lane = {"name": "lane", "devices": ["lane"], "length_km": 1,
            "speed_before_km_h": 20, "speed_after_km_h": 20}  # fmt: skip
    road["parallel"] = [lane]
    with pytest.raises(InputError, match="name them in the study's devices too"):
        study.parse(study_document)
    road["parallel"] = [{**lane, "devices": ["road"]}]
    with pytest.raises(InputError, match="the road itself needs a device"):
        study.parse(study_document)
