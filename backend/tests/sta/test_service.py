"""The read-only SensorThings service: paths, options, links, refusals; on both databases."""

from urllib.parse import quote

import httpx
import pytest

from cobenefit_backend.sta import observations, service
from cobenefit_backend.sta.catalogue import KEYS

DAY = "Datastreams('town.school.energy_import_wh.day')"
WINDOW = "Datastreams('town.school.energy_import_wh.window')"


def test_every_set_and_link_of_the_service_document_answers(sta):
    document = sta("")
    assert [each["name"] for each in document["value"]] == list(KEYS)
    for each in document["value"]:
        page = sta(f"{each['url']}?$top=2")
        assert page["value"], each
        for entity in page["value"]:
            links = [v for k, v in entity.items() if k.endswith(("selfLink", "navigationLink"))]
            assert len(links) >= 2
            for link in links:
                assert sta(link)


@pytest.mark.parametrize(
    ("path", "ids"),
    [
        ("Things('town.school')/Locations", ["town"]),
        ("Locations('nowhere')/Things", ["nowhere.house", "nowhere.road"]),
        (f"{WINDOW}/Thing/Datastreams", [
            "town.school.energy_import_wh.day", "town.school.energy_import_wh.window",
        ]),
        ("ObservedProperties('vehicle_count')/Datastreams", ["nowhere.road.vehicle_count.day"]),
        ("Things?$filter=properties/site eq 'farm' and not (name eq 'road')", ["farm.probe"]),
        ("Things?$orderby=name desc&$top=1&$skip=1", ["nowhere.road"]),
    ],
)  # fmt: skip
def test_paths_and_options_choose_entities(sta, path, ids):
    assert [each["@iot.id"] for each in sta(path)["value"]] == ids


def test_one_entity_one_property_one_value(http, served, sta):
    assert sta(f"{DAY}/Sensor")["@iot.id"] == "town.school"
    assert sta(f"{DAY}/unitOfMeasurement")["unitOfMeasurement"]["symbol"] == "W.h"
    assert http.get(f"{served}/Things('town.school')/name/$value").text == "school"
    links = sta("Things/$ref")["value"]
    assert links[0] == {"@iot.selfLink": f"{served}/Things('farm.probe')"}
    assert set(sta("Things('town.school')?$select=id,name")) == {
        "@iot.id", "@iot.selfLink", "name",
    }  # fmt: skip


def test_windows_are_intervals_with_their_coverage(sta):
    first, second = sta(f"{WINDOW}/Observations?$top=2")["value"]
    assert first["phenomenonTime"] == "2023-12-31T23:00:00.000Z/2024-01-01T00:00:00.000Z"
    assert (first["result"], second["result"]) == (500.0, 501.0)
    assert first["parameters"]["coverage_ratio"] == 1.0
    assert sta(f"Observations('{first['@iot.id']}')")["result"] == 500.0
    assert sta(f"Observations('{first['@iot.id']}')/Datastream/Thing")["name"] == "school"


@pytest.mark.parametrize(
    ("condition", "count"),
    [
        ("result ge 510 and result lt 512.5", 3),
        ("result eq 500 or result eq 501", 2),
        ("phenomenonTime lt 2024-01-01T00:00:00Z", 1),
        ("phenomenonTime ge 2024-01-01T00:00:00Z and phenomenonTime le 2024-01-01T02:00:00Z", 2),
        ("phenomenonTime gt 2024-01-01T00:00:00Z and phenomenonTime le 2024-01-01T02:00:00Z", 1),
        ("phenomenonTime eq 2024-01-01T00:00:00Z/2024-01-01T01:00:00Z", 1),
        ("not (phenomenonTime ge 2024-01-01T00:00:00Z)", 1),
    ],
)
def test_filters_of_observations(sta, condition, count):
    page = sta(f"{WINDOW}/Observations?$count=true&$filter={quote(condition)}")
    assert len(page["value"]) == page["@iot.count"] == count


