"""From daily use to a net figure, with every reason to doubt it."""

import numpy as np
import pytest

from cobenefit_backend.estimate.meter_records import records_of
from cobenefit_backend.estimate.quantity import Interval
from cobenefit_backend.estimate.smart_meter import SmartMeterInputs, estimate, measure
from cobenefit_backend.factors.load import load

FACTORS = load()
NONE = Interval.exactly(0.0)
RNG = np.random.default_rng(11)
DEGC = 12 + 9 * np.sin(np.arange(730) / 58) + RNG.normal(0, 2, 730)
USE = 6 + 1.2 * np.maximum(16 - DEGC, 0) + RNG.normal(0, 0.8, 730)


def inputs(ratio=0.1, **fields):
    defaults = {
        "baseline_kwh": USE[:365],
        "reporting_kwh": USE[365:] * (1 - ratio),
        "baseline_degc": DEGC[:365],
        "reporting_degc": DEGC[365:],
    }
    return SmartMeterInputs(**{**defaults, **fields})


def codes(result):
    return {record.code for record in result.disqualifications}


def test_a_known_saving_under_both_grids():
    result = estimate(inputs(), FACTORS, NONE)
    kwh = result.details["savings_kwh"]
    assert result.details["savings_ratio"] == pytest.approx(0.1, abs=0.02)
    assert result.net_kgco2e.central == pytest.approx(kwh * 0.0519)
    assert result.net_marginal_kgco2e.central == pytest.approx(kwh * 0.158)
    assert result.rebound_kgco2e == NONE
    assert result.coverage_ratio == 1.0


def test_without_a_comparison_group_it_is_at_best_estimated():
    result = estimate(inputs(), FACTORS, NONE)
    assert (result.evidence_class, result.label) == ("E", "pre/post, no control")
    assert "no_comparison_group" in codes(result)


def test_a_comparison_group_makes_it_measured_and_takes_its_drift_off():
    plain = estimate(inputs(), FACTORS, NONE)
    result = estimate(inputs(comparison_ratio=Interval(0.02, 0.03, 0.04)), FACTORS, NONE)
    assert result.evidence_class == "M"
    taken = 0.03 * plain.details["counterfactual_kwh"] * 0.0519
    assert result.net_kgco2e.central == pytest.approx(plain.net_kgco2e.central - taken)
    assert "no_comparison_group" not in codes(result)


def test_without_weather_it_says_so():
    result = estimate(inputs(baseline_degc=None, reporting_degc=None), FACTORS, NONE)
    assert result.details["model"] == "intercept"
    assert "no_weather" in codes(result)


def test_no_change_is_not_distinguishable_from_zero():
    rng = np.random.default_rng(2)
    flat = 10 + rng.normal(0, 2, 730)
    result = estimate(SmartMeterInputs(flat[:365], flat[365:]), FACTORS, Interval(1.0, 1.5, 2.0))
    assert "not_significant" in codes(result)
    assert "not_distinguishable_from_zero" in codes(result)
    assert not result.details["significant"]


def test_gaps_are_recorded_and_weaken_the_claim():
    gappy = USE[:365].copy()
    gappy[:60] = np.nan
    late = USE[365:] * 0.8
    late[:60] = np.nan
    result = estimate(inputs(baseline_kwh=gappy, reporting_kwh=late), FACTORS, NONE)
    assert {"baseline_too_short", "baseline_coverage", "low_coverage"} <= codes(result)
    assert result.coverage_ratio == pytest.approx(305 / 365)
    assert result.evidence_class == "P"


def test_no_data_at_all_is_no_figure():
    result = estimate(inputs(reporting_kwh=np.full(365, np.nan)), FACTORS, NONE)
    assert (result.evidence_class, result.coverage_ratio) == ("N", 0.0)
    assert result.details["savings_kwh"] is None
    nothing = estimate(inputs(baseline_kwh=np.full(365, np.nan)), FACTORS, NONE)
    assert nothing.evidence_class == "N"
    assert nothing.net_kgco2e is None
    for each in (result, nothing):
        assert (each.label, each.disqualifications[0].code) == (
            "not enough data", "not_enough_data",
        )  # fmt: skip
    assert "not_enough_data" not in codes(estimate(inputs(), FACTORS, NONE))


def test_gas_has_no_marginal_grid():
    result = estimate(inputs(fuel="gas"), FACTORS, NONE)
    assert result.net_marginal_kgco2e is None
    assert result.net_kgco2e.central == pytest.approx(result.details["savings_kwh"] * 0.215)


def test_a_fleet_adds_up_with_independent_errors():
    fleet = inputs(
        baseline_kwh=np.tile(USE[:365], (9, 1)), reporting_kwh=np.tile(USE[365:] * 0.9, (9, 1))
    )
    one, nine = estimate(inputs(), FACTORS, NONE), estimate(fleet, FACTORS, NONE)
    assert nine.details["meters"] == 9
    assert nine.details["models"]["hdd"] == 9
    single, total = (e.details["savings_interval_kwh"] for e in (one, nine))
    assert total.central == pytest.approx(9 * single.central)
    assert total.half_width == pytest.approx(3 * single.half_width)


def test_logged_visits_stay_apart():
    result = estimate(inputs(visits_avoided=4, km_per_visit=25.0), FACTORS, NONE)
    assert result.details["visits_kgco2e"].central == pytest.approx(100 * 0.085 * 3.17)
    assert result.net_kgco2e == estimate(inputs(), FACTORS, NONE).net_kgco2e


def test_a_wild_meter_is_a_weak_baseline():
    wild = np.where(np.arange(365) % 30 == 0, 300.0, 1.0)
    models, saved = measure(SmartMeterInputs(wild, wild))
    assert "weak_baseline" in {record.code for record in records_of(models, saved)}


def test_a_meter_in_wh_is_doubted():
    degc = np.linspace(-5, 30, 365)
    use = 9.0 + np.maximum(16 - degc, 0) + np.random.default_rng(1).random(365)
    for factor, doubted in ((1, False), (1000, True)):
        models, saved = measure(
            SmartMeterInputs(factor * use, factor * use, baseline_degc=degc, reporting_degc=degc)
        )
        codes_found = {record.code for record in records_of(models, saved)}
        assert ("unit_suspected" in codes_found) is doubted
