"""Consent: what holds when, what a page may keep, what a reader gets; on the command line too."""

import json
import random
from datetime import date
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from cobenefit_backend.commands import app
from cobenefit_backend.consents import (
    DAY_S,
    Action,
    Event,
    Purpose,
    Register,
    Resolution,
    by_device,
)

CHANNEL = "energy_import_wh"
SERIES = [["homes", "m1", CHANNEL], ["homes", "school", CHANNEL]]
DOCUMENT = {
    "tenant": "demo",
    "names": {"en": "Demo", "fr": "Démo"},
    "site": [{"id": "homes", "timezone": "Europe/Paris"}],
    "device": [
        {"id": "m1", "site": "homes", "board": "unix", "lifetime_years": 5, "household": "h1"},
        {"id": "school", "site": "homes", "board": "unix", "lifetime_years": 5},
    ],
    "gateway": {"board": "rpi_4_gateway", "lifetime_years": 5, "devices": 2},
    "study": [],
}
NOW_MS = 1_800_000_000_000


def _register(*events):
    return Register({("homes", "m1"): "h1"}, by_device(events), {})


def _event(action, t_ms, purpose=Purpose.SAVINGS, resolution=Resolution.DAILY, device="m1"):
    return Event("homes", device, purpose, resolution, action, t_ms, "form")


def test_each_event_ends_the_term_before():
    register = _register(
        _event(Action.GRANT, 10),
        _event(Action.GRANT, 20, resolution=Resolution.HOURLY),
        _event(Action.REVOKE, 30),
    )
    terms = [(t.granted_ms, t.revoked_ms, t.resolution) for t in register.terms("homes", "m1")]
    assert terms == [(10, 20, Resolution.DAILY), (20, 30, Resolution.HOURLY)]
    assert not register.may("homes", "m1", Purpose.SAVINGS)


def test_a_site_grants_for_its_meters_and_one_withdraws():
    granted = _event(Action.GRANT, 10, device="")
    assert _register(granted).may("homes", "m1", Purpose.SAVINGS)
    assert not _register(granted, _event(Action.REVOKE, 20)).may("homes", "m1", Purpose.SAVINGS)


@given(st.sampled_from(Purpose), st.sampled_from(Purpose))
def test_one_purpose_opens_no_other(agreed, wanted):
    register = _register(_event(Action.GRANT, 10, agreed))
    assert register.may("homes", "m1", wanted) is (agreed is wanted)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(Action), st.integers(0, 50), st.sampled_from(Purpose),
            st.sampled_from(Resolution),
        ),
        max_size=8,
    ),
    st.integers(0, 60),
    st.sampled_from([600, 1800, 3600, DAY_S, 86_400]),
)  # fmt: skip
def test_nothing_finer_than_a_day_without_a_consent_for_it(events, start_ms, length_s):
    """Against a reading of the events that is slow and plain."""
    register = _register(*(_event(a, t, p, r) for a, t, p, r in events))
    order = sorted(events, key=lambda event: event[1])

    def fine(purpose, until):
        state = [e for e in order if e[2] is purpose and e[1] <= until][-1:]
        finest = {Resolution.HOURLY: 3600, Resolution.HALF_HOUR: 1800, Resolution.DAILY: DAY_S}
        return any(a is Action.GRANT and finest[r] <= length_s for a, _, _, r in state)

    allowed = length_s >= DAY_S or any(fine(p, start_ms) and fine(p, 99) for p in Purpose)
    assert register.takes("homes", "m1", start_ms, length_s) is allowed


def test_who_measures_nobody_needs_no_consent():
    assert _register().may("homes", "school", Purpose.SAVINGS)
    assert _register().takes("homes", "school", 0, 600)


@pytest.fixture
def homes(client):
    assert client.post("/v1/studies", content=json.dumps(DOCUMENT)).status_code == 202
    return client


