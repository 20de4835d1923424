"""Every row has a source, a licence and an honest range, or the set does not load."""

from datetime import date

import pytest

from cobenefit_backend.errors import FactorError
from cobenefit_backend.estimate.validity import out_of_validity
from cobenefit_backend.factors.load import COLUMNS, FOLDER, load

GOOD = {
    "id": "a.b",
    "value": "2",
    "unit": "kgCO2e",
    "low": "1",
    "high": "3",
    "distribution": "uniform",
    "geography": "FR",
    "year": "2024",
    "valid_from": "",
    "valid_to": "",
    "source_id": "paper",
    "reference": "table 1",
    "licence": "CC0",
    "status": "seen",
    "note": "",
    "owner": "methods",
}
SOURCES = """version = "1"
[paper]
title = "A paper"
publisher = "Someone"
url = "https://example.org"
read = "2026-11"
"""


def write(folder, *rows, sources=SOURCES):
    (folder / "sources.toml").write_text(sources)
    lines = [",".join(COLUMNS)]
    lines += [",".join(str(row[column]) for column in COLUMNS) for row in rows]
    (folder / "a.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_a_good_row_loads(tmp_path):
    factors = load(write(tmp_path, GOOD))
    assert factors["a.b"].value == 2.0
    assert factors["a.b"].bounds == (1.0, 3.0)
    assert factors.version == "1"
    assert len(factors.sha256) == 64


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"source_id": ""}, "source_id"),
        ({"source_id": "nowhere"}, "unknown source_id"),
        ({"licence": ""}, "licence"),
        ({"low": "2.5"}, "low <= value <= high"),
        ({"high": "1.5"}, "low <= value <= high"),
        ({"high": ""}, "give low and high, or neither"),
        ({"low": "", "high": ""}, "needs low and high"),
        ({"unit": "kgCO2"}, "unknown unit"),
        ({"distribution": "gauss"}, "unknown distribution"),
        ({"status": "guessed"}, "unknown status"),
        ({"value": "two"}, "not a number"),
        ({"low": "0", "distribution": "lognormal"}, "lognormal"),
        ({"distribution": "exact"}, "exact factor must say"),
        ({"owner": "local"}, "does not belong here"),
        ({"valid_to": "2026"}, "not a date"),
        ({"valid_from": "2026-01-02", "valid_to": "2026-01-01"}, "after valid_to"),
    ],
)
def test_a_bad_row_is_refused_with_file_line_and_key(tmp_path, change, word):
    with pytest.raises(FactorError, match=word) as error:
        load(write(tmp_path, GOOD | {"id": "first"}, GOOD | change))
    assert (error.value.file, error.value.line, error.value.key) == ("a.csv", 3, "a.b")


def test_a_duplicate_id_is_refused(tmp_path):
    with pytest.raises(FactorError, match=r"a\.csv:3: a\.b: duplicate id"):
        load(write(tmp_path, GOOD, GOOD))


def test_a_source_without_url_is_refused(tmp_path):
    with pytest.raises(FactorError, match="missing url"):
        load(write(tmp_path, GOOD, sources=SOURCES.replace("url", "link")))


def test_the_digest_follows_the_content(tmp_path):
    (tmp_path / "1").mkdir()
    (tmp_path / "2").mkdir()
    one = load(write(tmp_path / "1", GOOD))
    two = load(write(tmp_path / "2", GOOD | {"value": "2.1"}))
    assert one.sha256 != two.sha256


def test_share_alike_rows_stand_alone():
    shared = (FOLDER / "grid_co2js.csv").read_text()
    assert shared.count("CC BY-SA 4.0") == len(shared.splitlines()) - 1
    assert "CC BY-SA" not in (FOLDER / "factors.csv").read_text()
    assert "ecoinvent" not in (FOLDER / "factors.csv").read_text()


def test_every_source_is_used():
    factors = load()
    assert {factor.source_id for factor in factors.values()} == set(factors.sources)


def test_local_rows_replace_a_provider_and_never_a_method(tmp_path):
    shipped, local = tmp_path / "shipped", tmp_path / "local"
    shipped.mkdir()
    local.mkdir()
    write(shipped, GOOD, GOOD | {"id": "grid", "owner": "provider"})
    own = GOOD | {"id": "grid", "owner": "local", "value": "2.5"}
    write(local, own, sources=SOURCES.replace('"1"', '"ours"'))
    factors = load(shipped, local)
    assert factors["grid"].value == 2.5
    assert factors["a.b"].value == 2.0
    assert factors.version == "1+ours"
    assert factors.sha256 not in (load(shipped).sha256, load(local=None).sha256)
    replaces_a_method = tmp_path / "wrong"
    replaces_a_method.mkdir()
    write(replaces_a_method, own | {"id": "a.b"})
    with pytest.raises(FactorError, match="cannot be replaced"):
        load(shipped, replaces_a_method)


def test_a_factor_holds_on_its_first_and_last_day_and_not_outside(tmp_path):
    dated = GOOD | {"valid_from": "2024-01-01", "valid_to": "2024-12-31"}
    factors = load(write(tmp_path, dated))
    factor = factors["a.b"]
    assert factor.is_valid(date(2024, 1, 1), date(2025, 1, 1))
    assert not factor.is_valid(date(2023, 12, 31), date(2024, 6, 1))
    assert not factor.is_valid(date(2024, 6, 1), date(2025, 1, 2))
    records = out_of_validity(["a.b"], factors, date(2026, 1, 1), date(2027, 1, 1))
    assert [record.code for record in records] == ["factor_out_of_validity"]
    assert records[0].data == {"factors": "a.b"}
    assert not out_of_validity(["a.b"], factors, date(2024, 2, 1), date(2024, 3, 1))
