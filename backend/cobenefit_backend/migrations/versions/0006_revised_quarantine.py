"""A revision beside each quarantine total: a replay at the gateway makes totals smaller.

Revision: 0006, after 0003.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("quarantine") as table:
        table.add_column(
            sa.Column("revision", sa.BigInteger(), nullable=False, server_default="0")
        )


def downgrade() -> None:
    with op.batch_alter_table("quarantine") as table:
        table.drop_column("revision")
