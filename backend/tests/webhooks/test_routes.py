"""Administration of webhooks over HTTP."""

import dataclasses

import pytest
from sqlalchemy import text

from cobenefit_backend.config import BackendConfig

KEY = "a key of the server with 32 characters or more"
BODY = {"url": "https://example.org/in", "events": ["report.changed"]}


@pytest.fixture
def config(new_database) -> BackendConfig:
    return BackendConfig(database_url=new_database(), webhook_secret=KEY)


def test_a_webhook_lives_from_post_to_delete(client):
    made = client.post("/v1/webhooks", json=BODY)
    assert made.status_code == 201
    name, secret = made.json()["id"], made.json()["secret"]
    assert secret.startswith("whsec_")
    (shown,) = client.get("/v1/webhooks").json()["webhooks"]
    assert shown["url"] == BODY["url"]
    assert (shown["active"], shown["waiting"], shown["dropped"]) == (True, 0, 0)
    assert client.post(f"/v1/webhooks/{name}/test").status_code == 204
    (waiting,) = client.get(f"/v1/webhooks/{name}/outbox").json()["outbox"]
    assert (waiting["type"], waiting["state"]) == ("webhook.test", "waiting")
    changed = {**BODY, "events": ["node.offline", "data.quarantined"], "active": False}
    assert client.request("PUT", f"/v1/webhooks/{name}", json=changed).status_code == 204
    (shown,) = client.get("/v1/webhooks").json()["webhooks"]
    assert (shown["events"], shown["active"]) == (changed["events"], False)
    assert client.request("DELETE", f"/v1/webhooks/{name}").status_code == 204
    assert client.get("/v1/webhooks").json() == {"webhooks": []}
    actions = [line["action"] for line in client.get("/v1/audit").json()["audit"]]
    assert actions[:3] == ["webhook removed", "webhook changed", "webhook created"]


def test_the_database_holds_nothing_that_signs(client):
    secret = client.post("/v1/webhooks", json=BODY).json()["secret"]
    with client.app.state.engine.connect() as connection:
        rows = str(connection.execute(text("SELECT * FROM webhook")).all())
    assert secret not in rows
    assert secret.removeprefix("whsec_") not in rows
    assert secret not in client.get("/v1/webhooks").text


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"url": "http://example.org/"}, 422), ({"url": "https://127.0.0.1/"}, 422),
        ({"events": []}, 422), ({"events": ["nothing"]}, 422), ({"secret": "x"}, 422),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused(client, change, status):
    assert client.post("/v1/webhooks", json={**BODY, **change}).status_code == status


def test_what_is_not_there_is_not_found(client):
    for method, path in [("PUT", ""), ("DELETE", ""), ("GET", "/outbox"), ("POST", "/test")]:
        body = BODY if method == "PUT" else None
        answer = client.request(method, f"/v1/webhooks/nothing{path}", json=body)
        assert answer.status_code == 404, method


def test_too_many_are_refused(client):
    answers = [client.post("/v1/webhooks", json=BODY).status_code for _ in range(21)]
    assert answers == [201] * 20 + [409]


def test_without_a_key_there_are_none(client):
    off = dataclasses.replace(client.app.state.config, webhook_secret="")
    client.app.state.config = off
    answer = client.post("/v1/webhooks", json=BODY)
    assert answer.status_code == 409
    assert "COBENEFIT_WEBHOOK_SECRET" in answer.json()["detail"]
