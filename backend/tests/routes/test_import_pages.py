"""An officer imports without a command line: look, write or drop, take back; refusals in words."""

import re
from dataclasses import replace

import pytest

from cobenefit_backend.access import audit
from cobenefit_backend.imports import batches

SERIES = {"device": "town/school", "channel": "energy_import_wh"}
DAY = b"start,end,value,unit\n2021-01-01T00:00+01:00,2021-01-02T00:00+01:00,24,kWh\n"
FRENCH = "start;end;value;unit\n01/01/2021 00:00;02/01/2021 00:00;24,5;kWh\n".encode("cp1252")
SENML = b'[{"n":"energy_import_wh","u":"Wh","t":1609500000,"v":5},{"n":"energy_import_wh","u":"Wh","t":1609501800,"v":9}]'  # noqa: E501
ENEDIS = b"Horodate;Valeur;Unite;Pas\n2021-01-01 00:30:00;1000;W;PT30M\n"


@pytest.fixture
def officer(client, study_document, signed_in):
    assert client.post("/v1/studies", json=study_document).status_code == 202
    return signed_in("officer")


def _alert(answer):
    return re.search(r'role="alert">(.+?)</div>', answer.text, re.DOTALL)[1]


def _stored(client):
    return len(client.app.state.store.daily("demo", "town", "school", "energy_import_wh"))


@pytest.mark.parametrize(
    ("file", "words"),
    [(DAY, "24,000 Wh"), (FRENCH, "24,500 Wh"), (SENML, "SenML"), (ENEDIS, "Enedis load curve")],
)
def test_a_file_is_seen_first_then_written_then_taken_back(client, officer, file, words):
    answer = officer.upload("/imports?lang=en", r"C:\old.csv", file, **SERIES)
    assert answer.status_code == 303, answer.text
    where = answer.headers["location"]
    page = officer.get(where).text
    for told in (words, "Nothing of it is in the data yet", "Import of old.csv", "Write it"):
        assert told in page
    assert _stored(client) == 0
    assert officer.send(where, do="commit").headers["location"] == where
    assert _stored(client) == 1
    assert "It counts in every figure since." in officer.get(where).text
    assert "Écrit" in officer.get("/imports?lang=fr").text
    assert officer.send(where, do="undo").status_code == 303
    assert _stored(client) == 0
    again = officer.send(where, do="commit")
    assert again.status_code == 409
    assert "had been dropped or taken back" in _alert(again)


def test_lines_refused_are_told_and_a_preview_is_dropped(client, officer):
    lines = DAY + DAY.splitlines()[1] + b"\nnonsense,,x,kWh\n"
    where = officer.upload("/imports?lang=fr", "double.csv", lines, **SERIES).headers["location"]
    page = officer.get(where).text
    assert "Lignes refusées : 2" in page.replace("\u00a0", " ")
    assert "fichier : donné deux fois" in page.replace("\u00a0", " ")
    assert officer.send(where, do="undo").status_code == 303
    assert "Écarté, jamais écrit" in officer.get(where).text
    nothing = DAY.replace(b"24,kWh", b"x,kWh")
    where = officer.upload("/imports?lang=en", "no.csv", nothing, **SERIES).headers["location"]
    page = officer.get(where).text
    assert "Nothing in this file can be written" in page
    assert 'value="commit"' not in page
    assert _stored(client) == 0


WRONG = [
    (b"", {}, "No file was sent"),
    (b"a,b\n1,2\n", {}, "can&#39;t be read in this format"),
    (b"[1]", {"format": "senml"}, "can&#39;t be read in this format"),
    (DAY, {"device": "town/nobody"}, "does not know this device"),
    (DAY, {"channel": "vehicle_speed_km_h"}, "This channel can&#39;t be imported"),
]


def test_a_refusal_stands_beside_the_form_which_keeps_what_was_chosen(client, officer):
    for content, fields, words in WRONG:
        sent = {**SERIES, "replace": "1", **fields}
        answer = officer.upload("/imports?lang=en", "x.csv", content, **sent)
        assert answer.status_code == 422, words
        assert words in _alert(answer)
        assert "choose it again" in _alert(answer)
        assert f'value="{sent["channel"]}"' in answer.text
        assert "checked" in answer.text
    assert client.get("/v1/imports").json()["imports"] == []


def test_a_file_too_large_is_refused_in_words_and_with_the_fields(client, officer):
    client.app.state.config = replace(client.app.state.config, max_body_bytes=100_000)
    assert "at most 0.1 MB" in officer.get("/imports?lang=en").text
    answer = officer.upload("/imports?lang=en", "x.csv", DAY * 3000, **SERIES)
    assert answer.status_code == 413
    assert "Cut it into parts" in _alert(answer)
    assert "<option selected>town/school</option>" in answer.text
    endless = officer.upload("/imports?lang=en", "x.csv", DAY * 40_000, **SERIES)
    assert endless.status_code == 413, "read on for a while, not for ever"
    assert client.get("/v1/imports").json()["imports"] == []


def test_a_preview_that_made_room_is_announced_and_explained(client, officer, monkeypatch):
    monkeypatch.setattr(batches, "MAX_PREVIEWS", 1)
    monkeypatch.setattr("cobenefit_backend.imports.look.MAX_PREVIEWS", 1)
    first = officer.upload("/imports?lang=en", "first.csv", DAY, **SERIES).headers["location"]
    assert "drops the oldest: first.csv" in officer.get("/imports?lang=en").text
    officer.upload("/imports?lang=en", "second.csv", DAY, **SERIES)
    for answer in (officer.get(first), officer.send(first, do="commit")):
        assert answer.status_code == 404
        assert "read the file again" in answer.text
    (line, *_) = [each for each in audit.latest(client.app.state.store.database, "demo")
                  if each["action"] == "import preview dropped"]  # fmt: skip
    assert line["what"] in first


def test_only_officers_have_the_form_and_no_other_site_sends_it(client, officer, signed_in):
    stranger = client.request("GET", "/imports?lang=fr", headers={"Authorization": ""})
    assert (stranger.status_code, stranger.headers["location"]) == (303, "/login?lang=fr")
    where = officer.upload("/imports?lang=en", "x.csv", DAY, **SERIES).headers["location"]
    viewer = signed_in("viewer")
    for path in ("/imports?lang=en", where):
        assert 'method="post"' not in viewer.get(path).text
    assert viewer.upload("/imports", "x.csv", DAY, **SERIES).status_code == 403
    assert viewer.send(where, do="commit").status_code == 403
    assert officer.upload("/imports", "x.csv", DAY, form="0" * 64, **SERIES).status_code == 403
    assert officer.send(where, do="commit", form="0" * 64).status_code == 403
    assert officer.send(where, do="burn").status_code == 422
    assert _stored(client) == 0


def test_a_long_list_is_read_in_parts(client, officer, monkeypatch):
    monkeypatch.setattr("cobenefit_backend.pages.imports.ROWS", 2)
    for number in range(3):
        officer.upload("/imports", f"file-{number}.csv", DAY, **SERIES)
    first = officer.get("/imports?lang=en").text
    assert "start=2" in first
    second = officer.get("/imports?lang=en&start=2").text
    assert sum(f"file-{number}.csv" in first for number in range(3)) == 2
    assert sum(f"file-{number}.csv" in second for number in range(3)) == 1
