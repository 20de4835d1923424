"""An officer draws the map without a command line; what is wrong with a file is said in words."""

import json
import re
from dataclasses import replace

from cobenefit_backend.access import audit

SQUARE = [[3.05, 50.62], [3.08, 50.62], [3.08, 50.64], [3.05, 50.62]]


def _file(*features, **more) -> bytes:
    return json.dumps({"type": "FeatureCollection", "features": list(features), **more}).encode()


def _area(ring=SQUARE, kind="Polygon", **properties):
    told = {"name": "Centre", "sites": ["town"], **properties}
    geometry = {"type": kind, "coordinates": [ring]}
    return {"type": "Feature", "properties": told, "geometry": geometry}


def _alert(answer):
    return re.search(r'role="alert">(.+?)</div>', answer.text, re.DOTALL)[1]


def test_the_map_is_seen_at_once_replaced_and_removed(municipality, signed_in):
    officer = signed_in("officer")
    assert "There is no map yet" in officer.get("/areas?lang=en").text
    answer = officer.upload("/areas?lang=en", "c.geojson", _file(_area()))
    assert answer.headers["location"] == "/areas?lang=en&done=stored"
    page = officer.get(answer.headers["location"]).text
    for told in ('role="status">The areas are stored', "<svg", "Centre", "Remove the map",
                 "leaves out (2): nowhere, farm"):  # fmt: skip
        assert told in page
    assert "<svg" in officer.get("/?lang=en").text
    officer.upload("/areas?lang=en", "c.geojson", _file(_area(name="Quartier nord")))
    page = officer.get("/areas?lang=fr").text
    assert "Quartier nord" in page
    assert "Centre" not in page
    assert "Retirer tous les contours" in officer.get("/areas/remove?lang=fr").text
    assert "Quartier nord" in officer.get("/areas?lang=fr").text, "asking removes nothing"
    gone = officer.send("/areas/remove?lang=en")
    assert "The areas are removed." in officer.get(gone.headers["location"]).text
    noted = [row["what"] for row in audit.latest(municipality.app.state.store.database, "demo")
             if row["action"] == "areas stored"]  # fmt: skip
    assert noted == ["0", "1", "1"]


WRONG = [
    (b"", "No file was sent"),
    (b"PK\x03\x04", "no JSON at all"),
    (b"\xff\xfe", "no JSON at all"),
    (b'{"type": "Topology"}', "no collection of areas"),
    (_file(_area(kind="LineString")), "no collection of areas"),
    (_file(_area([[704_000, 7_059_000]] * 4)), "not in Lambert-93"),
    (_file(_area(), crs={"properties": {"name": "EPSG:2154"}}), "not in Lambert-93"),
    (_file(_area(SQUARE[:3])), "A border is not closed"),
    (_file(_area([])), "A border is not closed"),
    (_file(_area(), _area()), "would be counted twice"),
    (_file(_area(name=None)), "has no name"),
    (_file(_area(sites=[])), "says neither which sites"),
    (_file(*[_area()] * 1001), "more than 1,000 areas"),
    (_file(_area([SQUARE[0]] * 500_001)), "more than 500,000 points"),
]


def test_what_is_wrong_with_a_file_is_said(client, signed_in):
    officer = signed_in("officer")
    for file, words in WRONG:
        answer = officer.upload("/areas?lang=en", "x.geojson", file)
        assert answer.status_code == 422, words
        assert words in _alert(answer)
        assert "Nothing was changed" in _alert(answer)


def test_a_file_too_large_is_refused_in_words(client, signed_in):
    client.app.state.config = replace(client.app.state.config, max_body_bytes=200_000)
    officer = signed_in("officer")
    assert "at most 0.2 MB" in officer.get("/areas?lang=en").text
    answer = officer.upload("/areas?lang=fr", "x.geojson", b" " * 250_000)
    assert answer.status_code == 413
    assert "Simplifiez" in _alert(answer)


def test_only_officers_have_the_form_and_no_other_site_sends_it(client, signed_in):
    stranger = client.request("GET", "/areas?lang=fr", headers={"Authorization": ""})
    assert (stranger.status_code, stranger.headers["location"]) == (303, "/login?lang=fr")
    viewer, officer = signed_in("viewer"), signed_in("officer")
    assert "<form" not in viewer.get("/areas?lang=en").text
    assert viewer.upload("/areas", "x", _file(_area())).status_code == 403
    assert officer.upload("/areas", "x", _file(_area()), form="0" * 64).status_code == 403
    assert viewer.get("/areas/remove").status_code == 403
    assert viewer.send("/areas/remove").status_code == 403
    assert officer.send("/areas/remove", form="0" * 64).status_code == 403
