"""The forwarder against a real HTTP receiver."""

import sqlite3
import threading
import time

import pytest

from cobenefit_gateway import forward
from cobenefit_gateway.forward import Forwarder
from cobenefit_gateway.spool import Spool

START_MS = 1_600_041_600_000
DAY_MS = 86_400_000


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(forward, "_FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(forward, "_LONGEST_WAIT_S", 0.05)
    monkeypatch.setattr(forward, "_IDLE_S", 0.01)


def filled(pipeline, url, days=4):
    gateway = pipeline(f'[backend]\nurl = "{url}"\n')
    for i in range(days):
        gateway.take(gateway.pack(i, START_MS + i * DAY_MS, [10 * i, 10 * i + 1]))
        gateway.checkpoint(flush=True)
    gateway.take(gateway.pack(days, START_MS, [-5]))
    gateway.checkpoint()
    return gateway


def forwarded(gateway, enough, key=""):
    stop = threading.Event()
    forwarder = Forwarder(gateway.config, key)
    thread = threading.Thread(target=forwarder.run, args=(stop,))
    thread.start()
    until = time.monotonic() + 90
    while not enough(forwarder) and time.monotonic() < until:
        time.sleep(0.01)
    stop.set()
    thread.join()
    assert enough(forwarder)
    spool = Spool(gateway.config.data_dir / "gateway.db")
    counts = spool.counts()
    spool.close()
    return counts


def drained(forwarder):
    return forwarder.drained.is_set()


@pytest.mark.usefixtures("quick")
def test_pages_quarantine_and_nothing_left(pipeline, receiver):
    gateway = filled(pipeline, receiver.url)
    assert forwarded(gateway, drained) == (0, 0)
    assert len(receiver.rollups) == 4
    assert receiver.refused("d", "energy_import_wh") == 1


@pytest.mark.usefixtures("quick")
def test_an_answer_that_got_lost_is_repeated_without_effect(pipeline, receiver):
    receiver.fail = {1: 500, 2: 503, 4: 500}.get
    gateway = filled(pipeline, receiver.url)
    assert forwarded(gateway, drained) == (0, 0)
    assert receiver.repeats == 2
    assert receiver.stored("d", "energy_import_wh") == 8


@pytest.mark.usefixtures("quick")
def test_a_refused_page_is_parked_with_what_was_said_and_the_rest_goes_on(pipeline, receiver):
    receiver.refuse_page = 2
    gateway = filled(pipeline, receiver.url)
    assert forwarded(gateway, drained) == (0, 1)
    assert len(receiver.rollups) == 3
    with sqlite3.connect(gateway.config.data_dir / "gateway.db") as db:
        ((number, why),) = db.execute("SELECT number, parked FROM pages").fetchall()
    db.close()
    assert (number, why[:3]) == (2, "409")


@pytest.mark.usefixtures("quick")
def test_a_damaged_page_is_parked_not_sent(pipeline, receiver):
    gateway = filled(pipeline, receiver.url)
    with sqlite3.connect(gateway.config.data_dir / "gateway.db") as db:
        db.execute("UPDATE pages SET rollups = ? WHERE number = 3", (b"{}",))
    db.close()
    assert forwarded(gateway, drained) == (0, 1)
    assert len(receiver.rollups) == 3


@pytest.mark.usefixtures("quick")
def test_a_backend_that_is_down_loses_nothing(pipeline, receiver, caplog):
    gateway = filled(pipeline, "http://127.0.0.1:9")
    waiting, parked = forwarded(gateway, lambda _: len(caplog.records) >= 3)
    assert (waiting, parked) == (5, 0)  # four days, and the first again for its flagged reading
    assert "http://127.0.0.1:9" in caplog.text
