"""No route gives or changes anything of another tenant, on both databases.

The routes come from the OpenAPI document, so that a new one is attacked as soon as it exists.
"""

import json
import re
from datetime import date
from functools import reduce
from itertools import product

import pytest
from sqlalchemy import inspect

from cobenefit_backend.access.grants import person
from cobenefit_backend.access.oidc_config import Employer, OidcConfig
from cobenefit_backend.access.roles import Role
from cobenefit_backend.config import BackendConfig
from cobenefit_backend.database import owned

pytestmark = pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
SECRET = "jules-ferry-secret"
OIDC = OidcConfig(
    issuer="http://127.0.0.1:1", client_id="x", client_secret="x", public_url="http://test",
    contact="x", tenants=(Employer("demo"),),
)  # fmt: skip
PERSON = person(OIDC.issuer, "sub", SECRET)
DOWN = "/login/oidc"
"""The one route that asks someone else, who is not there."""
OWN = {"/v1/credentials", "/admin/credentials", "/v1/areas", "/areas", "/areas/remove"}
"""What an administrator of the other tenant may write: in their own."""
STA = [
    "Things", "Locations", "Sensors", "Observations", f"Things('town.{SECRET}')",
    f"Datastreams('town.{SECRET}.energy_import_wh.day')",
]  # fmt: skip
SERIES = [["town", SECRET, "energy_import_wh"]]


@pytest.fixture
def config(new_database):
    return BackendConfig(database_url=new_database(), oidc=OIDC)


@pytest.fixture
def owner(owner):
    """The owner of everything, and of a person."""
    grants = owner.app.state.entrance.grants
    grants.invite("demo", SECRET, "officer", now_ms=1, by="test")
    return owner


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
            values = {
                "id": [*ids, client.webhook], "path": STA, "tenant": ["demo"], "person": [PERSON],
                "study": ["school", "house-test", SECRET], "site": ["town", SECRET],
                "device": [SECRET, "school"], "which": ["1", "1..1", "1..now"], "number": ["1"],
                "name": ["report.json"], "imported": [client.imported],
                "webhook": [client.webhook],
            }  # fmt: skip
            for parameter in operation.get("parameters", ()):
                if parameter["in"] == "path":
                    values.setdefault(parameter["name"], parameter["schema"].get("enum"))
            names = re.findall(r"\{(\w+)\}", path)
            for chosen in product(*(values[name] for name in names)):
                yield method.upper(), path.format_map(dict(zip(names, chosen, strict=True)))


def _body(client, path: str) -> bytes | str:
    if path.startswith("/admin/"):
        return "who=a%40b.example&role=admin&kind=key&label=mine"
    if path == "/v1/credentials":
        return json.dumps({"kind": "key", "role": "admin", "label": "mine"})
    if path == "/v1/areas":  # theirs are no secret to them
        return client.bodies["areas"].replace(SECRET, "mine")
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
        assert answer.status_code < 500 or path == DOWN, f"{method} {path}: {answer.text}"
        asked = [part for part in path.split("/") if part]  # which an answer may repeat
        said = reduce(lambda text, part: text.replace(part, ""), asked, answer.text)
        assert SECRET not in said, f"{method} {path}"
        written = method != "GET" and answer.status_code < 300
        assert not written or path in OWN, f"{method} {path}: {answer.status_code}"
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
