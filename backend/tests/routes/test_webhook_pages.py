"""An administrator's webhooks by forms: made, tried, switched off and on, removed."""

import re

import pytest

from cobenefit_backend.config import BackendConfig
from cobenefit_backend.webhooks import stored
from cobenefit_backend.webhooks.stored import Webhooks

KEY = "a key of the server with 32 characters or more"
URL = "https://example.org/in"
EVENT = {"on-report.changed": "1"}
PAGE = "/admin/webhooks"


@pytest.fixture
def key():
    return KEY


@pytest.fixture
def config(new_database, key) -> BackendConfig:
    return BackendConfig(database_url=new_database(), webhook_secret=key)


def _hooks(client):
    return Webhooks(client.app.state.store.database)


def test_a_webhook_is_made_tried_switched_and_removed(client, signed_in):
    admin = signed_in("admin")
    assert "/admin/webhooks?lang=en" in admin.get("/admin?lang=en").text
    made = admin.send(f"{PAGE}?lang=en", url=URL, **EVENT)
    (secret,) = re.findall(r"whsec_[\w+/=]+", made.text)
    assert made.headers["cache-control"] == "no-store"
    assert secret not in admin.get(f"{PAGE}?lang=en").text
    (row,) = _hooks(client).listed("demo")
    assert (row["url"], row["events"]) == (URL, ["report.changed"])
    where = f"{PAGE}/{row['id']}"
    led = admin.send(f"{where}?lang=en", do="test").headers["location"]
    page = admin.get(led).text
    assert "A test is queued." in page
    assert "<code>webhook.test</code>" in page
    (message,) = _hooks(client).outbox("demo", row["id"])
    _hooks(client).failed("demo", message["id"], "203.0.113.9 <b>refused</b>", None)
    page = admin.get(f"{where}?lang=fr").text
    assert "abandonné" in page
    assert "203.0.113.9 &lt;b&gt;refused" in page
    for what, active in (("disable", False), ("enable", True)):
        assert admin.send(where, do=what).status_code == 303
        assert _hooks(client).listed("demo")[0]["active"] is active
    assert _hooks(client).listed("demo")[0]["dead"] == 0, "tried again"
    assert URL in admin.get(f"{where}/remove?lang=en").text
    assert len(_hooks(client).listed("demo")) == 1, "asking removes nothing"
    led = admin.send(f"{where}/remove?lang=en").headers["location"]
    assert "Removed." in admin.get(led).text
    assert _hooks(client).listed("demo") == []
    for gone in (admin.get(where), admin.send(where, do="test"), admin.send(f"{where}/remove")):
        assert gone.status_code == 404


WRONG = [
    ("http://example.org/", EVENT, "must start with https://"),
    ("https://10.0.0.7/in", EVENT, "address of a private network"),
    ("https://[::1]/", EVENT, "address of a private network"),
    ("https://user:pass@example.org/", EVENT, "without user name"),
    ("https://exämple.org/", EVENT, "without spaces or accents"),
    ("https://example.org:x/", EVENT, "This is no address"),
    (URL, {}, "at least one event"),
]


def test_a_refusal_stands_beside_the_form_which_keeps_what_was_typed(client, signed_in):
    admin = signed_in("admin")
    for url, fields, words in WRONG:
        answer = admin.send(f"{PAGE}?lang=en", url=url, **fields)
        assert answer.status_code == 422, url
        assert words in re.search(r'role="alert">([^<]+)<', answer.text)[1]
        assert f'value="{url}"' in answer.text
        assert answer.text.count(" checked") == len(fields), url
    assert _hooks(client).listed("demo") == []


def test_a_full_list_says_so(client, signed_in, monkeypatch):
    monkeypatch.setattr(stored, "MAX_WEBHOOKS", 0)
    answer = signed_in("admin").send(f"{PAGE}?lang=en", url=URL, **EVENT)
    assert answer.status_code == 409
    assert "remove one first" in answer.text


@pytest.mark.parametrize("key", [""])
def test_a_server_without_a_key_says_who_sets_it(client, signed_in):
    admin = signed_in("admin")
    assert "COBENEFIT_WEBHOOK_SECRET" in admin.get(f"{PAGE}?lang=en").text
    answer = admin.send(f"{PAGE}?lang=fr", url=URL, **EVENT)
    assert answer.status_code == 409
    assert "exploitant" in re.search(r'role="alert">([^<]+)<', answer.text)[1]


def test_only_an_administrator_and_only_by_our_form(client, signed_in):
    stranger = client.request("GET", PAGE, headers={"Authorization": ""})
    assert stranger.status_code == 303
    officer, admin = signed_in("officer"), signed_in("admin")
    assert officer.get(PAGE).status_code == 403
    assert officer.send(PAGE, url=URL, **EVENT).status_code == 403
    assert admin.send(PAGE, form="0" * 64, url=URL, **EVENT).status_code == 403
    admin.send(PAGE, url=URL, **EVENT)
    (row,) = _hooks(client).listed("demo")
    where = f"{PAGE}/{row['id']}"
    for path in (where, f"{where}/remove"):
        assert officer.get(path).status_code == 403
        assert admin.send(path, form="0" * 64, do="disable").status_code == 403
    assert admin.send(where, do="burn").status_code == 422
    assert _hooks(client).listed("demo") == [row]