@pytest.fixture
def consent(homes):
    def record(action, t_ms, purpose="savings", resolution="daily", **other):
        row = {
            "site": "homes", "device": "m1", "purpose": purpose, "resolution": resolution,
            "action": action, "t_ms": t_ms, "evidence": "form 17", **other,
        }  # fmt: skip
        return homes.post("/v1/consents", json={"tenant": "demo", "rows": [row]})

    return record


@pytest.fixture
def send(homes, page_body, counter_row):
    """Send a day as one window and in half hours, of both meters."""

    def page(day, number):
        whole = counter_row(day, 0, 48_000)
        parts = [
            {**whole, "start_ms": whole["start_ms"] + i * 1_800_000, "length_s": 1800, "count": 1}
            for i in range(48)
        ]
        rows = [(series, row) for series in (0, 1) for row in (whole, *parts)]
        answer = homes.post("/v1/rollups", content=page_body(SERIES, rows, page=number))
        assert answer.status_code == 202, answer.text

    return page


def _read(client, device="m1", purpose=Purpose.SAVINGS):
    store = client.app.state.store
    series = ("demo", "homes", device, CHANNEL, purpose)
    return len(store.daily(*series)), len(store.fine(*series))


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_finer_rows_are_counted_and_not_stored(homes, send, consent):
    send(date(2024, 1, 1), 0)
    send(date(2024, 1, 2), 1)
    (refused,) = homes.app.state.store.quarantine("demo")
    assert (refused["device"], refused["reason"], refused["readings"]) == ("m1", "no_consent", 96)
    assert _read(homes, "school") == (2, 96)
    assert _read(homes) == (0, 0), "kept, and not read: nobody agreed to any purpose"
    assert consent("grant", 0).status_code == 200
    assert _read(homes) == (2, 0)
    assert _read(homes, purpose=Purpose.RESEARCH) == (0, 0)


def test_finer_rows_come_with_a_consent_and_from_then_on(homes, send, consent, counter_row):
    second = counter_row(date(2024, 1, 2), 0, 1)["start_ms"]
    consent("grant", 0, purpose="research")
    consent("grant", second, resolution="30min")
    send(date(2024, 1, 1), 0)
    send(date(2024, 1, 2), 1)
    assert _read(homes) == (2, 48)
    assert _read(homes, purpose=Purpose.RESEARCH) == (2, 0)
    consent("revoke", second + 1)
    assert _read(homes) == (0, 0)
    send(date(2024, 1, 3), 2)
    assert sum(row["readings"] for row in homes.app.state.store.quarantine("demo")) == 96


def test_a_sent_page_stays_known_whatever_was_refused(homes, send):
    send(date(2024, 1, 1), 0)
    send(date(2024, 1, 1), 0)
    assert [row["readings"] for row in homes.app.state.store.quarantine("demo")] == [48]


def test_a_purpose_that_serves_nothing_is_neither_offered_nor_heeded(homes, send, consent):
    """Of each purpose that can be granted a test elsewhere shows what it alone opens."""
    assert consent("grant", 0, purpose="advice", resolution="30min").status_code == 422
    with homes.app.state.store.database.writing("demo") as connection:
        connection.exec_driver_sql(
            "INSERT INTO consent (tenant, site, device, purpose, resolution, action, t_ms, "
            "evidence, recorded_by, recorded_ms) VALUES ('demo', 'homes', 'm1', 'advice', "
            "'30min', 'grant', 0, 'form 3', 'an earlier version', 1)"
        )
    send(date(2024, 1, 1), 0)
    assert sum(row["readings"] for row in homes.app.state.store.quarantine("demo")) == 48
    found = homes.get("/v1/consents").json()
    assert ([row["purpose"] for row in found["history"]], found["terms"]) == (["advice"], [])


def test_history_is_kept_and_the_state_of_any_day_is_known(homes, consent):
    consent("grant", 1_000)
    consent("revoke", 2_000)
    found = homes.get("/v1/consents").json()
    assert [row["action"] for row in found["history"]] == ["grant", "revoke"]
    (term,) = found["terms"]
    assert (term["granted_ms"], term["revoked_ms"], term["household"]) == (1_000, 2_000, "h1")


