"""A meter file is read whole, or refused by line."""

import numpy as np
import pytest

from cobenefit_backend.errors import InputError
from cobenefit_backend.estimate_csv import read_bills, read_meter

HEAD = "start,energy_kwh,temperature_degc\n"
JANUARY = [f"2026-01-{day:02d}T00:00Z,10,\n" for day in range(1, 31)]


def read(folder, text):
    path = folder / "meter.csv"
    path.write_text(text)
    return read_meter(path)


def test_blanks_are_missing(tmp_path):
    days = read(
        tmp_path,
        HEAD + "2026-01-01T00:00+01:00,5,1.5\n2026-01-02T00:00+01:00,,\n"
        "2026-01-03T00:00+01:00,nan,3\n",
    )
    assert np.isnan(days.energy_kwh).tolist() == [False, True, True]
    assert np.isnan(days.temperature_degc).tolist() == [False, True, False]


def test_the_temperature_column_may_be_absent(tmp_path):
    days = read(tmp_path, "start,energy_kwh\n2026-01-01T00:00Z,5\n")
    assert days.temperature_degc is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("time,kwh\n", "line 1.*expected start,energy_kwh"),
        (HEAD, "line 2.*no data row"),
        (HEAD + "2026-01-01,5,\n", "line 2.*no UTC offset"),
        (HEAD + "yesterday,5,\n", "line 2.*ISO 8601"),
        (HEAD + "2026-01-01T00:00Z,five,\n", "line 2.*energy_kwh 'five' is not a number"),
        (HEAD + "2026-01-01T00:00Z,5,71\n", "line 2.*outside -60 to 60 degC"),
        (HEAD + "2026-01-01T00:00Z,5,\n" * 2, "line 3.*occurs twice"),
        (
            HEAD + "2026-01-01T00:00+00:00,5,\n2026-01-01T01:00+01:00,5,\n",
            "line 3.*occurs twice",
        ),
        (HEAD + "2026-01-01T00:00Z,-3,\n", "line 2.*energy_kwh -3 is negative"),
        ("".join([HEAD, *JANUARY, "2026-02-01T00:00Z,9000,\n"]), "line 32.*900 times.*Wh / 1000"),
    ],
)
def test_a_bad_line_is_named(tmp_path, text, message):
    with pytest.raises(InputError, match=f"meter.csv: {message}"):
        read(tmp_path, text)


def test_a_cold_day_is_no_wrong_unit(tmp_path):
    days = read(tmp_path, "".join([HEAD, *JANUARY, "2026-02-01T00:00Z,2000,\n"]))
    assert days.energy_kwh[-1] == 2000.0


def test_bills_run_until_the_next_row(tmp_path):
    (tmp_path / "bills.csv").write_text(
        "start,energy_kwh\n2026-01-05T00:00Z,300\n2026-02-04T00:00Z,\n2026-03-06T00:00Z,1\n"
    )
    (tmp_path / "weather.csv").write_text(
        "start,temperature_degc\n2026-01-04T00:00Z,5\n2026-01-05T00:00Z,6\n"
    )
    days, bills = read_bills(tmp_path / "bills.csv", tmp_path / "weather.csv")
    assert days[-1] == np.datetime64("2026-03-06")
    assert bills.days.tolist() == [[30, 30]]
    assert bills.energy_kwh[0, 0] == 300.0
    assert np.isnan(bills.energy_kwh[0, 1])
    assert bills.temperature_degc[0, 0] == 6.0
    assert np.isnan(bills.temperature_degc[0, 1:]).all()


@pytest.mark.parametrize(
    ("bills", "weather", "message"),
    [
        ("2026-01-05T00:00Z,300\n", "2026-01-05T00:00Z,6\n", "bills.csv.*two rows or more"),
        (
            "2026-02-05T00:00Z,300\n2026-01-05T00:00Z,1\n",
            "2026-01-05T00:00Z,6\n",
            "bills.csv.*starting on a later day",
        ),
        (
            "2026-01-05T00:00Z,300\n2026-02-05T00:00Z,\n",
            "2026-01-05T00:00Z,\n",
            "weather.csv.*temperature_degc has no value",
        ),
    ],
)
def test_bad_bills_are_refused(tmp_path, bills, weather, message):
    (tmp_path / "bills.csv").write_text("start,energy_kwh\n" + bills)
    (tmp_path / "weather.csv").write_text("start,temperature_degc\n" + weather)
    with pytest.raises(InputError, match=message):
        read_bills(tmp_path / "bills.csv", tmp_path / "weather.csv")
