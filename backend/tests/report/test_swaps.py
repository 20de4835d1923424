"""A board or meter exchanged: the step between two indexes is no consumption."""

import json

import msgspec
import pytest

from cobenefit_backend import activities, bodies
from cobenefit_backend.report import swaps
from cobenefit_backend.report.series import counter_days
from cobenefit_boards import replace
from cobenefit_gateway.core.aggregate import increase

PARIS = "Europe/Paris"
STEP_MS, DAY_MS, START_MS = 600_000, 86_400_000, 1_704_063_600_000  # 2024-01-01 in Paris
WHERE = ("lille-01", "meter-1", "energy_import_wh")


def activity(date, quantity, amount, place="meter-1/energy_import_wh", unit="Wh"):
    return {"use_case": "maintenance", "site": "lille-01", "place": place, "date": date,
            "quantity": quantity, "amount": amount, "unit": unit}  # fmt: skip


def rollups(readings):
    """Return daily rollups as the gateway makes them, links between readings included."""
    rows, last = [], None
    for day in range(3):
        values = readings[144 * day : 144 * (day + 1)]
        before = [last, *values[:-1]] if last is not None else values[:-1]
        after = values if last is not None else values[1:]
        delta = sum(increase(a, b, 0) for a, b in zip(before, after, strict=True))
        start_ms = START_MS + day * DAY_MS
        rows.append({
            "start_ms": start_ms, "length_s": 86_400, "count": 144, "expected": 144,
            "first": values[0], "first_t_ms": start_ms, "last": values[-1],
            "last_t_ms": start_ms + DAY_MS - STEP_MS, "delta": delta,
        })  # fmt: skip
        last = values[-1]
    return rows


def use(rows):
    return counter_days(rows, PARIS).amount.tolist()


@pytest.mark.parametrize("first", [7, 90_000], ids=["starts below", "starts above"])
def test_the_day_of_an_exchange_is_what_both_meters_counted(first):
    """10 Wh a step; the exchange is 4 Wh after a reading and 6 Wh before the next."""
    old = [1000 + 10 * n for n in range(200)]
    last = old[-1] + 4
    new = [first + 6 + 10 * n for n in range(3 * 144 - 200)]
    rows = rollups(old + new)
    assert use(rows)[1] != pytest.approx(1440)  # the gateway alone can't know
    log = [
        activity("2024-01-02", "index_before", last),
        activity("2024-01-02", "index_after", first),
    ]
    assert use(swaps.mended(rows, log, WHERE, PARIS)) == pytest.approx([1440, 1440, 1430])


def test_indexes_that_do_not_fit_the_readings_make_a_missing_day():
    rows = rollups([1000 + 10 * n for n in range(432)])
    log = [activity("2024-01-02", "index_before", 5), activity("2024-01-02", "index_after", 0)]
    found = use(swaps.mended(rows, log, WHERE, PARIS))
    assert found[0] == pytest.approx(1440)
    assert found[1] != found[1]


def test_what_is_of_another_counter_or_ran_on_changes_nothing():
    rows = rollups([1000 + 10 * n for n in range(432)])
    log = [activity("2024-01-02", "index_last", 5), activity("2024-01-02", "index_first", 9),
           activity("2024-01-02", "index_before", 5, "meter-2/energy_import_wh"),
           activity("2024-01-02", "index_after", 9, "meter-2/energy_import_wh"),
           activity("2024-01-02", "index_before", 5)]  # fmt: skip
    assert swaps.mended(rows, log, WHERE, PARIS) == rows


def test_kilometres_are_added_up_by_node():
    log = [activity("2024-01-02", "visit_distance", 34, "meter-1", "km"),
           activity("2024-02-02", "visit_distance", 6, "meter-1", "km"),
           activity("2024-02-02", "visit_distance", 6, "meter-2", "km"),
           activity("2024-02-02", "visit_distance", 6, "meter-1", "mile")]  # fmt: skip
    assert swaps.visit_km(log, "lille-01", "meter-1") == 40
    assert swaps.visit_km(log, "lille-01", "meter-9") == 0


def test_what_a_technician_writes_is_what_the_backend_reads():
    swap = replace.Swap(
        node="lille-01/meter-1", date="2024-01-02", by="a", km=34.0, note="", old_mac="",
        new_mac="24:0a:c4:00:00:02", old_certificate="0" * 64, new_certificate="1" * 64,
        indexes={"energy_import_wh": (2994.0, 7.0)}, restarted=["energy_import_wh"],
    )  # fmt: skip
    rows = replace.activities(swap)
    assert all(set(row) == set(replace.COLUMNS) == set(activities.COLUMNS) for row in rows)
    assert not any(activities.problems(row) for row in rows)
    body = {"tenant": "demo", "rows": rows}
    stored = bodies.decode(json.dumps(body).encode(), bodies.ActivityBody)
    log = [msgspec.structs.asdict(row) for row in stored.rows]
    assert swaps.visit_km(log, "lille-01", "meter-1") == 34
    old = [1000 + 10 * n for n in range(200)]
    days = rollups(old + [13 + 10 * n for n in range(232)])
    assert use(swaps.mended(days, log, WHERE, PARIS)) == pytest.approx([1440, 1440, 1430])
