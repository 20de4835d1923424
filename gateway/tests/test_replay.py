"""Refused messages taken again after the cause was put right: once, whatever happens."""

import json

import pytest
from typer.testing import CliRunner

from cobenefit_gateway.commands import app
from cobenefit_gateway.config import load
from cobenefit_gateway.errors import StorageError
from cobenefit_gateway.journal import OVERSIZE, Journal, Record, records
from cobenefit_gateway.lock import FolderLock
from cobenefit_gateway.replay import Offline, replay
from cobenefit_gateway.spool import Spool
from cobenefit_wire.pack import Pack, encode

START_MS = 1_600_041_600_000
NOW_MS = 1_700_000_000_000


def command(*words):
    done = CliRunner().invoke(app, [str(word) for word in words])
    return done.exit_code, done.output


def misnamed(gateway, seq=0):
    """A pack whose unit is not the agreed one: kW where W is."""
    fields = (1, seq, 0, START_MS, "kW", 0, 600_000, (), [1, 2], b"")
    return Record("cb/v1/s/d/up/power_active_w", encode(Pack(*fields)), NOW_MS)


def saved(gateway):
    gateway.checkpoint()
    gateway.store.close()
    gateway.store.close = lambda: None  # the fixture closes it too


def counts(gateway):
    spool = Spool(gateway.config.data_dir / "gateway.db")
    found = {row["reason"]: (row["packs"], row["readings"]) for row in spool.quarantine()}
    spool.close()
    return found


def test_what_is_still_wrong_is_refused_and_kept_anew(pipeline):
    gateway = pipeline()
    gateway.take(misnamed(gateway))
    saved(gateway)
    assert counts(gateway) == {"unit": (1, 2)}
    for _ in range(3):
        assert replay(gateway.config, {}, 1) == (1, 0)
        assert counts(gateway) == {"unit": (1, 2)}


def told(gateway):
    spool = Spool(gateway.config.data_dir / "gateway.db")
    mark, rows = spool.unsent("quarantine")
    spool.confirm("quarantine", mark)
    spool.close()
    return [(row["reason"], row["packs"], row["readings"], row["revision"]) for row in rows]


def test_after_the_cause_is_put_right_it_is_taken_once(pipeline, monkeypatch):
    from cobenefit_gateway import intake, store

    gateway = pipeline()
    gateway.take(misnamed(gateway))
    saved(gateway)
    right = intake.rule_of

    def mended(*words):  # as a newer version that agrees on another unit
        import dataclasses

        return dataclasses.replace(right(*words), unit="kW")

    for module in (intake, store):
        monkeypatch.setattr(module, "rule_of", mended)
    ((*refused, before),) = told(gateway)
    assert refused == ["unit", 1, 2]
    assert replay(gateway.config, {"reason": "unit"}, 1) == (1, 0)
    ((*refused, after),) = told(gateway)
    assert refused == ["unit", 0, 0]
    assert after > before  # so the backend takes the smaller total
    assert replay(gateway.config, {"reason": "unit"}, 1) == (0, 0)
    assert counts(gateway) == {}
    monkeypatch.undo()
    gateway.number = 0
    gateway.reload()
    assert gateway.state.totals["replayed"] == 1
    assert gateway.state.totals["readings"] == 2


def test_a_crash_before_the_checkpoint_counts_nothing_twice(pipeline):
    gateway = pipeline()
    gateway.take(misnamed(gateway))
    gateway.checkpoint()
    spool = Spool(gateway.config.data_dir / "gateway.db")
    assert spool.ask_again({"device": "d"}) == 1
    assert spool.ask_again({"device": "d"}) == 0
    gateway.intake.again(gateway.store.asked_again())
    gateway.reload()  # the state of the replay is gone, its request is not
    assert spool.asked() == 1
    assert gateway.refused() == {("d", "power_active_w", "unit"): (2, 1)}
    gateway.intake.again(gateway.store.asked_again())
    gateway.checkpoint()
    assert spool.asked() == 0
    assert gateway.refused() == {("d", "power_active_w", "unit"): (2, 1)}
    spool.close()


