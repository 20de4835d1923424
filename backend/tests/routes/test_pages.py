"""Pages: language, headers, and what happens when there is nothing to show."""

import re

import pytest

PAGES = ("/", "/report", "/studies/school", "/sites/town", "/data", "/factors")


def test_without_a_study_the_page_says_what_to_do(client):
    answer = client.get("/report")
    assert answer.status_code == 404
    assert "load one" in answer.json()["detail"]


def test_every_page_in_both_languages(municipality):
    for path in PAGES:
        for language in ("en", "fr"):
            answer = municipality.get(f"{path}?lang={language}")
            assert answer.status_code == 200, answer.text
            assert f'<html lang="{language}">' in answer.text
            assert answer.headers["content-language"] == language
    assert municipality.get("/studies/none").status_code == 404


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("fr-FR,fr;q=0.9,en;q=0.8", "fr"),
        ("en;q=0.5, fr;q=0.4", "en"),
        ("de", "en"),
        ("", "en"),
        ("fr;q=x", "fr"),
    ],
)
def test_the_browser_chooses_the_language(municipality, header, language):
    answer = municipality.get("/data", headers={"Accept-Language": header})
    assert answer.headers["content-language"] == language


def test_headers_forbid_everything_but_our_style(municipality):
    answer = municipality.get("/report")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not re.search(r'(?:src|href)="(?:https?:)?//', answer.text)
    assert "<script" not in answer.text
    assert " style=" not in answer.text
    assert "'none'" in municipality.get("/v1/report").headers["content-security-policy"]


def test_names_from_outside_are_escaped(municipality):
    text = municipality.get("/report?lang=en").text
    assert "<b>Jules-Ferry</b>" not in text
    assert "&lt;b&gt;Jules-Ferry&lt;/b&gt;" in text


def test_new_data_make_a_new_report(municipality):
    before = municipality.get("/v1/report").json()
    assert municipality.get("/v1/report").json() == before
    row = {"site": "town", "device": "school", "channel": "energy_import_wh", "reason": "crc",
           "readings": 0, "packs": 3, "first_t_ms": 1, "last_t_ms": 2, "detail": ""}  # fmt: skip
    municipality.post("/v1/quarantine", json={"tenant": "demo", "rows": [row]})
    after = municipality.get("/v1/report").json()
    assert after["generated_from"]["data_sha256"] != before["generated_from"]["data_sha256"]


def test_unknown_addresses_answer_with_a_problem(client):
    answer = client.get("/nowhere")
    assert (answer.status_code, answer.headers["content-type"]) == (
        404,
        "application/problem+json",
    )


@pytest.mark.parametrize(("language", "title"), [("en", "nothing here"), ("fr", "rien ici")])
def test_a_browser_reads_what_went_wrong_as_a_page(municipality, language, title):
    headers = {"Accept": "text/html,application/xhtml+xml"}
    answer = municipality.get(f"/studies/none?lang={language}", headers=headers)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert title in answer.text
    assert "no study" in answer.text
    answer = municipality.request("PUT", f"/data?lang={language}", headers=headers)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
