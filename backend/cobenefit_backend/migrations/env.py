"""Alembic environment: the engine comes from `cobenefit_backend.migrate`."""

import cobenefit_backend.models  # noqa: F401  the tables register themselves
from alembic import context
from sqlmodel import SQLModel

engine = context.config.attributes["engine"]
with engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        render_as_batch=True,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
