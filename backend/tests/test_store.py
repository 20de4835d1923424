"""The store keeps each page once and, of each window, the highest revision."""

import hashlib
import secrets
import threading
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cobenefit_backend import bodies, migrate
from cobenefit_backend.errors import RequestError
from cobenefit_backend.store import Store, open_engine

pytestmark = pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
SERIES = [["town", "school", "energy_import_wh"]]


def _add(store, data):
    return store.add_page(*bodies.decode_page(data), now_ms=1)


def test_column_order_is_that_of_the_table(kind):
    from cobenefit_backend.models import Rollup

    columns = [column.name for column in Rollup.__table__.columns]
    assert columns == ["series_id", *bodies.VALUE_COLUMNS, "tenant"]


def test_the_same_page_twice_has_one_effect(store, page_body, counter_row):
    data = page_body(SERIES, [(0, counter_row(date(2024, 1, 1), 0, 100))])
    assert _add(store, data) is True
    before = store.series_digest("demo")
    assert _add(store, data) is False
    assert store.series_digest("demo") == before
    assert len(store.daily("demo", "town", "school", "energy_import_wh")) == 1


def test_the_same_number_with_another_hash_is_refused_without_effect(
    store, page_body, counter_row
):
    _add(store, page_body(SERIES, [(0, counter_row(date(2024, 1, 1), 0, 100))]))
    other = page_body(SERIES, [(0, counter_row(date(2024, 1, 1), 0, 200, revision=9))])
    with pytest.raises(RequestError) as refused:
        _add(store, other)
    assert refused.value.status == 409
    (row,) = store.daily("demo", "town", "school", "energy_import_wh")
    assert row["delta"] == 100


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(revisions=st.lists(st.integers(0, 5), min_size=1, max_size=8), data=st.data())
def test_the_highest_revision_stays_in_any_order_of_arrival(
    store, page_body, counter_row, revisions, data
):
    tenant = f"t{secrets.token_hex(8)}"  # each example has the store for itself
    order = data.draw(st.permutations(revisions))
    for page, revision in enumerate(order):
        # the delta tells the revision, so that an older one that replaced would be seen
        row = counter_row(date(2024, 1, 1), 0, 100 + revision, revision=revision)
        _add(store, page_body(SERIES, [(0, row)], page=page, tenant=tenant))
    (stored,) = store.daily(tenant, "town", "school", "energy_import_wh")
    assert (stored["revision"], stored["delta"]) == (max(revisions), 100 + max(revisions))


def test_two_revisions_in_one_page_keep_the_highest(store, page_body, counter_row):
    rows = [(0, counter_row(date(2024, 1, 1), 0, 100 + r, revision=r)) for r in (1, 3, 2)]
    _add(store, page_body(SERIES, rows))
    (stored,) = store.daily("demo", "town", "school", "energy_import_wh")
    assert stored["delta"] == 103


def test_the_digest_depends_on_the_data_and_not_on_the_order_of_arrival(
    new_database, page_body, counter_row
):
    rows = [counter_row(date(2024, 1, day), 0, day) for day in (1, 2, 3)]
    digests = []
    for order in ([0, 1, 2], [2, 0, 1]):
        engine = open_engine(new_database())
        migrate.upgrade(engine)
        found = Store(engine)
        for page, index in enumerate(order):
            _add(found, page_body(SERIES, [(0, rows[index])], page=page))
        digests.append(found.series_digest("demo"))
        engine.dispose()
    assert digests[0] == digests[1]
    assert digests[0] != hashlib.sha256().hexdigest()


@pytest.mark.parametrize(
    ("rows", "kept"),
    [
        ([(5, 0), (9, 0), (7, 0)], 9),  # a gateway that gives no revision
        ([(5, 3), (9, 4), (2, 5)], 2),  # a replay took seven back
        ([(5, 3), (2, 5), (9, 4)], 2),  # and a request overtook another
        ([(9, 0), (2, 1)], 2),
    ],
)
def test_the_later_quarantine_total_replaces(store, rows, kept):
    for readings, revision in rows:
        row = bodies.QuarantineRow("town", "school", "", "crc", readings, 1, 1, 2, "", revision)
        store.add_quarantine(bodies.QuarantineBody("demo", [row]))
    assert [row["readings"] for row in store.quarantine("demo")] == [kept]


def test_an_older_ledger_of_the_same_boot_never_replaces(store):
    def body(boot, uptime_ms):
        row = bodies.HealthRow(
            "town", "school", None, boot, uptime_ms, 1, uptime_ms, "profile", 1, 1, 0, 0, None, 0,
            {"energy_import_wh": 2}, True,
        )  # fmt: skip
        return bodies.HealthBody("demo", [row])

    for boot, uptime_ms in ((1, 500), (1, 300), (2, 100)):
        store.add_health(body(boot, uptime_ms))
    rows = store.health("demo")
    assert [(row["boot"], row["uptime_ms"]) for row in rows] == [(1, 500), (2, 100)]
    assert rows[0]["lost"] == {"energy_import_wh": 2}


def test_writers_wait_for_each_other(store, page_body, counter_row):
    days = [date(2024, 1, day) for day in range(1, 21)]
    pages = [
        page_body(SERIES, [(0, counter_row(day, 0, 1))], page=page)
        for page, day in enumerate(days)
    ]
    threads = [
        threading.Thread(target=lambda part=pages[i::4]: [_add(store, p) for p in part])
        for i in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.daily("demo", "town", "school", "energy_import_wh")) == len(days)


def test_commits_are_synced(store, kind):
    with store.database.engine.connect() as connection:
        if kind == "postgresql":
            assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
            return
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
