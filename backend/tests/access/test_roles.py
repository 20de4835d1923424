"""The table of roles and routes in the reference is what the routes do."""

import re
from pathlib import Path

import pytest

from cobenefit_backend.access.roles import SCOPES, Role

PAGE = Path(__file__).parents[3] / "docs/reference/access.md"
REFUSED = {401, 403}
OPEN = {
    ("GET", "/login"), ("POST", "/login"), ("POST", "/logout"),
    ("GET", "/public/{tenant}"), ("GET", "/v1/public/{tenant}"),
    ("GET", "/login/oidc"), ("GET", "/login/oidc/callback"),
}  # fmt: skip


def _operations(client):
    paths = client.get("/v1/openapi.json").json()["paths"]
    return [(method.upper(), path) for path, methods in paths.items() for method in methods]


def _answer(client, key, method, path):
    headers = {"Authorization": f"Bearer {key}"} if key else {"Authorization": ""}
    path = (
        path.replace("{study}/{table}", "study/net")
        .replace("{table}", "results")
        .replace("{", "")
        .replace("}", "")
    )
    return client.request(method, path, headers=headers)


@pytest.fixture
def behaviour(client, new_key):
    """Who is let through at each route, found by asking."""
    keys = {role: new_key(client.app, role=role) for role in Role}
    return {
        operation: [
            role for role, key in keys.items()
            if _answer(client, key, *operation).status_code not in REFUSED
        ]
        for operation in _operations(client)
        if operation not in OPEN
    }  # fmt: skip


def test_the_reference_says_what_each_role_may(behaviour):
    rows = re.findall(r"^\| `(\w+) (\S+)` \| (.+) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    documented = {
        (method, path): [
            role for role, mark in zip(Role, marks.split(" | "), strict=True) if mark == "yes"
        ]
        for method, path, marks in rows
    }
    assert documented == behaviour


def test_without_a_credential_nothing_but_the_form(client):
    for operation in _operations(client):
        if operation not in OPEN:
            answer = _answer(client, "", *operation)
            assert answer.status_code in {401, 303}, operation


def test_only_an_administrator_has_every_scope():
    assert SCOPES[Role.ADMIN] == frozenset().union(*SCOPES.values())
    assert all(SCOPES[role] < SCOPES[Role.ADMIN] for role in Role if role is not Role.ADMIN)
