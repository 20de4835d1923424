"""What is older than the limit goes, of the tenants asked for; months go as a whole."""

from datetime import date

import pytest
from sqlalchemy import inspect
from typer.testing import CliRunner

from cobenefit_backend import bodies, migrate, retention
from cobenefit_backend.access import audit
from cobenefit_backend.commands import app
from cobenefit_backend.store import Store, open_engine
from cobenefit_hil import postgres

SERIES = [["town", "school", "energy_import_wh"]]
JULY_2024_MS = 1_719_792_000_000


@pytest.fixture
def url(config) -> str:
    """The database as its owner."""
    return config.database_url.replace(postgres.APP, postgres.OWNER)


@pytest.fixture
def filled(url, page_body, counter_row):
    engine = open_engine(url)
    migrate.upgrade(engine)
    store = Store(engine)
    days = [date(2023, 1, 5), date(2024, 5, 5), date(2024, 8, 5)]
    for tenant in ("demo", "other"):
        rows = [(0, counter_row(day, 0, 1)) for day in days]
        page = page_body(SERIES, rows, tenant=tenant)
        store.add_page(*bodies.decode_page(page), now_ms=1)
    yield store
    engine.dispose()


def _days(store, tenant):
    return len(store.daily(tenant, "town", "school", "energy_import_wh"))


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_one_tenant_alone(filled):
    removed = retention.prune(filled.database, JULY_2024_MS, ["demo"])
    assert removed["rollup"] == 2
    assert removed["spool_page"] == 1
    assert (_days(filled, "demo"), _days(filled, "other")) == (1, 3)
    assert audit.latest(filled.database, "demo")[0]["action"] == "pruned"


@pytest.mark.parametrize("kind", ["postgresql"])
def test_months_are_dropped_whole_and_come_back_when_needed(filled, page_body, counter_row):
    parts = {f"rollup_{month}" for month in ("202301", "202405", "202408")}
    assert parts <= set(inspect(filled.database.engine).get_table_names())
    dropped = retention.drop_months(filled.database, "202407")
    assert dropped == ["rollup_202301", "rollup_202405"]
    assert (_days(filled, "demo"), _days(filled, "other")) == (1, 1)
    page = page_body(SERIES, [(0, counter_row(date(2024, 5, 5), 0, 1))], page=9)
    filled.add_page(*bodies.decode_page(page), now_ms=1)
    assert _days(filled, "demo") == 2


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_the_command_prunes_every_tenant(filled, url, tmp_path):
    path = tmp_path / "backend.toml"
    path.write_text(f'[database]\nurl = "{url}"\n')
    found = CliRunner().invoke(app, ["prune", "--months", "1", "--config", str(path)])
    assert found.exit_code == 0, found.output
    assert (_days(filled, "demo"), _days(filled, "other")) == (0, 0)


@pytest.mark.parametrize("kind", ["postgresql"])
def test_the_role_that_serves_may_not_prune(filled, config, tmp_path):
    path = tmp_path / "backend.toml"
    path.write_text(f'[database]\nurl = "{config.database_url}"\n')
    found = CliRunner().invoke(app, ["prune", "--months", "1", "--config", str(path)])
    assert found.exit_code == 2
    assert "as the owner" in found.stderr
    assert _days(filled, "demo") == 3
