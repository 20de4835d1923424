"""Bring a database to the schema of this version with the migrations shipped beside this file."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import ProgrammingError

from cobenefit_backend.errors import ConfigError

FOLDER = Path(__file__).parent / "migrations"


def alembic_config(engine: Engine) -> Config:
    """Return an Alembic configuration bound to an engine; no ini file is needed."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["engine"] = engine
    return config


def upgrade(engine: Engine) -> None:
    """Upgrade to the newest schema; harmless when already there.

    On PostgreSQL the role that serves may not change tables, so there the owner's role migrates
    first (`cobenefit backend migrate`).

    Parameters
    ----------
    engine : Engine
        The database.

    Raises
    ------
    ConfigError
        This role may not migrate, or sees every tenant's rows whatever the policies say.
    """
    config = alembic_config(engine)
    newest = ScriptDirectory.from_config(config).get_current_head()
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
        if engine.dialect.name == "postgresql":
            _refuse_a_role_above_the_policies(connection)
    if current == newest:
        return
    try:
        command.upgrade(config, "head")
    except ProgrammingError as error:
        raise _refusal(
            f"cannot migrate: {error.orig}; migrate as the owner of the database"
        ) from error


def _refuse_a_role_above_the_policies(connection: Connection) -> None:
    query = "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
    if connection.execute(text(query)).scalar_one():
        raise _refusal("this role bypasses row-level security; connect as an ordinary role")


def _refusal(message: str) -> ConfigError:
    return ConfigError(message, file="environment", key="database.url", value="postgresql")
