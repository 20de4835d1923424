"""Ingest answers as the contract says, and refuses what breaks it."""

import json
from datetime import date
from pathlib import Path

import pytest

from cobenefit_backend import bodies

pytestmark = pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
SERIES = [["town", "school", "energy_import_wh"]]
PROBLEM = "application/problem+json"


@pytest.fixture
def page(page_body, counter_row):
    return page_body(SERIES, [(0, counter_row(date(2024, 1, 1), 0, 100))], page=12)


def _swap(page: bytes, **changes) -> bytes:
    """Change rollups and hash them again, so that only the change is wrong."""
    import hashlib

    body = json.loads(page)
    body["rollups"].update(changes)
    text = json.dumps(body["rollups"], separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).hexdigest()
    return (
        f'{{"spool":"{body["spool"]}","page":{body["page"]},"sha256":"{digest}","rollups":{text}}}'
    ).encode()


def test_a_page_is_accepted_and_accepted_again(client, page):
    for _ in range(2):
        answer = client.post("/v1/rollups", content=page)
        assert (answer.status_code, answer.json()) == (202, {"page": 12})
    assert client.app.state.store.stored("demo")[0]["stored"] == 48


def test_another_hash_for_the_same_page_is_a_conflict(client, page):
    assert client.post("/v1/rollups", content=page).status_code == 202
    answer = client.post("/v1/rollups", content=_swap(page, delta=[7.0]))
    assert (answer.status_code, answer.headers["content-type"]) == (409, PROBLEM)
    assert answer.json()["type"] == "urn:cobenefit:problem:page-conflict"


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"delta": []}, "delta is not as long"),
        ({"series_id": [4]}, "outside series"),
        ({"count": [-1]}, "count"),
        ({"start_ms": ["now"]}, "start_ms"),
        ({"surprise": []}, "surprise"),
        ({"series": [["UPPER", "x", "y"]]}, "series"),
        ({"sum": [True]}, "sum"),
    ],
)
def test_a_page_that_breaks_the_schema_is_refused(client, page, changes, part):
    answer = client.post("/v1/rollups", content=_swap(page, **changes))
    assert (answer.status_code, answer.headers["content-type"]) == (422, PROBLEM)
    assert part in answer.json()["detail"]
    assert client.app.state.store.stored("demo") == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"spool": 1}', b"\xff\xfe"])
def test_rubbish_is_refused(client, body):
    for path in ("rollups", "quarantine", "health", "weather", "activities", "studies"):
        answer = client.post(f"/v1/{path}", content=body)
        assert answer.status_code == 422, path


def test_nan_is_not_json(client, page):
    answer = client.post("/v1/rollups", content=page.replace(b'"delta":[100]', b'"delta":[NaN]'))
    assert answer.status_code == 422


def test_a_hash_that_does_not_match_is_refused(client, page):
    answer = client.post("/v1/rollups", content=page.replace(b'"delta":[100]', b'"delta":[101]'))
    assert answer.status_code == 422
    assert "hash" in answer.json()["detail"]


@pytest.mark.parametrize("key", ["", "Bearer nope", "Basic abc"])
def test_without_a_known_key_nothing_is_read(client, page, key):
    answer = client.post("/v1/rollups", content=page, headers={"Authorization": key})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


def test_a_key_writes_for_its_own_tenant_only(client, page, new_key):
    other = new_key(client.app, "other")
    headers = {"Authorization": f"Bearer {other}"}
    weather = {"tenant": "demo", "station": "s", "source": "", "licence": "",
               "t_ms": [], "temperature_degc": []}  # fmt: skip
    by_path = {
        "rollups": page,
        "quarantine": b'{"tenant": "demo", "rows": []}',
        "health": b'{"tenant": "demo", "rows": []}',
        "activities": b'{"tenant": "demo", "rows": []}',
        "weather": json.dumps(weather).encode(),
    }
    for path, body in by_path.items():
        assert client.post(f"/v1/{path}", content=body, headers=headers).status_code == 403, path
        assert client.post(f"/v1/{path}", content=body).status_code == 202, path


def _ledger(**more):
    return {
        "site": "town", "device": "school", "t_ms": 5, "boot": 9, "uptime_ms": 7, "wakes": 1,
        "energy_mj": 2, "energy_method": "measured", "tx_bytes": 3, "rx_bytes": 4,
        "reconnects": 0, "resets": 0, "battery_mv": 3300, "waiting": 0, "lost": {},
        "online": True, **more,
    }  # fmt: skip


def test_the_ledger_of_a_node_that_sleeps_is_kept_and_an_older_one_reads_as_0(client):
    later = {
        "asleep_ms": 11, "radio_ms": 12, "error_permille": 20, "flash_bytes": 13,
        "causes": [1, 0, 2, 0, 0, 1], "battery_changes": 2,
    }  # fmt: skip
    body = {"tenant": "demo", "rows": [_ledger(**later), _ledger(boot=10)]}
    assert client.post("/v1/health", content=json.dumps(body).encode()).status_code == 202
    new, old = client.app.state.store.health("demo")
    assert later.items() <= new.items()
    assert dict.fromkeys(later, 0) | {"causes": []} == {key: old[key] for key in later}


def test_the_committed_schema_of_health_is_current(kind):
    path = Path(__file__).parents[3] / "docs/reference/schemas/health.json"
    current = json.dumps(bodies.schema(bodies.HealthBody), indent=2) + "\n"
    assert path.read_text(encoding="utf-8") == current, "write `current` to the file"


def test_quarantine_keeps_names_and_times_that_no_series_may_have(client):
    row = {"site": "UPPER", "device": "a b/<script>", "channel": "", "reason": "topic",
           "readings": 0, "packs": 1, "first_t_ms": -62_000_000_000_000, "last_t_ms": None,
           "detail": "x" * 600}  # fmt: skip
    answer = client.post("/v1/quarantine", json={"tenant": "demo", "rows": [row]})
    assert answer.status_code == 202, answer.text
    (kept,) = client.app.state.store.quarantine("demo")
    assert (kept["device"], kept["first_t_ms"]) == ("a b/<script>", -62_000_000_000_000)


def test_a_large_body_is_cut_off(client):
    client.app.state.config = type(client.app.state.config)(max_body_bytes=1000)
    answer = client.post("/v1/rollups", content=b" " * 1001)
    assert answer.status_code == 413


def test_an_unknown_key_of_a_study_is_refused_not_ignored(client, study_document):
    study_document["grid"] = "grid.deu.co2js.avg"
    answer = client.post("/v1/studies", json=study_document)
    assert answer.status_code == 422
    assert "grid" in answer.json()["detail"]


def test_openapi_describes_every_body(client):
    document = client.get("/v1/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    for path in ("rollups", "quarantine", "health", "weather", "activities", "studies"):
        operation = document["paths"][f"/v1/{path}"]["post"]
        schema = operation["requestBody"]["content"]["application/json"]["schema"]
        name = schema["$ref"].removeprefix("#/components/schemas/")
        assert document["components"]["schemas"][name]["properties"], path
        assert {"202", "401", "403", "413", "422"} <= set(operation["responses"])
    assert "409" in document["paths"]["/v1/rollups"]["post"]["responses"]
