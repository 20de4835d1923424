"""The rule that scales a ledger to a year, and the footprint it leads to."""

import pytest

from cobenefit_backend.factors.load import load
from cobenefit_backend.report.own_footprint import (
    MS_PER_YEAR,
    cells_per_year,
    study_footprint,
    yearly_use,
)
from cobenefit_backend.study import DeviceEntry, Gateway
from cobenefit_boards import Battery

HOUR_MS = 3_600_000
LEDGER = {
    "uptime_ms": 2 * HOUR_MS, "energy_mj": 3_600_000, "energy_method": "measured",
    "error_permille": 20, "tx_bytes": 900, "rx_bytes": 100, "battery_changes": 0,
}  # fmt: skip
PROFILE = LEDGER | {"energy_method": "profile", "error_permille": 0}
GATEWAY = Gateway(board="rpi_4_gateway", lifetime_years=5, devices=10)


def test_in_real_time_both_are_divided_by_the_uptime():
    use = yearly_use([LEDGER], accelerated=False, profile_mw=None, event_ms=0)
    # 3600 J in 2 h is 0.5 W, over 8766 h
    assert use.energy_wh_per_year == pytest.approx(4383)
    assert use.bytes_per_year == pytest.approx(1000 * 8766 / 2)


def test_boots_are_added_up():
    use = yearly_use([LEDGER, LEDGER], accelerated=False, profile_mw=None, event_ms=0)
    assert use.energy_wh_per_year == pytest.approx(4383)
    assert use.bytes_per_year == pytest.approx(1000 * 8766 / 2)


def test_accelerated_bytes_belong_to_the_time_the_readings_span():
    use = yearly_use([LEDGER], accelerated=True, profile_mw=100.0, event_ms=2 * MS_PER_YEAR)
    assert use.bytes_per_year == pytest.approx(500)
    assert use.energy_wh_per_year == pytest.approx(0.1 * 8766)
    unprofiled = yearly_use([LEDGER], accelerated=True, profile_mw=None, event_ms=MS_PER_YEAR)
    assert unprofiled.energy_wh_per_year == pytest.approx(4383)


def test_without_a_ledger_nothing_is_invented():
    use = yearly_use([], accelerated=False, profile_mw=None, event_ms=0)
    assert (use.energy_wh_per_year, use.bytes_per_year, use.method) == (None, 0.0, "none")


def test_the_error_is_the_nodes_own_or_that_of_its_method():
    def error(ledgers, **options):
        base = {"accelerated": False, "profile_mw": None, "event_ms": MS_PER_YEAR}
        return yearly_use(ledgers, **(base | options)).energy_error_ratio

    assert error([LEDGER]) == pytest.approx(0.02)
    assert error([PROFILE]) == 1.0  # an older node: a published mean is right to a factor 2
    assert error([LEDGER, PROFILE]) == pytest.approx(0.51)
    # What the board file states is no measurement of this node, whatever its ledger says.
    assert error([LEDGER], accelerated=True, profile_mw=100.0) == 1.0
    assert error([], profile_mw=100.0) == 1.0
    assert error([]) == 0.0


def test_cells_are_those_whose_energy_is_drawn_or_more_if_more_were_given():
    three = Battery("aa_alkaline", 3)
    assert cells_per_year(None, 10.0, []) == 0
    # 11,250 J a cell: 31.25 W.h a year take ten.
    assert cells_per_year(three, 31.25, [LEDGER]) == pytest.approx(10)
    year = LEDGER | {"uptime_ms": MS_PER_YEAR, "battery_changes": 5}
    assert cells_per_year(three, 31.25, [year]) == pytest.approx(15)
    # A change in the first hours says nothing about a year.
    assert cells_per_year(three, 31.25, [LEDGER | {"battery_changes": 1}]) == pytest.approx(10)


def test_a_node_on_cells_pays_for_them_with_the_error_of_its_energy():
    entry = DeviceEntry("a", "s", "firebeetle_esp32", 5)
    measured, facts = study_footprint([(entry, [LEDGER], MS_PER_YEAR)], GATEWAY, load())
    profile, _ = study_footprint([(entry, [PROFILE], MS_PER_YEAR)], GATEWAY, load())
    assert facts[0]["cells_per_year"] > 0
    # Without a ledger of energy the board's power stands in, and no cell is invented for it.
    silent = LEDGER | {"energy_mj": 0}
    unknown, facts = study_footprint([(entry, [silent], MS_PER_YEAR)], GATEWAY, load())
    assert facts[0]["cells_per_year"] == 0
    assert "cells_not_counted" in {r.code for r in unknown.disqualifications}
    assert "cells_not_counted" not in {r.code for r in measured.disqualifications}
    narrow, wide = measured.stages[1]["batteries"], profile.stages[1]["batteries"]
    assert narrow.central == wide.central > 0
    # At 90 %, a factor 2 either way, joined with the factor of the cells themselves.
    assert wide.high > 1.8 * wide.central
    assert wide.low < wide.central / 1.8
    assert wide.half_width > 1.5 * narrow.half_width
    assert profile.total[1].half_width > measured.total[1].half_width


def _footprint(*entries, gateway=GATEWAY):
    devices = [(entry, [LEDGER], MS_PER_YEAR) for entry in entries]
    return study_footprint(devices, gateway, load())


def test_two_devices_emit_twice_as_much_and_a_shared_one_half():
    one = DeviceEntry("a", "s", "unix", 5, accelerated=True)
    single, _ = _footprint(one)
    double, facts = _footprint(one, DeviceEntry("b", "s", "unix", 5, accelerated=True))
    half, _ = _footprint(DeviceEntry("a", "s", "unix", 5, shared_by=2, accelerated=True))
    for bound in ("low", "central", "high"):
        value = getattr(single.total[1], bound)
        assert getattr(double.total[1], bound) == pytest.approx(2 * value)
        assert getattr(half.total[1], bound) == pytest.approx(value / 2)
    assert [fact["device"] for fact in facts] == ["a", "b"]


def test_the_report_says_how_the_node_ran():
    codes = {
        r.code
        for r in _footprint(DeviceEntry("a", "s", "unix", 5, accelerated=True))[
            0
        ].disqualifications
    }
    assert {"accelerated_replay", "virtual_board", "backend_on_gateway"} <= codes
    codes = {r.code for r in _footprint(DeviceEntry("a", "s", "unix", 5))[0].disqualifications}
    assert "short_ledger" in codes
    assert "accelerated_replay" not in codes


def test_a_server_of_its_own_weighs_more():
    entry = DeviceEntry("a", "s", "unix", 5)
    server = Gateway(board="rpi_4_gateway", lifetime_years=5, devices=10, backend_devices=100)
    with_server, _ = _footprint(entry, gateway=server)
    without, _ = _footprint(entry)
    assert with_server.total[1].central > without.total[1].central
    assert with_server.stages[1]["backend"].central > 0


def test_what_was_driven_to_a_device_is_charged_over_its_life():
    entry = DeviceEntry("a", "s", "unix", 5, accelerated=True)
    devices = [(entry, [LEDGER], MS_PER_YEAR)]
    still, _ = study_footprint(devices, GATEWAY, load())
    driven, _ = study_footprint(devices, GATEWAY, load(), {"a": 100.0, "other": 9e9})
    assert still.stages[1]["installation"].central == 0
    cost = driven.stages[1]["installation"].central
    assert driven.total[1].central - still.total[1].central == pytest.approx(cost)
    assert 1 < cost < 10  # some 25 kg for 100 km, a fifth of it a year
