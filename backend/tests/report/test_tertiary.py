"""The yearly energy of tertiary public buildings: what was measured, and how much of the year."""

from datetime import date, timedelta

import pytest

from cobenefit_backend import bodies
from cobenefit_backend.errors import InputError
from cobenefit_backend.exports.csv_file import csv_file, read
from cobenefit_backend.exports.tables import operat
from cobenefit_backend.report.build import build
from cobenefit_backend.report.records import Report
from cobenefit_backend.report.tertiary import tertiary
from cobenefit_backend.study import parse
from cobenefit_backend.territory.load import operat_columns

SCHOOL = {
    "id": "jules-ferry", "name": "École Jules-Ferry", "area_m2": 1500.0, "reference_year": 2015,
    "meter": [
        {"device": "school", "carrier": "electricity", "reference_kwh": 90000.0},
        {"device": "wing", "carrier": "electricity", "reference_kwh": 10000.0},
        {"device": "boiler", "carrier": "gas"},
    ],
}  # fmt: skip
DEVICES = ("school", "wing", "boiler")


@pytest.fixture
def document(study_document):
    study_document["site"][0]["building"] = [SCHOOL]
    node = study_document["device"][0]
    study_document["device"] += [{**node, "id": name} for name in DEVICES[1:]]
    return study_document


@pytest.fixture
def filled(store, counter_row, page_body):
    """Two whole years of three meters at 10, 20 and 30 kWh a day, and ten days of a third year."""

    def fill(missing: frozenset[tuple[str, date]] = frozenset(), half: date | None = None):
        rows = []
        for n in range(731 + 10):
            day = date(2023, 1, 1) + timedelta(n)
            for index, name in enumerate(DEVICES):
                if (name, day) not in missing:
                    row = counter_row(day, 0.0, 10_000.0 * (index + 1))
                    count = row["count"] // 2 if day == half else row["count"]
                    rows.append((index, {**row, "count": count}))
        names = [["town", name, "energy_import_wh"] for name in DEVICES]
        store.add_page(*bodies.decode_page(page_body(names, rows)), now_ms=1)
        return store

    return fill


def _years(store, document):
    return {(row["carrier"], row["year"]): row for row in tertiary(store, parse(document))}


def test_a_year_is_the_sum_of_its_days_in_the_zone_of_the_site(filled, document):
    found = _years(filled(), document)
    assert list(found) == [
        (carrier, year) for carrier in ("electricity", "gas") for year in (2023, 2024, 2025)
    ]
    leap = found["electricity", 2024]
    assert leap["energy_kwh"] == pytest.approx(366 * 30)
    assert (leap["days"], leap["status"], leap["coverage_ratio"]) == (366, "complete", 1.0)
    assert (leap["reference_year"], leap["reference_kwh"]) == (2015, 100000.0)
    assert found["gas", 2023]["energy_kwh"] == pytest.approx(365 * 30)
    assert found["gas", 2023]["reference_kwh"] is None


def test_a_year_that_has_just_begun_is_incomplete_and_not_extrapolated(filled, document):
    begun = _years(filled(), document)["gas", 2025]
    assert begun["energy_kwh"] == pytest.approx(10 * 30)
    assert (begun["days"], begun["days_of_year"], begun["status"]) == (10, 365, "incomplete")


def test_one_meter_without_one_day_makes_its_carrier_incomplete(filled, document):
    found = _years(filled(frozenset({("wing", date(2023, 5, 1))})), document)
    assert found["electricity", 2023]["status"] == "incomplete"
    assert found["electricity", 2023]["days"] == 364
    assert found["gas", 2023]["status"] == "complete"


def test_half_a_day_of_readings_shows_in_the_coverage(filled, document):
    row = _years(filled(half=date(2023, 5, 1)), document)["gas", 2023]
    assert row["coverage_ratio"] == pytest.approx(1 - 0.5 / 365)
    assert (row["days"], row["status"]) == (365, "complete")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"meter": [{"device": "nobody", "carrier": "gas"}]}, "no device"),
        ({"meter": [{"device": "school", "carrier": "gas", "channel": "pulse_count"}]}, "count"),
        ({"meter": [{"device": "school", "carrier": "gas"}] * 2}, "twice"),
        ({"meter": [{"device": "school", "carrier": "coal"}]}, "carrier"),
        ({"meter": []}, "meter"),
        ({"area_m2": 0}, "area_m2"),
    ],
)
def test_a_building_that_can_not_be_is_refused(document, change, why):
    document["site"][0]["building"] = [{**SCHOOL, **change}]
    with pytest.raises(InputError, match=why):
        parse(document)


def test_the_table_has_the_columns_of_the_file(filled, document):
    found = {"tertiary": tertiary(filled(), parse(document))}
    report = Report("t", {}, ("", ""), {}, (), {}, found, ())
    header, rows = read(csv_file(operat(report)))
    assert header == tuple(name for name, _ in operat_columns())
    assert len(rows) == 6


def test_a_report_without_such_buildings_has_an_empty_table(municipality):
    report = build(municipality.app.state.store, "demo")
    assert operat(report).rows == ()
    assert municipality.get("/operat.csv").text.startswith("building,name,")
    assert len(municipality.get("/mapping.csv").text.splitlines()) == 10
