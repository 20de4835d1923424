"""Alembic environment: the engine comes from `cobenefit_backend.migrate`."""

import cobenefit_backend.imports.models
import cobenefit_backend.models  # noqa: F401  the tables register themselves
from alembic import context
from sqlmodel import SQLModel


def _ours(name: str | None, kind: str, _parents: object) -> bool:
    """Leave out the partitions of `rollup`, which the database makes by itself."""
    return not (kind == "table" and str(name).startswith("rollup_"))


engine = context.config.attributes["engine"]
with engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        render_as_batch=True,
        compare_type=True,
        include_name=_ours,
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
