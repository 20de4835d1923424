"""A tenant whose every row carries a name that nobody else may see."""

import json
from datetime import date

import pytest

from cobenefit_backend.versions.kept import COLUMNS, Versions

SECRET = "jules-ferry-secret"
SERIES = [["town", SECRET, "energy_import_wh"]]


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
    }  # fmt: skip
    for path, body in bodies.items():
        answer = client.post(f"/v1/{path}", content=body)
        assert answer.status_code == 202, answer.text
    label = {"kind": "key", "role": "viewer", "label": SECRET}
    assert client.post("/v1/credentials", json=label).status_code == 201
    version = dict.fromkeys(COLUMNS, SECRET) | {"created_ms": 0}
    Versions(client.app.state.store.database).add("demo", version, SECRET.encode(), SECRET)
    client.bodies = bodies
    return client
