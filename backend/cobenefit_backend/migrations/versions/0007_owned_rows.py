"""Every row carries its tenant; PostgreSQL keeps months apart and refuses other tenants' rows.

Revision: 0007, after 0006.
"""

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import AutoString

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_WIDER = ("reconnects", "resets", "battery_mv", "waiting")
_VALUES = """series_id, start_ms, length_s, revision, count, expected, flagged, first, first_t_ms,
    last, last_t_ms, min, max, sum, m2, delta, integral, covered_s, histogram"""

# Makes the partitions a page needs. It runs as the owner, because the role that serves may not
# create tables; months count from year 0, and 2000 to 2099 is all it makes.
_MONTHS = """
CREATE FUNCTION rollup_months(months integer[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  month integer;
  name text;
BEGIN
  FOREACH month IN ARRAY months LOOP
    name := format('rollup_%s', to_char(make_date(month / 12, month % 12 + 1, 1), 'YYYYMM'));
    CONTINUE WHEN to_regclass('public.' || name) IS NOT NULL;
    IF month < 24000 OR month >= 25200 THEN
      RAISE EXCEPTION 'month % has no partition of its own', month;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('rollup_months'));
    CONTINUE WHEN to_regclass('public.' || name) IS NOT NULL;
    EXECUTE format(
      'CREATE TABLE public.%I PARTITION OF public.rollup FOR VALUES FROM (%s) TO (%s)', name,
      extract(epoch FROM make_timestamptz(month / 12, month % 12 + 1, 1, 0, 0, 0, 'UTC'))::bigint
        * 1000,
      extract(epoch FROM make_timestamptz(
        (month + 1) / 12, (month + 1) % 12 + 1, 1, 0, 0, 0, 'UTC'))::bigint * 1000
    );
  END LOOP;
END $$
"""
_MONTHS_STORED = """
SELECT rollup_months(array(
  SELECT DISTINCT (extract(year FROM t) * 12 + extract(month FROM t) - 1)::integer
  FROM rollup_old, LATERAL (SELECT to_timestamp(start_ms / 1000) AT TIME ZONE 'UTC' AS t) AS s
  WHERE start_ms >= 946684800000 AND start_ms < 4102444800000))
"""
_ROLE = """
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'cobenefit_app') THEN
    RAISE EXCEPTION 'role cobenefit_app is missing: CREATE ROLE cobenefit_app LOGIN (as admin)';
  END IF;
END $$
"""


def upgrade() -> None:
    postgres = op.get_bind().dialect.name == "postgresql"
    with op.batch_alter_table("device_health") as table:
        for name in _WIDER:
            table.alter_column(
                name,
                type_=sa.BigInteger(),
                existing_type=sa.Integer(),
                existing_nullable=name == "battery_mv",
            )
    with op.batch_alter_table("spool_page") as table:
        table.drop_constraint("pk_spool_page", type_="primary")
        table.create_primary_key("pk_spool_page", ["tenant", "spool", "page"])
    if postgres:
        op.execute(_ROLE)
        for kind in ("pk_rollup", "fk_rollup_series_id"):
            op.execute(f"ALTER TABLE rollup RENAME CONSTRAINT {kind} TO {kind}_old")
    op.rename_table("rollup", "rollup_old")
    tenant = sa.Column("tenant", AutoString(), nullable=False)
    _create_rollup(tenant, postgresql_partition_by="RANGE (start_ms)")
    if postgres:
        op.execute("CREATE TABLE rollup_other PARTITION OF rollup DEFAULT")
        op.execute(_MONTHS)
        op.execute(_MONTHS_STORED)
    op.execute(
        f"INSERT INTO rollup ({_VALUES}, tenant) SELECT {_VALUES}, tenant "
        "FROM rollup_old JOIN series ON series.id = series_id"
    )
    op.drop_table("rollup_old")
    if postgres:
        _collate()
        for table in sa.inspect(op.get_bind()).get_table_names():
            if not table.startswith(("rollup_", "alembic")):
                _protect(table)
        op.execute("REVOKE ALL ON FUNCTION rollup_months(integer[]) FROM PUBLIC")
        op.execute("GRANT EXECUTE ON FUNCTION rollup_months(integer[]) TO cobenefit_app")
        op.execute("GRANT SELECT ON alembic_version TO cobenefit_app")
        op.execute("GRANT USAGE ON SEQUENCE series_id_seq TO cobenefit_app")


