"""A grant is found across tenants by its person only, on both databases."""

import pytest
from sqlalchemy import text

from cobenefit_backend.access import grants
from cobenefit_backend.access.grants import Grants
from cobenefit_backend.access.oidc import Identity
from cobenefit_backend.access.roles import Role
from cobenefit_backend.errors import RequestError

ISSUER = "https://idp.example"
BOTH = pytest.mark.parametrize("kind", ["sqlite", "postgresql"])


def _identity(subject="s1", email="a@b.example"):
    return Identity(ISSUER, subject, email, "", "A B", "")


@pytest.fixture
def known(store):
    return Grants(store.database, ISSUER)


def _found(known, identity):
    return [(grant.tenant, grant.role) for grant in known.find(identity)]


@BOTH
def test_a_person_is_found_where_they_were_named(known, store):
    known.invite("lille", "A@b.example", "officer", now_ms=2, by="test")
    known.invite("roubaix", "s1", "none", now_ms=1, by="test")
    assert _found(known, _identity()) == [("roubaix", None), ("lille", Role.OFFICER)]
    assert _found(known, _identity("s2", "other@b.example")) == []
    assert _found(Grants(store.database, "https://else.example"), _identity()) != [], (
        "the identity says who its provider is"
    )
    stranger = Identity("https://else.example", "s1", "a@b.example", "", "", "")
    assert _found(known, stranger) == [], "the same names at another provider"
    bound = known.find(_identity())[1]
    assert known.bind(bound, _identity(), 5)
    assert _found(known, _identity("s1", "new@b.example")) == [
        ("roubaix", None), ("lille", Role.OFFICER),
    ]  # fmt: skip
    assert _found(known, _identity("s2")) == [], "bound to the first who came"
    assert not known.bind(bound, _identity(), 6), "bound already"


@pytest.mark.parametrize("kind", ["postgresql"])
def test_the_database_shows_no_other_person(known, store):
    known.invite("lille", "s1", "officer", now_ms=1, by="test")
    known.invite("lille", "s2", "officer", now_ms=1, by="test")
    name = grants.person(ISSUER, "sub", "s1")
    with store.database.reading("roubaix", name) as connection:
        seen = connection.execute(text("SELECT subject FROM access_grant")).scalars().all()
        changed = connection.execute(text("UPDATE access_grant SET role = 'admin'"))
        removed = connection.execute(text("DELETE FROM access_grant"))
        assert (changed.rowcount, removed.rowcount) == (0, 0)
    assert seen == ["s1"]


def test_a_tenant_can_not_fill_the_table(known, monkeypatch):
    monkeypatch.setattr(grants, "MAX_PER_TENANT", 1)
    known.invite("lille", "s1", "viewer", now_ms=1, by="test")
    with pytest.raises(RequestError) as refused:
        known.invite("lille", "s2", "viewer", now_ms=1, by="test")
    assert refused.value.status == 409
    known.invite("roubaix", "s2", "viewer", now_ms=1, by="test")


def test_one_person_once(known):
    known.invite("lille", "a@b.example", "viewer", now_ms=1, by="test")
    (grant,) = known.find(_identity())
    known.bind(grant, _identity(), 2)
    for who in ("A@B.example", "s1"):
        with pytest.raises(RequestError) as refused:
            known.invite("lille", who, "admin", now_ms=3, by="test")
        assert refused.value.kind == "person"
