"""The page of administration: plain forms, a question before anything is taken away."""

import ast
import re
from pathlib import Path
from urllib.parse import urlencode

import pytest

import cobenefit_backend
from cobenefit_backend.access import audit
from cobenefit_backend.access.credentials import SECRET_LIFE_MS
from cobenefit_backend.access.guard import COOKIE, form_token, now_ms
from cobenefit_backend.access.oidc_config import Employer, OidcConfig
from cobenefit_backend.config import BackendConfig
from cobenefit_backend.pages import administration
from cobenefit_backend.report.words import Words

OIDC = OidcConfig(
    issuer="http://127.0.0.1:1", client_id="x", client_secret="x", public_url="http://test",
    contact="x", tenants=(Employer("demo"),),
)  # fmt: skip


@pytest.fixture
def oidc():
    return OIDC


@pytest.fixture
def config(migrated_url, oidc):
    return BackendConfig(database_url=migrated_url, oidc=oidc)


class Session:
    """A browser in which someone is signed in."""

    def __init__(self, client, token: str) -> None:
        self.client, self.token = client, token

    def ask(self, method, path, **options):
        headers = {"Authorization": "", "Cookie": f"{COOKIE}={self.token}"}
        return self.client.request(method, path, headers=headers, **options)

    def get(self, path):
        return self.ask("GET", path)

    def send(self, path, **fields):
        content = urlencode({"form": form_token(self.token), **fields})
        return self.ask("POST", path, content=content)


@pytest.fixture
def signed_in(client, new_key):
    def sign_in(role="admin", tenant="demo"):
        secret = new_key(client.app, tenant, role, "secret")
        return Session(client, client.app.state.guard.credentials.redeem(secret, now_ms()))

    return sign_in


def _people(client, tenant="demo"):
    return client.app.state.entrance.grants.listed(tenant)


def _last(client):
    return audit.latest(client.app.state.store.database, "demo")[0]


def test_only_an_administrator_opens_it(client, signed_in):
    answer = client.request("GET", "/admin?lang=fr", headers={"Authorization": ""})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?lang=fr")
    for role in ("viewer", "officer", "operator"):
        visitor = signed_in(role)
        for path in ("/admin", "/admin/audit", "/admin/people/x/remove"):
            answer = visitor.get(f"{path}?lang=en")
            assert answer.status_code == 403
            assert "Only an administrator" in answer.text
        assert visitor.send("/admin/people", who="a@b.example", role="admin").status_code == 403
        assert "/admin" not in visitor.get("/login").text
    assert _people(client) == []
    assert "/admin?lang=en" in signed_in().get("/login?lang=en").text


def test_a_form_of_another_site_changes_nothing(client, signed_in):
    admin = signed_in()
    for path in ("/admin/people", "/admin/people/x/role", "/admin/people/x/remove",
                 "/admin/credentials", "/admin/credentials/x/revoke"):  # fmt: skip
        sent = urlencode({"who": "a@b.example", "role": "admin", "kind": "key", "label": "x"})
        assert admin.ask("POST", path, content=sent).status_code == 403
        assert admin.send(path, form="0" * 64).status_code == 403
    assert _people(client) == []


def test_a_person_is_invited_changed_and_removed(client, signed_in):
    admin = signed_in()
    assert "Nobody is named yet." in admin.get("/admin?lang=en").text
    answer = admin.send("/admin/people?lang=en", who="Camille@Demo.example", role="officer")
    assert answer.headers["location"] == "/admin?lang=en&done=invited"
    page = admin.get(answer.headers["location"]).text
    assert 'role="status">Invited.' in page
    assert "camille@demo.example" in page
    (row,) = _people(client)
    again = admin.send("/admin/people?lang=en", who="camille@demo.example", role="viewer")
    assert again.status_code == 409
    assert "in the list already" in again.text
    changed = admin.send(f"/admin/people/{row['person']}/role?lang=en", role="viewer")
    assert changed.status_code == 303
    assert _people(client)[0]["role"] == "viewer"
    question = admin.get(f"/admin/people/{row['person']}/remove?lang=fr")
    assert "Retirer camille@demo.example" in question.text
    assert len(_people(client)) == 1, "asking removes nobody"
    assert admin.send(f"/admin/people/{row['person']}/remove").status_code == 303
    assert _people(client) == []
    assert (_last(client)["action"], _last(client)["what"]) == (
        "person removed", "camille@demo.example",
    )  # fmt: skip
    for path in ("remove", "role"):
        gone = admin.send(f"/admin/people/{row['person']}/{path}?lang=en", role="viewer")
        assert gone.status_code == 404
        assert "not there any more" in gone.text
    assert admin.get(f"/admin/people/{row['person']}/remove").status_code == 404


