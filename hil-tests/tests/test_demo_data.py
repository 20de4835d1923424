"""The shipped tables: whole, honest about gaps, and what their notes say."""

import lzma
import tomllib

import numpy as np
import pytest

from cobenefit_backend.areas import geojson
from cobenefit_hil.demo import data, modelled, stack
from cobenefit_hil.demo.table import read_table, write_table

HALF_HOUR_MS = 1_800_000
HOUR_MS = 3_600_000


def local_ms(text: str) -> int:
    """Milliseconds of an ISO time with offset."""
    return int(np.datetime64(text, "ms").astype(np.int64))


def test_house_total_equals_the_source_to_the_watt_hour():
    energy, power = data.house_energy(), data.house_power()
    assert energy.value.sum() == 37_216_351
    # the floored running total moves a slot by < 1 W.h, the rounded mean power by <= 0.25 W.h
    assert np.abs(energy.value - power.value / 2).max() <= 1.25
    assert np.all(data.house_apparent_power().value >= power.value)


def test_house_gaps_stay_gaps():
    energy = data.house_energy()
    slots = (energy.t_ms[-1] - energy.t_ms[0]) // HALF_HOUR_MS + 1
    assert slots - len(energy.t_ms) == 945
    assert np.all(np.diff(energy.t_ms) % HALF_HOUR_MS == 0)
    assert np.all(np.diff(energy.t_ms) > 0)


@pytest.mark.parametrize("spring", ["2007-03-25", "2008-03-30", "2009-03-29", "2010-03-28"])
def test_house_has_no_copied_hour_when_the_clock_skips(spring):
    # 00:00-01:00 UTC is 01:00-02:00 legal time, 01:00 UTC is 03:00: no slot twice, none missing
    energy = data.house_energy()
    start = local_ms(f"{spring}T00:00")
    present = np.isin(start + HALF_HOUR_MS * np.arange(6), energy.t_ms)
    assert present.all()


def test_index_is_what_a_meter_shows():
    energy, index = data.house_energy(), data.house_index(1_000_000)
    assert np.array_equal(np.diff(index.value), energy.value[1:])
    assert index.value[0] == 1_000_000 + energy.value[0]
    assert np.array_equal(index.t_ms, energy.t_ms + HALF_HOUR_MS)


def test_meters_hold_every_hour_and_their_station():
    station = data.station_temperature()
    for name in data.METERS:
        meter = data.meter_energy(name)
        assert len(meter.t_ms) == 19_417
        assert np.array_equal(meter.t_ms, station.t_ms)
    assert data.meter_energy("il-electricity-cdd-hdd").value[:3].tolist() == [290, 1470, 580]
    assert station.value[0] == round((21.01 - 32) / 1.8 * 1000)


def test_road_hours_are_distinct_and_the_skipped_hour_is_absent():
    road = data.road_volume()
    assert len(road.t_ms) == 40_575
    assert np.diff(road.t_ms).max() == 7_387 * HOUR_MS
    # 2018-03-11 01:00 CST is 07:00 UTC, 03:00 CDT is 08:00 UTC: neighbours, nothing between
    at = np.searchsorted(road.t_ms, local_ms("2018-03-11T07:00"))
    assert road.value[at : at + 2].tolist() == [975, 420]


def test_radar_day_is_labelled_and_countable():
    radar = data.radar_speed()
    assert radar.origin == "modelled"
    assert 2_500 <= len(radar.t_ms) <= 4_000
    assert np.diff(radar.t_ms).min() >= modelled.MIN_HEADWAY_MS
    assert 12 <= radar.value.min() <= radar.value.max() <= 95


def same_content(new, shipped):
    """Compare without the compressor, whose bytes may differ between library versions."""
    return lzma.decompress(new.read_bytes()) == lzma.decompress(shipped.read_bytes())


def test_shipped_models_are_what_the_code_computes(tmp_path):
    modelled.write_soil(tmp_path / "soil")
    assert same_content(tmp_path / "soil", data.DATA / "soil.csv.xz")
    road = data.road_volume()
    volume = dict(zip(road.t_ms.tolist(), road.value.tolist(), strict=True))
    modelled.write_radar(volume, tmp_path / "radar")
    assert same_content(tmp_path / "radar", data.DATA / "radar.csv.xz")
    modelled.write_nitrogen_log(tmp_path / "log.csv")
    assert (tmp_path / "log.csv").read_bytes() == (data.DATA / "nitrogen_log.csv").read_bytes()


@pytest.mark.parametrize("channel", data.SOIL_CHANNELS)
def test_soil_fits_its_registers(channel):
    series = data.soil(channel)
    assert series.origin == "synthetic"
    assert len(series.value) == modelled.SEASON_DAYS * 48
    assert 0 <= series.value.min() <= series.value.max() < 0x8000
    assert len(np.unique(series.value)) > 3


def test_nitrogen_log_pairs_both_arms():
    log = data.nitrogen_log()
    spread = {
        arm: sum((row.nitrogen_kg_per_ha or 0) * row.area_ha for row in log if row.arm == arm)
        for arm in ("practice", "advised")
    }
    assert spread == {"practice": 360.0, "advised": 310.0}
    assert len([row for row in log if row.activity == "harvest"]) == 2 * modelled.REPLICATES
    assert all("synthetic" in row.evidence for row in log)


def test_table_round_trip_keeps_blanks(tmp_path):
    path = tmp_path / "t.csv.xz"
    write_table(path, {"start_ms": "1000", "step_ms": "10"}, {"a": [1, None, -3], "b": [4, 5, 6]})
    t_ms, value = read_table(path).column("a")
    assert t_ms.tolist() == [1000, 1020]
    assert value.tolist() == [1, -3]


def test_the_areas_of_the_map_are_invented_and_have_every_site():
    areas = geojson.parse(stack.AREAS.read_bytes())
    sites = {site["id"] for site in tomllib.loads(stack.STUDY.read_text("utf-8"))["site"]}
    assert {site for area in areas for site in area.sites} == sites
    assert all("invented" in area.name and "inventé" in area.name for area in areas)


def test_every_table_is_attributed():
    note = (data.DATA / "ATTRIBUTION.md").read_text(encoding="utf-8")
    files = [path for path in data.DATA.iterdir() if path.name != "ATTRIBUTION.md"]
    assert sum(path.stat().st_size for path in files) < 600_000
    for path in files:
        assert f"`{path.name}`" in note
        if path.suffix == ".xz":
            facts = read_table(path).facts
            assert facts["title"]
            assert facts["licence"]
