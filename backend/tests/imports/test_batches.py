"""Import, undo, import again: the store is what was measured with the imports laid over it."""

import secrets
from datetime import date, timedelta

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cobenefit_backend import bodies, retention
from cobenefit_backend.errors import InputError, RequestError
from cobenefit_backend.imports import log
from cobenefit_backend.imports.batches import MAX_PREVIEWS, Imports, target_of
from cobenefit_backend.imports.records import Target

NOW_MS = 1_800_000_000_000
SERIES = [["town", "school", "energy_import_wh"]]
HOUR_MS, HALF_MS = 3_600_000, 1_800_000
JANUARY = date(2024, 1, 1)
BOTH = pytest.mark.parametrize("kind", ["sqlite", "postgresql"])


def _everything(store, tenant="demo"):
    """What a report reads, to the last digit and the revision."""
    rollups = store.database.rows(
        tenant,
        "SELECT site, device, channel, rollup.* FROM {rollup} JOIN {series} ON series.id = "
        "series_id ORDER BY site, device, channel, start_ms, length_s",
    )
    for row in rollups:
        del row["series_id"]
    return rollups, store.quarantine(tenant), store.windows_of(tenant)


def _import(store, target, content, *, tenant="demo", replaces=False, commit=True):
    imports = Imports(store.database)
    found = imports.preview(
        tenant, target, content, None, file="x.csv", replaces=replaces, by="test", now_ms=NOW_MS
    )
    if commit:
        return imports.commit(tenant, found["id"], by="test", now_ms=NOW_MS)
    return found


def _undo(store, found, tenant="demo"):
    return Imports(store.database).undo(tenant, found["id"], by="test", now_ms=NOW_MS)


def _add(store, page_body, rows, page=0, tenant="demo"):
    data = page_body(SERIES, [(0, row) for row in rows], page=page, tenant=tenant)
    store.add_page(*bodies.decode_page(data), now_ms=1)


@pytest.fixture
def load_curve(half_hours, csv_bytes):
    """The CSV file of the half hours between two days."""
    return lambda first, end: csv_bytes(half_hours(first, end))


@pytest.fixture
def deliver(store, page_body, counter_row):
    """Store what a gateway measured: rows of (day, register, increase, and more)."""

    def add(*rows, page=0, tenant="demo"):
        made = [row if isinstance(row, dict) else counter_row(*row[:3], **row[3]) for row in rows]
        _add(store, page_body, made, page, tenant)
        return made

    return add


@pytest.fixture
def gappy(half_hours, csv_bytes):
    """Half hours of three days with gaps, and how to write a file of some of them."""
    values = half_hours(JANUARY, date(2024, 1, 4))
    return [value for n, value in enumerate(values) if n % 61 != 17], csv_bytes


@pytest.fixture
def new_tenant(store, study_document):
    """Make one more tenant with a study document."""

    def make() -> str:
        tenant = f"t{secrets.token_hex(8)}"
        store.put_study(tenant, msgspec.json.encode({**study_document, "tenant": tenant}), 1)
        return tenant

    return make


@pytest.fixture
def known(store, study_document):
    """The store of a tenant with a study document."""
    store.put_study("demo", msgspec.json.encode(study_document), 1)
    return store


@BOTH
def test_preview_writes_nothing_and_commit_what_it_said(known, target, half_hours, csv_bytes):
    before, number = _everything(known), known.change_number("demo")
    rows = half_hours(JANUARY, date(2024, 1, 4))
    preview = _import(known, target, csv_bytes([*rows, rows[5]]), commit=False)
    assert (_everything(known), known.change_number("demo")) == (before, number)
    assert preview["summary"]["windows"] == {
        "days": {"new": 3, "changed": 0, "removed": 0, "kept": 0},
        "hours": {"new": 72, "changed": 0, "removed": 0, "kept": 0},
    }
    assert preview["refused"]["lines"] == [[146, "import_duplicate", "the same as line 7"]]
    done = Imports(known.database).commit("demo", preview["id"], by="test", now_ms=NOW_MS)
    assert done["summary"] == preview["summary"]
    stored = known.daily("demo", "town", "school", "energy_import_wh")
    assert [row["delta"] for row in stored] == [
        sum(power / 2 for _, power in rows[48 * n : 48 * n + 48]) for n in range(3)
    ]
    (refused,) = known.quarantine("demo")
    assert (refused["reason"], refused["readings"]) == ("import_duplicate", 1)
    after = _everything(known)
    Imports(known.database).commit("demo", preview["id"], by="test", now_ms=NOW_MS)
    assert _everything(known) == after
    _undo(known, preview)
    assert _everything(known) == before
    assert _undo(known, preview)["state"] == "undone"
    with pytest.raises(RequestError, match="was undone"):
        Imports(known.database).commit("demo", preview["id"], by="test", now_ms=NOW_MS)
    assert [row["kind"] for row in log.lines(known.database, "demo")] == ["undo", "import"]


def test_what_was_measured_stays_where_it_is_as_complete(known, target, load_curve, deliver):
    deliver((JANUARY, 0, 900, {}), (date(2024, 1, 2), 900, 900, {"count": 20}))
    before = _everything(known)
    content = load_curve(JANUARY, date(2024, 1, 4))
    first = _import(known, target, content)
    assert first["summary"]["windows"]["days"] == {
        "new": 1, "changed": 1, "removed": 0, "kept": 1,
    }  # fmt: skip
    assert known.daily("demo", "town", "school", "energy_import_wh")[0]["delta"] == 900
    second = _import(known, target, content, replaces=True)
    assert known.daily("demo", "town", "school", "energy_import_wh")[0]["delta"] > 20_000
    _undo(known, first)
    assert known.daily("demo", "town", "school", "energy_import_wh")[0]["delta"] > 20_000
    _undo(known, second)
    assert _everything(known) == before


