"""Published versions of a report, which nobody changes or removes.

Revision: 0011, after 0008.
"""

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import AutoString

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_OWN = "tenant = nullif(current_setting('app.tenant', true), '')"
_TABLES = ("report_version", "report_due")
_TEXTS = (
    "who", "why", "status", "due", "method_version", "factor_set", "factor_sha256",
    "code_version", "data_sha256", "report_sha256", "sha256",
)  # fmt: skip


def upgrade() -> None:
    postgres = op.get_bind().dialect.name == "postgresql"
    text = AutoString() if not postgres else sa.String(collation="C")
    op.create_table(
        "report_version",
        sa.Column("tenant", text, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        *(sa.Column(name, text, nullable=False) for name in _TEXTS),
        sa.Column("archive", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "number", name=op.f("pk_report_version")),
    )
    op.create_table(
        "report_due",
        sa.Column("tenant", text, nullable=False),
        sa.Column("day", text, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "day", name=op.f("pk_report_due")),
    )
    for table in _TABLES:
        if postgres:
            _protect(table)
        else:
            _freeze(table)


def _protect(table: str) -> None:
    """Let rows of one's own tenant be seen and added, and nothing else."""
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY seen ON {table} FOR SELECT USING ({_OWN})")
    op.execute(f"CREATE POLICY added ON {table} FOR INSERT WITH CHECK ({_OWN})")
    op.execute(f"GRANT SELECT, INSERT ON {table} TO cobenefit_app")


def _freeze(table: str) -> None:
    """Refuse what would change or remove a row; SQLite has no roles that could."""
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is never changed'); END"
        )


def downgrade() -> None:
    for table in _TABLES:
        op.drop_table(table)
