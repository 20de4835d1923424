"""Deliveries to real receivers on loopback: once each, again when it failed, dead in the end."""

import json
import time
from datetime import date, timedelta

import pytest

from cobenefit_backend import bodies
from cobenefit_backend.webhooks import stored
from cobenefit_backend.webhooks.events import TEST, Event, between
from cobenefit_backend.webhooks.forgotten import forget
from cobenefit_hil.services import free_port

BOTH = pytest.mark.parametrize("kind", ["sqlite", "postgresql"])


def _quarantine(store, packs: int, tenant: str = "demo") -> None:
    row = {
        "site": "town", "device": "school", "channel": "", "reason": "crc", "readings": 0,
        "packs": packs, "first_t_ms": 1, "last_t_ms": 2,
    }  # fmt: skip
    body = json.dumps({"tenant": tenant, "rows": [row]}).encode()
    store.add_quarantine(bodies.decode(body, bodies.QuarantineBody))


def _health(store, online: bool, uptime_ms: int) -> None:
    row = {
        "site": "town", "device": "school", "t_ms": uptime_ms, "boot": 7, "uptime_ms": uptime_ms,
        "wakes": 0, "energy_mj": 0, "energy_method": "profile", "tx_bytes": 0, "rx_bytes": 0,
        "reconnects": 0, "resets": 0, "battery_mv": None, "waiting": 0, "lost": {},
        "online": online,
    }  # fmt: skip
    body = json.dumps({"tenant": "demo", "rows": [row]}).encode()
    store.add_health(bodies.decode(body, bodies.HealthBody))


