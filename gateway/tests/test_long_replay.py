"""A gateway that ends while it reads its journal goes on from where it had come."""

from dataclasses import replace

import pytest

from cobenefit_gateway import app
from cobenefit_gateway.app import Gateway
from cobenefit_gateway.journal import Journal, Position
from cobenefit_gateway.store import Store

START_MS = 1_600_041_600_000
PACKS, AT_ONCE = 40, 5


class CrashError(Exception):
    """As if the power went."""


@pytest.fixture
def filled(pipeline, monkeypatch):
    """Return a pipeline whose journal holds packs that no checkpoint has seen."""
    monkeypatch.setattr(app, "_TAKE", AT_ONCE)
    monkeypatch.setattr(app, "_CHECKPOINT_PART", 1e9)  # at each chance, however long it takes
    one = pipeline()
    one.config = replace(one.config, checkpoint_s=0.0)
    one.store.close()
    one.store.close = lambda: None  # the fixture closes it too
    journal = Journal(one.config.data_dir / "journal", 4096)
    for seq in range(PACKS):
        journal.append(one.pack(seq, START_MS + seq * 600_000, [seq]))
        journal.sync()
    journal.close()
    return one


def end(gateway):
    gateway._journal.close()
    gateway._store.close()
    gateway._lock.release()


def test_it_goes_on_from_the_last_checkpoint_on_the_way(filled):
    gateway = Gateway(filled.config, "", "")
    take, taken = gateway._intake.take, []

    def until_the_end(records):
        if len(taken) >= 4:
            raise CrashError
        taken.append(records)
        return take(records)

    gateway._intake.take = until_the_end
    with pytest.raises(CrashError):
        gateway._replay()
    end(gateway)
    store = Store(filled.config)
    assert store.load().totals["readings"] == 4 * AT_ONCE
    assert store.position > Position(1, 0)
    store.close()
    again = Gateway(filled.config, "", "")
    again._replay()
    assert again._state.totals["readings"] == PACKS
    assert again._state.totals["duplicates"] == 0
    end(again)
