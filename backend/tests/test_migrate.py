"""The migrations make the models, and go back and forth."""

from alembic import command
from sqlalchemy import inspect

from cobenefit_backend import migrate
from cobenefit_backend.store import open_engine


def _tables(engine) -> set[str]:
    return set(inspect(engine).get_table_names())


def test_up_down_up_and_nothing_left_to_generate(tmp_path):
    engine = open_engine(f"sqlite:///{tmp_path / 'x.sqlite3'}")
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
    engine.dispose()
