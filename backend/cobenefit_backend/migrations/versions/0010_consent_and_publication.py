"""Consents, erasures, and what the public pages have shown.

Revision: 0010, after 0008.
"""

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import AutoString

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_OWN = "tenant = nullif(current_setting('app.tenant', true), '')"
_MAY = {
    "consent": "INSERT, DELETE",
    "erasure": "INSERT, UPDATE",
    "publication": "INSERT, UPDATE",
    "public_page": "INSERT, UPDATE",
}


def upgrade() -> None:
    postgres = op.get_bind().dialect.name == "postgresql"
    text = AutoString() if not postgres else sa.String(collation="C")

    def texts(*names: str) -> list[sa.Column]:
        return [sa.Column(name, text, nullable=False) for name in names]

    op.create_table(
        "consent",
        sa.Column("id", sa.Integer(), nullable=False),
        *texts("tenant", "site", "device", "purpose", "resolution", "action"),
        sa.Column("t_ms", sa.BigInteger(), nullable=False),
        *texts("evidence", "recorded_by"),
        sa.Column("recorded_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
    )
    op.create_table(
        "erasure",
        *texts("tenant", "site", "device"),
        sa.Column("erased_ms", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        *texts("erased_by"),
        sa.PrimaryKeyConstraint("tenant", "site", "device", name=op.f("pk_erasure")),
    )
    op.create_table(
        "publication",
        sa.Column("id", sa.Integer(), nullable=False),
        *texts("tenant"),
        sa.Column("released_ms", sa.BigInteger(), nullable=False),
        *texts("period_start", "period_end", "document", "members"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_publication")),
    )
    op.create_table(
        "public_page",
        *texts("tenant"),
        sa.Column("shown", sa.Boolean(), nullable=False),
        *texts("salt"),
        sa.PrimaryKeyConstraint("tenant", name=op.f("pk_public_page")),
    )
    op.create_index("ix_consent_tenant", "consent", ["tenant", "site", "device"])
    op.create_index("ix_publication_tenant", "publication", ["tenant", "id"])
    if postgres:
        for table, may in _MAY.items():
            _protect(table, may)
        op.execute("GRANT USAGE ON SEQUENCE consent_id_seq, publication_id_seq TO cobenefit_app")


def _protect(table: str, may: str) -> None:
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY seen ON {table} FOR SELECT USING ({_OWN})")
    op.execute(f"CREATE POLICY added ON {table} FOR INSERT WITH CHECK ({_OWN})")
    if "UPDATE" in may:
        op.execute(
            f"CREATE POLICY changed ON {table} FOR UPDATE USING ({_OWN}) WITH CHECK ({_OWN})"
        )
    if "DELETE" in may:
        op.execute(f"CREATE POLICY removed ON {table} FOR DELETE USING ({_OWN})")
    op.execute(f"GRANT SELECT, {may} ON {table} TO cobenefit_app")


def downgrade() -> None:
    for table in reversed(_MAY):
        op.drop_table(table)
