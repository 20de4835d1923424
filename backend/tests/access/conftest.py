"""A tenant whose every row carries a name that nobody else may see."""

import json
import shutil
from datetime import date

import pytest

from cobenefit_backend import migrate
from cobenefit_backend.store import open_engine
from cobenefit_backend.versions.kept import COLUMNS, Versions
from cobenefit_backend.webhooks.events import TEST, Event
from cobenefit_backend.webhooks.stored import Webhooks

SECRET = "jules-ferry-secret"
SERIES = [["town", SECRET, "energy_import_wh"]]


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory):
    """An SQLite file at head that tests copy, which is quicker than migrating."""
    path = tmp_path_factory.mktemp("migrated") / "empty.sqlite3"
    engine = open_engine(f"sqlite:///{path}")
    migrate.upgrade(engine)
    engine.dispose()
    return path


@pytest.fixture
def migrated_url(migrated_file, tmp_path):
    """The address of a migrated SQLite file of the test's own."""
    return f"sqlite:///{shutil.copy(migrated_file, tmp_path)}"


@pytest.fixture
def owner(client, counter_row, page_body, study_document):
    """The client of `demo`, whose every row carries a name that nobody else may see."""
    study_document["names"] = {"en": SECRET, "fr": SECRET}
    activity = {
        "id": SECRET, "site": "farm", "use_case": "soil", "date": "2024-04-03", "place": SECRET,
        "quantity": "nitrogen", "amount": 1.0, "unit": "kg/ha", "arm": SECRET,
        "evidence": SECRET, "author": SECRET,
    }  # fmt: skip
    refused = {
        "site": SECRET, "device": SECRET, "channel": "", "reason": "crc", "readings": 0,
        "packs": 2, "first_t_ms": 1, "last_t_ms": 2, "detail": SECRET,
    }  # fmt: skip
    bodies = {
        "rollups": page_body(SERIES, [(0, counter_row(date(2024, 1, 1), 0, 100))]),
        "studies": json.dumps(study_document),
        "activities": json.dumps({"tenant": "demo", "rows": [activity]}),
        "quarantine": json.dumps({"tenant": "demo", "rows": [refused]}),
        "weather": json.dumps({
            "tenant": "demo", "station": SECRET, "source": SECRET, "licence": SECRET,
            "t_ms": [0], "temperature_degc": [1.0],
        }),
        "consents": json.dumps({"tenant": "demo", "rows": [{
            "site": "town", "device": SECRET, "purpose": "savings", "action": "grant",
            "t_ms": 0, "evidence": SECRET,
        }]}),
        "public": json.dumps({"tenant": "demo", "action": "on"}),
        "erasures": json.dumps({"tenant": "demo", "site": SECRET, "confirm": SECRET}),
        "areas": json.dumps({"type": "FeatureCollection", "features": [{
            "type": "Feature", "properties": {"name": SECRET, "sites": ["town"]},
            "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]},
        }]}),
    }  # fmt: skip
    for path, body in bodies.items():
        answer = client.post(f"/v1/{path}", content=body)
        assert answer.status_code in {200, 202}, answer.text
    label = {"kind": "key", "role": "viewer", "label": SECRET}
    assert client.post("/v1/credentials", json=label).status_code == 201
    address, seen = f"https://{SECRET}.example/", {"change": 0, "refused": {}, "offline": []}
    hooks = Webhooks(client.app.state.store.database)
    client.webhook = hooks.create("demo", address, [TEST], seen, now_ms=1, by="test")
    assert hooks.queue("demo", client.webhook, Event(TEST, {"secret": SECRET}), 1)
    version = dict.fromkeys(COLUMNS, SECRET) | {"created_ms": 0}
    Versions(client.app.state.store.database).add("demo", version, SECRET.encode(), SECRET)
    series = f"site=farm&device=probe&channel=soil_moisture_ratio&file={SECRET}"
    moisture = f'[{{"n":"{SECRET}","t":1600000000,"v":0.2}}]'
    client.imported = client.post(f"/v1/imports?{series}", content=moisture).json()["id"]
    client.bodies = bodies
    return client
