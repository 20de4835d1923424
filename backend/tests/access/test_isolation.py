"""No route gives or changes anything of another tenant, on both databases.

The routes come from the OpenAPI document, so that a new one is attacked as soon as it exists.
"""

import json
import re
from datetime import date

import pytest
from sqlalchemy import inspect

from cobenefit_backend.access.roles import Role
from cobenefit_backend.database import owned

pytestmark = pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
SECRET = "jules-ferry-secret"
SERIES = [["town", SECRET, "energy_import_wh"]]


def _everything(client) -> str:
    """Every row of `demo`, table by table."""
    database = client.app.state.store.database
    tables = set(inspect(database.engine).get_table_names()) - {"alembic_version"}
    tables = sorted(name for name in tables if not name.startswith("rollup_"))
    assert len(tables) >= 12
    with database.reading("demo") as connection:
        found = {
            name: sorted(
                map(
                    repr,
                    connection.execute(owned(f"SELECT * FROM {{{name}}}"), {"tenant": "demo"}),
                )
            )
            for name in tables
        }
    return json.dumps(found)


def _calls(client):
    ids = [row["id"] for row in client.get("/v1/credentials").json()["credentials"]]
    for path, methods in client.get("/v1/openapi.json").json()["paths"].items():
        for method, operation in methods.items():
            values = {"id": ids, "study": ["school", "house-test", SECRET]}
            values |= {"which": ["1", "1..1", "1..now"], "number": ["1"]}
            for parameter in operation.get("parameters", ()):
                if parameter["in"] == "path":
                    values.setdefault(parameter["name"], parameter["schema"].get("enum"))
            names = re.findall(r"\{(\w+)\}", path)
            for value in values[names[0]] if names else [""]:
                yield method.upper(), re.sub(r"\{\w+\}", value, path)


def _body(client, path: str) -> bytes | str:
    if path == "/v1/credentials":
        return json.dumps({"kind": "key", "role": "admin", "label": "mine"})
    return client.bodies.get(path.removeprefix("/v1/"), b"")


@pytest.mark.parametrize("held", ["stranger", *Role])
def test_no_route_shows_or_changes_another_tenant(owner, new_key, held):
    before = _everything(owner)
    calls = list(_calls(owner))
    assert len(calls) >= 20
    key = "cbk_unknown" if held == "stranger" else new_key(owner.app, "other", held)
    headers = {"Authorization": f"Bearer {key}"}
    for method, path in calls:
        content = _body(owner, path) if method == "POST" else None
        answer = owner.request(method, path, headers=headers, content=content)
        assert answer.status_code < 500, f"{method} {path}: {answer.text}"
        assert SECRET not in answer.text.replace(path.rpartition("/")[2], ""), f"{method} {path}"
        written = method != "GET" and answer.status_code < 300
        assert not written or path == "/v1/credentials", f"{method} {path}: {answer.status_code}"
    assert _everything(owner) == before


def test_the_same_names_in_two_tenants_stay_two(owner, new_key, page_body, counter_row):
    headers = {"Authorization": f"Bearer {new_key(owner.app, 'other')}"}
    page = page_body(SERIES, [(0, counter_row(date(2024, 1, 1), 0, 7))], tenant="other")
    assert owner.post("/v1/rollups", content=page, headers=headers).status_code == 202
    store = owner.app.state.store
    amounts = [
        [row["delta"] for row in store.daily(tenant, "town", SECRET, "energy_import_wh")]
        for tenant in ("demo", "other")
    ]
    assert amounts == [[100], [7]]


def test_a_page_number_of_another_tenant_is_free(owner, new_key, page_body, counter_row):
    # The spool's name is the same: a conflict would tell that the other tenant has this page.
    headers = {"Authorization": f"Bearer {new_key(owner.app, 'other')}"}
    page = page_body([], [], tenant="other")
    answer = owner.post("/v1/rollups", content=page, headers=headers)
    assert answer.status_code == 202, answer.text


def test_the_helper_limits_every_table_it_is_given(kind):
    query = str(owned("SELECT 1 FROM {rollup} JOIN {series} ON true WHERE x = :x"))
    assert query.count("WHERE tenant = :tenant") == 2
