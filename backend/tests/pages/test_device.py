"""A device's page tells who it is, how it fares and what it costs, from what the store has."""

import json

import pytest

from cobenefit_backend.exports.csv_file import read

LEDGER = {
    "site": "attic", "device": "stray", "t_ms": 1_700_000_000_000, "boot": 7, "uptime_ms": 90_000,
    "wakes": 40, "energy_mj": 45_000, "energy_method": "measured", "error_permille": 20,
    "tx_bytes": 12, "rx_bytes": 9, "reconnects": 1, "resets": 1, "battery_mv": 3100, "waiting": 2,
    "lost": {"ph": 3}, "online": True, "causes": [2, 0, 1, 0, 0, 0], "battery_changes": 1,
}  # fmt: skip


def test_it_says_who_it_is_how_it_fares_and_what_it_costs(municipality):
    school = municipality.get("/devices/town/school?lang=en").text
    assert "<h1>town / school</h1>" in school
    assert "Virtual board" in school
    assert "recorded, replayed faster than real time" in school
    assert "readings are stored" in school
    assert "Its footprint is" in school
    assert "Making the devices" in school
    assert '<a href="/studies/school?lang=en">the school &lt;b&gt;Jules-Ferry' in school
    assert "100% of the study" in school
    assert "Pays back" in school
    part = school[school.index(">What it measures<") :]
    assert "energy_import_wh" in part
    assert 'class="spark"' in part
    assert "counter went back: 4" in part
    assert "wrong CRC: 2" in part
    header, rows = read(municipality.get("/devices/town/school/coverage.csv").content)
    states = [dict(zip(header, row, strict=True))["state"] for row in rows]
    assert states.count("missing") == 17


@pytest.mark.parametrize(
    ("language", "words"), [("en", "There is no device"), ("fr", "Il n'y a pas de capteur")]
)
def test_an_unknown_device_is_answered_in_words(client, language, words):
    answer = client.get("/devices/town/nobody", params={"lang": language})
    assert answer.status_code == 404
    assert words in answer.text.replace("&#39;", "'")
    assert client.get("/devices/town/nobody/coverage.csv").status_code == 404


def test_a_device_no_document_names_has_what_it_sent(client):
    body = json.dumps({"tenant": "demo", "rows": [LEDGER]}).encode()
    assert client.post("/v1/health", content=body).status_code == 202
    page = client.get("/devices/attic/stray?lang=en").text
    assert "no reading is stored" in page
    assert "measured by a meter on the board; true energy between" in page
    assert "multiplied by 1.02" in page
    assert "power on 2, watchdog 1" in page
    assert "No study document names this device" in page
    assert "3.1\u00a0V" in page
