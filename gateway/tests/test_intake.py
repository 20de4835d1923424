"""Messages in, totals and windows out: routing, copies, bad input, late data, crash and replay."""

import json
import random
import shutil
import sqlite3
import struct
from binascii import crc32

import pytest

from cobenefit_gateway.journal import OVERSIZE, REPEATED, Record
from cobenefit_wire import messages, quality

NOW_MS = 1_700_000_000_000
#: A midnight in UTC.
START_MS = 1_600_041_600_000
DAY_MS = 86_400_000
KEY = ("s", "d", 1)


def reseal(data):
    body = data[:-6]
    return body + struct.pack(">BBI", 23, 0x1A, crc32(body))


def test_the_first_birth_of_a_boot_is_acknowledged_because_that_tells_the_time(pipeline):
    gateway = pipeline()
    birth = Record(
        "cb/v1/s/d/state", messages.encode(messages.State(True, 1, "1", "u", "1", 0)), NOW_MS
    )
    assert gateway.take(birth) == {KEY}
    assert gateway.take(birth) == set()
    gateway.checkpoint()
    gateway.reload()  # a reload because the disk was full leaves nobody without a row
    assert KEY in gateway.state.sequences
    gateway.take(gateway.pack(0, START_MS, [100]))
    gateway.checkpoint()
    gateway.reload()
    assert gateway.take(birth) == set()


def test_a_pack_is_counted_once_and_acknowledged_each_time(pipeline):
    gateway = pipeline()
    pack = gateway.pack(0, START_MS, [100, 110, 130])
    assert gateway.take(pack) == {KEY}
    assert gateway.take(pack, pack) == {KEY}
    assert gateway.state.totals["duplicates"] == 2
    gateway.checkpoint(flush=True)
    (row,) = gateway.rows().values()
    assert (row["count"], row["sum"], row["delta"], row["expected"]) == (3, 340, 30, 144)


BAD = {
    "crc": lambda g: g.pack(5, START_MS, [1])._replace(
        payload=g.pack(5, START_MS, [1]).payload[:-1] + b"\x00"
    ),
    "truncated": lambda g: Record("cb/v1/s/d/up/energy_import_wh", b"\xaa\x09", NOW_MS),
    "topic": lambda g: Record("cb/v1/s/d/up/NO", b"x", NOW_MS),
    "oversize": lambda g: Record("cb/v1/s/d/up/energy_import_wh", b"d" * 20, NOW_MS, OVERSIZE),
    "senml": lambda g: Record("cb/v1/s/d/senml", b"[{", NOW_MS),
    "message": lambda g: Record("cb/v1/s/d/health", b"\xa0", NOW_MS),
    "cbor": lambda g: Record("cb/v1/s/d/state", b"\xff", NOW_MS),
}


@pytest.mark.parametrize("reason", BAD)
def test_what_nobody_vouches_for_is_refused_once_and_never_acknowledged(pipeline, reason):
    gateway = pipeline()
    bad, good = BAD[reason](gateway), gateway.pack(0, START_MS, [1, 2])
    assert gateway.take(bad, good, bad) == {KEY}
    ((place, totals),) = gateway.refused().items()
    assert place[-1] == reason
    assert totals == (0, 1)
    gateway.checkpoint()
    gateway.reload()
    gateway.take(bad)
    assert gateway.refused() == {place: (0, 1)}


def unknown_label(gateway):
    data = bytearray(gateway.pack(7, START_MS, [1, 2]).payload)
    data[32] = 99
    return gateway.pack(7, START_MS, [1, 2])._replace(payload=reseal(bytes(data)))


