"""Figures are rounded once, for reading, and written as each language writes them."""

import pytest

from cobenefit_backend.report.format import Formatter, mass_unit, significant

EN, FR = Formatter("en"), Formatter("fr")


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, 0), (1234, 1200), (0.0519, 0.052), (-98.7, -99), (1, 1), (99.6, 100), (5e-7, 5e-7)],
)
def test_two_significant_digits(value, expected):
    assert significant(value) == pytest.approx(expected)


def test_french_and_english_numbers():
    assert EN.number(1234.5) == "1,200"
    assert FR.number(1234.5) == "1\u202f200"
    assert FR.number(-0.0519) == "\u22120,052"
    assert FR.mass(12_345) == "12\u00a0tCO2e"
    assert EN.mass(310) == "310\u00a0kgCO2e"


def test_coverage_is_never_rounded_up_to_all():
    assert EN.percent(0.9999) == "99%"
    assert EN.percent(1.0) == "100%"


def test_dates():
    assert FR.day("2027-03-12") == "12 mars 2027"
    assert FR.day("2027-03-01") == "1er mars 2027"
    assert FR.day("2027-03-21") == "21 mars 2027"
    assert EN.last_day("2027-01-01") == "31 December 2026"


def test_masses_that_stand_together_share_a_unit():
    assert mass_unit(-20_000, 5) == "tCO2e"
    assert mass_unit(9_000, 5) == "kgCO2e"


def test_a_sliver_is_not_written_as_a_figure():
    assert EN.share(-0.001, 500, "kgCO2e") == "≈\u00a00"
    assert EN.share(0, 500, "kgCO2e") == "0"
