"""Signing in: a secret once, a cookie that no script and no other site can use."""

import re

import httpx
import pytest

from cobenefit_backend.access.guard import COOKIE

GONE = {
    "site": "town", "device": "school", "t_ms": 0, "boot": 8, "uptime_ms": 1, "wakes": 0,
    "energy_mj": 0, "energy_method": "profile", "tx_bytes": 0, "rx_bytes": 0, "reconnects": 0,
    "resets": 0, "battery_mv": None, "waiting": 0, "lost": {}, "online": False,
}  # fmt: skip


@pytest.fixture
def visit(municipality):
    """A browser without a key: cookies by hand, so that each test sees what is set."""
    municipality.headers = {}

    def ask(method, path, cookie="", **options):
        headers = {"Cookie": f"{COOKIE}={cookie}"} if cookie else {}
        return municipality.request(method, path, headers=headers, **options)

    return ask


def _set(answer: httpx.Response) -> tuple[str, str]:
    text = answer.headers["set-cookie"]
    return re.match(rf"{COOKIE}=([^;]*)", text)[1].strip('"'), text


def _form(answer: httpx.Response) -> str:
    return re.search(r'name="form" value="([0-9a-f]{64})"', answer.text)[1]


def _sign_in(visit, secret):
    page = visit("GET", "/login")
    before, _ = _set(page)
    fields = {"form": _form(page), "secret": secret}
    return before, visit("POST", "/login", before, data=fields)


@pytest.fixture
def session(visit, municipality, new_key):
    _, answer = _sign_in(visit, new_key(municipality.app, role="viewer", kind="secret"))
    assert answer.status_code == 303
    return _set(answer)[0]


def test_without_a_session_every_page_leads_to_the_form(visit):
    for path in ("/", "/report", "/data", "/factors", "/studies/school", "/sites/town"):
        answer = visit("GET", path)
        assert (answer.status_code, answer.headers["location"]) == (303, "/login?lang=en")
    assert visit("GET", "/v1/report").status_code == 401


def test_a_secret_opens_the_pages_once(visit, municipality, new_key):
    secret = new_key(municipality.app, role="viewer", kind="secret")
    before, answer = _sign_in(visit, secret)
    token, attributes = _set(answer)
    assert token != before, "a session someone else chose is never made valid"
    assert "HttpOnly" in attributes
    assert "SameSite=lax" in attributes
    assert "Secure" not in attributes, "http on loopback"
    assert visit("GET", "/", token).status_code == 200
    assert visit("GET", "/v1/report", token).json()["tenant"] == "demo"
    _, again = _sign_in(visit, secret)
    assert again.status_code == 401
    assert 'role="alert"' in again.text


def test_over_tls_the_cookie_stays_there(visit):
    assert "; Secure" in visit("GET", "https://test/login").headers["set-cookie"]


def test_a_form_of_another_site_is_refused(visit, municipality, new_key, session):
    secret = new_key(municipality.app, kind="secret")
    for cookie, fields in (
        ("", {"secret": secret, "form": "0" * 64}),
        (session, {"form": "0" * 64}),
        (session, {}),
        (session, {"form": "é"}),
    ):
        for path in ("/login", "/logout"):
            assert visit("POST", path, cookie, data=fields).status_code == 403
    assert visit("GET", "/", session).status_code == 200


def test_a_cookie_never_writes(visit, municipality, new_key):
    _, answer = _sign_in(visit, new_key(municipality.app, role="admin", kind="secret"))
    token, _ = _set(answer)
    assert visit("GET", "/v1/credentials", token).status_code == 200
    body = {"kind": "key", "role": "admin", "label": "x"}
    assert visit("POST", "/v1/credentials", token, json=body).status_code == 401


def test_signing_out_ends_the_session_on_the_server(visit, session):
    page = visit("GET", "/login", session)
    assert "viewer of demo" in page.text
    answer = visit("POST", "/logout", session, data={"form": _form(page)})
    assert answer.status_code == 303
    assert visit("GET", "/", session).status_code == 303


def test_the_form_in_both_languages_under_a_strict_policy(visit):
    for language, word in (("en", "One-time secret"), ("fr", "Code à usage unique")):
        answer = visit("GET", f"/login?lang={language}")
        assert word in answer.text
        assert f'<html lang="{language}">' in answer.text
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'")
        assert "form-action 'self'" in policy
        assert answer.headers["cache-control"] == "no-store"


def test_a_public_tenant_needs_no_session_and_shows_no_other(municipality, new_key):
    municipality.app.state.guard._public = "demo"
    municipality.headers = {}
    assert municipality.get("/").status_code == 200
    assert municipality.get("/v1/audit").status_code == 401
    other = {"Authorization": f"Bearer {new_key(municipality.app, 'other', 'viewer')}"}
    assert municipality.get("/report", headers=other).status_code == 404, "its own, which is empty"


def test_a_public_tenant_shows_no_single_device_to_a_stranger(municipality, study_document):
    municipality.app.state.guard._public = "demo"
    signed_in, municipality.headers = municipality.headers, {}
    for page in ("/", "/report", "/data", "/studies/school", "/targets", "/v1/report"):
        assert municipality.get(page).status_code == 200, page
    pages = ("/devices/town/school", "/devices/town/nothing", "/fleet", "/fleet/visits",
             "/sites/town", "/corrections", "/report/versions")  # fmt: skip
    for page in pages:
        answer = municipality.get(page)
        assert answer.status_code == 303, page
        assert answer.headers["location"].startswith("/login")
    for file in ("/devices/town/school/coverage.csv", "/fleet.csv", "/map.csv", "/map.geojson"):
        assert municipality.get(file).status_code == 401, file
    gone = {**GONE, "t_ms": 1_700_000_009_000}
    municipality.headers = signed_in
    study_document["device"][0]["accelerated"] = False  # a replay that has ended is not silent
    assert municipality.post("/v1/studies", json=study_document).is_success
    assert municipality.post("/v1/health", json={"tenant": "demo", "rows": [gone]}).is_success
    assert "/devices/town/school" in municipality.get("/").text
    municipality.headers = {}
    assert "/devices/town/school" not in municipality.get("/").text
