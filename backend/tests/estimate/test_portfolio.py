"""Nets add up once, errors that share a factor add in full, and P and N never count."""

import pytest

from cobenefit_backend.estimate.portfolio import Overlap, portfolio
from cobenefit_backend.estimate.quantity import Estimate, Interval
from cobenefit_backend.factors.load import load

DIESEL, PETROL = "fuel.diesel.law2017.total", "fuel.petrol.law2017.total"


def figure(net, half=1.0, evidence="E", factors=()):
    interval = Interval.around(net, half)
    return Estimate(
        use_case="smart_meter", evidence_class=evidence, label="", gross_kgco2e=interval,
        rebound_kgco2e=Interval.exactly(0), footprint_kgco2e=Interval.exactly(0),
        net_kgco2e=interval, net_marginal_kgco2e=None, coverage_ratio=1.0,
        data_origin="measured", disqualifications=(), factor_ids=tuple(factors), details={},
    )  # fmt: skip


def net(estimates, *overlaps, evidence="E"):
    return portfolio(estimates, overlaps, load()).subtotals[evidence].net_kgco2e


def test_independent_errors_add_in_quadrature_and_shared_ones_in_full():
    apart = {"a": figure(10, 3), "b": figure(20, 4)}
    assert net(apart).half_width == pytest.approx(5)
    shared = {"a": figure(10, 3, factors=[DIESEL]), "b": figure(20, 4, factors=[DIESEL])}
    assert net(shared).half_width == pytest.approx(7)
    assert net(shared).central == net(apart).central == 30


def test_a_chain_of_shared_factors_is_one_group_and_a_scenario_binds_nothing():
    chain = {
        "a": figure(10, 1, factors=[DIESEL]),
        "b": figure(10, 1, factors=[PETROL]),
        "c": figure(10, 1, factors=[DIESEL, PETROL]),
    }
    assert net(chain).half_width == pytest.approx(3)
    scenario = {key: figure(10, 3, factors=["grid.fr.ademe.avg.lca"]) for key in "ab"}
    assert net(scenario).half_width == pytest.approx(18**0.5)


def test_potentials_and_indicators_are_never_added():
    found = portfolio(
        {
            "m": figure(5, evidence="M"),
            "p": figure(100, evidence="P"),
            "n": figure(7, evidence="N"),
        },
        [],
        load(),
    )
    assert found.subtotals["M"].net_kgco2e == Interval(4, 5, 6)
    assert found.subtotals["E"].net_kgco2e is None
    assert set(found.subtotals) == {"M", "E"}


def test_an_overlap_keeps_one_study_and_says_why():
    estimates = {"meter": figure(10), "hall": figure(4), "other": figure(1)}
    overlap = Overlap(("meter", "hall"), "meter", "the hall is behind the meter")
    found = portfolio(estimates, [overlap], load())
    assert found.subtotals["E"].net_kgco2e.central == 11
    assert found.overlapping == {"hall": overlap}
    # where the kept study can't count itself, the other one is all there is
    assert net({"hall": figure(4)}, overlap).central == 4


def test_a_wide_portfolio_says_so():
    assert portfolio({"a": figure(10, 3)}, [], load()).subtotals["E"].imprecise
    assert not portfolio({"a": figure(10, 2)}, [], load()).subtotals["E"].imprecise


@pytest.mark.parametrize("order", [("a", "b", "c"), ("c", "a", "b"), ("b", "c", "a")])
def test_the_order_of_the_studies_does_not_matter(order):
    factors = {"a": [DIESEL], "b": [PETROL], "c": [DIESEL, PETROL]}
    found = net({key: figure(ord(key), 2, factors=factors[key]) for key in order})
    assert found.half_width == pytest.approx(6)
    assert found.central == pytest.approx(sum(map(ord, "abc")))