STORED = {
    "label": (unknown_label, (0, 1)),
    "unit": (lambda g: g.pack(7, START_MS, [1, 2], unit="kWh"), (2, 1)),
    "quantity": (lambda g: g.pack(7, START_MS, [1, 2], "odour"), (2, 1)),
    "time_before_earliest": (lambda g: g.pack(7, 946_684_800_000, [1, 2]), (2, 0)),
    "time_in_future": (lambda g: g.pack(7, 4_102_444_800_000, [1, 2]), (2, 0)),
    "time_unknown": (lambda g: g.pack(7, 91_234, [1, 2], flags=1), (2, 0)),
    "out_of_range": (lambda g: g.pack(7, START_MS, [-1, -2]), (2, 0)),
    "timeout": (
        lambda g: g.pack(7, START_MS, [1, 2], quality=bytes([0, quality.TIMEOUT])),
        (1, 0),
    ),
    "counter_went_back": (lambda g: g.pack(7, START_MS, [900, 100, 901]), (1, 0)),
}


@pytest.mark.parametrize("reason", STORED)
def test_what_is_refused_but_vouched_for_is_acknowledged_and_counted_once(pipeline, reason):
    make, totals = STORED[reason]
    gateway = pipeline()
    bad, good = make(gateway), gateway.pack(8, START_MS + DAY_MS, [1000, 1001])
    assert gateway.take(bad, good, bad) == {KEY}
    (place,) = gateway.refused()
    assert place[-1] == reason
    assert gateway.refused()[place] == totals
    gateway.checkpoint(flush=True)
    stored = sum(row["count"] for row in gateway.rows().values())
    readings = {"label": 0, "counter_went_back": 3}.get(reason, 2)
    assert stored == 2 + readings - totals[0]


def test_a_reading_in_the_future_does_not_close_windows(pipeline):
    gateway = pipeline()
    gateway.take(gateway.pack(0, START_MS, [1]), gateway.pack(1, 4_102_444_800_000, [9]))
    gateway.checkpoint()
    assert gateway.rows() == {}
    gateway.take(gateway.pack(2, START_MS + 600_000, [5]))
    gateway.take(gateway.pack(3, START_MS + DAY_MS, [6]))
    gateway.checkpoint()
    (row,) = gateway.rows().values()
    assert (row["count"], row["delta"], row["revision"]) == (2, 4, 1)


def test_a_meter_exchange_costs_one_flagged_reading_and_no_spike(pipeline):
    gateway = pipeline()
    gateway.take(gateway.pack(0, START_MS, [9000, 9010, 9020]))
    gateway.take(gateway.pack(1, START_MS + DAY_MS, [5, 8, 20]))
    gateway.checkpoint(flush=True)
    first, second = (row for _, row in sorted(gateway.rows().items()))
    assert (first["delta"], second["delta"]) == (20, 12)
    assert (second["count"], second["flagged"], second["first"]) == (2, 1, 8)


def test_late_data_reopens_its_window_and_the_next_one_is_sent_again(pipeline):
    gateway = pipeline('[[channel]]\nchannel = "*"\nperiod_s = 600.0\n')
    days = [gateway.pack(i, START_MS + i * DAY_MS, [100 * i, 100 * i + 10]) for i in range(4)]
    gateway.take(days[0], days[2], days[3])
    gateway.checkpoint(flush=True)
    before = gateway.rows()
    assert [r["delta"] for _, r in sorted(before.items())] == [10, 200, 100]
    gateway.reload()
    gateway.take(days[1])
    gateway.checkpoint()
    late = {key[1]: row for key, row in gateway.rows().items()}
    assert {t: (r["revision"], r["delta"]) for t, r in late.items()} == {
        START_MS + DAY_MS: (1, 100),
        START_MS + 2 * DAY_MS: (2, 100),
    }


