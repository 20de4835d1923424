"""The rule that scales a ledger to a year, and the footprint it leads to."""

import pytest

from cobenefit_backend.factors.load import load
from cobenefit_backend.report.own_footprint import MS_PER_YEAR, study_footprint, yearly_use
from cobenefit_backend.study import DeviceEntry, Gateway

HOUR_MS = 3_600_000
LEDGER = {"uptime_ms": 2 * HOUR_MS, "energy_mj": 3_600_000, "tx_bytes": 900, "rx_bytes": 100}
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
