"""Areas of a municipality, for its map.

Revision: 0014, after 0008.
"""

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import AutoString

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_OWN = "tenant = nullif(current_setting('app.tenant', true), '')"


def upgrade() -> None:
    postgres = op.get_bind().dialect.name == "postgresql"
    text = AutoString() if not postgres else sa.String(collation="C")
    op.create_table(
        "area",
        sa.Column("tenant", text, nullable=False),
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", text, nullable=False),
        sa.Column("insee", text, nullable=False),
        sa.Column("sites", text, nullable=False),
        sa.Column("polygons", text, nullable=False),
        sa.Column("outline", text, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id", name=op.f("pk_area")),
    )
    if postgres:
        op.execute("ALTER TABLE area ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY seen ON area FOR SELECT USING ({_OWN})")
        op.execute(f"CREATE POLICY added ON area FOR INSERT WITH CHECK ({_OWN})")
        op.execute(f"CREATE POLICY removed ON area FOR DELETE USING ({_OWN})")
        op.execute("GRANT SELECT, INSERT, DELETE ON area TO cobenefit_app")


def downgrade() -> None:
    op.drop_table("area")
