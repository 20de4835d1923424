"""Webhooks of a tenant and their outbox.

Revision: 0012, after 0008.
"""

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import AutoString

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_OWN = "tenant = nullif(current_setting('app.tenant', true), '')"


def upgrade() -> None:
    postgres = op.get_bind().dialect.name == "postgresql"
    text = AutoString() if not postgres else sa.String(collation="C")
    op.create_table(
        "webhook",
        sa.Column("tenant", text, nullable=False),
        sa.Column("id", text, nullable=False),
        sa.Column("url", text, nullable=False),
        sa.Column("events", text, nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("reason", text, nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("delivered", sa.BigInteger(), nullable=False),
        sa.Column("dropped", sa.BigInteger(), nullable=False),
        sa.Column("seen", text, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_webhook")),
    )
    op.create_table(
        "delivery",
        sa.Column("tenant", text, nullable=False),
        sa.Column("id", text, nullable=False),
        sa.Column("webhook", text, nullable=False),
        sa.Column("type", text, nullable=False),
        sa.Column("body", text, nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_ms", sa.BigInteger(), nullable=False),
        sa.Column("state", text, nullable=False),
        sa.Column("reason", text, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_delivery")),
    )
    op.create_index("ix_delivery_tenant", "delivery", ["tenant", "state", "next_ms"])
    if postgres:
        for table in ("webhook", "delivery"):
            _protect(table)


def _protect(table: str) -> None:
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY own ON {table} USING ({_OWN}) WITH CHECK ({_OWN})")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO cobenefit_app")


def downgrade() -> None:
    op.drop_table("delivery")
    op.drop_table("webhook")
