"""Erased: no row, no byte of the file; it does not come back; the proof stays, and the ledger."""

import json
import time
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import inspect, text
from typer.testing import CliRunner

from cobenefit_backend import erasure
from cobenefit_backend.access import audit
from cobenefit_backend.commands import app
from cobenefit_backend.database import owned
from cobenefit_backend.household_retention import sweep
from cobenefit_backend.versions import archive
from cobenefit_backend.versions.kept import Versions
from cobenefit_backend.webhooks.events import EVENTS, NODE_OFFLINE, Event, state
from cobenefit_backend.webhooks.stored import Webhooks

CHANNEL = "energy_import_wh"
MARK = "marked-meter"
SERIES = [["homes", MARK, CHANNEL], ["homes", "other", CHANNEL]]
DAY_MS = 86_400_000
JAN_1_MS = 1_704_063_600_000
SUBJECT = erasure.Subject("demo", "homes", MARK)
BOTH = pytest.mark.parametrize("kind", ["sqlite", "postgresql"])


def _document(*devices: str) -> bytes:
    return json.dumps(
        {
            "tenant": "demo",
            "names": {"en": "Demo", "fr": "Démo"},
            "site": [{"id": "homes", "timezone": "Europe/Paris"}],
            "device": [
                {"id": name, "site": "homes", "board": "unix", "lifetime_years": 5,
                 "household": name}
                for name in devices
            ],
            "gateway": {"board": "rpi_4_gateway", "lifetime_years": 5, "devices": 2},
            "study": [],
        }
    ).encode()  # fmt: skip


@pytest.fixture
def page(page_body, counter_row):
    """A day of both meters, as one window and in half hours."""

    def make(day=date(2024, 1, 1), number=0):
        whole = counter_row(day, 0, 48_000)
        half = {**whole, "length_s": 1800, "count": 1}
        halves = [{**half, "start_ms": whole["start_ms"] + i * 1_800_000} for i in range(48)]
        rows = [(series, row) for series in (0, 1) for row in (whole, *halves)]
        return page_body(SERIES, rows, page=number)

    return make


@pytest.fixture
def known(client, page):
    """Two meters with everything that can be known of them."""
    meters = (MARK, "other")
    client.post("/v1/studies", content=_document(*meters))
    consents = [
        {"site": "homes", "device": name, "purpose": "savings", "resolution": "30min",
         "action": "grant", "t_ms": 0, "evidence": f"signed by {name}"}
        for name in meters
    ]  # fmt: skip
    assert client.post("/v1/consents", json={"tenant": "demo", "rows": consents}).is_success
    assert client.post("/v1/rollups", content=page()).is_success
    refused = [
        {"site": "homes", "device": name, "channel": CHANNEL, "reason": "crc", "readings": 1,
         "packs": 1, "first_t_ms": 1, "last_t_ms": 1, "detail": f"seen at {name}"}
        for name in meters
    ]  # fmt: skip
    assert client.post("/v1/quarantine", json={"tenant": "demo", "rows": refused}).is_success
    activities = [
        {"id": f"{name}-{n}", "site": "homes", "use_case": "maintenance", "date": "2024-01-02",
         "place": place, "quantity": "visit_distance", "amount": 3.0, "unit": "km", "arm": "",
         "evidence": "visit", "author": "technician"}
        for name in meters for n, place in enumerate((name, f"{name}/{CHANNEL}"))
    ]  # fmt: skip
    sent = client.post("/v1/activities", json={"tenant": "demo", "rows": activities})
    assert sent.is_success, sent.text
    return client


def _rows_of(client, device):
    store = client.app.state.store
    kept = store.windows_of("demo").get(("homes", device, CHANNEL), (0, ""))[0]
    refused = [row for row in store.quarantine("demo") if row["device"] == device]
    consents = [row for row in store.consents.history("demo") if row["device"] == device]
    acts = [row for row in store.activities("demo") if row["place"].startswith(device)]
    return kept, len(refused), len(consents), len(acts)


