"""Targets: each with its source, a straight line between its ends, local ones like factors."""

import csv
import shutil

import pytest

from cobenefit_backend.errors import FactorError
from cobenefit_backend.report.words import LANGUAGES, Words
from cobenefit_backend.territory.targets import COLUMNS, FOLDER, SECTORS, UNITS, plans

ROW = {
    "id": "mel.ghg", "territory": "mel", "sector": "all", "indicator": "ghg", "base_year": "2016",
    "base_value": "1e9", "unit": "kgCO2e/yr", "change_ratio": "-0.5", "target_year": "2036",
    "source": "pcaet", "reference": "p. 12", "licence": "etalab-2.0", "status": "seen", "note": "",
}  # fmt: skip
SOURCES = '[pcaet]\ntitle = "Plan climat"\npublisher = "Métropole"\nyear = 2021\n'
PLACES = "id,name_en,name_fr,part_of\nmel,Lille,Lille,hauts-de-france\n"


@pytest.fixture
def local(tmp_path):
    """Write a local folder with one target."""

    def write(places=PLACES, **changed):
        (tmp_path / "sources.toml").write_text(SOURCES, encoding="utf-8")
        (tmp_path / "territories.csv").write_text(places, encoding="utf-8")
        with (tmp_path / "targets.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerow(ROW | changed)
        plans.cache_clear()
        return tmp_path

    yield write
    plans.cache_clear()


def test_every_shipped_target_has_its_source_and_its_words():
    found = plans()
    assert len(found.targets) >= 9
    assert found.targets["hdf.sraddet.ghg"].change_ratio == -0.40
    for each in found.targets.values():
        assert each.source
        assert each.reference
        for language in LANGUAGES:
            words = Words.load(language)
            assert words(f"target_name_{each.indicator}", sector="", change="", year="")
            assert not each.note or words(f"target_note_{each.note}")


def test_every_sector_and_indicator_has_words():
    for language in LANGUAGES:
        entries = Words.load(language).entries
        assert {f"sector_{each}" for each in SECTORS} <= set(entries)
        assert {f"target_name_{each}" for each in UNITS} <= set(entries)


def test_the_line_is_straight_and_ends_where_the_source_says():
    target = plans().targets["hdf.sraddet.ghg"]
    assert target.cut == pytest.approx(0.4 * 58.4e9)
    assert target.level(2015) == 58.4e9
    assert target.level(2031) == pytest.approx(0.6 * 58.4e9)
    assert target.level(2023) == pytest.approx(0.8 * 58.4e9)
    assert target.level(2000) == target.level(2015)
    assert target.level(2060) == target.level(2031)
    assert plans().targets["rouen.pcaet.ghg"].level(2030) is None
    assert plans().targets["rouen.pcaet.ghg"].cut is None


def test_a_territory_has_its_own_targets_first_and_those_around_it():
    names = [place.id for place, _ in plans().around("nord-pas-de-calais")]
    assert names == ["nord-pas-de-calais", "hauts-de-france", "france", "european-union"]
    assert plans().around("atlantis") == []


def test_a_local_folder_adds_a_territory_and_replaces_a_target(local):
    around = plans(local=local()).around("mel")
    assert [each.id for each in around[0][1]] == ["mel.ghg"]
    assert around[1][0].id == "hauts-de-france"
    replaced = plans(local=local(id="hdf.sraddet.ghg", territory="hauts-de-france"))
    assert replaced.targets["hdf.sraddet.ghg"].change_ratio == -0.5


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"source": "nowhere"}, "unknown source 'nowhere', allowed: pcaet"),
        ({"source": ""}, "source must not be empty"),
        ({"licence": ""}, "licence must not be empty"),
        ({"territory": "x"}, "unknown territory"),
        ({"sector": "all sectors"}, "unknown sector"),
        ({"indicator": "co2"}, "unknown indicator"),
        ({"unit": "t/yr"}, "allowed: kgCO2e/yr"),
        ({"status": "believed"}, "unknown status"),
        ({"change_ratio": "half"}, "not a number"),
        ({"change_ratio": "0.5"}, "a cut lies in -1 to 0"),
        ({"change_ratio": "nan"}, "a cut lies in -1 to 0"),
        ({"base_value": "inf"}, "must be positive"),
        ({"base_value": ""}, "known together"),
        ({"base_year": "2040"}, "base before target"),
        ({"target_year": "20310"}, "base before target"),
    ],
)
def test_a_row_nobody_could_defend_is_refused(local, changed, message):
    with pytest.raises(FactorError, match=r"targets\.csv:2: mel\.ghg: ") as refused:
        plans(local=local(**changed))
    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("places", "message"),
    [
        ("id,name_en,name_fr,part_of\nmel,Lille,,\n", "must not be empty"),
        ("id,name_en,name_fr,part_of\nmel,L,L,nowhere\n", "must stand above it"),
        ("id,name_en,name_fr,part_of\nmel,L,L,mel\n", "must stand above it"),
        ("id,name_en,name_fr,part_of\nfrance,F,F,\n", "duplicate id"),
        ("id,name\nmel,L\n", "columns must be"),
        ("id,name_en,name_fr,part_of\nmel,L\n", "needs 4 cells"),
    ],
)
def test_a_territory_that_makes_no_sense_is_refused(local, places, message):
    with pytest.raises(FactorError, match=message):
        plans(local=local(places))


def test_what_is_missing_is_named(local, tmp_path):
    folder = local()
    (folder / "sources.toml").unlink()
    with pytest.raises(FactorError, match=r"sources\.toml"):
        plans(local=folder)
    shutil.copy(FOLDER / "sources.toml", folder)
    (folder / "targets.csv").unlink()
    plans.cache_clear()
    with pytest.raises(FactorError, match=r"targets\.csv"):
        plans(local=folder)
