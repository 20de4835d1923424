"""A database that is cut, overwritten or has flipped bits: the same rollups, and it is counted."""

import random
import sqlite3
from dataclasses import replace

import pytest

from cobenefit_gateway import intake, store
from cobenefit_gateway.errors import DamagedError, StorageError
from cobenefit_gateway.intake import Intake
from cobenefit_gateway.journal import Journal
from cobenefit_gateway.opening import open_store
from cobenefit_gateway.readings import Readings
from cobenefit_gateway.replay import replay

START_MS = 1_600_041_600_000
FINE = '[[consent]]\nsite = "*"\ndevice = "*"\n'


class Machine:
    """A gateway between its two networks, with a journal, on one folder."""

    def __init__(self, pipeline):
        self.pipeline = pipeline
        self.backend = {}
        self.start()

    def start(self):
        self.pipeline.store.close()
        self.store = self.pipeline.store = open_store(self.pipeline.config)
        self.journal = Journal(self.pipeline.config.data_dir / "journal", 4000)
        state = self.pipeline.state = self.store.load()
        readings = Readings(self.pipeline.config, state, self.store.window)
        self.intake = Intake(self.pipeline.config, state, readings)
        self.intake.take(list(self.journal.replay(self.store.position)))

    def take(self, record):
        self.journal.append(record)
        self.journal.sync()
        self.intake.take([record])

    def checkpoint(self, *, flush=False):
        self.store.checkpoint(self.pipeline.state, self.journal.position, flush=flush)
        self.journal.drop_before(self.store.kept_from)

    def surely(self, act, *args):
        """Act; what was damaged in a closed window is met only when it is read again."""
        try:
            return act(*args)
        except DamagedError:
            self.stop()
            self.start()
            return None if act == self.take else act(*args)  # taken from the journal

    def deliver(self):
        """As the backend takes pages: the highest revision replaces."""
        for key, row in self.pipeline.rows().items():
            if key not in self.backend or row["revision"] > self.backend[key]["revision"]:
                self.backend[key] = row

    def stop(self):
        self.journal.close()
        self.store.close()

    def result(self):
        self.checkpoint(flush=True)
        self.deliver()
        return {key: {**row, "revision": 0} for key, row in self.backend.items()}


def records(gateway):
    packs = [
        gateway.pack(i, START_MS + i * 6_000_000, [100 * i + k for k in range(10)])
        for i in range(40)
    ]
    random.Random(3).shuffle(packs)
    return packs


def life(pipeline, damage, seed=0):
    """Half of the packs, then a stop, damage, a start, and the other half."""
    rng = random.Random(seed)
    machine = Machine(pipeline)
    packs = records(pipeline)
    for i, pack in enumerate(packs):
        if i == 20:
            machine.stop()
            damage(pipeline.config.data_dir / "gateway.db", rng)
            machine.start()
        machine.surely(machine.take, pack)
        if i % 3 == 0:
            machine.surely(machine.checkpoint)
        if i % 7 == 0:
            machine.deliver()
    rollups = machine.surely(machine.result)
    rebuilt = machine.pipeline.state.totals["state_rebuilt"]
    machine.stop()
    return rollups, rebuilt


def nothing(_path, _rng):
    pass


def cut(path, rng):
    with path.open("r+b") as file:
        file.truncate(rng.randrange(path.stat().st_size))


