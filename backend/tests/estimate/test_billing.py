"""The batched billing model equals the reference implementation and stands bad bills."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from cobenefit_backend.estimate.baseline import MODELS
from cobenefit_backend.estimate.billing import fit, savings
from cobenefit_backend.estimate.bills import Bills

VALIDATION = Path(__file__).parents[2] / "validation"
sys.path.insert(0, str(VALIDATION))
from simulate import bill_starts, home  # noqa: E402

ORACLE = json.loads((VALIDATION / "oracle_billing.json").read_text())["homes"]
NAME_THERE = {"hdd_cdd": "cdd_hdd", "hdd": "hdd_only", "cdd": "cdd_only"}


def billed(seed, months):
    """Return the bills of a home's baseline and reporting half."""
    use, degc = home(seed, 0.08 * (seed % 2))
    edges = bill_starts(seed, months)
    energy = np.add.reduceat(use[: edges[-1]], edges[:-1])
    half = len(energy) // 2
    return (
        Bills(energy[None, :half], edges[None, : half + 1], degc[None]),
        Bills(energy[None, half:], edges[None, half:], degc[None]),
    )


@pytest.mark.parametrize("expected", ORACLE, ids=lambda home: f"home{home['seed']}")
def test_equal_to_eemeter_2_10_11(expected):
    before, after = billed(expected["seed"], expected["months"])
    fitted = fit(before, expected["fuel"])
    saved = savings(fitted, after)
    name = MODELS[fitted.models.model[0]]
    assert NAME_THERE.get(name, f"{name}_only") == expected["model"]
    # floating-point rounding only: both solve the same weighted least squares
    assert saved.counterfactual_kwh[0] == pytest.approx(sum(expected["predicted_kwh"]), rel=1e-9)
    assert fitted.models.r2_adj[0] == pytest.approx(expected["r2_adj"], rel=1e-9, abs=1e-12)
    assert fitted.models.cv_rmse[0] == pytest.approx(expected["cv_rmse"], rel=1e-9)
    assert fitted.models.autocorrelation[0] == pytest.approx(expected["autocorrelation"], rel=1e-6)


def test_both_lengths_and_fuels_are_in_the_oracle():
    assert {(home["months"], home["fuel"]) for home in ORACLE} == {
        (months, fuel) for months in (1, 2) for fuel in ("electricity", "gas")
    }
    assert len({home["model"] for home in ORACLE}) >= 3


def fleet(meters=250):
    pairs = [billed(seed, 1) for seed in range(meters)]
    bills = min(before.energy_kwh.shape[1] for before, _ in pairs)
    sides = [[side.energy_kwh[0, :bills] for side in pair] for pair in pairs]
    energy = np.array([side[0] for side in sides])
    edges = np.array([before.edge_day[0, : bills + 1] for before, _ in pairs])
    return Bills(energy, edges, np.array([before.temperature_degc[0] for before, _ in pairs]))


def test_a_fleet_is_the_same_as_each_meter_alone():
    together = fleet()
    models = fit(together).models
    for row in (0, 199, 200, 249):  # both sides of a chunk
        alone = fit(
            Bills(
                together.energy_kwh[row : row + 1],
                together.edge_day[row : row + 1],
                together.temperature_degc[row : row + 1],
            )
        ).models
        assert models.model[row] == alone.model[0]
        assert models.base_kwh[row] == pytest.approx(alone.base_kwh[0], rel=1e-9)
        assert models.cv_rmse[row] == pytest.approx(alone.cv_rmse[0], rel=1e-9)


def test_shared_weather_and_edges_are_the_same_as_repeated_ones():
    one, _ = billed(3, 1)
    energy = one.energy_kwh * np.array([[1.0], [2.0], [3.0]])
    shared = fit(Bills(energy, one.edge_day, one.temperature_degc)).models
    own = fit(
        Bills(energy, np.repeat(one.edge_day, 3, 0), np.repeat(one.temperature_degc, 3, 0))
    ).models
    assert shared.base_kwh == pytest.approx(own.base_kwh, rel=1e-12)
    assert shared.base_kwh == pytest.approx(shared.base_kwh[0] * np.array([1, 2, 3]), rel=1e-9)


def test_bills_of_unfit_length_are_counted_and_left_out():
    before, _ = billed(1, 1)
    edges = before.edge_day.copy()
    edges[0, 4] = edges[0, 3] + 10  # 10 days, and the next one takes the rest
    fitted = fit(Bills(before.energy_kwh, edges, before.temperature_degc))
    assert fitted.left_out.tolist() == [2]
    assert fitted.bills[0] == before.energy_kwh.shape[1] - 2


def test_missing_temperatures_leave_a_bill_out():
    before, _ = billed(1, 1)
    degc = before.temperature_degc.copy()
    degc[0, before.edge_day[0, 2] + np.arange(5)] = np.nan  # over a tenth of the bill
    assert fit(Bills(before.energy_kwh, before.edge_day, degc)).left_out.tolist() == [1]


def test_without_weather_it_is_the_mean_per_day():
    before, after = billed(1, 1)
    fitted = fit(Bills(before.energy_kwh, before.edge_day, None))
    mean = before.energy_kwh.sum() / before.days.sum()
    assert fitted.models.base_kwh[0] == pytest.approx(mean, rel=1e-12)
    assert savings(fitted, Bills(after.energy_kwh, after.edge_day, None)).valid_days[0] > 300


def test_no_bill_is_nan_not_a_crash():
    before, after = billed(1, 1)
    empty = Bills(
        np.full_like(before.energy_kwh, np.nan), before.edge_day, before.temperature_degc
    )
    fitted = fit(empty)
    assert np.isnan(fitted.models.base_kwh[0])
    assert fitted.bills.tolist() == [0]
    assert not savings(fitted, after).significant[0]


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="one edge more than bills"):
        Bills(np.ones((1, 3)), np.array([[0, 30, 60]]), None)
    with pytest.raises(ValueError, match="every day up to the last edge 60"):
        Bills(np.ones((1, 2)), np.array([[0, 30, 60]]), np.zeros((1, 59)))
