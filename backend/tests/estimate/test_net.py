"""NET = GROSS - REBOUND - FIRST_ORDER, and what a failed gate does."""

from dataclasses import replace

import pytest

from cobenefit_backend.estimate.footprint import Device, FootprintInputs, footprint
from cobenefit_backend.estimate.net import Effect, net
from cobenefit_backend.estimate.quantity import Interval
from cobenefit_backend.factors.load import load

STRONG = Effect(
    use_case="smart_meter",
    evidence_class="M",
    label="",
    gross_kgco2e=Interval(90, 100, 110),
    rebound_kgco2e=Interval(5, 5, 5),
    second_order_kgco2e=Interval(85, 95, 105),
    second_order_marginal_kgco2e=Interval(250, 285, 320),
    period_days=365.25,
    coverage_ratio=0.98,
    data_origin="measured",
)
OWN = Interval(4, 5, 6)


def codes(estimate):
    return {record.code for record in estimate.disqualifications}


def test_the_equation():
    result = net(STRONG, OWN)
    gross, rebound = result.gross_kgco2e.central, result.rebound_kgco2e.central
    assert result.net_kgco2e.central == gross - rebound - OWN.central
    assert result.net_marginal_kgco2e.central == 280
    assert result.details["net_truncation_2_kgco2e"].central == 85
    assert result.evidence_class == "M"
    assert codes(result) == set()


@pytest.mark.parametrize(
    ("change", "own", "code"),
    [
        ({"coverage_ratio": 0.89}, OWN, "low_coverage"),
        ({"second_order_kgco2e": Interval(30, 95, 170)}, OWN, "imprecise"),
        ({"second_order_kgco2e": Interval(65, 95, 125), "units": 5}, OWN, "imprecise"),
        ({}, Interval(49, 50, 51), "not_above_doubled_footprint"),
    ],
)
@pytest.mark.parametrize("evidence", ["M", "E"])
def test_a_failed_gate_makes_a_claim_a_potential(change, own, code, evidence):
    result = net(replace(STRONG, evidence_class=evidence, **change), own)
    assert result.evidence_class == "P"
    assert code in codes(result)
    assert result.details["class_before_gates"] == evidence


def test_zero_in_the_interval_is_said_and_keeps_its_class():
    result = net(replace(STRONG, second_order_kgco2e=Interval(-50, 10, 70)), OWN)
    assert result.evidence_class == "M"
    assert "not_distinguishable_from_zero" in codes(result)


def test_an_unfavourable_figure_is_never_set_aside():
    worse = replace(STRONG, second_order_kgco2e=Interval(-200, -95, -1), coverage_ratio=0.5)
    result = net(worse, OWN)
    assert result.evidence_class == "M"
    assert codes(result) == set()


def test_an_indicator_has_no_co2e():
    none = replace(
        STRONG,
        evidence_class="N",
        gross_kgco2e=None,
        rebound_kgco2e=None,
        second_order_kgco2e=None,
        second_order_marginal_kgco2e=None,
    )
    result = net(none, OWN)
    assert result.net_kgco2e is None
    assert result.footprint_kgco2e == OWN


def test_a_yearly_footprint_is_cut_to_the_period_and_its_records_kept():
    result = footprint(FootprintInputs(Device({"pcb": 1}, 5.0)), load())
    estimate = net(replace(STRONG, period_days=365.25 / 2), result)
    assert estimate.footprint_kgco2e.central == pytest.approx(result.total[1].central / 2)
    assert "gateway_not_counted" in codes(estimate)
    assert "iot.block.pcb.hsl1.fab" in estimate.factor_ids


def test_the_estimate_is_json_ready():
    data = net(STRONG, OWN).to_dict()
    assert data["net_kgco2e"].keys() == {"low", "central", "high"}
    assert data["disqualifications"] == []
