"""The batched fit equals the reference implementation and an obvious slow one."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cobenefit_backend.estimate import baseline
from cobenefit_backend.estimate.baseline import GRID_DEGF, MODELS, fit, predict, usable
from cobenefit_backend.estimate.savings import savings
from cobenefit_backend.estimate_csv import read_meter

DATA = Path(__file__).parent / "data"
REFERENCE = json.loads((DATA / "eemeter_2_10_11.json").read_text())
NAME_THERE = {"hdd_cdd": "cdd_hdd", "hdd": "hdd_only"}


def sample(name):
    days = read_meter(DATA / f"{name}.csv")
    return (
        days.between(np.datetime64("2015-12-27"), np.datetime64("2016-12-26")),
        days.between(np.datetime64("2017-01-04"), np.datetime64("2018-01-04")),
    )


@pytest.mark.parametrize(
    ("name", "fuel"), [("il-electricity-cdd-hdd", "electricity"), ("il-gas-hdd-only", "gas")]
)
def test_equal_to_eemeter_2_10_11(name, fuel):
    before, after = sample(name.replace("-", "_"))
    expected = REFERENCE[name]
    models = fit(before.energy_kwh, before.temperature_degc, fuel)
    saved = savings(models, usable(after.energy_kwh, fuel), after.temperature_degc)
    assert NAME_THERE[MODELS[models.model[0]]] == expected["model"]
    # floating-point rounding only: both solve the same least squares
    assert saved.savings_kwh[0] == pytest.approx(expected["savings"], rel=1e-9)
    assert models.r2_adj[0] == pytest.approx(expected["r2_adj"], rel=1e-9)
    assert models.cv_rmse[0] == pytest.approx(expected["cv"], rel=1e-9)
    assert models.cv_rmse_adj[0] == pytest.approx(expected["cv_adj"], rel=1e-9)
    assert models.autocorrelation[0] == pytest.approx(expected["rho"], rel=1e-6)
    params = expected["params"]
    assert models.base_kwh[0] == pytest.approx(params["intercept"], rel=1e-9)
    assert models.hdd_slope_kwh_per_degc[0] / 1.8 == pytest.approx(params["beta_hdd"], rel=1e-9)
    assert models.hdd_balance_degc[0] * 1.8 + 32 == pytest.approx(params["heating_balance_point"])


def test_the_published_figures_of_the_sample():  # C1
    before, after = sample("il_electricity_cdd_hdd")
    models = fit(before.energy_kwh, before.temperature_degc)
    saved = savings(models, after.energy_kwh, after.temperature_degc)
    assert saved.savings_kwh[0] == pytest.approx(855.18, abs=0.005)
    assert models.cv_rmse[0] == pytest.approx(0.2528, abs=5e-5)
    assert saved.significant[0]
    truth = 0.10 * saved.counterfactual_kwh[0]
    assert saved.interval().low < truth < saved.interval().high


def slow_reference(energy, degc, fuel="electricity"):
    """Try every candidate with a general least-squares solver."""
    degf, known = degc * 1.8 + 32, ~np.isnan(energy)
    y, n = energy[known], known.sum()
    total = ((y - y.mean()) ** 2).sum()
    best = (0.0, (0, None, None), np.array([y.mean()]))
    pairs = [(h, None) for h in GRID_DEGF]
    if fuel == "electricity":
        pairs += [(None, c) for c in GRID_DEGF]
        pairs += [(h, c) for h in GRID_DEGF for c in GRID_DEGF if h <= c]
    for h, c in pairs:
        columns = []
        if h is not None:
            columns.append(np.maximum(h - degf, 0)[known])
        if c is not None:
            columns.append(np.maximum(degf - c, 0)[known])
        if any((x > 0).sum() < 10 or x.sum() < 20 for x in columns):
            continue
        matrix = np.column_stack([np.ones(n), *columns])
        beta = np.linalg.lstsq(matrix, y, rcond=None)[0]
        if (beta < 0).any():
            continue
        error = ((y - matrix @ beta) ** 2).sum()
        r2_adj = 1 - error / total * (n - 1) / (n - matrix.shape[1])
        if r2_adj > best[0]:
            best = (r2_adj, (len(columns), h, c), beta)
    return best


@pytest.mark.parametrize("fuel", ["electricity", "gas"])
@pytest.mark.parametrize("shared", [True, False])
def test_equal_to_the_slow_reference_on_random_meters(fuel, shared):
    rng = np.random.default_rng(3)
    days, meters = 365, 6
    season = 11 + 9 * np.sin(np.arange(days) / 58)
    degc = season + rng.normal(0, 3, (1 if shared else meters, days))
    heating = rng.uniform(0, 2, (meters, 1)) * np.maximum(15 - degc, 0)
    cooling = rng.uniform(0, 2, (meters, 1)) * np.maximum(degc - 19, 0)
    energy = 8 + heating + cooling + rng.normal(0, 2, (meters, days))
    energy[rng.uniform(size=energy.shape) < 0.05] = np.nan
    models = fit(energy, degc[0] if shared else degc, fuel)
    for meter in range(meters):
        r2_adj, (_, h, c), beta = slow_reference(energy[meter], degc[0 if shared else meter], fuel)
        assert models.r2_adj[meter] == pytest.approx(r2_adj, rel=1e-9)
        assert models.base_kwh[meter] == pytest.approx(beta[0], rel=1e-9)
        found = models.hdd_balance_degc[meter] * 1.8 + 32
        assert np.isnan(found) if h is None else found == pytest.approx(h)
        found = models.cdd_balance_degc[meter] * 1.8 + 32
        assert np.isnan(found) if c is None else found == pytest.approx(c)


def test_a_meter_does_not_depend_on_its_neighbours():
    """Chunks and rows: the fit of many equals the fit of each."""
    rng = np.random.default_rng(5)
    degc = 12 + 9 * np.sin(np.arange(365) / 58) + rng.normal(0, 2, 365)
    energy = 10 + rng.uniform(0, 1, (250, 1)) * np.maximum(16 - degc, 0) + rng.random((250, 365))
    together = fit(energy, degc)
    for meter in (0, baseline._CHUNK - 1, baseline._CHUNK, 249):
        alone = fit(energy[meter], degc)
        assert together.model[meter] == alone.model[0]
        # the matrix product may sum in another order
        assert together.base_kwh[meter] == pytest.approx(alone.base_kwh[0], rel=1e-12)
        assert together.cv_rmse[meter] == pytest.approx(alone.cv_rmse[0], rel=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.floats(0.01, 100), st.integers(0, 1000))
def test_scaling_the_energy_scales_the_coefficients(factor, seed):
    rng = np.random.default_rng(seed)
    degc = 12 + 9 * np.sin(np.arange(365) / 58) + rng.normal(0, 2, 365)
    energy = 5 + np.maximum(15 - degc, 0) + rng.random(365)
    one, other = fit(energy, degc), fit(energy * factor, degc)
    assert one.model[0] == other.model[0]
    assert other.base_kwh[0] == pytest.approx(one.base_kwh[0] * factor, rel=1e-9)
    assert other.cv_rmse[0] == pytest.approx(one.cv_rmse[0], rel=1e-9)


def test_gas_never_gets_a_cooling_slope():  # C3
    degc = np.linspace(-5, 30, 365)
    energy = 5 + np.maximum(degc - 20, 0)
    assert fit(energy, degc, "gas").cdd_slope_kwh_per_degc[0] == 0
    assert fit(energy, degc, "electricity").cdd_slope_kwh_per_degc[0] > 0


def test_zero_is_missing_for_electricity_only():
    energy = np.array([0.0, 1.0, np.inf])
    assert np.isnan(usable(energy, "electricity")).tolist() == [[True, False, True]]
    assert np.isnan(usable(energy, "gas")).tolist() == [[False, False, True]]


def test_without_weather_the_model_is_the_mean():
    energy = np.array([1.0, 2.0, np.nan, 3.0])
    models = fit(energy, None)
    assert MODELS[models.model[0]] == "intercept"
    assert models.base_kwh[0] == 2.0
    assert predict(models, None, 2).tolist() == [[2.0, 2.0]]


def test_a_meter_without_a_single_day_is_nan_not_a_crash():
    models = fit(np.full((2, 365), np.nan), np.zeros(365))
    assert models.valid_days.tolist() == [0, 0]
    assert np.isnan(models.base_kwh).all()


def test_a_constant_meter_is_intercept_only():
    models = fit(np.full(365, 3.0), np.linspace(-5, 30, 365))
    assert MODELS[models.model[0]] == "intercept"
    assert models.cv_rmse[0] == 0.0


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="one temperature per day"):
        fit(np.ones(365), np.zeros(364))
    weather = fit(np.ones(365), np.zeros(365))
    with pytest.raises(ValueError, match="give temperatures"):
        predict(weather, None, 10)
