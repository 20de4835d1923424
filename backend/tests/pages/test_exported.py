"""The map's files: valid GeoJSON that can be uploaded again, and a table that says the same."""

import json

from cobenefit_backend.areas import geojson
from cobenefit_backend.exports.csv_file import read


def _features(client):
    answer = client.get("/map.geojson")
    assert answer.headers["content-type"] == "application/geo+json"
    return answer.json()["features"]


def test_every_place_has_its_figure_or_none(mapped):
    features = _features(mapped)
    told = {(f["properties"]["kind"], f["properties"]["place"]): f["properties"] for f in features}
    assert len(told) == len(features) == 7, "four areas and three sites"
    total = mapped.get("/v1/report").json()["totals"]["E"]["net_kgco2e"]
    for place in (("area", "Centre <i>"), ("site", "town")):
        found = told[place]
        assert [found[f"net_{name}"] for name in total] == list(total.values())
        assert (found["evidence_class"], found["unit"], found["devices"]) == ("E", "kgCO2e", 1)
        assert 0.9 < found["coverage_ratio"] <= 1
    assert told["area", "Plaine"]["sites"] == "farm", "by the code of its commune"
    assert told["area", "Plaine"]["net_central"] is None, "synthetic"
    assert told["area", "Ailleurs"]["studies"] == ""


def test_areas_come_back_as_they_were_sent(mapped):
    areas = [f for f in _features(mapped) if f["properties"]["kind"] == "area"]
    assert {f["geometry"]["type"] for f in areas} == {"MultiPolygon"}
    again = {
        "type": "FeatureCollection",
        "features": [
            {**f, "properties": {"name": f["properties"]["place"], "sites": [f"s{n}"]}}
            for n, f in enumerate(areas)
        ],
    }
    found = geojson.parse(json.dumps(again).encode())
    assert found[0].polygons[0][0][:3] == ((3.0, 50.0), (3.1, 50.0), (3.1, 50.1))


def test_sites_are_points_where_their_position_is_known(mapped, study_document):
    assert {str(f["geometry"]) for f in _features(mapped)[4:]} == {"None"}
    study_document["site"][0] |= {"longitude": 3.05, "latitude": 50.05}
    mapped.post("/v1/studies", json=study_document)
    assert _features(mapped)[4]["geometry"] == {"type": "Point", "coordinates": [3.05, 50.05]}


def test_both_dialects_of_the_table_say_the_same(mapped):
    header, rows = read(mapped.get("/map.csv").content)
    assert (header, rows) == read(mapped.get("/map.csv?dialect=fr").content)
    assert len(rows) == 7
    town = dict(zip(header, rows[0], strict=True))
    assert (town["place"], town["evidence_class"], town["end"]) == (
        "Centre <i>",
        "E",
        "2025-01-01",
    )


def test_without_a_study_there_is_no_file(client):
    for path in ("/map.csv", "/map.geojson"):
        assert client.get(path).status_code == 404
