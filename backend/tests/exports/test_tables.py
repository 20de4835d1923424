"""Tables, CSV and workbook: what is written is what the report holds, and is read again."""

import io
import json
import math
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cobenefit_backend import documents as documents_package
from cobenefit_backend.errors import InputError
from cobenefit_backend.exports.csv_file import csv_file, read
from cobenefit_backend.exports.tables import Table, tables
from cobenefit_backend.exports.workbook import workbook
from cobenefit_backend.territory.load import mappings

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)
CELLS = st.one_of(
    TEXTS, st.none(), st.integers(), st.floats(allow_nan=False, allow_infinity=False)
)


def _equal(written, cell):
    if cell is None:
        return written == ""
    if isinstance(cell, bool):
        return written == str(cell).lower()
    return type(cell)(written) == cell


@pytest.mark.parametrize("dialect", ["rfc4180", "fr"])
@settings(deadline=None)
@given(rows=st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=4))
def test_csv_round_trip(dialect, rows):
    if dialect == "fr":  # there a text such as 1,5 reads as a number, in any spreadsheet too
        rows = [tuple(c if not isinstance(c, str) else f"a{c}" for c in row) for row in rows]
    table = Table("t", ("one", "two", "three"), tuple(rows))
    header, found = read(csv_file(table, dialect))
    assert header == table.columns
    assert len(found) == len(rows)
    for line, row in zip(found, rows, strict=True):
        assert all(_equal(written, cell) for written, cell in zip(line, row, strict=True))


@pytest.mark.parametrize("text", ["=1+1", "+33 1", "-x", "@here", "=HYPERLINK(1)"])
@pytest.mark.parametrize("dialect", ["rfc4180", "fr"])
def test_a_text_is_never_a_formula(text, dialect):
    made = csv_file(Table("t", ("a",), ((text,),)), dialect)
    assert f"'{text}" in made.decode("utf-8-sig")
    assert read(made)[1] == [[text]]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "first line must name"),
        (b"a,b\r\n1\r\n", "line 2"),
        (b"a;b\r\n1;2;3\r\n", "3 cells under 2"),
        (b"\xff\xfe", "not UTF-8"),
    ],
)
def test_a_file_of_another_shape_is_refused_with_its_place(content, why):
    with pytest.raises(InputError, match=why):
        read(content)


def test_every_figure_of_the_report_is_in_its_table(report):
    found = {table.name: table for table in tables(report)}
    cases = {case["study"]: case for case in report.to_json()["use_cases"]}
    rows = [dict(zip(found["results"].columns, row, strict=True)) for row in found["results"].rows]
    assert {row["study"] for row in rows} == set(cases)
    for row in rows:
        bounds = cases[row["study"]][f"{row['quantity']}_kgco2e"]
        assert [row[name] for name in ("low", "central", "high")] == [
            bounds[name] for name in ("low", "central", "high")
        ]
        assert row["unit"] == "kgCO2e"
    stored = found["data"].columns.index("stored")
    assert sum(row[stored] for row in found["data"].rows) == report.data["stored"]
    assert len(found["factors"].rows) == len(report.factors)


def test_weeks_say_when_they_start_and_end_over_a_change_of_clocks(report):
    table = next(each for each in tables(report) if each.name == "series")
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    spring = [row for row in rows if row["start"].startswith("2024-03-25T00:00:00+01:00")]
    assert spring or any("+01:00" in row["start"] and "+02:00" in row["end"] for row in rows)
    assert any(row["measured"] is None for row in rows), "the gap of June is a gap"


def test_a_workbook_holds_the_tables_and_makes_nothing_of_them(report):
    made = workbook(report, "fr")
    assert made == workbook(report, "fr")
    book = openpyxl.load_workbook(io.BytesIO(made))
    assert book.sheetnames == [
        "Résultats",
        "Suivi PCAET",
        "Séries hebdomadaires",
        "Relevés",
        "Facteurs",
        "Bâtiments par année",
        "Correspondances",
    ]
    for table, sheet in zip(tables(report), book.worksheets, strict=True):
        rows = list(sheet.iter_rows(values_only=True))
        assert rows[0] == table.columns
        assert len(rows) == 1 + len(table.rows)
        for row, cells in zip(rows[1:], table.rows, strict=True):
            assert all(map(_same, row, cells)), (row, cells)
    assert json.dumps(report.names["fr"])[1:-1] in json.dumps(book.properties.title)


def _same(read_, cell):
    if isinstance(cell, float):
        return math.isclose(read_, cell, rel_tol=1e-14)
    return read_ == cell


def test_the_follow_up_names_a_sector_and_claims_only_what_counts(report):
    table = next(each for each in tables(report) if each.name == "follow_up")
    rows = {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.rows}
    assert set(rows) == {case.study for case in report.cases}
    for case in report.cases:
        row, net = rows[case.study], case.estimate.net_kgco2e
        assert row["sector_fr"]
        assert row["claimed"] is case.counts
        if case.placebo or net is None:
            assert row["central"] is None
        else:
            assert row["central"] == net.central / 1000
    assert rows["house-test"]["central"] is None
    assert not rows["field"]["claimed"]


def test_every_use_case_has_its_place_in_a_climate_plan():
    documents = {path.stem for path in (Path(documents_package.__file__).parent).glob("*.py")}
    known = mappings()
    assert set(known) <= documents | {"soil"}
    assert len(known) == 9
    assert not known["surveillance"].additive
    assert not known["climate_event"].additive