@pytest.mark.parametrize("seed", range(6))
def test_any_order_any_checkpoints_and_any_crashes_give_the_same_rollups(tmp_path, pipeline, seed):
    rng = random.Random(seed)
    plain = pipeline('[windows]\ntimezone = "Europe/Paris"\n')
    index, packs = 0, []
    for seq in range(60):
        n = rng.randrange(1, 30)
        values = [3 * (index + i) for i in range(n)]
        packs.append(plain.pack(seq, START_MS + index * 600_000, values))
        index += n
    plain.take(*packs)
    plain.checkpoint(flush=True)
    expected = {key: {**row, "revision": 0} for key, row in plain.rows().items()}
    plain.store.close()
    shutil.rmtree(tmp_path / "gateway-data")
    rng.shuffle(packs)
    gateway = pipeline('[windows]\ntimezone = "Europe/Paris"\n')
    rows, at = {}, 0
    while at < len(packs):
        size = rng.randrange(1, 9)
        gateway.take(*packs[at : at + size])
        if rng.random() < 0.3:  # a crash: what was not saved is read again from the journal
            gateway.reload()
        else:
            at += size
            gateway.checkpoint(flush=rng.random() < 0.3)
    gateway.checkpoint(flush=True)
    rows = {key: {**row, "revision": 0} for key, row in gateway.rows().items()}
    for key, row in expected.items():
        assert rows[key] == {**row, "m2": pytest.approx(row["m2"], rel=1e-9)}
    assert rows.keys() == expected.keys()


def test_days_follow_the_site_and_fine_windows_need_consent(pipeline):
    gateway = pipeline(
        '[[site]]\nid = "s"\ntimezone = "Europe/Paris"\n[[consent]]\nsite = "s"\ndevice = "d"\n'
    )
    midnight = 1_711_839_600_000  # 2024-03-31 00:00 in Paris, a day of 23 hours
    gateway.state.totals.clear()
    record = gateway.pack(0, midnight, list(range(150)), "power_active_w")
    gateway.take(record._replace(received_ms=midnight + 2 * DAY_MS))
    gateway.checkpoint(flush=True)
    rows = gateway.rows()
    days = {key: row for key, row in rows.items() if key[2] > 600}
    assert sorted((key[2], row["count"]) for key, row in days.items()) == [
        (82_800, 138),
        (86_400, 12),
    ]
    fine = [row for key, row in rows.items() if key[2] == 600]
    assert len(fine) == 150
    for name in ("count", "sum"):
        assert sum(r[name] for r in fine) == sum(r[name] for r in days.values())
    covered = sum(r["covered_s"] for r in days.values())
    assert covered == 149 * 600
    # The trapezoid of 0, 1, … 149 W each 600 s: mean 74.5 W over 149 x 600 s.
    assert sum(r["integral"] for r in days.values()) == pytest.approx(74.5 * 149 * 600 / 3600)


def test_without_consent_nothing_finer_than_a_day_is_even_kept(pipeline):
    gateway = pipeline()
    gateway.take(gateway.pack(0, START_MS, [1, 2, 3]))
    gateway.checkpoint(flush=True)
    assert {key[2] for key in gateway.rows()} == {86_400}


def test_events_become_a_histogram(pipeline):
    gateway = pipeline('[[histogram]]\nchannel = "vehicle_speed_km_h"\nedges = [30, 50]\n')
    deltas = {"period_ms": 0, "deltas_ms": (0, 0, 500, 2000)}
    gateway.take(gateway.pack(0, START_MS, [29, 30, 49, 50], "vehicle_speed_km_h", **deltas))
    gateway.take(gateway.pack(1, START_MS, [80], "vehicle_speed_km_h"))
    gateway.checkpoint(flush=True)
    (row,) = gateway.rows().values()
    assert row["histogram"] == [1, 2, 2]
    assert (row["delta"], row["integral"], row["expected"]) == (None, None, 0)


