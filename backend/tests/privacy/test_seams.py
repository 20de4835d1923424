"""Consent at every door beside the report: SensorThings, devices, studies, imports, OPERAT."""

import json
from datetime import UTC, date, datetime

import pytest

from cobenefit_backend.consents import DAY_S
from cobenefit_backend.device_reads import coverage_of_series, days_of_device
from cobenefit_backend.household_retention import sweep
from cobenefit_backend.imports.restate import samples_of
from cobenefit_backend.reading_rules import MAX_TENANTS

SITE, CHANNEL = "homes", "energy_import_wh"
JAN_1_MS = 1_704_063_600_000
HALF_MS, DAY_MS = 1_800_000, 86_400_000
HOME = f"{SITE}.h1.{CHANNEL}"
BOTH = pytest.mark.parametrize("kind", ["sqlite", "postgresql"])


def _document(*households: str) -> dict:
    device = {"site": SITE, "board": "unix", "lifetime_years": 5}
    return {
        "tenant": "demo", "names": {"en": "Demo", "fr": "Démo"},
        "site": [{"id": SITE, "timezone": "Europe/Paris"}],
        "device": [
            *({**device, "id": name, "household": name} for name in households),
            {**device, "id": "hall"},
        ],
        "gateway": {"board": "rpi_4_gateway", "lifetime_years": 5, "devices": 2}, "study": [],
    }  # fmt: skip


@pytest.fixture
def agree(client):
    def record(purpose, action="grant", t_ms=0, resolution="30min", device="h1"):
        row = {"site": SITE, "device": device, "purpose": purpose, "resolution": resolution,
               "action": action, "t_ms": t_ms, "evidence": "paper"}  # fmt: skip
        sent = client.post("/v1/consents", json={"tenant": "demo", "rows": [row]})
        assert sent.status_code == 200, sent.text

    return record


@pytest.fixture
def homes(client, agree, counter_row, page_body):
    """A home and a hall, with a day in half hours and three whole ones."""
    assert client.post("/v1/studies", json=_document("h1")).status_code == 202
    agree("savings")
    days = [counter_row(date(2024, 1, day), 0, 48_000) for day in (1, 2, 3)]
    half = {**days[0], "length_s": 1800, "count": 1, "expected": 1, "delta": 1000}
    halves = [{**half, "start_ms": JAN_1_MS + i * HALF_MS} for i in range(48)]
    rows = [(series, row) for series in (0, 1) for row in (*days, *halves)]
    page = page_body([[SITE, "h1", CHANNEL], [SITE, "hall", CHANNEL]], rows)
    assert client.post("/v1/rollups", content=page).status_code == 202
    return client


def _ids(client, path="Datastreams") -> set[str]:
    answer = client.get(f"/sta/v1.1/{path}")
    assert answer.status_code == 200, answer.text
    return {each["@iot.id"] for each in answer.json()["value"]}


def _count(client, stream) -> int:
    path = f"/sta/v1.1/Datastreams('{stream}')/Observations?$count=true&$top=1000"
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert len(found["value"]) == found["@iot.count"]
    return found["@iot.count"]


@BOTH
def test_a_household_is_in_sensorthings_for_research_only_and_leaves_at_once(homes, agree):
    hall = {f"{SITE}.hall.{CHANNEL}.{kind}" for kind in ("day", "window")}
    assert _ids(homes) == hall, "savings is not research"
    agree("research", resolution="daily")
    assert _ids(homes) == {*hall, f"{HOME}.day"}
    assert _count(homes, f"{HOME}.day") == 3
    agree("research", t_ms=JAN_1_MS + 40 * HALF_MS)
    assert _ids(homes) == {*hall, f"{HOME}.day", f"{HOME}.window"}
    assert _count(homes, f"{HOME}.window") == 8, "those measured since it agreed to half hours"
    known = f"{HOME}.window.{JAN_1_MS + 41 * HALF_MS}.1800"
    early = f"{HOME}.window.{JAN_1_MS + HALF_MS}.1800"
    assert homes.get(f"/sta/v1.1/Observations('{known}')").status_code == 200
    assert homes.get(f"/sta/v1.1/Observations('{early}')").status_code == 404
    agree("research", "revoke", t_ms=JAN_1_MS + DAY_MS)
    assert _ids(homes) == hall
    assert _ids(homes, "Things") == {f"{SITE}.hall"}
    for path in (f"Things('{SITE}.h1')", f"Datastreams('{HOME}.day')", f"Observations('{known}')"):
        assert homes.get(f"/sta/v1.1/{path}").status_code == 404


