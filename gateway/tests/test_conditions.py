from collections import Counter
from dataclasses import replace

import pytest

from cobenefit_gateway.alarm_codes import CODES
from cobenefit_gateway.conditions import View, counters, judge, noteworthy
from cobenefit_gateway.config import load
from cobenefit_gateway.overview import Device, Overview, state_of

NOW = 1_700_000_000_000
HOUR, DAY = 3_600_000, 86_400_000
COUNTS = dict.fromkeys(
    ("pages_waiting", "pages_parked", "series", "windows_open", "windows_due", "kept",
     "refused_packs", "refused_readings"), 0,
)  # fmt: skip
LIVE = {"connected_ms": NOW - DAY}


@pytest.fixture
def config(tmp_path):
    file = tmp_path / "g.toml"
    file.write_text('tenant = "t"\n[[node]]\ndevice = "cell*"\nbattery_low_mv = 3300\n')
    return load(file)


@pytest.fixture
def causes(config):
    def of(*devices, live=LIVE, is_open=(), grew=None, certificates=None, **changes):
        for device in devices:
            device.state = state_of(config, device, NOW)
        counts = COUNTS | changes.pop("counts", {})
        overview = Overview(
            NOW, "t", "u", devices, counts, changes.pop("totals", {}), 0, 0, 1 << 40, None, "",
            NOW, live,
        )  # fmt: skip
        overview = replace(overview, **changes)
        rest = is_open, grew or {}, certificates or {}
        found = judge(View(config, overview, *rest))
        # The watch remembers only some nodes, and must come to the same.
        some = tuple(device for device in devices if noteworthy(config, device))
        overview = replace(overview, devices=some, nodes=Counter(d.site for d in devices))
        assert judge(View(config, overview, *rest)) == found
        return found

    return of


def node(name="d", site="s", age_ms=0, **more):
    return Device(site, name, heard_ms=NOW - age_ms, **more)


def test_all_is_well(causes):
    assert causes(node(), node("e", battery_mv=2000)) == {}


def test_late_then_silent(causes):
    assert causes(node(age_ms=3 * HOUR)) == {("node_late", "s", "d"): {"hours": 3.0}}
    assert set(causes(node(age_ms=25 * HOUR))) == {("node_silent", "s", "d")}


def test_a_site_that_is_wholly_silent_is_one_alarm(causes):
    silent = [node(f"d{i}", age_ms=2 * DAY) for i in range(3)]
    assert set(causes(*silent, node("x", "other"))) == {("site_silent", "s", "")}
    assert len(causes(*silent, node("d9"))) == 3


def test_after_a_start_nodes_get_their_time_unless_they_were_silent_before(causes):
    just_started = {"connected_ms": NOW - HOUR}
    silent = ("node_silent", "s", "d")
    assert causes(node(age_ms=2 * DAY), live=just_started) == {}
    assert set(causes(node(age_ms=2 * DAY), live=just_started, is_open=[silent])) == {silent}


def test_without_a_broker_nobody_is_called_silent(causes):
    found = causes(node(age_ms=2 * DAY), live={"broker_down_ms": NOW - 3 * 60_000})
    assert found == {("broker_down", "", ""): {"minutes": 3}}


def test_a_battery_near_its_limit_raises_one_alarm(causes):
    low = ("battery_low", "s", "cell1")
    assert low in causes(node("cell1", battery_mv=3299))
    assert causes(node("cell1", battery_mv=3350)) == {}
    assert low in causes(node("cell1", battery_mv=3399), is_open=[low])
    assert causes(node("cell1", battery_mv=3400), is_open=[low]) == {}


@pytest.mark.parametrize(
    ("skew_ms", "off"), [(119_000, False), (121_000, True), (-3_599_000, False), (-HOUR - 1, True)]
)
def test_a_clock_that_is_off(causes, skew_ms, off):
    assert (("clock_off", "s", "d") in causes(node(skew_ms=skew_ms))) is off


def test_disk_has_two_edges(causes):
    low = ("disk_low", "", "")
    assert causes(free_bytes=499 << 20) == {low: {"free_mb": 499}}
    assert causes(free_bytes=550 << 20) == {}
    assert low in causes(free_bytes=550 << 20, is_open=[low])


def test_what_grew_within_the_hour(causes):
    recent, old = NOW - 60_000, NOW - HOUR
    device = node(lost=5)
    assert ("readings_lost", "s", "d") in causes(device, grew={"lost s/d": recent})
    assert causes(device, grew={"lost s/d": old}) == {}
    found = causes(
        grew={"windows_dropped": recent, "refused": recent}, counts={"refused_packs": 2}
    )
    assert set(found) == {("windows_dropped", "", ""), ("quarantine_grows", "", "")}


def test_the_backend(causes):
    down = {"backend_down_ms": NOW - 16 * 60_000, "backend_error": "refused", "backend_status": 0}
    assert set(causes(live=LIVE | down)) == {("backend_down", "", "")}
    assert causes(live=LIVE | down | {"backend_down_ms": NOW - 60_000}) == {}
    key = LIVE | down | {"backend_status": 401}
    assert causes(live=key) == {("backend_refuses_key", "", ""): {"error": "refused"}}
    assert set(causes(live=LIVE | {"backend_skew_ms": -70_000})) == {("gateway_clock_off", "", "")}


def test_the_rest_of_the_list(causes):
    found = causes(
        node(clock_known=False),
        live=LIVE | {"config_error": "no", "delivery_errors": {"mail": "refused"}},
        counts={"pages_waiting": 10_000, "windows_due": 4, "pages_parked": 1},
        parked="409 conflict",
        certificates={
            "a.crt": NOW + 29 * DAY,
            "b.crt": NOW - 1,
            "c.crt": None,
            "d": NOW + 90 * DAY,
        },
    )
    assert set(found) == {
        ("time_unknown", "s", "d"), ("config_refused", "", ""), ("spool_full", "", ""),
        ("alarms_not_delivered", "", "mail"), ("page_refused", "", ""),
        ("certificate_expires", "", "a.crt"), ("certificate_expired", "", "b.crt"),
        ("certificate_expired", "", "c.crt"),
    }  # fmt: skip


def test_a_flood_is_told_by_device(config, causes):
    overview = Overview(NOW, "t", "u", (), COUNTS, {}, 0, 0, 1 << 40, None, "", NOW, LIVE)
    found = judge(View(config, overview, (), {}, {}, {("s", "d"): 99.6}))
    assert found == {("node_floods", "s", "d"): {"rate": 100}}


def test_a_spool_may_be_full_of_bytes(causes):
    full = {"spool_bytes": 2 << 30, "counts": {"pages_waiting": 3, "windows_due": 4}}
    assert causes(**full) == {("spool_full", "", ""): {"pages": 3, "windows": 4}}
    assert causes(**full | {"spool_bytes": (2 << 30) - 1}) == {}


def test_every_code_is_raised_by_something_here():
    source = __import__("pathlib").Path(__file__).read_text(encoding="utf-8")
    assert [code for code in CODES if f'"{code}"' not in source] == []


def test_counters_are_named_by_device(causes):
    overview = Overview(
        NOW, "t", "u", (node(lost=3), node("e")), COUNTS | {"refused_packs": 2},
        {"windows_dropped": 1}, 0, 0, 0, None, "", 0,
    )  # fmt: skip
    assert counters(overview) == {
        "windows_dropped": 1, "alarms_dropped": 0, "notices_dropped": 0, "refused": 2,
        "lost s/d": 3,
    }  # fmt: skip
