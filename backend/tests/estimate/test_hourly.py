"""The batched hourly model equals the reference implementation and the standard's vectors."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from cobenefit_backend.estimate.hourly import BINS, calendar, fit, in_bins, keep_endpoints, predict

VALIDATION = Path(__file__).parents[2] / "validation"
sys.path.insert(0, str(VALIDATION))
from simulate import DAYS, FIRST_DAY, hourly_home  # noqa: E402

ORACLE = json.loads((VALIDATION / "oracle_hourly.json").read_text())
HALF = 24 * (DAYS // 2)
START = np.datetime64(FIRST_DAY, "h")


@pytest.fixture(scope="module")
def offices():
    pairs = [hourly_home(office["seed"]) for office in ORACLE["offices"]]
    return np.array([use for use, _ in pairs]), np.array([degc for _, degc in pairs])


def test_equal_to_eemeter_2_10_11(offices):
    use, degc = offices
    models = fit(use[:, :HALF], degc[:, :HALF], START)
    expected = predict(models, degc[:, HALF:], START + np.timedelta64(HALF, "h"))
    for row, office in enumerate(ORACLE["offices"]):
        assert models.occupied[row].sum(axis=1).tolist() == office["occupied_hours"]
        assert models.endpoints[row].sum(axis=1).tolist() == office["endpoints"]
        # floating-point rounding only: both solve the same weighted least squares
        kept = expected[row, :: ORACLE["step"]]
        assert kept == pytest.approx(np.array(office["predicted_kwh"]), rel=1e-9, nan_ok=True)
        assert expected[row].sum() == pytest.approx(office["total_kwh"], rel=1e-9)


@pytest.mark.parametrize(
    ("degf", "bins"),
    [
        (20, (20, 0, 0, 0, 0, 0, 0)),
        (50, (30, 15, 5, 0, 0, 0, 0)),
        (100, (30, 15, 10, 10, 10, 15, 10)),
        (-5, (-5, 0, 0, 0, 0, 0, 0)),
    ],
)
def test_the_bins_of_the_standard(degf, bins):
    assert tuple(float(in_bins(np.array(degf), k)) for k in range(BINS)) == bins


def test_thin_bins_are_merged_outer_ones_first():
    degf = np.repeat([20.0, 40.0, 50.0, 60.0, 70.0, 80.0, 95.0], [5, 30, 10, 30, 30, 30, 19])[None]
    kept = keep_endpoints(degf, np.ones_like(degf, dtype=bool))[0]
    # 30 and 90 go first (outer bins), then 55 (the bin of 45 to 55 joins the next one)
    assert kept.tolist() == [False, True, False, True, True, False]


def test_bins_differ_by_meter_with_what_they_measured():
    degf = np.repeat([20.0, 50.0, 100.0], 30)[None]
    used = np.ones((2, 90), dtype=bool)
    used[1, :30] = False  # the second meter has not seen the cold
    kept = keep_endpoints(degf, used)
    assert kept[0, 0]
    assert not kept[1, 0]


def test_the_week_begins_on_monday():
    month, hour = calendar(np.datetime64("2022-01-31T23", "h"), 3)  # a Monday
    assert month.tolist() == [0, 1, 1]
    assert hour.tolist() == [23, 24, 25]


def test_shared_weather_and_a_fleet_are_the_same_as_each_alone(offices):
    use, degc = offices
    fleet = np.repeat(use[:1, :HALF], 30, axis=0) * np.arange(1, 31)[:, None]
    models = fit(fleet, degc[0, :HALF], START)  # two chunks
    alone = fit(use[0, :HALF], degc[:1, :HALF], START)
    for row in (0, 24, 25, 29):
        assert models.level_kwh[row] == pytest.approx(alone.level_kwh[0] * (row + 1), rel=1e-9)


def test_months_without_data_predict_nothing():
    hours = 24 * 40
    rng = np.random.default_rng(1)
    models = fit(rng.random(hours) + 1, np.linspace(0, 20, hours), np.datetime64("2022-01-01T00"))
    expected = predict(models, np.full(8760, 10.0), np.datetime64("2022-01-01T00"))
    month, _ = calendar(np.datetime64("2022-01-01T00"), 8760)
    assert np.isfinite(expected[0, month <= 2]).all()
    assert np.isnan(expected[0, month == 5]).all()


def test_a_meter_without_an_hour_is_nan_not_a_crash():
    models = fit(np.full((2, 8760), np.nan), np.zeros(8760), START)
    assert models.valid_hours.tolist() == [0, 0]
    assert np.isnan(models.level_kwh).all()


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="one temperature per hour"):
        fit(np.ones(100), np.zeros(99), START)