@BOTH
def test_everything_of_one_meter_goes_and_nothing_else(known, page):
    before = _rows_of(known, "other")
    assert _rows_of(known, MARK) == before == (49, 1, 1, 2)
    found = known.post("/v1/erasures", json={"tenant": "demo", "site": "homes", "device": MARK})
    assert not found.json()["erased"]
    assert _rows_of(known, MARK) == before, "a preview changes nothing"
    body = {"tenant": "demo", "site": "homes", "device": MARK, "confirm": f"homes/{MARK}"}
    assert known.post("/v1/erasures", json={**body, "confirm": "homes"}).status_code == 422
    done = known.post("/v1/erasures", json=body).json()
    assert done["rows"] == found.json()["rows"]
    assert done["bytes_gone"]
    assert _rows_of(known, MARK) == (0, 0, 0, 0)
    assert _rows_of(known, "other") == before
    line = audit.latest(known.app.state.store.database, "demo")[0]
    assert (line["action"], line["what"]) == ("erased", f"homes/{MARK} 54 rows")
    _a_late_page_brings_nothing_back(known, page)


def _a_late_page_brings_nothing_back(client, page):
    assert client.post("/v1/rollups", content=page(number=1)).is_success
    assert client.post("/v1/rollups", content=page(date(2024, 1, 2), 2)).is_success
    assert _rows_of(client, MARK) == (0, 0, 0, 0)
    refused = {row["reason"]: row for row in client.app.state.store.quarantine("demo")}
    assert (refused["erased"]["device"], refused["erased"]["readings"]) == ("", 192)


def test_a_whole_site_goes(known):
    database = known.app.state.store.database
    site = erasure.Subject("demo", "homes", "")
    assert erasure.erase(database, site, 1, "test").rows["rollup"] == 98
    assert _rows_of(known, "other") == (0, 0, 0, 0)


def test_the_bytes_are_gone_from_the_file(handled, config):
    file = Path(config.database_url.removeprefix("sqlite:///"))

    def found():
        files = [file, *file.parent.glob(f"{file.name}-*")]
        return any(MARK.encode() in each.read_bytes() for each in files)

    database = handled.app.state.store.database
    assert found()
    erasure.erase(database, SUBJECT, 1, "test")
    handled.post("/v1/studies", content=_document("other"))
    assert erasure.finish(database)
    with database.writing("demo") as connection:  # the proof itself names the meter: look past it
        connection.execute(text("DELETE FROM erasure"))
        connection.execute(text("DELETE FROM audit"))
    assert erasure.finish(database)
    assert not found()


def test_somebody_who_reads_meanwhile_is_waited_for_and_then_told_of(known):
    database = known.app.state.store.database
    erasure.erase(database, SUBJECT, 1, "test")
    with database.reading("demo") as connection:
        connection.execute(owned("SELECT count(*) FROM {audit}"), {"tenant": "demo"})
        assert erasure.finish(database, wait_ms=20) is False
    assert erasure.finish(database)


@pytest.fixture
def handled(known):
    """Two meters that people imported, left out, and were told of."""
    csv = "start,end,value,unit\n2023-12-31T23:00:00Z,2024-01-01T23:00:00Z,9000,Wh\n"
    for name in (MARK, "other"):
        about = {"site": "homes", "device": name, "channel": CHANNEL}
        query = "&".join(f"{key}={value}" for key, value in about.items())
        made = known.post(f"/v1/imports?{query}&file={name}.csv&replace=true", content=csv)
        assert made.status_code == 201, made.text
        assert known.post(f"/v1/imports/{made.json()['id']}/commit").is_success
        span = {"start_ms": JAN_1_MS, "end_ms": JAN_1_MS + 1, "why": f"{name} was away"}
        assert known.post("/v1/corrections", json={**about, **span}).status_code == 201
    store = known.app.state.store
    hooks = Webhooks(store.database)
    seen = {**state(store, "demo"), "offline": [["homes", MARK], ["homes", "other"]]}
    hook = hooks.create("demo", "http://127.0.0.1:1", EVENTS, seen, now_ms=1, by="test")
    both = {"nodes": [{"site": "homes", "device": name} for name in (MARK, "other")], "more": 0}
    alone = {"nodes": [{"site": "homes", "device": MARK}], "more": 0}
    for data in (both, alone):
        assert hooks.queue("demo", hook, Event(NODE_OFFLINE, data), 1)
    return known