@pytest.fixture
def queued(hook, hooks, receive):
    """A webhook with one test event waiting, and its receiver."""
    receiver = receive(port=free_port())  # which nobody gets while it is down
    name = hook(f"http://127.0.0.1:{receiver.port}/in")
    assert hooks.queue("demo", name, Event(TEST, {}), time.time_ns() // 1_000_000)
    return name, receiver


def _waiting(hooks, name: str) -> dict:
    (row,) = hooks.outbox("demo", name)
    return row


@BOTH
def test_what_happens_is_told_once_and_signed(store, hook, dispatcher, receive):
    receiver = receive()
    name = hook(f"http://127.0.0.1:{receiver.port}/in?x=1")
    _health(store, True, 1)
    teller = dispatcher()
    teller.watch()
    assert teller.deliver() == 1
    _quarantine(store, 2)
    _quarantine(store, 5)
    _health(store, False, 2)
    teller.watch()
    teller.watch()
    assert teller.deliver() == 3
    assert teller.deliver() == 0
    found = {event["type"]: event["data"] for event in receiver.events(name)[1:]}
    assert found["data.quarantined"] == {"tenant": "demo", "refused": {"crc": 5}}
    assert found["node.offline"]["nodes"] == [{"site": "town", "device": "school"}]
    assert found["report.changed"]["change"] == store.change_number("demo")
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 4


def test_only_what_was_asked_for_and_of_the_own_tenant(store, hook, dispatcher, receive):
    receiver = receive()
    name = hook(f"http://127.0.0.1:{receiver.port}/", events=["data.quarantined"])
    hook(f"http://127.0.0.1:{receiver.port}/", tenant="other")
    _health(store, False, 1)
    _quarantine(store, 2)
    teller = dispatcher()
    teller.watch()
    teller.deliver()
    assert [event["type"] for event in receiver.events(name)] == ["data.quarantined"]


@BOTH
def test_two_servers_send_one_message_once(store, hook, dispatcher, receive):
    receiver = receive()
    hook(f"http://127.0.0.1:{receiver.port}/")
    first, second = dispatcher(), dispatcher()
    _quarantine(store, 2)
    first.watch()
    second.watch()
    assert (first.deliver(), second.deliver()) == (2, 0)
    assert len(receiver.got) == 2


def test_a_receiver_that_was_down_gets_the_same_message_later(
    hook, hooks, dispatcher, receive, queued
):
    name, receiver = queued
    receiver.close()
    teller = dispatcher()
    assert teller.deliver() == 1
    row = _waiting(hooks, name)
    assert row["attempts"] == 1
    assert "ConnectError" in row["reason"]
    back = receive(port=receiver.port)
    assert teller.deliver() == 1
    assert back.got[0][0]["webhook-id"] == row["id"]
    assert hooks.outbox("demo", name) == []
    assert hooks.listed("demo")[0]["delivered"] == 1


@pytest.mark.parametrize("trickle", [False, True])
def test_a_slow_receiver_holds_nobody_longer_than_the_time_out(hooks, dispatcher, queued, trickle):
    name, receiver = queued
    receiver.delay_s, receiver.trickle = 0.0 if trickle else 300.0, trickle
    assert dispatcher(timeout_s=0.5).deliver() == 1
    assert "no answer within" in _waiting(hooks, name)["reason"]


def test_redirects_are_not_followed(hooks, dispatcher, receive, queued):
    name, receiver = queued
    other = receive()
    receiver.answer = 307
    receiver.headers = {"Location": f"http://127.0.0.1:{other.port}/"}
    dispatcher().deliver()
    assert "redirects are not followed" in _waiting(hooks, name)["reason"]
    assert other.got == []


def test_a_receiver_that_is_gone_hears_no_more(hooks, dispatcher, queued):
    name, receiver = queued
    receiver.answer = 410
    teller = dispatcher()
    teller.deliver()
    (shown,) = hooks.listed("demo")
    assert (shown["active"], shown["dead"], shown["waiting"]) == (False, 1, 0)
    assert "410" in shown["reason"]
    assert teller.deliver() == 0
    receiver.answer = 204
    hooks.change(
        "demo", name, shown["url"], shown["events"], active=True, now_ms=1, by="test"
    )  # fmt: skip
    assert teller.deliver() == 1
    assert hooks.outbox("demo", name) == []


def test_after_the_last_attempt_a_message_is_dead_with_its_reason(hooks, dispatcher, queued):
    name, receiver = queued
    receiver.answer = 500
    teller = dispatcher()
    assert [teller.deliver() for _ in range(4)] == [1, 1, 1, 0]
    row = _waiting(hooks, name)
    assert (row["state"], row["attempts"]) == ("dead", 3)
    assert row["reason"] == "the receiver answered 500"


def test_a_receiver_may_ask_for_time(hooks, dispatcher, queued):
    name, receiver = queued
    receiver.answer, receiver.headers = 503, {"Retry-After": "3600"}
    before_ms = time.time_ns() // 1_000_000
    dispatcher().deliver()
    assert _waiting(hooks, name)["next_ms"] >= before_ms + 3_600_000


def test_the_waits_grow(hooks, dispatcher, queued):
    name, receiver = queued
    receiver.answer = 500
    before_ms = time.time_ns() // 1_000_000
    dispatcher(retry_s=(60, 300)).deliver()
    wait_s = (_waiting(hooks, name)["next_ms"] - before_ms) / 1000
    assert 60 <= wait_s <= 60 * 1.1 + 30


def test_a_full_outbox_drops_and_counts(hooks, hook, monkeypatch):
    monkeypatch.setattr(stored, "MAX_OUTBOX", 3)
    name = hook("http://127.0.0.1:9/")
    for n in range(5):
        hooks.queue("demo", name, Event(TEST, {"n": n}), n)
    assert len(hooks.outbox("demo", name)) == 3
    assert hooks.listed("demo")[0]["dropped"] == 2
    hooks.failed("demo", hooks.outbox("demo", name)[-1]["id"], "x", None)
    hooks.queue("demo", name, Event(TEST, {"n": 5}), 5)
    left = [json.loads(row["body"])["data"]["n"] for row in hooks.outbox("demo", name)]
    assert left == [5, 2, 1], "the oldest dead one made room"


def test_the_thread_delivers_and_stops(dispatcher, queued):
    _, receiver = queued
    teller = dispatcher(tick_s=0.05)
    teller.start()
    deadline = time.monotonic() + 90
    while not receiver.got and time.monotonic() < deadline:
        time.sleep(0.02)
    teller.stop()
    assert len(receiver.got) == 1
    assert not teller._thread.is_alive()


DAYS = [date(2024, 3, 4) + timedelta(days=n) for n in range(27)]


@pytest.fixture
def came(client, study_document, counter_row, page_body):
    """Store days of the school, with so many of their 48 readings."""
    assert client.post("/v1/studies", json=study_document).status_code == 202

    def stored_days(page, some, count):
        rows = [(0, counter_row(day, 1000.0 * day.day, 900.0, count=count)) for day in some]
        body = page_body([["town", "school", "energy_import_wh"]], rows, page=page)
        assert client.post("/v1/rollups", content=body).status_code == 202

    return stored_days


def test_a_coverage_that_falls_is_told_once(store, hook, hooks, dispatcher, came):
    came(0, DAYS[:9], 48)
    name = hook("https://example.org/in")
    teller = dispatcher()
    for page, (some, count) in enumerate([(DAYS[9:18], 20), (DAYS[18:20], 20), (DAYS[20:], 48)]):
        came(page + 1, some, count)
        teller.watch()
    told = [json.loads(row["body"]) for row in hooks.outbox("demo", name)]
    (low,) = [event["data"] for event in told if event["type"] == "coverage.low"]
    assert low["nodes"] == [{"site": "town", "device": "school"}]
    assert hooks.active("demo")[0]["seen"]["low"] == []
    with store.database.writing("demo", data=False) as connection:
        assert forget(connection, "demo", "town", "school") == 1
    assert "coverage.low" not in {row["type"] for row in hooks.outbox("demo", name)}


def test_a_webhook_of_before_is_not_told_what_was_low_already():
    now = {"change": 2, "refused": {}, "offline": [], "low": [["town", "school"]]}
    before = {"change": 1, "refused": {}, "offline": []}
    assert [event.type for event in between(before, now)] == ["report.changed"]