@BOTH
def test_what_people_left_out_is_not_in_sensorthings(homes):
    stream = f"{SITE}.hall.{CHANNEL}"
    body = {"site": SITE, "device": "hall", "channel": CHANNEL, "why": "works",
            "start_ms": JAN_1_MS + HALF_MS, "end_ms": JAN_1_MS + 3 * HALF_MS}  # fmt: skip
    before = _count(homes, f"{stream}.window"), _count(homes, f"{stream}.day")
    made = homes.post("/v1/corrections", json=body)
    after = _count(homes, f"{stream}.window"), _count(homes, f"{stream}.day")
    assert (before, after) == ((48, 3), (46, 2))
    homes.request("DELETE", f"/v1/corrections/{made.json()['id']}")
    assert _count(homes, f"{stream}.window") == 48


def test_days_of_a_home_are_shown_for_savings_only(homes, agree):
    database = homes.app.state.store.database
    both, span = (("h1", "hall"), (CHANNEL,)), (0, 2 * JAN_1_MS)
    days = coverage_of_series(database, "demo", SITE, both, span)
    assert (len(days_of_device(database, "demo", SITE, "h1")), days[0]["series"]) == (3, 2)
    agree("savings", "revoke", t_ms=1)
    assert days_of_device(database, "demo", SITE, "h1") == []
    assert len(days_of_device(database, "demo", SITE, "hall")) == 3
    days = coverage_of_series(database, "demo", SITE, both, span)
    assert [row["series"] for row in days] == [1, 1, 1]
    assert coverage_of_series(database, "demo", SITE, (("h1",), (CHANNEL,)), span) == []
    assert homes.get(f"/devices/{SITE}/h1").status_code == 200


def _import(client, day: int, value: int) -> str:
    csv = (
        "start,end,value,unit\n"
        f"2024-01-0{day}T10:00:00Z,2024-01-0{day}T10:30:00Z,{value},Wh\n"
        f"2024-01-0{day}T10:30:00Z,2024-01-0{day}T11:00:00Z,{value},Wh\n"
    )
    query = f"site={SITE}&device=h1&channel={CHANNEL}&replace=true"
    made = client.post(f"/v1/imports?{query}", content=csv)
    assert made.status_code == 201, made.text
    assert client.post(f"/v1/imports/{made.json()['id']}/commit").status_code == 200
    return made.json()["id"]


def _of_h1(client):
    """Days of the home as stored; what of it is finer; what its imports keep."""
    database = client.app.state.store.database
    rows = database.rows(
        "demo",
        "SELECT rollup.* FROM {rollup} JOIN {series} ON series.id = series_id "
        "WHERE device = 'h1' ORDER BY start_ms, length_s",
    )
    fine = database.rows("demo", "SELECT * FROM {import_window} WHERE length_s < 82800")
    batches = database.rows("demo", "SELECT * FROM {import_batch}")
    days = [row for row in rows if row["length_s"] >= DAY_S]
    samples = [sample for batch in batches for sample in samples_of(batch)]
    return days, len(rows) - len(days) + len(fine), samples


def _half_hours(first: int, count: int, *, index: bool) -> str:
    """Energies of half hours from a midnight of Paris on, or a register read every half hour."""
    lines, start_ms = ["start,end,value,unit"], JAN_1_MS + first * DAY_MS
    for n in range(count):
        start, end = (
            datetime.fromtimestamp((start_ms + (n + m) * HALF_MS) / 1000, UTC).isoformat()
            for m in (0, 1)
        )
        lines.append(f"{start},,{1_000_000 + n * n},Wh" if index else f"{start},{end},{n % 7},Wh")
    return "\n".join(lines)


