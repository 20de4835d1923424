"""Draws follow the published ranges, are shared by id, and agree with first-order theory."""

import math

import numpy as np
import pytest

from cobenefit_backend.estimate.uncertainty import Draws, quantile, sensitivities
from cobenefit_backend.factors.load import load

FACTORS = load()
TAILS = np.array([0.025, 0.5, 0.975])


def test_lognormal_bounds_are_the_95_percent_range():
    factor = FACTORS["iot.block.casing.hsl1.fab"]
    low, middle, high = quantile(factor, TAILS)
    assert middle == pytest.approx(factor.value, rel=1e-6)
    # Table 1 of the paper gives 1/5 and 2 times: the fit keeps their ratio, not each end.
    assert high / low == pytest.approx(factor.high / factor.low, rel=1e-3)


def test_pert95_bounds_are_the_95_percent_range():
    factor = FACTORS["soil.ef1.wet.synthetic"]
    low, _, high = quantile(factor, TAILS)
    # 1e-4 of the range: grid of the distribution function
    assert (low, high) == pytest.approx((factor.low, factor.high), abs=1e-4 * 0.006)


def test_pert95_never_goes_below_zero():
    drawn = Draws(FACTORS).sample("soil.ef5")
    assert drawn.min() == 0.0
    assert np.percentile(drawn, 97.5) == pytest.approx(0.020, rel=0.02)  # 10 000 draws


def test_triangular_mean():
    drawn = quantile(FACTORS["meter.prior.electricity_saving"], np.linspace(5e-5, 1 - 5e-5, 10000))
    assert drawn.mean() == pytest.approx((0 + 0.022 + 0.1) / 3, rel=1e-4)


def test_a_factor_without_range_still_varies():
    assert Draws(FACTORS).sample("fuel.diesel.law2017.total").std() > 0.1


def test_scenarios_and_conventions_are_not_sampled():
    draws = Draws(FACTORS)
    assert draws.sample("grid.fr.ademe.avg.lca") == 0.0519
    assert draws.sample("gwp100.n2o.ar6") == 273


def test_a_factor_has_the_same_draws_in_every_estimate():
    one, two = Draws(FACTORS), Draws(FACTORS)
    two.sample("soil.ef5")
    name = "fert.n.manufacture.lal2004"
    assert (one.sample(name) == two.sample(name)).all()
    assert two.used == {"soil.ef5", name}


def test_different_factors_are_independent():
    draws = Draws(FACTORS)
    pair = np.corrcoef(draws.sample("soil.ef5"), draws.sample("soil.ef4.wet"))
    assert abs(pair[0, 1]) < 0.04  # 4 standard errors of 10 000 draws


def test_monte_carlo_agrees_with_first_order_propagation():
    """Linear case: the variance of a weighted sum, within 5 %."""
    ids = ("fuel.diesel.law2017.total", "fuel.petrol.law2017.total", "fuel.natgas.lca.pcs")
    weights = (10.0, 12.0, 90.0)
    draws = Draws(FACTORS)
    interval = draws.interval(lambda f: sum(w * f(i) for w, i in zip(weights, ids, strict=True)))
    variance = sum(
        (w * FACTORS[i].value * math.log(1.1) / 1.95996) ** 2
        for w, i in zip(weights, ids, strict=True)
    )
    assert interval.half_width == pytest.approx(1.64485 * math.sqrt(variance), rel=0.05)


def test_the_widest_factor_leads_the_tornado():
    spans = sensitivities(
        lambda f: f("soil.ef5") * f("soil.fracleach.wet") + 0 * f("soil.ef4.wet"),
        FACTORS,
        ["soil.ef4.wet", "soil.ef5", "soil.fracleach.wet"],
    )
    assert list(spans) == ["soil.fracleach.wet", "soil.ef5", "soil.ef4.wet"]
    assert spans["soil.ef4.wet"].half_width == 0


def test_net_of_a_meter_under_the_prior():  # C9
    """Mean gross 10.28 and its 5-95 % range; deterministic net 3.994 kgCO2e per year."""
    kwh, grid = 4866.8, FACTORS["grid.fr.ademe.avg.lca"].value
    prior = FACTORS["meter.prior.electricity_saving"]
    gross = quantile(prior, np.random.default_rng(1).uniform(size=200_000)) * kwh * grid
    assert gross.mean() == pytest.approx(10.28, rel=0.01)  # 4 standard errors
    assert np.percentile(gross, [5, 95]) == pytest.approx([2.64, 20.26], rel=0.01)