def test_senml_is_taken_and_copies_are_known(pipeline):
    gateway = pipeline()
    body = [{"n": "voltage_v", "u": "V", "t": 1_600_000_000 + i, "v": 230 + i} for i in range(3)]
    absolute = Record("cb/v1/s/d/senml", json.dumps(body).encode(), NOW_MS)
    gateway.take(absolute, absolute)
    now = Record("cb/v1/s/d/senml", b'[{"n":"voltage_v","u":"V","v":1}]', NOW_MS)
    later = now._replace(received_ms=NOW_MS + 1000)
    gateway.take(now, later, later._replace(kind=REPEATED))
    gateway.checkpoint(flush=True)
    assert sum(row["count"] for row in gateway.rows().values()) == 3 + 2
    assert gateway.state.totals["duplicates"] == 2


def health(boot, uptime_ms, lost=()):
    body = messages.Health(
        boot, uptime_ms, 1, 2, "profile", 3, 4, 5, 6, None, 7, None, list(lost),
        8, 9, 1000, 10, [1, 0, 2, 0, 0, 1], 1,
    )  # fmt: skip
    return Record("cb/v1/s/d/health", messages.encode(body), NOW_MS)


def test_the_ledger_of_a_node_that_sleeps_and_that_of_an_older_one(pipeline):
    gateway = pipeline()
    gateway.take(health(2, 100))
    row = gateway.state.health["s", "d", 2]
    told = [row[name] for name in ("asleep_ms", "radio_ms", "error_permille", "flash_bytes")]
    assert told == [8, 9, 1000, 10]
    assert (row["causes"], row["battery_changes"]) == ([1, 0, 2, 0, 0, 1], 1)
    older = tuple(messages.decode_health(health(3, 100).payload))[:13]
    gateway.take(Record("cb/v1/s/d/health", messages.encode(older), NOW_MS))
    row = gateway.state.health["s", "d", 3]
    assert (row["uptime_ms"], row["asleep_ms"], row["causes"]) == (100, 0, ())


def test_declared_losses_are_counted_per_boot_and_not_awaited(pipeline):
    gateway = pipeline()
    gateway.take(gateway.pack(0, START_MS, [1]), gateway.pack(9, START_MS + 600_000, [2]))
    due = gateway.take(health(2, 100, [[1, 8, [["energy_import_wh", 60]]]]))
    assert due == {KEY}
    assert (gateway.state.sequences[KEY].floor, gateway.state.sequences[KEY].ranges) == (8, [9, 9])
    gateway.take(health(2, 200, [[1, 9, [["energy_import_wh", 61]]]]), health(2, 150))
    assert gateway.state.sequences[KEY].floor == 10
    rows = gateway.state.health
    assert rows[KEY]["lost"] == {"energy_import_wh": 61}
    assert rows["s", "d", 2]["uptime_ms"] == 200
    assert rows["s", "d", 2]["lost"] == {}


def test_birth_and_will_reach_the_ledger(pipeline):
    gateway = pipeline()
    state = messages.State(True, 2, "0.1.0", "unix", "power_on", 0)
    gateway.take(Record("cb/v1/s/d/state", messages.encode(state), NOW_MS), health(2, 5))
    assert gateway.state.health["s", "d", 2]["online"]
    gone = messages.encode(state._replace(online=False))
    gateway.take(Record("cb/v1/s/d/state", gone, NOW_MS))
    assert not gateway.state.health["s", "d", 2]["online"]


def test_a_health_message_with_absurd_numbers_is_refused(pipeline):
    gateway = pipeline()
    gateway.take(health(1, 1 << 60))
    assert list(gateway.refused()) == [("d", "", "health")]


def test_readings_too_old_to_reopen_their_window_are_flagged(pipeline):
    gateway = pipeline("[windows]\nreopen_days = 10\n")
    gateway.take(gateway.pack(0, START_MS + 20 * DAY_MS, [5]))
    gateway.take(gateway.pack(1, START_MS, [1]), gateway.pack(2, START_MS + 11 * DAY_MS, [2]))
    assert gateway.refused() == {("d", "energy_import_wh", "out_of_order"): (1, 0)}


