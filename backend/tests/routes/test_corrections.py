"""The correction log on pages: read by all who read, taken back by officers through the form."""

import re

import pytest

from cobenefit_backend.access import guard

BASE = "site=town&device=school&channel=energy_import_wh"
FILE = (
    b"start,end,value,unit\n2021-01-01T00:00+01:00,2021-01-02T00:00+01:00,24,kWh\n"
    b"2021-01-01T00:00+01:00,2021-01-02T00:00+01:00,24,kWh\n"
)


@pytest.fixture
def imported(municipality) -> str:
    """Id of an import of one day, beside a period that was left out."""
    number = municipality.post(f"/v1/imports?{BASE}&file=old.csv", content=FILE).json()["id"]
    assert municipality.post(f"/v1/imports/{number}/commit").status_code == 200
    body = {
        "site": "town", "device": "school", "channel": "energy_import_wh", "why": "<works>",
        "start_ms": 0, "end_ms": 86_400_000,
    }  # fmt: skip
    assert municipality.post("/v1/corrections", json=body).status_code == 201
    return number


def _session(client, new_key, role):
    secret = new_key(client.app, role=role, kind="secret")
    page = client.get("/login", headers={"Authorization": ""})
    cookie = page.headers["set-cookie"].partition(";")[0]
    form = re.search(r'name="form" value="([0-9a-f]+)"', page.text)[1]
    answer = client.post(
        "/login", content=f"form={form}&secret={secret}",
        headers={"Authorization": "", "Cookie": cookie},
    )  # fmt: skip
    return {"Authorization": "", "Cookie": answer.headers["set-cookie"].partition(";")[0]}


def test_what_was_corrected_is_read_and_taken_back(municipality, imported, new_key):
    for language, words in (("en", ("imported", "left out")), ("fr", ("importé", "écarté"))):
        for path in ("/data", "/corrections"):
            text = municipality.get(f"{path}?lang={language}").text
            assert all(word in text for word in words), path
            assert "&lt;works&gt;" in text
    table = municipality.get("/corrections.csv").text
    assert table.count("\r\n") == 3
    for file in ("report.xlsx", "report.zip", "report.pdf"):  # the log is a table of each
        assert municipality.get(f"/{file}").status_code == 200, file
    officer = _session(municipality, new_key, "officer")
    page = municipality.get("/corrections?lang=en", headers=officer).text
    form = re.search(r'name="form" value="([0-9a-f]+)"', page)[1]
    assert page.count("<form") == 2 + page.count('action="/logout"')
    assert guard.COOKIE in officer["Cookie"]
    wrong = municipality.post("/corrections", content=f"import={imported}", headers=officer)
    assert wrong.status_code == 403
    for field in (f"import={imported}", "exclusion=2", f"import={imported}"):
        sent = municipality.post("/corrections", content=f"form={form}&{field}", headers=officer)
        assert sent.status_code == 303, sent.text
    assert municipality.get("/v1/report").json()["data"]["corrections"] == []
    kinds = [line["kind"] for line in municipality.get("/v1/corrections").json()["corrections"]]
    assert kinds == ["restore", "undo", "exclude", "import"]
    assert municipality.get("/corrections.csv").status_code == 404


def test_who_only_reads_sees_no_form(client, study_document, new_key):
    client.post("/v1/studies", json=study_document)
    number = client.post(f"/v1/imports?{BASE}&file=old.csv", content=FILE).json()["id"]
    client.post(f"/v1/imports/{number}/commit")
    viewer = _session(client, new_key, "viewer")
    page = client.get("/corrections?lang=en", headers=viewer).text
    assert "old.csv" in page
    assert 'name="import"' not in page
    sent = client.post("/corrections", content=f"import={number}", headers=viewer)
    assert sent.status_code == 403
    (row,) = client.get("/v1/imports").json()["imports"]
    assert row["refused"]["counts"] == {"import_duplicate": 1}
    assert row["summary"]["windows"]["days"]["new"] == 1
