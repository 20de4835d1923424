"""What people of an OpenID Connect provider may do, and whose session is whose.

Revision: 0013, after 0008.
"""

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import AutoString

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_OWN = "tenant = nullif(current_setting('app.tenant', true), '')"
_SHOWN = "person = nullif(current_setting('app.credential', true), '')"


def upgrade() -> None:
    postgres = op.get_bind().dialect.name == "postgresql"
    text = AutoString() if not postgres else sa.String(collation="C")
    for name in ("person", "ending"):
        op.add_column("credential", sa.Column(name, text, nullable=False, server_default=""))
    op.create_table(
        "access_grant",
        sa.Column("tenant", text, nullable=False),
        sa.Column("person", text, nullable=False),
        sa.Column("issuer", text, nullable=False),
        sa.Column("email", text, nullable=False),
        sa.Column("subject", text, nullable=False),
        sa.Column("role", text, nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("seen_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "person", name=op.f("pk_access_grant")),
    )
    if postgres:
        _protect("access_grant")


def _protect(table: str) -> None:
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY seen ON {table} FOR SELECT USING ({_OWN} OR {_SHOWN})")
    op.execute(f"CREATE POLICY added ON {table} FOR INSERT WITH CHECK ({_OWN})")
    op.execute(f"CREATE POLICY changed ON {table} FOR UPDATE USING ({_OWN}) WITH CHECK ({_OWN})")
    op.execute(f"CREATE POLICY removed ON {table} FOR DELETE USING ({_OWN})")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO cobenefit_app")


def downgrade() -> None:
    op.drop_table("access_grant")
    op.drop_column("credential", "ending")
    op.drop_column("credential", "person")
