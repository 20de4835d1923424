"""Late data change the studies they belong to, no other, and undo brings the report back."""

import json
from datetime import date

import pytest

from cobenefit_backend.report import build, render

BASE = "site=town&device=school&channel=energy_import_wh"
JUNE = date(2024, 6, 3), date(2024, 6, 20)
"""When the school's meter was off."""


def _report(client):
    return client.get("/v1/report").content


def _studies(report):
    return {case["study"]: case for case in json.loads(report)["use_cases"]}


def _changed(before, after):
    before, after = _studies(before), _studies(after)
    return [name for name in before if before[name] != after[name]]


def _import(client, content):
    answer = client.post(f"/v1/imports?{BASE}&file=june.csv", content=content)
    assert answer.status_code == 201, answer.text
    return answer.json()


def _late_page(client, counter_row, page_body):
    row = counter_row(date(2024, 9, 5), 0, 10_000_000, revision=3)
    page = page_body([["nowhere", "house", "energy_import_wh"]], [(0, row)], page=900)
    assert client.post("/v1/rollups", content=page).status_code == 202


@pytest.fixture
def made(monkeypatch) -> list[str]:
    """The studies that were computed, in order."""
    found, case = [], build._case

    def counted(store, document, study, **rest):
        found.append(study.id)
        return case(store, document, study, **rest)

    monkeypatch.setattr(build, "_case", counted)
    return found


def test_an_import_changes_its_study_and_undo_brings_back_every_bit(
    municipality, half_hours, csv_bytes, made
):
    store = municipality.app.state.store
    before = _report(municipality)
    assert made == ["school", "house-test", "road", "field"]
    rows = store.daily("demo", "town", "school", "energy_import_wh")
    found = _import(municipality, csv_bytes(half_hours(*JUNE)))
    assert found["summary"]["windows"]["days"]["new"] == 17
    assert _report(municipality) == before
    assert municipality.post(f"/v1/imports/{found['id']}/commit").status_code == 200
    after = _report(municipality)
    assert _changed(before, after) == ["school"]
    (line,) = json.loads(after)["data"]["corrections"]
    assert (line["kind"], line["why"], line["start"]) == (
        "import", "june.csv", "2024-06-02T22:00:00+00:00",
    )  # fmt: skip
    filled = store.daily("demo", "town", "school", "energy_import_wh")
    assert [row for row in filled if row["first"] is not None] == rows
    undone = municipality.request("DELETE", f"/v1/imports/{found['id']}")
    assert undone.json()["state"] == "undone"
    assert _report(municipality) == before
    assert made[4:] == ["school", "school"]


def test_late_pages_and_what_is_left_out_change_their_study_only(
    municipality, counter_row, page_body, made
):
    before = _report(municipality)
    start_ms = 1_706_742_000_000  # 1 February 2024 in Paris
    body = {
        "site": "town", "device": "school", "channel": "energy_import_wh", "why": "works",
        "start_ms": start_ms, "end_ms": start_ms + 10 * 86_400_000,
    }  # fmt: skip
    answer = municipality.post("/v1/corrections", json=body)
    assert answer.status_code == 201, answer.text
    after = _report(municipality)
    assert _changed(before, after) == ["school"]
    coverage = [_studies(each)["school"]["coverage_ratio"] for each in (before, after)]
    assert coverage[0] - coverage[1] == pytest.approx(10 / 366)
    address = f"/v1/corrections/{answer.json()['id']}"
    for _ in range(2):
        assert municipality.request("DELETE", f"{address}?why=mistake").status_code == 200
    lines = municipality.get("/v1/corrections").json()["corrections"]
    assert [line["kind"] for line in lines] == ["restore", "exclude"]
    assert municipality.request("DELETE", "/v1/corrections/99").status_code == 404
    assert _report(municipality) == before
    made.clear()
    _late_page(municipality, counter_row, page_body)
    weather = {"tenant": "demo", "station": "elsewhere", "source": "test", "licence": "CC0",
               "t_ms": [0], "temperature_degc": [1.0]}  # fmt: skip
    municipality.post("/v1/weather", json=weather)
    remembered = _report(municipality)
    assert _changed(before, remembered) == made == ["house-test"]
    anew = build.build(municipality.app.state.store, "demo")
    assert render.json_file(anew).encode() == remembered
