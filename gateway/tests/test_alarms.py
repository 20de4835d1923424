import pytest

from cobenefit_gateway import alarms as alarms_module
from cobenefit_gateway.alarm_codes import CODES, text
from cobenefit_gateway.alarms import CLEARED, RAISED, Alarms
from cobenefit_gateway.ledger import Ledger

CAUSE = ("node_silent", "s", "d")
HOUR = 3_600_000


@pytest.fixture
def ledger(tmp_path):
    made = Ledger(tmp_path)
    yield made
    made.close()


def test_raised_once_cleared_after_a_while_and_the_same_when_it_comes_back_soon(ledger):
    book = Alarms(ledger, clear_s=300)
    assert book.update({CAUSE: {"hours": 1}}, 0) == [(1, RAISED)]
    assert book.update({CAUSE: {"hours": 2}}, 100_000) == []
    assert book.open()[0].facts == {"hours": 2}
    assert book.update({}, 200_000) == []
    assert book.update({CAUSE: {"hours": 3}}, 390_000) == []  # back within clear_s
    assert book.update({}, 600_000) == []
    assert book.update({}, 690_000) == [(1, CLEARED)]
    assert book.open() == []
    assert book.update({CAUSE: {}}, 800_000) == [(2, RAISED)]


def test_a_restart_raises_nothing_twice_and_forgets_no_acknowledgement(tmp_path):
    first = Ledger(tmp_path)
    book = Alarms(first, 300)
    book.update({CAUSE: {}}, 0)
    assert book.acknowledge(1, 5)
    first.close()
    second = Ledger(tmp_path)
    book = Alarms(second, 300)
    assert book.update({CAUSE: {}}, HOUR) == []
    assert [(a.id, a.acked_ms) for a in book.open()] == [(1, 5)]
    second.close()


def test_only_what_is_open_can_be_acknowledged_and_the_first_time_counts(ledger):
    book = Alarms(ledger, 0)
    book.update({CAUSE: {}}, 0)
    assert book.acknowledge(1, 10)
    assert book.acknowledge(1, 20)
    assert book.get(1).acked_ms == 10
    book.update({}, 1)
    assert not book.acknowledge(1, 30)
    assert not book.acknowledge(99, 30)


def test_what_finds_no_room_is_counted(ledger, monkeypatch):
    monkeypatch.setattr(alarms_module, "MAX_OPEN", 3)
    monkeypatch.setattr(alarms_module, "MAX_OUTBOX", 2)
    monkeypatch.setattr(alarms_module, "MAX_CLEARED", 1)
    book = Alarms(ledger, 0)
    events = book.update({("node_silent", "s", str(i)): {} for i in range(5)}, 0)
    assert len(events) == 3
    book.queue("mail", events)
    assert [number for _, alarm, _ in book.waiting("mail") for number in [alarm.id]] == [2, 3]
    book.delivered("mail", 99)
    book.update({}, 1)
    book.update({}, 2)
    assert ledger.db.execute("SELECT count(*) FROM alarms").fetchone() == (1,)
    assert ledger.totals() == {"alarms_dropped": 2, "notices_dropped": 1}


def test_the_worst_comes_first(ledger):
    book = Alarms(ledger, 0)
    book.update({("node_late", "s", "a"): {}, ("disk_low", "", ""): {}, CAUSE: {}}, 0)
    assert [a.code for a in book.open()] == ["disk_low", "node_silent", "node_late"]
    assert book.open()[0].place == "gateway"


@pytest.mark.parametrize("code", CODES)
def test_every_code_speaks_both_languages_with_the_same_facts(code):
    import string

    english, french = (
        {name for _, name, _, _ in string.Formatter().parse(words) if name}
        for words in (CODES[code].en, CODES[code].fr)
    )
    assert english >= french
    assert text(code, {}, "en") != text(code, {}, "fr")


def test_an_unknown_code_and_a_missing_fact_are_said_as_they_are():
    assert text("of_another_version", {}, "fr") == "of_another_version"
    assert text("node_silent", {}, "en") == "silent for ? h"
