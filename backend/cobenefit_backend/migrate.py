"""Bring a database to the schema of this version with the migrations shipped beside this file."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine

FOLDER = Path(__file__).parent / "migrations"


def alembic_config(engine: Engine) -> Config:
    """Return an Alembic configuration bound to an engine; no ini file is needed."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["engine"] = engine
    return config


def upgrade(engine: Engine) -> None:
    """Upgrade to the newest schema; harmless when already there."""
    command.upgrade(alembic_config(engine), "head")