@BOTH
@pytest.mark.parametrize("index", [False, True])
def test_fine_samples_of_imports_go_with_the_consent_and_their_days_stay(homes, agree, index):
    query = f"site={SITE}&device=h1&channel={CHANNEL}"

    def commit(csv):
        made = homes.post(f"/v1/imports?{query}", content=csv).json()
        assert homes.post(f"/v1/imports/{made['id']}/commit").is_success
        return made["id"]

    measured = _of_h1(homes)[0]
    first = commit(_half_hours(4, 96, index=index))
    days, fine, samples = _of_h1(homes)
    assert (len(days), fine > 48, len(samples)) == (5, True, 96)
    agree("savings", t_ms=1, resolution="daily")
    after = _of_h1(homes)
    assert after[:2] == (days, 0)
    assert [each.start_ms for each in after[2]] == ([JAN_1_MS + 4 * DAY_MS] if index else [])
    whole = "start,end,value,unit\n2024-01-08T23:00:00Z,2024-01-09T23:00:00Z,9000,Wh\n"
    second = commit(whole)
    assert _of_h1(homes)[0][:-1] == days, "laid again from what the import keeps"
    assert homes.request("DELETE", f"/v1/imports/{second}").is_success
    assert _of_h1(homes)[:2] == (days, 0)
    assert homes.request("DELETE", f"/v1/imports/{first}").is_success
    assert _of_h1(homes)[:2] == (measured, 0), "undo is the identity for what may remain"


def test_raising_the_resolution_or_a_consent_of_others_takes_nothing(homes, agree):
    _import(homes, 1, 70)
    before = _of_h1(homes)
    agree("research", resolution="30min")
    agree("savings", "revoke", t_ms=1)
    assert _of_h1(homes) == before, "research still covers it"
    agree("research", "revoke", t_ms=2, device="h2")
    assert _of_h1(homes) == before
    agree("research", "revoke", t_ms=2, device="")
    assert _of_h1(homes)[1:] == (0, [])


def test_the_list_of_imports_shows_values_as_consent_goes(homes, agree):
    half = "start,end,value,unit\n2024-01-05T10:00:00Z,2024-01-05T10:30:00Z,4711,Wh\n"
    whole = "start,end,value,unit\n2024-01-05T23:00:00Z,2024-01-06T23:00:00Z,4712,Wh\n"
    index = "start,end,value,unit\n2024-01-05T10:00:00Z,,4713,Wh\n"
    wrong = "2024-01-05T11:00:00Z,2024-01-05T11:30:00Z,-4714,Wh\n"
    for device in ("h1", "hall"):
        query = f"site={SITE}&device={device}&channel={CHANNEL}"
        for csv in (half + wrong, whole, index):
            sent = homes.post(f"/v1/imports?{query}", content=csv)
            assert sent.status_code == 201, sent.text

    def seen(device):
        answer = homes.get("/v1/imports").json()["imports"]
        mine = [each for each in answer if each["device"] == device]
        pages = "".join(homes.get(f"/imports/{each['id']}?lang=en").text for each in mine)
        told = [
            {value for value in ("4711", "4712", "4713", "-4714") if value in text}
            for text in (json.dumps(mine), pages.replace(",", ""))
        ]
        assert told[0] == told[1], "the pages tell what the list tells"
        return told[0]

    assert seen("hall") == {"4711", "4712", "4713", "-4714"}
    assert seen("h1") == {"4711", "4712"}, "it agreed to half hours; an instant tells more"
    agree("research", resolution="30min")
    agree("savings", t_ms=1, resolution="daily")
    assert seen("h1") == {"4712"}, "kept for research, and not for this reader"
    agree("savings", "revoke", t_ms=2)
    assert seen("h1") == set()


