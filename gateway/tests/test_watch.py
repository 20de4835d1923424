import json
import logging
import sys
from contextlib import closing

from cobenefit_gateway.alarms import Alarms
from cobenefit_gateway.journal import Record
from cobenefit_gateway.ledger import Ledger
from cobenefit_gateway.logs import JsonLines, set_up
from cobenefit_gateway.overview import read
from cobenefit_gateway.watch import Watch
from cobenefit_wire import messages

START_MS = 1_600_041_600_000
NOW = 1_700_000_000_000
HOUR = 3_600_000
LIVE = {"connected_ms": NOW - 100 * HOUR}


def look(gateway, *times_ms, heard=(), notes=(), live=LIVE):
    watch = Watch(gateway.config, lambda: live)
    ledger = Ledger(gateway.config.data_dir)
    book = Alarms(ledger, gateway.config.alarms.clear_s)
    watch.hear(heard, times_ms[0])
    watch.note(notes)
    for now_ms in times_ms:
        overview = watch.look(ledger, book, now_ms)
    found = [(a.code, a.place) for a in book.open()], overview
    ledger.close()
    return found


def test_a_node_goes_silent_and_speaks_again(pipeline):
    gateway = pipeline()
    gateway.take(gateway.pack(0, START_MS, [1]))
    gateway.checkpoint()
    assert look(gateway, NOW, heard=[("s", "d")])[0] == []
    found, overview = look(gateway, NOW + 30 * HOUR)
    assert found == [("node_silent", "s/d")]
    assert overview.by_state()["silent"] == 1
    later = NOW + 31 * HOUR
    assert look(gateway, later, later + 300_001, heard=[("s", "d")])[0] == []


def asleep(device, seconds, at_ms):
    said = messages.State(True, 1, "1", "unix", "power_on", seconds)
    return Record(f"cb/v1/s/{device}/state", messages.encode(said), at_ms)


def test_a_sleeper_is_late_only_after_the_time_it_said(pipeline):
    gateway = pipeline()
    gateway.take(gateway.pack(0, START_MS, [1]))
    gateway.checkpoint()
    notes = [asleep("d", 4 * 3600, NOW), Record("cb/v1/s/d/state", b"no state", NOW)]
    assert look(gateway, NOW, heard=[("s", "d")], notes=notes)[0] == []
    found, overview = look(gateway, NOW + 5 * HOUR)  # two hours late by its silence alone
    assert found == []
    assert (overview.devices, overview.nodes) == ((), {"s": 1})
    with closing(Ledger(gateway.config.data_dir)) as ledger:
        (device,) = read(gateway.config, ledger, NOW).devices
    assert device.back_ms == NOW + 4 * HOUR
    assert look(gateway, NOW + 7 * HOUR)[0] == [("node_late", "s/d")]
    assert look(gateway, NOW + 29 * HOUR)[0] == [("node_silent", "s/d")]


def test_a_sleeper_that_woke_is_late_as_any_other(pipeline):
    gateway = pipeline()
    gateway.take(gateway.pack(0, START_MS, [1]))
    gateway.checkpoint()
    notes = [asleep("d", 90_000, NOW - HOUR), asleep("d", 0, NOW)]
    assert look(gateway, NOW, heard=[("s", "d")], notes=notes)[0] == []
    assert look(gateway, NOW + 3 * HOUR)[0] == [("node_late", "s/d")]


def test_a_flood_is_seen_from_the_messages_taken(pipeline):
    gateway = pipeline()
    one = gateway.pack(0, START_MS, [1])
    assert look(gateway, NOW, notes=[one] * 6001)[0] == [("node_floods", "s/d")]


def test_a_certificate_beside_the_configuration_is_watched(pipeline, tmp_path):
    (tmp_path / "old.crt").write_text("none")
    gateway = pipeline('[alarms]\ncertificates = ["*.crt"]\n')
    found, _ = look(gateway, NOW)
    assert found[0][0] == "certificate_expired"
    assert found[0][1].endswith("old.crt")


def test_what_was_refused_is_an_alarm_for_an_hour(pipeline):
    gateway = pipeline()
    gateway.take(gateway.pack(0, START_MS, [1], "nonsense"))
    gateway.checkpoint()
    assert look(gateway, NOW)[0] == [("quarantine_grows", "gateway")]
    assert look(gateway, NOW + 2 * HOUR)[0] == []


def test_what_is_worth_telling_is_queued_for_each_way(pipeline):
    gateway = pipeline('[webhook]\nurl = "http://127.0.0.1:9/"\n')
    gateway.take(gateway.pack(0, START_MS, [1], "nonsense"))
    gateway.checkpoint()
    late = NOW + 3 * HOUR  # only an info, beside the warning about what was refused
    gateway.take(gateway.pack(1, START_MS, [1]))
    gateway.checkpoint()
    look(gateway, NOW, heard=[("s", "d")])
    found, _ = look(gateway, late)
    assert ("node_late", "s/d") in found
    ledger = Ledger(gateway.config.data_dir)
    waiting = Alarms(ledger, 0).waiting("webhook")
    ledger.close()
    assert [(alarm.code, event) for _, alarm, event in waiting] == [
        ("quarantine_grows", "raised"),
        ("quarantine_grows", "cleared"),
    ]


def test_the_overview_outlives_the_process(pipeline):
    gateway = pipeline()
    gateway.take(gateway.pack(0, START_MS, [1, 2, 3]))
    gateway.checkpoint(flush=True)
    look(gateway, NOW, heard=[("s", "d")])
    ledger = Ledger(gateway.config.data_dir)
    overview = read(gateway.config, ledger, NOW + 60_000)
    assert overview.running
    assert not read(gateway.config, ledger, NOW + 200_000).running
    ledger.close()
    (device,) = overview.devices
    assert (device.heard_ms, device.newest_ms) == (NOW, START_MS + 1_200_000)
    assert overview.counts["pages_waiting"] == 1
    assert overview.oldest_page_ms is not None
    assert overview.totals["readings"] == 3


def test_the_watch_starts_looks_and_ends(pipeline):
    gateway = pipeline()
    watch = Watch(gateway.config, lambda: LIVE)
    watch.start()
    watch.stop()
    ledger = Ledger(gateway.config.data_dir)
    assert ledger.vitals()[1]["connected_ms"] == LIVE["connected_ms"]
    ledger.close()


def test_json_lines():
    try:
        raise ValueError("x")  # noqa: TRY301
    except ValueError:
        record = logging.LogRecord("n", 30, "f", 1, "é %s\nb", ("a",), sys.exc_info())
    line = JsonLines().format(record)
    assert "\n" not in line
    body = json.loads(line)
    assert (body["level"], body["logger"], body["message"]) == ("warning", "n", "é a\nb")
    assert body["error"].endswith("ValueError: x")
    assert body["time"].endswith("+00:00")


def test_libraries_that_log_addresses_are_quiet():
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    set_up("json", verbose=True)
    assert isinstance(root.handlers[0].formatter, JsonLines)
    assert not logging.getLogger("httpx").isEnabledFor(logging.INFO)
    root.handlers[:] = before
    root.setLevel(level)