def test_an_hour_is_one_window_or_its_parts(known, target, load_curve, deliver, counter_row):
    begin = counter_row(JANUARY, 0, 1)["start_ms"]
    rows = [
        {**counter_row(JANUARY, 0, 10, count=n), "start_ms": begin + 600_000 * n, "length_s": 600,
         "expected": 5, "first_t_ms": begin + 600_000 * n, "last_t_ms": begin + 600_000 * n + 1,
         "delta": 10.0}
        for n in range(1, 6)
    ]  # fmt: skip
    deliver(*rows)
    before = _everything(known)
    found = _import(known, target, load_curve(JANUARY, date(2024, 1, 2)))
    assert found["summary"]["windows"]["hours"]["removed"] == 5
    fine = known.fine("demo", "town", "school", "energy_import_wh")
    assert [row["length_s"] for row in fine] == [3600] * 24
    late = {**rows[0], "revision": 9, "delta": 11.0}
    deliver(late, page=1)  # a gateway delivers late what an import removed
    _undo(known, found)
    after = known.fine("demo", "town", "school", "energy_import_wh")
    assert [row["delta"] for row in after] == [11.0, 10.0, 10.0, 10.0, 10.0]
    kept = [{**row, "revision": 0, "delta": 10.0} for row in _everything(known)[0]]
    assert kept == before[0]


def test_a_page_that_arrives_later_is_measured_and_outlives_the_undo(
    known, target, load_curve, deliver
):
    found = _import(known, target, load_curve(JANUARY, date(2024, 1, 3)))
    deliver((JANUARY, 0, 900, {"revision": 1}))
    assert known.daily("demo", "town", "school", "energy_import_wh")[0]["delta"] == 900
    _undo(known, found)
    assert [r["delta"] for r in known.daily("demo", "town", "school", "energy_import_wh")] == [900]


@BOTH
@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_split_and_order_gives_the_same_rows_and_undo_is_the_identity(
    store, new_tenant, deliver, gappy, data
):
    target = Target("town", "school", "energy_import_wh", "Europe/Paris")
    tenant = new_tenant()  # each example has the store for itself
    days = [JANUARY + timedelta(days=n) for n in range(4) if data.draw(st.booleans())]
    rows = [(day, 0, 9, {"count": data.draw(st.sampled_from([0, 20]))}) for day in days]
    deliver(*rows, tenant=tenant)
    before = _everything(store, tenant)
    values, write = gappy
    whole = _import(store, target, write(values), tenant=tenant)
    expected = _everything(store, tenant)
    _undo(store, whole, tenant)
    assert _everything(store, tenant) == before
    pieces = data.draw(st.integers(1, 3))
    of = [data.draw(st.integers(0, pieces - 1)) for _ in range(11)]
    files = [[v for n, v in enumerate(values) if of[n % 11] == piece] for piece in range(pieces)]
    made = []
    for piece in files:
        shuffled = data.draw(st.permutations(piece)) if len(piece) < 60 else piece[::-1]
        made.append(_import(store, target, write(shuffled), tenant=tenant))
    assert _everything(store, tenant) == expected
    for found in data.draw(st.permutations(made)):
        _undo(store, found, tenant)
    assert _everything(store, tenant) == before


def test_of_files_that_contradict_the_last_committed_holds_until_it_is_undone(
    known, target, half_hours, csv_bytes
):
    rows = half_hours(JANUARY, date(2024, 1, 2))
    _import(known, target, csv_bytes(rows))
    first = _everything(known)
    doubled = csv_bytes([(t, 2 * power) for t, power in rows])
    second = _import(known, target, doubled)
    assert len(second["summary"]["earlier"]) == 1
    (day,) = known.daily("demo", "town", "school", "energy_import_wh")
    assert day["delta"] == sum(power for _, power in rows)
    _undo(known, second)
    assert _everything(known) == first


def test_old_previews_go_and_what_is_pruned_stays_away(known, target, half_hours, csv_bytes):
    rows = half_hours(JANUARY, date(2024, 1, 4))
    for _ in range(MAX_PREVIEWS + 2):
        _import(known, target, csv_bytes(rows[:2]), commit=False)
    imports = Imports(known.database)
    assert len(imports.listed("demo")) == MAX_PREVIEWS
    _import(known, target, csv_bytes(rows))
    cut = rows[48][0]
    retention.prune(known.database, cut, ["demo"])
    left = known.daily("demo", "town", "school", "energy_import_wh")
    assert [row["start_ms"] for row in left] == [cut, rows[96][0]]
    again = _import(known, target, csv_bytes(half_hours(date(2024, 1, 5), date(2024, 1, 6))))
    _undo(known, again)
    assert known.daily("demo", "town", "school", "energy_import_wh") == left


def test_only_series_of_the_study_document_are_imported(study_document):
    document = msgspec.json.encode(study_document)
    for names, says in (
        (("moon", "school", "energy_import_wh"), "no site"),
        (("town", "house", "energy_import_wh"), "no device"),
        (("town", "school", "vehicle_speed_km_h"), "can't be imported"),
    ):
        with pytest.raises(InputError, match=says):
            target_of(document, *names)
    with pytest.raises(InputError, match="load it first"):
        target_of(None, "town", "school", "energy_import_wh")