def test_a_meter_declared_a_home_later_is_swept_with_its_imports(homes):
    query = f"site={SITE}&device=hall&channel={CHANNEL}"
    homes.post(f"/v1/imports?{query}", content=_half_hours(4, 48, index=False))
    document = _document("h1")
    document["device"][-1]["household"] = "hall"
    assert homes.post("/v1/studies", json=document).is_success
    assert len(_of_h1(homes)[2]) == 48
    assert sweep(homes.app.state.store.database, "demo", JAN_1_MS)["fine"] == 48
    assert _of_h1(homes)[2] == []


def test_an_import_remembers_no_window_that_consent_no_longer_covers(homes, agree):
    store = homes.app.state.store

    def fine(table):
        query = f"SELECT * FROM {{{table}}} WHERE length_s < 82800"
        if table == "rollup":
            query += " AND series_id = (SELECT id FROM {series} WHERE device = 'h1')"
        return store.database.rows("demo", query)

    first = _import(homes, 1, 70)
    assert [row["before"] for row in fine("import_window") if row["before"]]
    kept = len(fine("rollup"))
    agree("savings", "revoke", t_ms=JAN_1_MS + DAY_MS)
    agree("savings", t_ms=JAN_1_MS + DAY_MS + 1, resolution="daily")
    _import(homes, 2, 80)
    assert [row["before"] for row in fine("import_window") if row["before"]] == []
    homes.request("DELETE", f"/v1/imports/{first}")
    assert len(fine("rollup")) <= kept, "undo writes nothing that is finer than agreed"


def test_an_import_keeps_no_sample_finer_than_agreed(homes, agree):
    fine = "start,end,value,unit\n2024-01-02T10:00:00Z,2024-01-02T10:30:00Z,70,Wh\n"
    whole = "start,end,value,unit\n2024-01-01T23:00:00Z,2024-01-02T23:00:00Z,7000,Wh\n"
    index = "start,end,value,unit\n" + "".join(
        f"2024-01-{day}Z,2024-01-{day}Z,{value},Wh\n"
        for day, value in (("05T00:00:00", 10), ("06T00:00:00", 20), ("06T01:00:00", 30))
    )

    def kept(device, csv):
        query = f"site={SITE}&device={device}&channel={CHANNEL}"
        made = homes.post(f"/v1/imports?{query}", content=csv).json()
        return made["summary"]["values"], made["refused"]["counts"]

    files = (fine, whole, index)
    assert [kept("h1", csv)[0] for csv in files] == [1, 1, 3], "it agreed to half hours"
    agree("savings", t_ms=1, resolution="daily")
    counts = {"import_no_consent": 1}
    assert [kept("h1", csv) for csv in files] == [(0, counts), (1, {}), (2, counts)]
    assert [kept("hall", csv)[0] for csv in files] == [1, 1, 3], "nobody lives there"


def test_operat_takes_no_meter_of_a_household(client):
    document = _document("h1")
    building = {"id": "b1", "name": "Hall", "area_m2": 1200}
    meter = {"carrier": "electricity", "channel": CHANNEL}
    for device, status in (("hall", 202), ("h1", 422)):
        document["site"][0]["building"] = [{**building, "meter": [{**meter, "device": device}]}]
        answer = client.post("/v1/studies", content=json.dumps(document))
        assert answer.status_code == status, answer.text
    assert "household" in answer.text


def test_rules_are_read_once_and_again_after_a_write(homes, agree, monkeypatch):
    store, asked = homes.app.state.store, []
    read = type(store.consents).of

    def counted(consents, connection, tenant):
        asked.append(tenant)
        return read(consents, connection, tenant)

    monkeypatch.setattr(type(store.consents), "of", counted)
    for _ in range(20):
        assert len(store.daily("demo", SITE, "h1", CHANNEL)) == 3
        assert len(store.fine("demo", SITE, "h1", CHANNEL)) == 48
    assert len(asked) <= 1
    agree("savings", "revoke", t_ms=1)
    assert store.daily("demo", SITE, "h1", CHANNEL) == []
    assert store.fine("demo", SITE, "h1", CHANNEL) == []
    assert len(asked) <= 3
    for n in range(MAX_TENANTS + 1):
        store.daily(f"t{n}", SITE, "h1", CHANNEL)
    assert len(store._rules._known) == MAX_TENANTS