@pytest.mark.parametrize("order", ["phenomenonTime desc", "result desc", "phenomenonTime", ""])
def test_following_next_links_gives_each_observation_once(town, sta, order):
    asked = f"&$orderby={quote(order)}" if order else ""
    page = sta(f"{WINDOW}/Observations?$top=7{asked}")
    found = page["value"]
    while link := page.get("@iot.nextLink"):
        page = sta(link)
        found += page["value"]
    results = [each["result"] for each in found]
    assert results == sorted((500.0 + n for n in range(48)), reverse="desc" in order)


def test_all_observations_go_from_one_datastream_to_the_next(sta):
    page = sta("Observations?$top=300&$count=true")
    ids = [each["@iot.id"] for each in page["value"]]
    total = page["@iot.count"]
    while link := page.get("@iot.nextLink"):
        page = sta(link)
        ids += [each["@iot.id"] for each in page["value"]]
    assert len(ids) == len(set(ids)) == total == 383 + 400 + 400 + 100 + 48


def test_a_count_has_an_end(sta, monkeypatch):
    monkeypatch.setattr(observations, "COUNT_CAP", 10)
    assert sta(f"{DAY}/Observations?$count=true&$top=0")["@iot.count"] == 10


def test_expanded_sets_have_their_own_pages(sta):
    thing = sta("Things('town.school')?$expand=Datastreams/Observations($top=3;$count=true)")
    day = thing["Datastreams"][0]
    assert len(day["Observations"]) == 3
    assert day["Observations@iot.count"] == 383
    following = sta(day["Observations@iot.nextLink"])["value"]
    assert following[0]["phenomenonTime"] > day["Observations"][-1]["phenomenonTime"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("Nothing", 404), ("Things('x')", 404), ("Things/name", 404),
        ("Observations('town.school.energy_import_wh.day.1.86400')", 404),
        ("Observations('town.school.energy_import_wh.day')", 404),
        ("Things('town.school')/nothing", 404), ("MultiDatastreams", 404),
        ("Things?$top=x", 400), ("Things?$top=-1", 400), ("Things?$filter=name", 400),
        ("Things?$filter=name eq", 400), ("Things?$filter=nothing eq 'x'", 400),
        ("Things?$filter=(name eq 'x'", 400), ("Things?$expand=Observations", 400),
        ("Things?$select=nothing", 400), ("Things?$orderby=properties", 400),
        ("Things?$filter=" + "(" * 30 + "name eq 'x'" + ")" * 30, 400),
        (f"{DAY}/Observations?$filter=phenomenonTime gt 2024-01-01T00:00:00", 400),
        (f"{DAY}/Observations?$skiptoken=x", 400),
        (f"{DAY}/Observations?$filter=result eq 'x'", 400),
        ("Things?$apply=x", 501), ("Things?$filter=startswith(name,'s')", 501),
        (f"{DAY}/Observations?$filter=resultTime gt 2024-01-01T00:00:00Z", 501),
        ("Observations?$orderby=phenomenonTime desc", 501),
    ],
)  # fmt: skip
def test_what_is_wrong_or_not_supported_is_said(sta, path, status):
    problem = sta(path, status)
    assert problem["status"] == status
    assert len(problem["detail"]) > 10


def test_an_answer_has_bounds(sta, monkeypatch):
    wide = "Things?$expand=Datastreams($expand=Observations($top=1000))"
    assert len(sta(wide)["value"]) == 4
    assert "levels" in sta(f"{wide[:-2]};$expand=Datastream/Observations))", 400)["detail"]
    monkeypatch.setattr(service, "MAX_ENTITIES", 1000)
    assert "smaller $top" in sta(wide, 400)["detail"]


def test_another_tenant_sees_nothing(served, key_of):
    headers = {"Authorization": f"Bearer {key_of('other')}"}
    assert httpx.get(f"{served}/Things", headers=headers).json()["value"] == []
    assert httpx.get(f"{served}/{DAY}/Observations", headers=headers).status_code == 404
    assert httpx.get(f"{served}/Things").status_code == 401
