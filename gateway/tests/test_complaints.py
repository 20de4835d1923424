"""What people complain about in other gateways, tried on this one.

docs/explanation/complaints.md lists all ten with their sources; those that need a broker, a
backend or a kill are tested elsewhere and named there.
"""

import sqlite3

from cobenefit_gateway.adapters.homeassistant import latest_of
from cobenefit_gateway.journal import Record
from cobenefit_gateway.spool import Spool
from cobenefit_gateway.state import DAY

START_MS = 1_600_041_600_000
DAY_MS, STEP_MS = 86_400_000, 600_000
NOW_MS = 1_700_000_000_000


def only_day(gateway):
    (row,) = (r for k, r in gateway.rows().items() if k[1] == START_MS)
    return row


def test_late_data_is_never_dropped_in_silence(pipeline):
    gateway = pipeline("[windows]\nreopen_days = 2\n")
    gateway.take(gateway.pack(0, START_MS, [10, 20]))
    gateway.take(gateway.pack(1, START_MS + DAY_MS, [30]))  # closes the first day
    gateway.checkpoint()
    assert only_day(gateway)["count"] == 2
    gateway.take(gateway.pack(2, START_MS + 5 * STEP_MS, [25]))  # late: the day is sent again
    gateway.checkpoint()
    row = only_day(gateway)
    assert (row["count"], row["revision"], row["last"]) == (3, 2, 25)
    gateway.take(gateway.pack(3, START_MS + 9 * DAY_MS, [40]))
    gateway.take(gateway.pack(4, START_MS + 6 * STEP_MS, [26]))  # older than reopen_days
    assert gateway.refused() == {("d", "energy_import_wh", "out_of_order"): (1, 0)}


def test_one_future_timestamp_does_not_close_todays_window(pipeline):
    gateway = pipeline()
    gateway.take(gateway.pack(0, START_MS, [10]))
    gateway.take(gateway.pack(1, 4_102_444_800_000, [11]))  # the year 2100
    gateway.take(gateway.pack(2, START_MS + STEP_MS, [20]))
    gateway.checkpoint()
    assert gateway.pages() == []  # nothing was closed
    assert gateway.refused() == {("d", "energy_import_wh", "time_in_future"): (1, 0)}
    gateway.checkpoint(flush=True)
    assert only_day(gateway)["delta"] == 10


def test_a_full_spool_recovers_and_loses_nothing(pipeline):
    gateway = pipeline("[backend]\nmax_pages = 1\n")
    for day in range(6):
        gateway.take(gateway.pack(day, START_MS + day * DAY_MS, [10 * day]))
        gateway.checkpoint()
    got = []
    for _ in range(6):
        got += gateway.pages()  # the backend is back: each checkpoint makes room for the next
        gateway.checkpoint()
    starts = {start for page in got for start in page["start_ms"]}
    assert starts == {START_MS + day * DAY_MS for day in range(5)}


def test_many_windows_are_one_row_of_the_database(pipeline):
    gateway = pipeline()
    channels = [f"voltage_v_{i}" for i in range(2000)]
    gateway.take(
        *(
            gateway.pack(i, START_MS, [2300], name, unit="V", exponent=-1)
            for i, name in enumerate(channels)
        )
    )
    gateway.checkpoint(flush=True)
    with sqlite3.connect(gateway.config.data_dir / "gateway.db") as db:
        rows = db.execute("SELECT windows FROM pages").fetchall()
    db.close()
    assert rows == [(2000,)]


def test_a_counter_that_restarts_makes_no_spike(pipeline):
    gateway = pipeline()
    values = [1000, 1010, 3, 5, 15]  # the meter was exchanged after the second reading
    for seq, value in enumerate(values):
        gateway.take(gateway.pack(seq, START_MS + seq * STEP_MS, [value]))
    gateway.state.settle()
    (series,) = gateway.state.series.values()
    assert latest_of(series)[0] == 15
    gateway.checkpoint(flush=True)
    row = only_day(gateway)
    assert row["delta"] == 10 + 10  # before and after, never 1010 back or forth
    assert gateway.refused() == {("d", "energy_import_wh", "counter_went_back"): (1, 0)}


def test_one_wrong_reading_of_a_counter_makes_no_spike_either(pipeline):
    gateway = pipeline()
    for seq, value in enumerate([1000, 0, 1010]):
        gateway.take(gateway.pack(seq, START_MS + seq * STEP_MS, [value]))
    gateway.checkpoint(flush=True)
    assert only_day(gateway)["delta"] == 10


def test_poison_messages_block_nobody_and_are_kept_to_a_limit(pipeline):
    gateway = pipeline()
    poison = [b"", b"\x00", b"\xff" * 60_000, b"[" * 50_000, b'[{"n":1e999}]', b"\xa1\x01"]
    for seq, payload in enumerate(poison):
        for leaf in ("up/energy_import_wh", "senml", "health", "state", "up/x/y"):
            gateway.take(Record(f"cb/v1/s/d/{leaf}", payload, NOW_MS))
        gateway.take(gateway.pack(seq, START_MS + seq * STEP_MS, [seq]))
    gateway.checkpoint(flush=True)
    assert only_day(gateway)["count"] == len(poison)
    spool = Spool(gateway.config.data_dir / "gateway.db")
    assert spool.ask_again({}) > len(poison)
    spool.close()


def test_memory_does_not_grow_while_the_backend_is_away(pipeline):
    gateway = pipeline("[backend]\nmax_pages = 1\n")
    held = []
    for day in range(30):
        gateway.take(gateway.pack(day, START_MS + day * DAY_MS, [10 * day]))
        gateway.checkpoint()
        held.append(sum(len(s.windows) for s in gateway.state.series.values()))
    assert max(held) == 1  # only the open day; the others wait on disk
    assert {grid for s in gateway.state.series.values() for grid, _ in s.windows} == {DAY}
    assert gateway.state.totals["pages_deferred"] > 0