def test_what_is_written_wrong_is_said(client, signed_in):
    admin = signed_in()
    for path, fields, words in (
        ("people", {"who": " ", "role": "viewer"}, "without spaces"),
        ("people", {"who": "a b", "role": "viewer"}, "without spaces"),
        ("people", {"who": "a" * 255, "role": "viewer"}, "without spaces"),
        ("people", {"who": "a@b.example", "role": "gateway"}, "one of the roles"),
        ("people/x/role", {"role": "king"}, "one of the roles"),
        ("credentials", {"kind": "key", "role": "viewer", "label": ""}, "who or what it is for"),
        ("credentials", {"kind": "key", "role": "king", "label": "x"}, "one of the roles"),
        ("credentials", {"kind": "secret", "role": "gateway", "label": "x"}, "one of the roles"),
        ("credentials", {"kind": "session", "role": "admin", "label": "x"}, "one of the roles"),
        ("credentials", {"kind": "key", "role": "viewer", "label": "x", "days": "0"}, "1 to 3650"),
        ("credentials", {"kind": "key", "role": "viewer", "label": "x", "days": "²"}, "1 to 3650"),
    ):
        answer = admin.send(f"/admin/{path}?lang=en", **fields)
        assert answer.status_code == 422, (path, fields)
        alert = re.search(r'role="alert">([^<]+)<', answer.text)[1]
        assert words in alert
    assert _people(client) == []
    assert "not-a-word" not in admin.get("/admin?done=not-a-word").text


def test_a_key_is_shown_once_and_ends_when_said(client, signed_in):
    admin = signed_in()
    answer = admin.send(
        "/admin/credentials?lang=en", kind="key", role="gateway", label="<b>roof</b>", days="30"
    )
    key = re.search(r"<code>(cbk_[^<]+)</code>", answer.text)[1]
    assert answer.headers["cache-control"] == "no-store"
    assert "&lt;b&gt;roof" in answer.text
    found = client.app.state.guard.credentials
    assert found.find(key, now_ms()).role == "gateway"
    assert found.find(key, now_ms() + 29 * administration.DAY_MS)
    assert found.find(key, now_ms() + 30 * administration.DAY_MS) is None
    page = admin.get("/admin?lang=en").text
    assert key not in page
    assert f"…{key[-4:]}</code>" in page
    (row,) = [row for row in found.listed("demo") if row["label"] == "<b>roof</b>"]
    question = admin.get(f"/admin/credentials/{row['id']}/revoke?lang=en").text
    assert f"(…{key[-4:]})" in question
    assert found.find(key, now_ms())
    assert admin.send(f"/admin/credentials/{row['id']}/revoke").status_code == 303
    assert found.find(key, now_ms()) is None
    assert admin.send(f"/admin/credentials/{row['id']}/revoke").status_code == 404
    assert admin.get(f"/admin/credentials/{row['id']}/revoke").status_code == 404


def test_a_secret_opens_a_session(client, signed_in):
    answer = signed_in().send(
        "/admin/credentials?lang=fr", kind="secret", role="officer", label="Mairie", days="30"
    )
    secret = re.search(r"<code>(cbk_[^<]+)</code>", answer.text)[1]
    found = client.app.state.guard.credentials
    assert found.redeem(secret, now_ms() + SECRET_LIFE_MS) == "", "days are for keys"
    assert found.find(found.redeem(secret, now_ms()), now_ms()).role == "officer"


def test_the_log_is_read_page_by_page(client, signed_in, monkeypatch):
    monkeypatch.setattr(administration, "LINES", 3)
    admin = signed_in()
    for number in range(5):
        admin.send("/admin/people", who=f"person-{number}", role="viewer")
    first = admin.get("/admin/audit?lang=en").text
    older = re.search(r'href="(/admin/audit\?lang=en&amp;before=\d+)"', first)[1]
    second = admin.get(older.replace("&amp;", "&")).text
    assert [number for number in range(5) if f"person-{number} " in first] == [2, 3, 4]
    assert [number for number in range(5) if f"person-{number} " in second] == [0, 1]
    assert "Newest" in second
    assert "There is no line here." in admin.get("/admin/audit?lang=en&before=1").text
    assert admin.get("/admin/audit?before=-1").status_code == 422


def test_the_settings_stand_there(signed_in):
    page = signed_in().get("/admin?lang=en").text
    for words in ("6,000", "12 hours", "15 minutes", "16.8 MB", "cobenefit backend prune"):
        assert words in page


@pytest.mark.parametrize("oidc", [None])
def test_without_a_provider_there_are_secrets(client, signed_in):
    admin = signed_in()
    assert "No provider such as ProConnect is configured" in admin.get("/admin?lang=en").text
    assert admin.send("/admin/people", who="a@b.example", role="viewer").status_code == 404
    assert admin.get("/admin/people/x/remove").status_code == 404


def _actions() -> set[str]:
    """Every action that the code notes in the log, its variants spelt out."""
    variants = {"kind": ("key", "secret"), "batch['state']": ("committed", "undone")}
    found = set()
    for path in Path(cobenefit_backend.__file__).parent.rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "note":
                text = ast.unparse(call.args[3]).strip("f\"'")
                name = re.search(r"\{(.+)\}", text)
                found |= {text.replace(name[0], v) for v in variants[name[1]]} if name else {text}
    return found


def test_every_action_of_the_log_has_words_in_the_reader_s_language(client, signed_in):
    entries = Words.load("fr").entries
    actions = {key.removeprefix("audit.") for key in entries if key.startswith("audit.")}
    assert actions == _actions()
    admin = signed_in()
    admin.send("/admin/people", who="person-1", role="viewer")
    assert "Personne ajoutée" in admin.get("/admin/audit?lang=fr").text
    assert "person added" not in admin.get("/admin/audit?lang=fr").text
    assert _last(client)["action"] == "person added", "the log itself keeps its codes"
