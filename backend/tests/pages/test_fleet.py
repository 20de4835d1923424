"""Who needs somebody first, compared with when; and a thousand devices on light pages."""

import itertools
from dataclasses import replace

import msgspec
import pytest

from cobenefit_backend import study
from cobenefit_backend.bodies import HealthBody, HealthRow, PageEnvelope, Rollups
from cobenefit_backend.exports.csv_file import read
from cobenefit_backend.pages import fleet_page
from cobenefit_backend.pages.fleet import NEEDS, Node, fleet
from cobenefit_backend.pages.fleet_page import Asked

DAY_MS = 86_400_000
TODAY_MS = 20_000 * DAY_MS  # a midnight, UTC
CLOCK_MS = TODAY_MS + DAY_MS // 2
WELL = Node(
    "town", "school", "ESP32", "UTC", replayed=False, last_ms=CLOCK_MS, silent_ms=0,
    battery_mv=4200, low_mv=3300, waiting=0, lost=0, resets=0, coverage_ratio=1.0,
    clock_lost=False,
)  # fmt: skip
ILL = {
    "silent": {"silent_ms": DAY_MS}, "battery": {"battery_mv": 3200}, "lost": {"lost": 1},
    "resets": {"resets": 1}, "coverage": {"coverage_ratio": 0.89}, "clock": {"clock_lost": True},
}  # fmt: skip


def document(devices, accelerated=False):
    return {
        "tenant": "demo", "names": {"en": "Town", "fr": "Ville"},
        "site": [{"id": "town", "timezone": "Etc/UTC"}],
        "device": [
            {"id": name, "site": "town", "board": "esp32_generic", "lifetime_years": 5,
             "accelerated": accelerated}
            for name in devices
        ],
        "gateway": {"board": "rpi_4_gateway", "lifetime_years": 5, "devices": 4}, "study": [],
    }  # fmt: skip


def put(store, devices, **keys):
    parsed = study.parse(document(devices, **keys))
    store.put_study("demo", msgspec.json.encode(parsed), 0)


PAGES = itertools.count()


def add_days(store, devices, last_ms, days=7, count=48):
    """Daily windows of each device, the last one starting at `last_ms`."""
    starts = [last_ms - n * DAY_MS for n in range(days)]
    cells = [(index, start) for index in range(len(devices)) for start in starts]
    columns = {name: [None] * len(cells) for name in Rollups.__struct_fields__[3:]}
    columns |= {
        "start_ms": [start for _, start in cells], "length_s": [86_400] * len(cells),
        "revision": [0] * len(cells), "count": [count] * len(cells),
        "expected": [48] * len(cells), "flagged": [0] * len(cells),
        "last_t_ms": [start + DAY_MS - 1_800_000 for _, start in cells],
    }  # fmt: skip
    page = Rollups(
        "demo", [("town", name, "ph") for name in devices], [i for i, _ in cells], **columns
    )
    spool = "0e8b2c52-6c51-4e0b-9b0f-3d1f1a6f0a01"
    store.add_page(PageEnvelope(spool, next(PAGES), "0" * 64, msgspec.Raw(b"{}")), page, 0)


def add_health(store, device, t_ms, boot=1, **keys):
    values = {
        "uptime_ms": 1000, "wakes": 1, "energy_mj": 1, "energy_method": "profile", "tx_bytes": 1,
        "rx_bytes": 1, "reconnects": 0, "resets": 0, "battery_mv": None, "waiting": 0, "lost": {},
        "online": True, **keys,
    }  # fmt: skip
    store.add_health(HealthBody("demo", [HealthRow("town", device, t_ms, boot, **values)]))


@pytest.mark.parametrize("need", NEEDS)
def test_each_need_is_seen_alone(need):
    assert WELL.needs == ()
    assert replace(WELL, **ILL[need]).needs == (need,)


def test_the_most_urgent_comes_first():
    ill = [replace(WELL, **ILL[need], device=need) for need in reversed(NEEDS)]
    nodes = sorted([WELL, *ill], key=lambda node: node.order)
    assert [node.device for node in nodes] == [*NEEDS, "school"]


