"""What is published stays: on both databases no row is changed, removed or seen by another."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from cobenefit_backend.errors import RequestError
from cobenefit_backend.versions.kept import COLUMNS, Versions

BLANK = dict.fromkeys(COLUMNS, "") | {"created_ms": 0, "status": "draft"}
BOTH = pytest.mark.parametrize("kind", ["sqlite", "postgresql"])


@pytest.fixture
def versions(client):
    return Versions(client.app.state.store.database)


def _change(client, statement):
    with client.app.state.store.database.writing("demo") as connection:
        connection.execute(text(statement))


@BOTH
def test_nothing_is_changed_or_removed(client, versions):
    versions.add("demo", BLANK | {"due": "2026-11-01"}, b"files", "test")
    for statement in (
        "UPDATE report_version SET status = 'validated'",
        "DELETE FROM report_version",
        "UPDATE report_due SET day = ''",
        "DELETE FROM report_due",
    ):
        with pytest.raises(DBAPIError, match=r"never changed|permission denied"):
            _change(client, statement)
    assert versions.archive("demo", 1) == b"files"
    assert versions.one("demo", 1)["status"] == "draft"


@BOTH
def test_each_tenant_counts_its_own(versions):
    numbers = [versions.add(tenant, BLANK, b"", "test")["number"] for tenant in ("a", "b", "a")]
    assert numbers == [1, 1, 2]
    assert [row["number"] for row in versions.listed("a")] == [2, 1]
    assert [row["number"] for row in versions.listed("a", below=2)] == [1]
    assert versions.latest("nobody") is None
    with pytest.raises(RequestError, match="404 version"):
        versions.archive("b", 2)


@BOTH
def test_of_two_processes_one_publishes_what_is_due(versions):
    def add(_):
        try:
            return versions.add("demo", BLANK | {"due": "2026-11-01"}, b"", "test")["number"]
        except RequestError as error:
            return error.kind

    with ThreadPoolExecutor(2) as pool:
        assert set(pool.map(add, range(2))) == {1, "looked-after"}
    assert len(versions.listed("demo")) == 1


def test_bytes_that_were_not_published_are_not_given_out(client, versions):
    versions.add("demo", BLANK, b"files", "test")
    _change(client, "DROP TRIGGER report_version_no_update")
    _change(client, "UPDATE report_version SET archive = x'00'")
    with pytest.raises(RequestError, match="409 damaged"):
        versions.archive("demo", 1)


def test_there_is_an_end(client, versions, monkeypatch):
    monkeypatch.setattr("cobenefit_backend.versions.kept.MAX_VERSIONS", 1)
    versions.add("demo", BLANK, b"", "test")
    with pytest.raises(RequestError, match="409 too-many"):
        versions.add("demo", BLANK, b"", "test")