def _named(client, name) -> dict[str, int]:
    """Rows that name a meter, by table; but for the proof and what the study document says."""
    database = client.app.state.store.database
    tables = set(inspect(database.engine).get_table_names())
    tables -= {"erasure", "audit", "study_document", "alembic_version", "rollup"}
    found = {}
    for table in sorted(each for each in tables if not each.startswith("rollup_")):
        rows = database.rows("demo", f"SELECT * FROM {{{table}}}")
        found[table] = sum(name in str(list(row.values())) for row in rows)
    return {table: rows for table, rows in found.items() if rows}


@BOTH
def test_what_people_did_with_it_goes_too_and_undo_builds_nothing_again(handled):
    before = _named(handled, "other")
    assert {"correction", "delivery", "import_batch", "import_window", "webhook"} < set(before)
    batch = next(each for each in handled.get("/v1/imports").json()["imports"]
                 if each["device"] == MARK)  # fmt: skip
    database = handled.app.state.store.database
    told = erasure.preview(database, SUBJECT).rows
    assert erasure.erase(database, SUBJECT, time.time_ns() // 1_000_000, "test").rows == told
    assert told["delivery"] == 2
    assert _named(handled, MARK) == {}
    assert _named(handled, "other") == before
    assert handled.request("DELETE", f"/v1/imports/{batch['id']}").status_code == 404
    assert handled.post(f"/v1/imports/{batch['id']}/commit").status_code == 404
    assert _rows_of(handled, MARK) == (0, 0, 0, 0)


def test_an_import_after_an_erasure_brings_no_day_of_before_back(handled):
    database = handled.app.state.store.database
    erasure.erase(database, SUBJECT, time.time_ns() // 1_000_000, "test")
    csv = "start,end,value,unit\n2023-12-31T23:00:00Z,2024-01-01T23:00:00Z,9000,Wh\n"
    query = f"site=homes&device={MARK}&channel={CHANNEL}"
    made = handled.post(f"/v1/imports?{query}", content=csv).json()
    assert handled.post(f"/v1/imports/{made['id']}/commit").is_success
    assert _rows_of(handled, MARK)[0] == 0


def _town() -> bytes:
    document = json.loads(_document(MARK, "other", "unread"))
    study = {
        "use_case": "smart_meter", "data_origin": "measured", "site": "homes",
        "channel": CHANNEL, "baseline": ["2023-01-01", "2023-02-01"],
        "reporting": ["2024-01-01", "2024-02-01"],
    }  # fmt: skip
    document["study"] = [
        {**study, "id": "a", "devices": [MARK, "other"]},
        {**study, "id": "b", "devices": ["other"]},
    ]
    return json.dumps(document).encode()


def test_published_versions_that_rest_on_it_are_listed(known):
    """Versions really published: of the whole, and of the meter that is left."""
    assert known.post("/v1/studies", content=_town()).is_success
    publish = {"why": "yearly", "anyway": True}
    assert known.post("/v1/report/versions", json=publish).status_code == 201
    database = known.app.state.store.database
    assert erasure.preview(database, SUBJECT).versions == [{"number": 1, "studies": ["a"]}]
    other = erasure.Subject("demo", "homes", "other")
    assert erasure.preview(database, other).versions == [{"number": 1, "studies": ["a", "b"]}]
    assert erasure.preview(database, erasure.Subject("demo", "homes", "unread")).versions == []
    erasure.erase(database, SUBJECT, time.time_ns() // 1_000_000, "test")
    assert known.post("/v1/report/versions", json=publish).status_code == 201
    assert erasure.preview(database, SUBJECT).versions == [{"number": 1, "studies": ["a"]}]
    assert len(erasure.preview(database, other).versions) == 2


def test_a_version_of_a_schema_not_read_here_is_listed_to_be_safe(known, monkeypatch):
    assert known.post("/v1/studies", content=_town()).is_success
    publish = {"why": "yearly", "anyway": True}
    assert known.post("/v1/report/versions", json=publish).status_code == 201
    monkeypatch.setattr(archive, "READABLE", frozenset())
    unread = erasure.Subject("demo", "homes", "unread")
    versions = erasure.preview(known.app.state.store.database, unread).versions
    assert versions == [{"number": 1, "studies": []}]


def test_publishing_leaves_out_who_did_not_agree(known):
    assert known.post("/v1/studies", content=_town()).is_success
    row = {"site": "homes", "device": MARK, "purpose": "savings", "action": "revoke",
           "t_ms": 1, "evidence": "letter"}  # fmt: skip
    assert known.post("/v1/consents", json={"tenant": "demo", "rows": [row]}).is_success
    assert known.post("/v1/report/versions", json={"why": "yearly"}).status_code == 201
    packed = Versions(known.app.state.store.database).archive("demo", 1)
    cases = {case["study"]: case for case in archive.report_of(packed, 1)["use_cases"]}
    records = {name: [each["code"] for each in case["disqualifications"]]
               for name, case in cases.items()}  # fmt: skip
    assert "no_consent" in records["a"]
    assert "no_consent" not in records["b"]


@pytest.fixture
def run(known, tmp_path, config):
    path = tmp_path / "backend.toml"
    path.write_text(f'[database]\nurl = "{config.database_url}"\n')
    return lambda *words: CliRunner().invoke(app, [*words, "--config", str(path)])


def test_the_command_line_shows_first_and_erases_when_told_twice(run, known):
    about = ("erase", "demo", "--site", "homes", "--device", MARK)
    shown = run(*about)
    assert "rollup: 49 rows" in shown.stdout
    assert "Nothing is erased yet" in shown.stdout
    assert run(*about, "--confirm", "homes/other").exit_code == 2
    assert _rows_of(known, MARK)[0] == 49
    done = run(*about, "--confirm", f"homes/{MARK}")
    assert done.exit_code == 0, done.output
    assert "still names the device" in done.stdout
    assert _rows_of(known, MARK)[0] == 0


def test_finer_windows_go_when_a_consent_does_and_at_their_age(known):
    store = known.app.state.store
    row = {"site": "homes", "device": MARK, "purpose": "savings", "action": "revoke",
           "t_ms": JAN_1_MS, "evidence": "letter"}  # fmt: skip
    answer = known.post("/v1/consents", json={"tenant": "demo", "rows": [row]})
    assert answer.json() == {"rows": 1, "windows_removed": 48}
    assert _rows_of(known, MARK)[0] == 1
    assert sweep(store.database, "demo", JAN_1_MS) == {"fine": 0, "unused": 0}
    assert _rows_of(known, "other")[0] == 49
    at_ms = JAN_1_MS + 40 * DAY_MS
    found = sweep(store.database, "demo", at_ms, fine_days=30, unused_days=60)
    assert found == {"fine": 48, "unused": 0}
    assert sweep(store.database, "demo", at_ms, unused_days=30) == {"fine": 0, "unused": 1}
    assert [_rows_of(known, name)[0] for name in (MARK, "other")] == [0, 1]


def test_prune_sweeps_too(run, known):
    done = run("prune", "--months", "1000", "--fine-days", "30")
    assert done.exit_code == 0, done.output
    assert "fine of households: 96" in done.stdout