def test_live_devices_are_compared_with_the_clock(store):
    put(store, ["new", "fine", "quiet"])
    add_days(store, ["fine", "quiet"], TODAY_MS - 3 * DAY_MS, days=5)
    add_days(store, ["fine"], TODAY_MS - DAY_MS, days=2)
    add_health(store, "fine", CLOCK_MS - 60_000)
    found = fleet(store, "demo", CLOCK_MS)
    assert (found.now_ms, found.quiet_ms, found.replay) == (CLOCK_MS, 0, False)
    nodes = {node.device: node for node in found.nodes}
    assert nodes["new"].needs == ("silent",)
    assert nodes["fine"].needs == ()
    assert nodes["quiet"].needs == ("silent", "coverage")
    assert nodes["quiet"].silent_ms == CLOCK_MS - (TODAY_MS - 2 * DAY_MS - 1_800_000)
    assert nodes["quiet"].coverage_ratio == pytest.approx(5 / 7)


def test_when_all_are_quiet_the_gateway_is_to_blame(store):
    put(store, ["one", "two"])
    for name, days in (("one", 40), ("two", 42)):
        add_health(store, name, CLOCK_MS - days * DAY_MS)
    found = fleet(store, "demo", CLOCK_MS)
    assert found.quiet_ms == 40 * DAY_MS
    assert [node.needs for node in found.nodes] == [("silent",), ()]
    page = fleet_page.page(found, Asked(), "en", "Town")
    assert "Nothing has come from any device for 40 days" in page


def test_a_replay_has_no_now(store):
    put(store, ["old", "older"], accelerated=True)
    add_days(store, ["old"], TODAY_MS - 3000 * DAY_MS, days=9)
    add_days(store, ["older"], TODAY_MS - 4000 * DAY_MS, days=9)
    found = fleet(store, "demo", CLOCK_MS)
    assert found.replay
    assert [node.needs for node in found.nodes] == [(), ()]
    assert "replay recorded data" in fleet_page.page(found, Asked(), "en", "Town")


def test_a_day_nobody_has_yet_is_nobodys_fault(store):
    put(store, ["a", "b"])
    add_days(store, ["a", "b"], TODAY_MS - 2 * DAY_MS, days=6)
    for name in ("a", "b"):
        add_health(store, name, CLOCK_MS)
    assert {n.coverage_ratio for n in fleet(store, "demo", CLOCK_MS).nodes} == {1.0}


def test_what_happened_long_ago_needs_nobody_now(store):
    put(store, ["a"])
    add_health(store, "a", CLOCK_MS - 30 * DAY_MS, boot=1, resets=1, lost={"ph": 9})
    add_health(store, "a", CLOCK_MS - DAY_MS // 4, boot=2, resets=1, lost={"ph": 2}, waiting=5)
    (node,) = fleet(store, "demo", CLOCK_MS).nodes
    assert (node.lost, node.resets, node.waiting) == (2, 1, 5)
    add_health(store, "a", None, boot=3)
    assert fleet(store, "demo", CLOCK_MS).nodes[0].needs == ("lost", "resets", "clock")


def test_a_thousand_devices_stay_light(store):
    names = [f"node-{n:04d}" for n in range(1000)]
    put(store, names)
    add_days(store, names, TODAY_MS - DAY_MS, days=1)
    found = fleet(store, "demo", CLOCK_MS)
    assert len(found.nodes) == 1000
    pages = [
        fleet_page.page(found, Asked(page=number), language, "Town")
        for number in (1, 10, 20)
        for language in ("en", "fr")
    ]
    assert max(len(page.encode()) for page in pages) <= 100_000
    assert "Page 20 of 20" in pages[4]
    assert 'rel="next"' not in pages[4]
    assert "Page 20 of 20" in fleet_page.page(found, Asked(page=99), "en", "Town")


def test_the_form_chooses_and_the_file_has_the_same(municipality):
    page = municipality.get("/fleet?lang=en&q=schOOl").text
    assert "Devices found: 1." in page
    assert 'value="schOOl"' in page
    header, rows = read(municipality.get("/fleet.csv?q=school").content)
    assert [row[header.index("device")] for row in rows] == ["school"]
    assert len(read(municipality.get("/fleet.csv").content)[1]) == 4
    assert municipality.get("/fleet?need=sleepy").status_code == 422


def test_a_visit_list_goes_site_by_site(store):
    put(store, ["a", "b"])
    add_health(store, "a", CLOCK_MS)
    found = fleet(store, "demo", CLOCK_MS)
    page = fleet_page.visits(found, Asked(), "en", "Town")
    assert "<h2>town</h2>" in page
    assert "town: 1 to visit" in page
    assert "No device needs a visit" in fleet_page.visits(found, Asked(text="x"), "en", "Town")


def test_an_empty_fleet_says_what_to_do(client):
    assert "load a study document" in client.get("/fleet?lang=en").text
