"""Erased: no row, no byte of the file; it does not come back; the proof stays, and the ledger."""

import io
import json
import zipfile
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


def test_the_bytes_are_gone_from_the_file(known, config, page):
    file = Path(config.database_url.removeprefix("sqlite:///"))

    def found():
        files = [file, *file.parent.glob(f"{file.name}-*")]
        return any(MARK.encode() in each.read_bytes() for each in files)

    database = known.app.state.store.database
    assert found()
    erasure.erase(database, SUBJECT, 1, "test")
    known.post("/v1/studies", content=_document("other"))
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


def test_versions_that_rest_on_it_are_listed(known):
    """With the table of the immutable versions, however it got there."""
    database = known.app.state.store.database
    report = {"use_cases": [
        {"study": "a", "site": "homes", "devices": [MARK]},
        {"study": "b", "site": "homes", "devices": ["other"]},
        {"study": "c", "site": "elsewhere", "devices": [MARK]},
    ]}  # fmt: skip
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as packed:
        packed.writestr("report.json", json.dumps(report))
    with database.writing("demo") as connection:
        if inspect(connection).has_table("report_version"):
            connection.execute(text("DROP TABLE report_version"))
        connection.execute(
            text("CREATE TABLE report_version (tenant text, number integer, archive blob)")
        )
        connection.execute(
            text("INSERT INTO report_version VALUES ('demo', 3, :archive)"),
            {"archive": archive.getvalue()},
        )
    assert erasure.preview(database, SUBJECT).versions == [{"number": 3, "studies": ["a"]}]


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
    known.post("/v1/consents", json={"tenant": "demo", "rows": [row]})
    assert sweep(store.database, "demo", JAN_1_MS) == {"fine": 48, "unused": 0}
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
