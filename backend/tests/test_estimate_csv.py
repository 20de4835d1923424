"""A meter file is read whole, or refused by line."""

import numpy as np
import pytest

from cobenefit_backend.errors import InputError
from cobenefit_backend.estimate_csv import read_meter

HEAD = "start,energy_kwh,temperature_degc\n"


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
    ],
)
def test_a_bad_line_is_named(tmp_path, text, message):
    with pytest.raises(InputError, match=f"meter.csv: {message}"):
        read(tmp_path, text)