def overwrite(path, rng):
    data = bytearray(path.read_bytes())
    at = rng.randrange(len(data) // 4)
    data[at:] = rng.randbytes(len(data) - at)
    path.write_bytes(data)


def flip(path, rng):
    data = bytearray(path.read_bytes())
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(data)


def remove(path, _rng):
    path.unlink()


def late(machine):
    """A pack of another boot whose window is closed."""
    return machine.pipeline.pack(0, START_MS + 60_000, [1], boot=2).payload


def fresh(pipeline):
    """A data folder of its own for each try."""
    fresh.number += 1
    return pipeline(f'data_dir = "data-{fresh.number}"\n' + FINE)


fresh.number = 0


@pytest.mark.parametrize(("damage", "tries"), [(cut, 4), (overwrite, 3), (flip, 12), (remove, 1)])
def test_whatever_happens_to_the_database_the_rollups_are_the_same(pipeline, damage, tries):
    expected, rebuilt = life(fresh(pipeline), nothing)
    assert rebuilt == 0
    found = 0
    for seed in range(tries):
        rollups, rebuilt = life(fresh(pipeline), damage, seed)
        assert rollups.keys() == expected.keys()
        for key, row in expected.items():
            wanted = {**row, "m2": pytest.approx(row["m2"], rel=1e-9)}
            assert rollups[key] == wanted, (seed, key)
        found += rebuilt
    # A flipped bit may lie where nothing is kept; the rest is noticed each time.
    assert found == tries or damage is flip


def test_a_damaged_row_met_while_running_stops_the_gateway_and_the_next_start_rebuilds(pipeline):
    machine = Machine(fresh(pipeline))
    packs = sorted(records(machine.pipeline), key=lambda r: r.payload)
    for pack in packs[:20]:
        machine.take(pack)
    machine.checkpoint(flush=True)
    machine.deliver()
    path = machine.pipeline.config.data_dir / "gateway.db"
    with sqlite3.connect(path) as db:
        db.execute("UPDATE windows SET flagged = flagged + 1 WHERE state = 2")
    db.close()
    with pytest.raises(DamagedError, match="start the gateway again"):
        machine.take(packs[-1]._replace(payload=late(machine)))
        machine.checkpoint()
    machine.stop()
    machine.start()
    assert machine.pipeline.state.totals["state_rebuilt"] == 1
    machine.stop()
    assert (machine.pipeline.config.data_dir / "gateway.db.damaged").exists()


def test_without_copy_and_without_the_journals_beginning_the_operator_is_told(pipeline):
    machine = Machine(fresh(pipeline))
    for pack in records(machine.pipeline):
        machine.take(pack)
        machine.checkpoint()
    machine.stop()
    folder = machine.pipeline.config.data_dir
    (folder / "gateway.db.copy").unlink()
    (folder / "journal/00000001.log").unlink(missing_ok=True)
    (folder / "gateway.db").write_bytes(b"rubbish" * 1000)
    with pytest.raises(StorageError, match="the journal begins later"):
        machine.start()


def misnamed(gateway):
    """A pack in kW where W is agreed: refused and kept."""
    return gateway.pack(99, START_MS, [1, 2], "power_active_w", unit="kW")


def changed(machine, statement):
    with sqlite3.connect(machine.pipeline.config.data_dir / "gateway.db") as db:
        db.execute(statement)
    db.close()


def test_a_damaged_closed_window_is_never_sent(pipeline):
    machine = Machine(fresh(pipeline))
    machine.take(records(machine.pipeline)[0])
    machine.checkpoint(flush=True)
    changed(machine, "UPDATE windows SET state = 1, segments = replace(segments, '1', '2')")
    with pytest.raises(DamagedError, match="start the gateway again"):
        machine.checkpoint()
    machine.stop()


@pytest.mark.parametrize("table", ["kept", "births"])
def test_what_is_still_to_be_read_has_a_checksum(pipeline, table):
    machine = Machine(fresh(pipeline))
    machine.take(misnamed(machine.pipeline))
    machine.pipeline.state.save_birth("spBv1.0/g/NBIRTH/e", b"\x08\x01")
    machine.checkpoint(flush=True)
    machine.stop()
    changed(machine, f"UPDATE {table} SET payload = x'00'")
    machine.start()
    assert machine.pipeline.state.totals["state_rebuilt"] == 1
    assert machine.pipeline.state.births == {"spBv1.0/g/NBIRTH/e": b"\x08\x01"}
    machine.stop()


def test_what_was_replayed_outlives_a_damaged_database(pipeline, monkeypatch):
    machine = Machine(fresh(pipeline))
    machine.take(misnamed(machine.pipeline))
    machine.checkpoint()
    machine.stop()
    right = intake.rule_of
    for module in (intake, store):
        monkeypatch.setattr(module, "rule_of", lambda *key: replace(right(*key), unit="kW"))
    assert replay(machine.pipeline.config, {}, 1) == (1, 0)
    (machine.pipeline.config.data_dir / "gateway.db").write_bytes(b"rubbish" * 1000)
    machine.start()
    assert machine.pipeline.state.totals["state_rebuilt"] == 1
    monkeypatch.undo()
    rows = machine.result()
    assert {key[2]: row["count"] for key, row in rows.items()} == {86_400: 2, 600: 1}
    machine.stop()
