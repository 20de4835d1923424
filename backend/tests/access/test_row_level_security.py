"""What PostgreSQL refuses by itself, were a query of ours to forget its tenant."""

import hashlib

import pytest
from sqlalchemy import inspect, text
from sqlalchemy.exc import ProgrammingError

from cobenefit_backend import migrate
from cobenefit_backend.database import Database, open_engine
from cobenefit_backend.errors import ConfigError

pytestmark = pytest.mark.parametrize("kind", ["postgresql"])


@pytest.fixture
def raw(owner):
    return owner.app.state.store.database


def _tables(database):
    names = inspect(database.engine).get_table_names()
    return sorted(set(names) - {"alembic_version", "change"})


def test_without_a_tenant_nothing_is_seen(raw):
    with raw.engine.connect() as connection:
        for name in _tables(raw):
            if not name.startswith("rollup_"):
                count = connection.execute(text(f"SELECT count(*) FROM {name}")).scalar()
                assert count == 0, name


def test_another_tenant_sees_changes_and_removes_nothing(raw):
    with raw.reading("other") as connection:
        for name in _tables(raw):
            if not name.startswith("rollup_"):
                count = connection.execute(text(f"SELECT count(*) FROM {name}")).scalar()
                assert count == 0, name
        for name in (
            "rollup",
            "series",
            "weather",
            "activity",
            "study_document",
            "credential",
        ):
            assert connection.execute(text(f"DELETE FROM {name}")).rowcount == 0, name
        assert connection.execute(text("UPDATE activity SET author = 'x'")).rowcount == 0


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO weather VALUES ('demo', 's', 0, 1.0, '', '')",
        "INSERT INTO audit (tenant, t_ms, who, action, what) VALUES ('demo', 0, '', '', '')",
        "UPDATE audit SET who = 'x'",
        "DELETE FROM audit",
        "SELECT * FROM rollup_202401",
        "CREATE TABLE mine (x integer)",
        "ALTER TABLE rollup DISABLE ROW LEVEL SECURITY",
        "SET ROLE cobenefit_owner",
    ],
)
def test_the_role_that_serves_may_not(raw, statement):
    with raw.reading("other") as connection, pytest.raises(ProgrammingError):
        connection.execute(text(statement))


def test_a_tenant_is_forgotten_with_its_transaction(raw):
    with raw.reading("demo") as connection:
        assert connection.execute(text("SELECT count(*) FROM weather")).scalar() == 1
        connection.rollback()
        assert connection.execute(text("SELECT count(*) FROM weather")).scalar() == 0


def test_a_credential_shows_its_own_row_only(raw, owner):
    key = owner.headers["Authorization"].removeprefix("Bearer ")
    with raw.reading("", hashlib.sha256(key.encode()).hexdigest()) as connection:
        rows = connection.execute(text("SELECT role FROM credential")).scalars().all()
    assert rows == ["admin"]


def test_a_role_above_the_policies_is_refused(raw, owner, cluster):

    name = raw.engine.url.database
    engine = open_engine(cluster.url(name, "admin"))
    with pytest.raises(ConfigError, match="bypasses"):
        migrate.upgrade(engine)
    engine.dispose()
    assert Database(raw.engine).postgres