def _create_rollup(*owned: sa.Column, **options: str) -> None:
    op.create_table(
        "rollup",
        sa.Column("series_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("start_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("length_s", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("expected", sa.Integer(), nullable=False),
        sa.Column("flagged", sa.Integer(), nullable=False),
        *_measured(),
        *owned,
        sa.ForeignKeyConstraint(["series_id"], ["series.id"], name=op.f("fk_rollup_series_id")),
        sa.PrimaryKeyConstraint("series_id", "start_ms", "length_s", name=op.f("pk_rollup")),
        **options,
    )


def _measured() -> list[sa.Column]:
    times = ("first_t_ms", "last_t_ms")
    numbers = ("first", "first_t_ms", "last", "last_t_ms", "min", "max", "sum", "m2", "delta",
               "integral", "covered_s")  # fmt: skip
    kinds = [(name, sa.BigInteger() if name in times else sa.Float()) for name in numbers]
    kinds.append(("histogram", AutoString()))
    return [sa.Column(name, kind, nullable=True) for name, kind in kinds]


def _collate() -> None:
    """Sort text by its bytes, as SQLite does, whatever the locale of the database."""
    rows = op.get_bind().execute(sa.text(
        "SELECT table_name, column_name FROM information_schema.columns JOIN pg_class "
        "ON relname = table_name WHERE table_schema = 'public' AND data_type = 'character varying' "
        "AND NOT relispartition AND table_name <> 'alembic_version'"
    )).all()  # fmt: skip
    for table, column in rows:
        op.execute(f'ALTER TABLE {table} ALTER COLUMN {column} TYPE varchar COLLATE "C"')


def _protect(table: str) -> None:
    """Let a transaction see and write the rows of its own tenant only; the owner's too."""
    own = "tenant = nullif(current_setting('app.tenant', true), '')"
    shown = "sha256 = nullif(current_setting('app.credential', true), '')"
    seen = {"change": "true", "api_key": f"{own} OR {shown}"}.get(table, own)
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY seen ON {table} FOR SELECT USING ({seen})")
    op.execute(f"CREATE POLICY added ON {table} FOR INSERT WITH CHECK ({own})")
    op.execute(f"CREATE POLICY changed ON {table} FOR UPDATE USING ({own}) WITH CHECK ({own})")
    op.execute(f"CREATE POLICY removed ON {table} FOR DELETE USING ({own})")
    op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO cobenefit_app")


def downgrade() -> None:
    postgres = op.get_bind().dialect.name == "postgresql"
    if postgres:
        for table in sa.inspect(op.get_bind()).get_table_names():
            if not table.startswith(("rollup_", "alembic")):
                _unprotect(table)
        op.execute("DROP FUNCTION rollup_months(integer[])")
        op.execute("ALTER TABLE rollup RENAME CONSTRAINT pk_rollup TO pk_rollup_old")
        op.execute("ALTER TABLE rollup RENAME CONSTRAINT fk_rollup_series_id TO fk_rollup_old")
    op.rename_table("rollup", "rollup_old")
    _create_rollup()
    op.execute(f"INSERT INTO rollup ({_VALUES}) SELECT {_VALUES} FROM rollup_old")
    op.drop_table("rollup_old")
    with op.batch_alter_table("spool_page") as table:
        table.drop_constraint("pk_spool_page", type_="primary")
        table.create_primary_key("pk_spool_page", ["spool", "page"])
    with op.batch_alter_table("device_health") as table:
        for name in _WIDER:
            table.alter_column(
                name,
                type_=sa.Integer(),
                existing_type=sa.BigInteger(),
                existing_nullable=name == "battery_mv",
            )


def _unprotect(table: str) -> None:
    for name in ("seen", "added", "changed", "removed"):
        op.execute(f"DROP POLICY {name} ON {table}")
    op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY")
    op.execute(f"REVOKE ALL ON {table} FROM cobenefit_app")