def test_what_is_no_consent_is_refused(homes, consent):
    for wrong in (
        {"t_ms": 2**52}, {"purpose": "everything"}, {"resolution": "10min"}, {"evidence": ""},
        {"action": "renew"}, {"site": "Homes!"},
    ):  # fmt: skip
        row = {"action": "grant", "t_ms": 0, **wrong}
        assert consent(row.pop("action"), row.pop("t_ms"), **row).status_code == 422, wrong
    assert homes.get("/v1/consents").json()["history"] == []


@pytest.fixture
def run(store, tmp_path, config):
    path = tmp_path / "backend.toml"
    path.write_text(f'[database]\nurl = "{config.database_url}"\n')
    store.put_study("demo", json.dumps(DOCUMENT).encode(), 1)
    return lambda *words: CliRunner().invoke(app, [*words, "--config", str(path)])


def test_the_command_line_grants_revokes_lists_and_shows(run):
    about = ("demo", "--site", "homes", "--device", "m1", "--purpose", "savings")
    evidence = ("--evidence", "form 17")
    assert run("consent", "grant", *about, *evidence, "--at", "2024-01-01").exit_code == 0
    assert run("consent", "revoke", *about, *evidence, "--at", "2024-03-01").exit_code == 0
    assert "2 rows" in run("consent", "list", "demo").stdout
    assert "1 consents in force" in run("consent", "show", "demo", "--at", "2024-02-01").stdout
    assert "0 consents in force" in run("consent", "show", "demo").stdout
    assert run("consent", "grant", *about, *evidence, "--at", "soon").exit_code == 2


def test_a_file_of_consents_comes_in_whole_or_not_at_all(run, tmp_path):
    head = "site,device,purpose,resolution,action,at,evidence\n"
    good = "homes,m1,savings,hourly,grant,2024-01-01T00:00:00+01:00,form 1\n"
    file = tmp_path / "consents.csv"
    file.write_text(head + good + "homes,m1,savings,,revoke,2024-02-01,letter\n")
    assert run("consent", "import", "demo", str(file)).exit_code == 0
    rows = json.loads(run("consent", "list", "demo", "--json").stdout)
    assert [(row["action"], row["resolution"]) for row in rows] == [
        ("grant", "hourly"),
        ("revoke", "daily"),
    ]
    file.write_text(head + good + "homes,m1,anything,,grant,2024-02-01,x\n")
    refused = run("consent", "import", "demo", str(file))
    assert refused.exit_code == 2
    assert "line 3" in refused.stderr
    assert len(json.loads(run("consent", "list", "demo", "--json").stdout)) == 2


def test_the_register_follows_the_document(store):
    store.put_study("demo", json.dumps(DOCUMENT).encode(), 1)
    assert store.consents.register("demo").households == {("homes", "m1"): "h1"}
    free = {**DOCUMENT, "device": DOCUMENT["device"][1:]}
    store.put_study("demo", json.dumps(free).encode(), 2)
    assert store.consents.register("demo").households == {}


def test_the_spans_for_a_query_let_through_what_shows_does():
    """Against the rule itself, over histories made at random."""
    rng = random.Random(5)
    lengths, passed = (900, 1_800, 3_600, 43_200), 0
    for _ in range(200):
        events = [
            Event("homes", rng.choice(("m1", "")), rng.choice(list(Purpose)[:2]),
                  rng.choice(list(Resolution)), rng.choice(list(Action)), rng.randrange(9), "x")
            for _ in range(rng.randrange(1, 7))
        ]  # fmt: skip
        register = Register({("homes", "m1"): "h1"}, by_device(events), {})
        spans = register.fine_spans("homes", "m1", Purpose.SAVINGS)
        for length_s, start_ms in product(lengths, range(10)):
            through = any(
                length_s >= finest_s and start_ms >= first and (end is None or start_ms < end)
                for finest_s, first, end in spans
            )
            window = ("homes", "m1", (Purpose.SAVINGS,), start_ms, length_s)
            assert through == register.shows(*window)
            passed += through
    assert passed
