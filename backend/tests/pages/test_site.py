"""The page of a site: studies, devices, footprint against avoided, activities."""

import re


def test_it_shows_its_studies_devices_and_activities(municipality):
    for language, heading in (("en", "Site “town”"), ("fr", "Site «\u00a0town\u00a0»")):
        text = municipality.get(f"/sites/town?lang={language}").text
        assert f"<h1>{heading}</h1>" in text
        assert f'href="/studies/school?lang={language}"' in text
        assert f'href="/devices/town/school?lang={language}"' in text
        assert "/studies/road" not in text
    farm = municipality.get("/sites/farm?lang=en").text
    assert "The latest first: 16 of 16." in farm
    assert "synthetic log" in farm
    assert "synthetic log" not in municipality.get("/sites/town?lang=en").text


def test_the_footprint_stands_against_what_is_avoided(municipality):
    text = municipality.get("/sites/town?lang=en").text
    (case,) = [
        case
        for case in municipality.get("/v1/report").json()["use_cases"]
        if case["study"] == "school"
    ]
    share = case["footprint_kgco2e"]["central"] / case["gross_kgco2e"]["central"]
    written = re.search(r"which is ([\d.]+)% of the", text).group(1)
    assert float(written) == float(f"{share * 100:.2g}")
    assert text.count('class="stepbar"') == 2
    assert "Nothing is claimed as avoided here" in municipality.get("/sites/farm?lang=en").text


def test_an_unknown_site_is_a_problem_and_a_stranger_signs_in(municipality):
    assert municipality.get("/sites/none").status_code == 404
    assert municipality.get("/sites/..%2Fdata").status_code == 404
    municipality.app.state.guard._public = "demo"
    municipality.headers = {}
    assert municipality.get("/").status_code == 200
    assert municipality.get("/sites/town").status_code == 303
    for path in ("/map.csv", "/map.geojson"):
        assert municipality.get(path).status_code == 401


def test_a_silent_device_is_named_unless_it_is_a_replay(municipality, study_document):
    row = {
        "site": "town", "device": "school", "t_ms": 1_700_000_000_001, "boot": 8, "uptime_ms": 1,
        "wakes": 0, "energy_mj": 0, "energy_method": "profile", "tx_bytes": 0, "rx_bytes": 0,
        "reconnects": 0, "resets": 0, "battery_mv": None, "waiting": 0, "lost": {},
        "online": False,
    }  # fmt: skip
    assert '<span class="alarm">' not in municipality.get("/sites/town?lang=en").text
    body = {"tenant": "demo", "rows": [row]}
    assert municipality.post("/v1/health", json=body).status_code == 202
    assert '<span class="alarm">' not in municipality.get("/sites/town?lang=en").text
    for device in study_document["device"]:
        device["accelerated"] = device["id"] != "school"
    assert municipality.post("/v1/studies", json=study_document).status_code == 202
    assert '<span class="alarm">silent</span>' in municipality.get("/sites/town?lang=en").text
    assert "Device school at town is silent." in municipality.get("/?lang=en").text
    assert "is silent" not in municipality.get("/?lang=en&site=farm").text
