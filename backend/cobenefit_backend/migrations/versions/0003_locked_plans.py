"""Plans locked before the results are known: one row a study, never replaced.

Revision: 0003, after 0002.
"""

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import AutoString

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "locked_plan",
        sa.Column("tenant", AutoString(), nullable=False),
        sa.Column("study", AutoString(), nullable=False),
        sa.Column("plan", AutoString(), nullable=False),
        sa.Column("sha256", AutoString(), nullable=False),
        sa.Column("locked_on", AutoString(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "study", name="pk_locked_plan"),
    )


def downgrade() -> None:
    op.drop_table("locked_plan")