def test_a_full_spool_defers_pages_and_loses_none(pipeline):
    gateway = pipeline("[backend]\nmax_pages = 1\n")
    for i in range(3):
        gateway.take(gateway.pack(i, START_MS + i * DAY_MS, [i]))
        gateway.checkpoint(flush=True)
    assert len(gateway.rows()) == 1
    assert gateway.state.totals["pages_deferred"] == 2
    gateway.checkpoint()
    assert len(gateway.rows()) == 2


def test_a_spool_full_of_bytes_defers_pages_too(pipeline):
    gateway = pipeline("[backend]\nmax_mb = 1\n")
    with sqlite3.connect(gateway.config.data_dir / "gateway.db") as db:
        db.execute("INSERT INTO pages VALUES(1000, '', zeroblob(1048576), 1, NULL, 0)")
    db.close()
    gateway.take(gateway.pack(0, START_MS, [1]))
    gateway.checkpoint(flush=True)
    assert gateway.state.totals["pages_deferred"] == 1


def test_a_message_that_trips_the_gateway_is_refused_and_the_next_goes_on(pipeline, monkeypatch):
    def trip(*_):
        raise ZeroDivisionError

    monkeypatch.setattr("cobenefit_gateway.intake.decode_senml", trip)
    gateway = pipeline()
    gateway.take(Record("cb/v1/s/d/senml", b"[]", NOW_MS), gateway.pack(0, START_MS, [1]))
    assert gateway.refused() == {("d", "", "internal"): (0, 1)}
    assert gateway.state.totals["readings"] == 1


@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize("together", [False, True])
def test_a_jump_back_at_the_head_of_a_late_run_is_flagged(pipeline, stored, together):
    gateway = pipeline()
    gateway.take(gateway.pack(0, START_MS, [100, 110]))
    gateway.take(gateway.pack(3, START_MS + 3 * DAY_MS, [900, 910]))
    if stored:
        gateway.checkpoint(flush=True)
        gateway.reload()
    late = [
        gateway.pack(1, START_MS + DAY_MS, [40, 210, 220]),
        gateway.pack(2, START_MS + DAY_MS + 1_800_000, [30, 240]),
    ]
    if together:
        gateway.take(*late)
    else:
        gateway.take(late[0])
        gateway.take(late[1])
    gateway.checkpoint(flush=True)
    assert gateway.refused() == {("d", "energy_import_wh", "counter_went_back"): (2, 0)}
    series = gateway.state.series["s", "d", "energy_import_wh"]
    assert series.last == 910
    gateway.take(gateway.pack(4, START_MS + 4 * DAY_MS, [920]))
    assert sum(row[0] for row in gateway.refused().values()) == 2


def test_neighbours_judge_a_reading_before_it_enters_a_statistic(pipeline):
    gateway = pipeline(
        '[[channel]]\nchannel = "power_active_w"\nmax_rate_per_s = 1.0\nmax_stuck_s = 2400\n'
        "outlier_deviations = 8.0\n"
    )
    # Energy has a limit of its own: 100 kW for ten minutes is 16,667 Wh.
    gateway.take(gateway.pack(0, START_MS, [100, 900_000, 120, 16_700, 33_300]))
    power = [5, 6, 7, 5, 90, 6, 7, 2000, 5, 6, 7, 9, 9, 9, 9, 9, 9]
    gateway.take(gateway.pack(1, START_MS, power, "power_active_w"))
    assert gateway.refused() == {
        ("d", "energy_import_wh", "too_fast"): (1, 0),
        ("d", "power_active_w", "too_fast"): (1, 0),
        ("d", "power_active_w", "outlier"): (1, 0),
        ("d", "power_active_w", "stuck"): (5, 0),
    }
    gateway.checkpoint(flush=True)
    rows = {key[0]: row for key, row in gateway.rows().items()}
    assert (rows["energy_import_wh"]["delta"], rows["energy_import_wh"]["max"]) == (33_200, 33_300)
    assert (rows["power_active_w"]["max"], rows["power_active_w"]["flagged"]) == (9, 7)
