"""Publishing through the API and the page; what was published stays byte for byte."""

import html
import json
import re
import time

import pytest

FILES = ("report.fr.html", "report.en.pdf", "report.fr.xlsx", "results.fr.csv", "report.json",
         "report.zip")  # fmt: skip
COOKIE = "cobenefit_session"


@pytest.fixture
def session(client, new_key):
    """Sign in with a role and return the headers of that browser."""

    def sign_in(role):
        secret = new_key(client.app, role=role, kind="secret")
        token = client.app.state.guard.credentials.redeem(secret, time.time_ns() // 1_000_000)
        return {"Authorization": "", "Cookie": f"{COOKIE}={token}"}

    return sign_in


def _publish(client, **body):
    return client.post("/v1/report/versions", json={"why": "council <b>", **body})


def test_a_version_is_the_same_for_ever(municipality, study_document):
    answer = _publish(municipality)
    assert answer.status_code == 201, answer.text
    assert _publish(municipality).status_code == 409
    before = {name: municipality.get(f"/report/versions/1/{name}").content for name in FILES}
    assert before["report.json"] == municipality.get("/v1/report").content
    assert all(before.values())
    study_document["study"] = study_document["study"][:1]
    study_document["study"][0]["reporting"] = ["2024-01-01", "2024-11-01"]
    assert municipality.post("/v1/studies", json=study_document).status_code == 202
    assert municipality.get("/v1/report").content != before["report.json"]
    assert _publish(municipality, status="validated").json()["number"] == 2
    after = {name: municipality.get(f"/report/versions/1/{name}").content for name in FILES}
    assert after == before
    page = municipality.get("/report/versions/1/report.fr.html")
    assert "style-src 'sha256-" in page.headers["content-security-policy"]

    _shown_in_both_languages(municipality)
    found = municipality.get("/v1/report/versions/1..2").json()
    assert {each["study"] for each in found["studies"]} == {
        "school", "house-test", "road", "field",
    }  # fmt: skip
    assert municipality.get("/v1/report/versions/2..now").json()["studies"] == []
    listed = municipality.get("/v1/report/versions").json()["versions"]
    assert [(row["number"], row["status"]) for row in listed] == [(2, "validated"), (1, "draft")]


def _shown_in_both_languages(client):
    for path, words in (
        ("/report/versions", {"en": "Nothing has changed since", "fr": "Rien n'a changé depuis"}),
        ("/report/versions/1", {"en": "nobody answers", "fr": "personne ne répond"}),
        ("/report/versions/1..2", {"en": "4 of 4 studies", "fr": "4 études sur 4"}),
    ):
        for language, text in words.items():
            answer = client.get(f"{path}?lang={language}")
            assert answer.status_code == 200
            assert text in html.unescape(answer.text)
            assert "<b>" not in answer.text
            assert len(answer.content) < 100_000


@pytest.mark.parametrize("which", ["0", "9", "1..9", "x", "1...2", "now", "99999", "1..x"])
def test_what_is_not_there_is_refused(client, which):
    for path in (f"/v1/report/versions/{which}", f"/report/versions/{which}"):
        assert client.get(path).status_code == 404
    assert client.get(f"/report/versions/{which}/report.json").status_code == 404


def test_before_anything_is_stored_the_page_says_so(client):
    assert "No version of this report" in client.get("/report/versions?lang=en").text
    assert _publish(client).status_code == 404
    assert client.get("/report/versions?below=²").status_code == 200


def test_an_officer_publishes_from_the_page_and_a_viewer_reads(municipality, session):
    path, headers = "/report/versions?lang=fr", session("officer")
    shown = municipality.get(path, headers=headers).text
    (form,) = re.findall(r'name="form" value="(\w+)"', shown)

    def send(**fields):
        answer = municipality.post(path, data={"form": form, **fields}, headers=headers)
        return answer, html.unescape(answer.text)

    nothing, text = send(why=" ")
    assert (nothing.status_code, "Indiquez pourquoi" in text) == (409, True)
    sent = {"why": "conseil du 3 décembre", "status": "validated"}
    done, _ = send(**sent)
    assert (done.status_code, done.headers["location"]) == (303, "/report/versions/1?lang=fr")
    again, text = send(**sent)
    assert (again.status_code, "Rien n'a été publié" in text) == (409, True)
    read = municipality.get(path, headers=session("viewer")).text
    assert "conseil du 3 décembre" in read
    assert "<form" not in read
    lines = municipality.get("/v1/audit").json()["audit"]
    assert [line["action"] for line in lines].count("report published") == 1


@pytest.mark.parametrize("role", ["viewer", "officer"])
def test_the_form_of_another_site_and_of_another_role_publishes_nothing(client, session, role):
    sent = {"why": "x", "form": "forged"}
    forged = client.post("/report/versions", data=sent, headers=session(role))
    assert forged.status_code == 403
    assert client.get("/v1/report/versions").json() == {"versions": []}
    assert client.get("/report/versions", headers={"Authorization": ""}).status_code == 303


@pytest.mark.parametrize("body", [{}, {"why": ""}, {"why": "x", "status": "final"}, {"why": 3}])
def test_a_body_that_says_less_is_refused(client, body):
    answer = client.post("/v1/report/versions", content=json.dumps(body))
    assert answer.status_code == 422
