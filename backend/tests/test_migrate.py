"""The migrations make the models on both databases, and go back and forth with data in them."""

from datetime import date

import pytest
from alembic import command
from sqlalchemy import inspect, text

from cobenefit_backend import bodies, migrate
from cobenefit_backend.access.credentials import Credentials, Kind
from cobenefit_backend.access.roles import Role
from cobenefit_backend.store import Store, open_engine
from cobenefit_hil import postgres

BOTH = pytest.mark.parametrize("kind", ["sqlite", "postgresql"])


@pytest.fixture
def engine(kind, tmp_path, request):
    url = f"sqlite:///{tmp_path / 'x.sqlite3'}"
    if kind == "postgresql":
        cluster = request.getfixturevalue("cluster")
        url = cluster.url(cluster.create(), postgres.OWNER)
    engine = open_engine(url)
    yield engine
    engine.dispose()


def _tables(engine) -> set[str]:
    return set(inspect(engine).get_table_names())


@BOTH
def test_up_down_up_and_nothing_left_to_generate(engine):
    migrate.upgrade(engine)
    up = _tables(engine)
    assert {"spool_page", "rollup", "series", "quarantine", "device_health"} <= up
    config = migrate.alembic_config(engine)
    command.check(config)
    command.downgrade(config, "base")
    assert _tables(engine) == {"alembic_version"}
    migrate.upgrade(engine)
    assert _tables(engine) == up
    command.check(config)


@BOTH
def test_what_was_stored_before_keeps_its_tenant(engine, page_body, counter_row):
    migrate.upgrade(engine)
    store = Store(engine)
    rows = [(0, counter_row(date(year, 5, 1), 0, 100)) for year in (1999, 2023, 2024)]
    page = page_body([["town", "school", "energy_import_wh"]], rows)
    store.add_page(*bodies.decode_page(page), now_ms=1)
    known = Credentials(store.database)
    keys = {
        role: known.create("demo", Kind.KEY, role, "x", now_ms=1, by="test")
        for role in (Role.GATEWAY, Role.ADMIN)
    }
    before = store.series_digest("demo")
    config = migrate.alembic_config(engine)
    command.downgrade(config, "0006")
    command.upgrade(config, "head")
    assert store.series_digest("demo") == before
    assert store.series_digest("other") != before
    assert store.add_page(*bodies.decode_page(page), now_ms=2) is False
    assert known.find(keys[Role.GATEWAY], 2).role is Role.GATEWAY
    assert known.find(keys[Role.ADMIN], 2) is None, "a key of before had no such role"


@pytest.mark.parametrize("kind", ["postgresql"])
def test_every_table_is_guarded_and_sorts_by_bytes(engine):
    migrate.upgrade(engine)
    with engine.connect() as connection:
        open_tables = connection.execute(text(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND "
            "relkind IN ('r', 'p') AND NOT relispartition "
            "AND NOT (relrowsecurity AND relforcerowsecurity)"
        )).scalars().all()  # fmt: skip
        sorted_otherwise = connection.execute(text(
            "SELECT table_name, column_name FROM information_schema.columns "
            "WHERE table_schema = 'public' AND data_type = 'character varying' "
            "AND collation_name IS DISTINCT FROM 'C' AND table_name <> 'alembic_version'"
        )).all()  # fmt: skip
    assert open_tables == ["alembic_version"]
    assert sorted_otherwise == []
