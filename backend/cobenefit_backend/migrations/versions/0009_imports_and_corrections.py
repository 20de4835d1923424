"""Imports that can be undone, and a log of corrections nobody rewrites.

Revision: 0009, after 0008.
"""

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import AutoString

revision = "0009"
down_revision = "0014"
branch_labels = None
depends_on = None

_OWN = "tenant = nullif(current_setting('app.tenant', true), '')"
_SERIES = ("tenant", "site", "device", "channel")
_KEY = ("tenant", "id", "site", "device", "channel", "file", "format", "sha256", "state")


def upgrade() -> None:
    postgres = op.get_bind().dialect.name == "postgresql"
    text = AutoString() if not postgres else sa.String(collation="C")

    def texts(*names: str) -> list[sa.Column]:
        return [sa.Column(name, text, nullable=False) for name in names]

    op.create_table(
        "import_batch",
        *texts(*_KEY),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("replaces", sa.Boolean(), nullable=False),
        *texts("made_by"),
        sa.Column("made_ms", sa.BigInteger(), nullable=False),
        *texts("samples", "refused", "summary"),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_import_batch")),
    )
    op.create_table(
        "import_window",
        *texts(*_SERIES),
        sa.Column("start_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("length_s", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("before", text, nullable=True),
        sa.Column("after", text, nullable=True),
        sa.PrimaryKeyConstraint(*_SERIES, "start_ms", "length_s", name=op.f("pk_import_window")),
    )
    op.create_table(
        "correction",
        sa.Column("id", sa.Integer(), nullable=False),
        *texts("tenant"),
        sa.Column("t_ms", sa.BigInteger(), nullable=False),
        *texts("who", "kind", "site", "device", "channel"),
        sa.Column("start_ms", sa.BigInteger(), nullable=False),
        sa.Column("end_ms", sa.BigInteger(), nullable=False),
        *texts("why", "old", "new", "reference"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_correction")),
    )
    op.create_index("ix_correction_tenant", "correction", ["tenant", "id"])
    if postgres:
        _protect("import_batch", may="INSERT, UPDATE, DELETE")
        _protect("import_window", may="INSERT, DELETE")
        _protect("correction", may="INSERT, DELETE")
        op.execute("GRANT USAGE ON SEQUENCE correction_id_seq TO cobenefit_app")


def _protect(table: str, *, may: str) -> None:
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY seen ON {table} FOR SELECT USING ({_OWN})")
    op.execute(f"CREATE POLICY added ON {table} FOR INSERT WITH CHECK ({_OWN})")
    op.execute(f"CREATE POLICY changed ON {table} FOR UPDATE USING ({_OWN}) WITH CHECK ({_OWN})")
    op.execute(f"CREATE POLICY removed ON {table} FOR DELETE USING ({_OWN})")
    op.execute(f"GRANT SELECT, {may} ON {table} TO cobenefit_app")


def downgrade() -> None:
    for table in ("correction", "import_window", "import_batch"):
        op.drop_table(table)