def test_of_senml_only_the_channel_that_was_refused_is_taken_again(pipeline):
    gateway = pipeline()
    body = [
        {"n": "voltage_v", "u": "V", "t": 1_600_000_000, "v": 230},
        {"n": "current_a", "u": "mA", "t": 1_600_000_000, "v": 5},
    ]
    gateway.take(Record("cb/v1/s/d/senml", json.dumps(body).encode(), NOW_MS))
    saved(gateway)
    assert replay(gateway.config, {"channel": "current_a"}, 1) == (1, 0)
    gateway.number = 0
    gateway.reload()
    gateway.checkpoint(flush=True)
    assert {key[0]: row["count"] for key, row in gateway.rows().items()} == {"voltage_v": 1}
    assert gateway.refused() == {("d", "current_a", "unit"): (1, 1)}


def test_only_so_many_are_kept_and_too_long_ones_never(pipeline, monkeypatch):
    from cobenefit_gateway import store

    monkeypatch.setattr(store, "MAX_KEPT", 3)
    gateway = pipeline()
    gateway.take(*(Record(f"cb/v1/s/d/up/BAD{i}", b"x", NOW_MS) for i in range(5)))
    gateway.take(Record("cb/v1/s/d/up/voltage_v", b"1234" + bytes(16), NOW_MS, OVERSIZE))
    gateway.checkpoint()
    spool = Spool(gateway.config.data_dir / "gateway.db")
    assert spool.ask_again({}) == 3
    spool.close()
    assert [k.record.topic[-4:] for k in gateway.store.asked_again()] == ["BAD2", "BAD3", "BAD4"]
    monkeypatch.setattr(store, "_KEPT_BYTES", 150)
    gateway.take(*(Record(f"cb/v1/s/d/up/OLD{i}", b"y" * 100, NOW_MS) for i in range(2)))
    gateway.checkpoint()
    with_room = gateway.store._db.execute("SELECT topic FROM kept").fetchall()
    assert with_room == [("cb/v1/s/d/up/OLD1",)]


def test_a_journal_file_found_again_gives_what_was_never_taken(pipeline, tmp_path):
    gateway = pipeline()
    packs = [gateway.pack(i, START_MS + i * 600_000, [i]) for i in range(6)]
    gateway.take(*packs[:4])
    saved(gateway)
    journal = Journal(tmp_path / "old", 1 << 20)
    for record in packs:
        journal.append(record)
    journal.sync()
    journal.close()
    (file,) = (tmp_path / "old").glob("*.log")
    damaged = bytearray(file.read_bytes())
    damaged[5] ^= 1  # the first record, one that was taken
    file.write_bytes(damaged)
    code, said = command("replay", gateway.file, "--journal", file)
    assert (code, said.strip()) == (0, f"{file}: 5 packs read, 2 of them new")
    assert "0 of them new" in command("replay", gateway.file, "--journal", file)[1]


def test_bytes_that_are_no_records_give_none():
    assert list(records(b"")) == []
    assert list(records(b"\x17\xcb" * 50)) == []


def test_the_command_says_what_it_did_and_a_running_gateway_is_not_disturbed(pipeline, tmp_path):
    gateway = pipeline()
    gateway.take(misnamed(gateway))
    saved(gateway)
    code, said = command("replay", gateway.file, "--reason", "unit")
    assert code == 0
    assert "1 messages taken again" in said
    lock = FolderLock(gateway.config.data_dir)
    assert replay(load(gateway.file), {}, 0.2) == (1, 1)  # it waits for the one that runs
    code, said = command("replay", gateway.file, "--journal", tmp_path / "none.log")
    assert (code, "another gateway works here" in said) == (3, True)
    lock.release()
    code, said = command("replay", gateway.file, "--journal", tmp_path / "none.log")
    assert (code, "No such file" in said) == (3, True)
    assert command("replay", gateway.file, "--pages")[1] == "0 pages will be sent again\n"


def test_offline_takes_the_lock_and_gives_it_back(pipeline):
    gateway = pipeline()
    saved(gateway)
    offline = Offline(gateway.config)
    with pytest.raises(StorageError, match="another gateway works here"):
        FolderLock(gateway.config.data_dir)
    offline.close()
    FolderLock(gateway.config.data_dir).release()
