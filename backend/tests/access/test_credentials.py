"""Credentials: shown once, kept as a hash, void when used, expired or revoked."""

from pathlib import Path

import pytest

from cobenefit_backend.access import audit, credentials
from cobenefit_backend.access.credentials import Credentials, Kind
from cobenefit_backend.access.roles import Role
from cobenefit_backend.errors import RequestError

pytestmark = pytest.mark.parametrize("kind", ["sqlite", "postgresql"])


@pytest.fixture
def known(store):
    return Credentials(store.database)


def _make(known, kind=Kind.KEY, now_ms=0, tenant="demo"):
    return known.create(tenant, kind, Role.VIEWER, "someone", now_ms=now_ms, by="test")


def test_only_the_hash_is_kept(known, store, config, kind):
    key = _make(known)
    found = known.find(key, 1)
    assert (found.tenant, found.role, found.kind) == ("demo", Role.VIEWER, Kind.KEY)
    assert known.find(key + "x", 1) is None
    everything = str(store.database.rows("demo", "SELECT * FROM {credential}"))
    assert key not in everything
    assert "someone" in everything
    assert key not in str(audit.latest(store.database, "demo"))
    if kind == "sqlite":
        path = config.database_url.removeprefix("sqlite:///")
        content = b"".join(Path(path + end).read_bytes() for end in ("", "-wal"))
        assert key.encode() not in content


def test_a_secret_opens_one_session_and_no_route(known):
    secret = _make(known, Kind.SECRET)
    assert known.find(secret, 1) is None
    session = known.redeem(secret, 1)
    assert known.find(session, 2).kind is Kind.SESSION
    assert known.redeem(secret, 2) == ""
    assert known.redeem(session, 2) == ""
    assert known.redeem(_make(known), 2) == ""


def test_time_ends_secrets_and_sessions(known):
    late = _make(known, Kind.SECRET)
    assert known.redeem(late, credentials.SECRET_LIFE_MS) == ""
    session = known.redeem(_make(known, Kind.SECRET), 0)
    assert known.find(session, credentials.SESSION_LIFE_MS - 1)
    assert known.find(session, credentials.SESSION_LIFE_MS) is None
    _make(known, now_ms=credentials.SESSION_LIFE_MS)
    assert [row["kind"] for row in known.listed("demo")] == ["key"], "the expired ones are gone"


def test_revoking_is_at_once_and_of_ones_own_only(known, store):
    key = _make(known)
    (row,) = known.listed("demo")
    assert not known.revoke("other", row["id"], by="test")
    assert known.find(key, 1)
    assert known.revoke("demo", row["id"], by="test")
    assert known.find(key, 1) is None
    assert [line["action"] for line in audit.latest(store.database, "demo")] == [
        "revoked", "key created",
    ]  # fmt: skip


def test_a_tenant_can_not_fill_the_table(known, monkeypatch):
    monkeypatch.setattr(credentials, "MAX_PER_TENANT", 2)
    _make(known), _make(known)
    with pytest.raises(RequestError) as refused:
        _make(known)
    assert refused.value.status == 409
    _make(known, tenant="other")


def test_credentials_leave_the_report_as_it_is(known, store):
    number = store.change_number("demo")
    known.redeem(_make(known, Kind.SECRET), 1)
    assert store.change_number("demo") == number
