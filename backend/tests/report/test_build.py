"""The report of a small municipality: what is claimed, what is not, and why."""

import json

import pytest

from cobenefit_backend.bodies import ActivityBody, ActivityRow
from cobenefit_backend.report import render
from cobenefit_backend.report.build import build


@pytest.fixture
def report(municipality):
    return json.loads(municipality.get("/v1/report").content)


@pytest.fixture
def cases(report):
    return {case["study"]: case for case in report["use_cases"]}


def _codes(case):
    return {record["code"] for record in case["disqualifications"]}


def test_the_contract_of_report_json(report, cases):
    assert report["schema_version"] == 1
    assert len(report["generated_from"]["data_sha256"]) == 64
    assert set(report["generated_from"]["factor_set"]) == {"version", "sha256"}
    assert report["generated_from"]["code_version"]
    for case in cases.values():
        for key in ("gross_kgco2e", "rebound_kgco2e", "net_kgco2e", "footprint_kgco2e"):
            low, central, high = (case[key][name] for name in ("low", "central", "high"))
            assert low <= central <= high, (case["study"], key)
        assert set(case["footprint_kgco2e"]) == {
            "low", "central", "high", "by_stage", "truncation_2",
        }  # fmt: skip
        assert 0 <= case["coverage_ratio"] <= 1
        assert {row["id"] for row in report["factors"]} >= set(case["factors"])
    assert (
        cases["school"]["net_marginal_kgco2e"]["central"]
        > cases["school"]["net_kgco2e"]["central"]
    )
    assert cases["field"]["net_marginal_kgco2e"] is None


def test_the_school_saved_what_the_fixture_cut(cases):
    school = cases["school"]
    # uses are cut by 20 %; noise of +-10 % a day leaves well under one point over a year
    assert school["details"]["savings_ratio"] == pytest.approx(0.20, abs=0.01)
    assert school["details"]["model"] in ("hdd", "hdd_cdd")
    assert school["evidence_class"] == "E"
    assert school["label"] == "pre/post, no control"
    # 17 days without data, and the days beside the gap
    assert school["details"]["reporting_days"] == 366 - 19


def test_net_is_gross_minus_rebound_minus_footprint(cases):
    for case in cases.values():
        net = case["net_kgco2e"]["central"]
        parts = (case["gross_kgco2e"], case["rebound_kgco2e"], case["footprint_kgco2e"])
        gross, rebound, own = (part["central"] for part in parts)
        assert net == pytest.approx(gross - rebound - own, abs=1e-6 * abs(gross))
        stages = case["footprint_kgco2e"]["by_stage"].values()
        assert sum(stage["central"] for stage in stages) == pytest.approx(own)


def test_the_test_finds_nothing_and_tries_every_date(cases):
    house = cases["house-test"]
    assert house["placebo"] is True
    assert house["gross_kgco2e"]["low"] < 0 < house["gross_kgco2e"]["high"]
    assert {"no_weather", "not_significant", "no_comparison_group"} <= _codes(house)
    summary = house["details"]["placebo"]["summary"]
    dates = house["details"]["placebo"]["dates"]
    assert summary["dates"] == len(dates) > 20
    assert summary["significant"] == sum(item["significant"] for item in dates)


def test_modelled_and_synthetic_rows_are_never_totalled(report, cases):
    assert (cases["road"]["data_origin"], cases["road"]["evidence_class"]) == ("modelled", "P")
    assert cases["field"]["data_origin"] == "synthetic"
    assert report["totals"]["E"]["studies"] == ["school"]
    assert report["totals"]["E"]["net_kgco2e"] == pytest.approx(cases["school"]["net_kgco2e"])
    assert report["totals"]["M"] == {"studies": [], "net_kgco2e": None, "imprecise": False}
    assert set(report["totals"]["excluded"]) == {"house-test", "road", "field"}


def test_the_field_rests_on_pairs_of_strips(cases):
    field = cases["field"]
    # 16 kg N/ha less on 2 ha
    assert field["details"]["nitrogen_saved_kg"] == pytest.approx(32)
    assert field["details"]["replicates"] == 4
    assert field["details"]["yield_ratio"] > 1


def test_an_activity_in_another_unit_is_named_not_guessed(municipality):
    row = {"id": "x", "site": "farm", "use_case": "soil", "date": "2024-04-04",
           "place": "strip 1", "quantity": "nitrogen", "amount": 50, "unit": "kg",
           "arm": "advised", "evidence": "log", "author": "test"}  # fmt: skip
    store = municipality.app.state.store  # the route refuses it; an older store may hold it
    store.add_activities(ActivityBody(tenant="demo", rows=[ActivityRow(**row)]))
    report = json.loads(municipality.get("/v1/report").content)
    field = next(case for case in report["use_cases"] if case["study"] == "field")
    assert "activity_unit" in _codes(field)
    assert field["details"]["nitrogen_saved_kg"] == pytest.approx(32)


def test_a_visit_is_paid_for_and_an_exchange_is_no_consumption(municipality, cases):
    common = {"site": "town", "use_case": "maintenance", "date": "2024-10-02", "arm": "",
              "evidence": "visit sheet", "author": "test"}  # fmt: skip
    index = {"place": "school/energy_import_wh", "unit": "Wh"}
    rows = [
        {"place": "school", "quantity": "visit_distance", "amount": 100.0, "unit": "km"},
        {**index, "quantity": "index_before", "amount": 0.0},  # fits no reading: a missing day
        {**index, "quantity": "index_after", "amount": 0.0},
    ]
    rows = [{**common, **row, "id": str(n)} for n, row in enumerate(rows)]
    answer = municipality.post("/v1/activities", json={"tenant": "demo", "rows": rows})
    assert answer.status_code == 202, answer.text
    report = json.loads(municipality.get("/v1/report").content)
    school = next(case for case in report["use_cases"] if case["study"] == "school")
    assert school["details"]["reporting_days"] == cases["school"]["details"]["reporting_days"] - 1
    before, after = (
        case["footprint_kgco2e"]["by_stage"].get("installation", {"central": 0.0})["central"]
        for case in (cases["school"], school)
    )
    assert before == 0
    assert after > 1


def test_every_reading_is_accounted_for(report):
    rows = {(row["device"], row["channel"]): row for row in report["data"]["series"]}
    school = rows["school", "energy_import_wh"]
    assert school["quarantined"] == {"counter_went_back": 4, "crc": 0}
    assert school["packs"] == {"crc": 2}
    assert school["lost"] == 3
    assert school["stored"] > 48 * 1000
    assert rows["", ""]["packs"] == {"topic": 1}
    assert report["data"]["quarantined"]["counter_went_back"] == 4


def test_the_same_data_give_the_same_bytes(municipality):
    store = municipality.app.state.store
    first, second = (render.json_file(build(store, "demo")) for _ in range(2))
    assert first == second


def test_a_study_without_data_says_so_and_breaks_nothing(client, study_document):
    assert client.post("/v1/studies", json=study_document).status_code == 202
    report = json.loads(client.get("/v1/report").content)
    school = next(case for case in report["use_cases"] if case["study"] == "school")
    assert (school["evidence_class"], school["net_kgco2e"]) == ("N", None)
    for path in ("/", "/report", "/data", "/factors", "/studies/road", "/sites/town"):
        assert client.get(f"{path}?lang=fr").status_code == 200
