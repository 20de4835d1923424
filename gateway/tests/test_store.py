"""What a checkpoint saves: databases of the first schema, rows that went missing, numbers."""

import json
import sqlite3
from contextlib import closing

import pytest

from cobenefit_gateway import rescue
from cobenefit_gateway.errors import DamagedError, StorageError
from cobenefit_gateway.journal import Record
from cobenefit_gateway.rows import segments_of
from cobenefit_gateway.sums import SUMMED, row_sum

NOW_MS = 1_700_000_000_000
START_MS = NOW_MS // 86_400_000 * 86_400_000
FINE = '[[consent]]\nsite = "*"\ndevice = "*"\n'


def database(gateway):
    return closing(sqlite3.connect(gateway.config.data_dir / rescue.DATABASE))


def as_in_the_first_schema(gateway):
    """Sequences under their names, segments as JSON, checksums of text."""
    with database(gateway) as db, db:
        rows = db.execute(f"SELECT {SUMMED['windows']} FROM windows").fetchall()
        for row in rows:
            body = json.dumps(segments_of(row[6]), separators=(",", ":"))
            db.execute(
                "UPDATE windows SET segments = ?, crc = ? "
                "WHERE series_id = ? AND grid = ? AND start_ms = ?",
                (body, row_sum((*row[:6], body, row[7])), *row[:3]),
            )
        for row in db.execute(f"SELECT {SUMMED['series']} FROM series").fetchall():
            db.execute("UPDATE series SET crc = ? WHERE id = ?", (row_sum(row), row[0]))
        db.execute("ALTER TABLE sequences RENAME TO numbered")
        db.execute(
            "CREATE TABLE sequences(site TEXT, device TEXT, boot INTEGER, floor INTEGER NOT NULL, "
            "ranges TEXT NOT NULL, crc INTEGER, PRIMARY KEY(site, device, boot)) WITHOUT ROWID"
        )
        db.execute(f"INSERT INTO sequences SELECT {SUMMED['sequences']}, crc FROM numbered")
        db.execute("DROP TABLE numbered")
        db.execute("UPDATE meta SET value = '1' WHERE key = 'schema'")
        db.execute("UPDATE meta SET value = ? WHERE key = 'sum'", (rescue.position_sum(db),))
    return len(rows)


def packs(gateway):
    """Two boots, a gap, a day that ends, and one pack too late for its window."""
    return [
        gateway.pack(0, START_MS, [1, 2, 3]),
        gateway.pack(2, START_MS + 7_200_000, [7, 8]),
        gateway.pack(0, START_MS + 9_000_000, [9], boot=2),
        gateway.pack(3, START_MS + 90_000_000, [20, 21]),
        gateway.pack(1, START_MS + 1_800_000, [4, 5]),
    ]


def life(gateway, between):
    for i, pack in enumerate(packs(gateway)):
        gateway.take(pack)
        gateway.take(pack)
        gateway.checkpoint()
        if i == 2:
            between(gateway)
    gateway.checkpoint(flush=True)
    return {key: {**row, "revision": 0} for key, row in gateway.rows().items()}


def test_a_database_of_the_first_schema_goes_on(pipeline, tmp_path):
    expected = life(pipeline(f"data_dir = '{tmp_path / 'new'}'\n" + FINE), lambda _: None)

    def older(gateway):
        assert as_in_the_first_schema(gateway) > 3
        gateway.reload()
        gateway.store.verify()

    gateway = pipeline(f"data_dir = '{tmp_path / 'old'}'\n" + FINE)
    assert life(gateway, older) == expected
    assert gateway.state.totals["duplicates"] == 5
    gateway.reload()
    gateway.store.verify()
    with database(gateway) as db:
        assert db.execute("SELECT value FROM meta WHERE key = 'schema'").fetchone() == ("2",)


def test_a_damaged_row_of_the_first_schema_is_found(pipeline):
    gateway = pipeline(FINE)
    gateway.take(packs(gateway)[0])
    gateway.checkpoint()
    as_in_the_first_schema(gateway)
    with database(gateway) as db, db:
        db.execute("UPDATE series SET max_t_ms = max_t_ms + 1")
    gateway.reload()
    with pytest.raises(DamagedError, match="a row of series"):
        gateway.store.verify()


def test_a_later_schema_is_refused(pipeline):
    gateway = pipeline()
    with database(gateway) as db, db:
        db.execute("UPDATE meta SET value = '3' WHERE key = 'schema'")
    with pytest.raises(StorageError, match="schema 3, this gateway writes 2"):
        gateway.reload()
    gateway.number = 0


@pytest.mark.parametrize("table", ["windows", "sequences", "series"])
def test_a_row_that_went_missing_is_not_passed_over(pipeline, table):
    gateway = pipeline()
    gateway.take(packs(gateway)[0])
    gateway.checkpoint()
    with database(gateway) as db, db:
        db.execute(f"DELETE FROM {table}")
    gateway.take(packs(gateway)[4])
    with pytest.raises(DamagedError, match="not where they were saved"):
        gateway.checkpoint()
    assert (gateway.config.data_dir / rescue.SUSPECT).exists()


@pytest.mark.parametrize("damage", ["CAST(segments AS TEXT)", "7", "x'00'"])
def test_segments_of_another_kind_are_damage(pipeline, damage):
    gateway = pipeline()
    gateway.take(packs(gateway)[0])
    gateway.checkpoint()
    with database(gateway) as db, db:
        db.execute(f"UPDATE windows SET segments = {damage}")
    with pytest.raises(DamagedError, match="checksum"):
        gateway.store.verify()


def test_a_series_without_an_accepted_reading_keeps_its_number(pipeline):
    gateway = pipeline()
    gateway.take(gateway.pack(0, START_MS, [1], "power_active_w", unit="kW"))
    gateway.take(gateway.pack(1, START_MS, [2]))
    gateway.checkpoint()
    gateway.reload()
    gateway.take(gateway.pack(2, START_MS, [3], "vehicle_speed_km_h"))
    assert [s.channel for s in sorted(gateway.state.series.values(), key=lambda s: s.id)] == [
        *("power_active_w", "energy_import_wh", "vehicle_speed_km_h")
    ]
    assert len({s.id for s in gateway.state.series.values()}) == 3


def test_a_negative_zero_comes_back_with_its_checksum(pipeline):
    gateway = pipeline()
    body = b'[{"n":"energy_import_wh","u":"Wh","t":%d,"v":-0.0}]' % (START_MS // 1000)
    gateway.take(Record("cb/v1/s/d/senml", body, NOW_MS))
    gateway.checkpoint()
    assert gateway.state.totals["readings"] == 1
    gateway.reload()
    gateway.store.verify()
