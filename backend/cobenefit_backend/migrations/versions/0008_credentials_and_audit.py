"""Credentials with roles take the place of gateway keys; an audit log nobody rewrites.

Revision: 0008, after 0007.
"""

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import AutoString

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_OWN = "tenant = nullif(current_setting('app.tenant', true), '')"
_SHOWN = "sha256 = nullif(current_setting('app.credential', true), '')"


def upgrade() -> None:
    postgres = op.get_bind().dialect.name == "postgresql"
    text = AutoString() if not postgres else sa.String(collation="C")
    op.create_table(
        "credential",
        sa.Column("sha256", text, nullable=False),
        sa.Column("tenant", text, nullable=False),
        sa.Column("kind", text, nullable=False),
        sa.Column("role", text, nullable=False),
        sa.Column("label", text, nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("expires_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_credential")),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("tenant", text, nullable=False),
        sa.Column("t_ms", sa.BigInteger(), nullable=False),
        sa.Column("who", text, nullable=False),
        sa.Column("action", text, nullable=False),
        sa.Column("what", text, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index("ix_credential_tenant", "credential", ["tenant"])
    op.create_index("ix_audit_tenant", "audit", ["tenant", "id"])
    if postgres:
        op.execute("ALTER TABLE api_key NO FORCE ROW LEVEL SECURITY")
    # Keys of before did everything a gateway and an officer do; they keep what a gateway needs.
    op.execute(
        "INSERT INTO credential (sha256, tenant, kind, role, label, created_ms) "
        "SELECT sha256, tenant, 'key', 'gateway', label, created_ms FROM api_key"
    )
    op.drop_table("api_key")
    if postgres:
        _protect("credential", seen=f"{_OWN} OR {_SHOWN}", may="INSERT, DELETE")
        _protect("audit", seen=_OWN, may="INSERT")
        op.execute("GRANT USAGE ON SEQUENCE audit_id_seq TO cobenefit_app")


def _protect(table: str, *, seen: str, may: str) -> None:
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY seen ON {table} FOR SELECT USING ({seen})")
    op.execute(f"CREATE POLICY added ON {table} FOR INSERT WITH CHECK ({_OWN})")
    op.execute(f"CREATE POLICY removed ON {table} FOR DELETE USING ({_OWN})")
    op.execute(f"GRANT SELECT, {may} ON {table} TO cobenefit_app")


def downgrade() -> None:
    postgres = op.get_bind().dialect.name == "postgresql"
    text = AutoString() if not postgres else sa.String(collation="C")
    op.create_table(
        "api_key",
        sa.Column("sha256", text, nullable=False),
        sa.Column("tenant", text, nullable=False),
        sa.Column("label", text, nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_api_key")),
    )
    if postgres:
        op.execute("ALTER TABLE credential NO FORCE ROW LEVEL SECURITY")
    op.execute(
        "INSERT INTO api_key (sha256, tenant, label, created_ms) "
        "SELECT sha256, tenant, label, created_ms FROM credential WHERE role = 'gateway'"
    )
    op.drop_table("audit")
    op.drop_table("credential")
    if postgres:
        _protect("api_key", seen=f"{_OWN} OR {_SHOWN}", may="INSERT, UPDATE, DELETE")
        op.execute(
            f"CREATE POLICY changed ON api_key FOR UPDATE USING ({_OWN}) WITH CHECK ({_OWN})"
        )
