"""Ledger of a node that sleeps: time asleep and on the air, error, flash, resets, batteries.

Revision: 0002, after 0001.
"""

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import AutoString

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_NUMBERS = {
    "asleep_ms": sa.BigInteger(),
    "radio_ms": sa.BigInteger(),
    "error_permille": sa.Integer(),
    "flash_bytes": sa.BigInteger(),
    "battery_changes": sa.Integer(),
}


def upgrade() -> None:
    with op.batch_alter_table("device_health") as table:
        for name, kind in _NUMBERS.items():
            table.add_column(sa.Column(name, kind, nullable=False, server_default="0"))
        table.add_column(sa.Column("causes", AutoString(), nullable=False, server_default="[]"))


def downgrade() -> None:
    with op.batch_alter_table("device_health") as table:
        for name in (*_NUMBERS, "causes"):
            table.drop_column(name)
