"""IPCC Tier 1 by hand, the yield guard, and the need of a paired design."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cobenefit_backend.estimate.quantity import Interval
from cobenefit_backend.estimate.soil import SoilInputs, emissions, estimate, yield_guard
from cobenefit_backend.estimate.uncertainty import Draws
from cobenefit_backend.factors.load import load

FACTORS = load()
NONE = Interval.exactly(0.0)


def of(fertiliser, climate, gwp="ar6", kg=100.0):
    return emissions(kg, fertiliser, climate, gwp, Draws(FACTORS))


def test_ammonium_nitrate_in_a_wet_climate():  # C4
    result = of("ammonium_nitrate", "wet")
    assert result["n2o_kg"].central == pytest.approx(3.03914, abs=5e-6)
    assert result["n2o_co2e_kg"].central == pytest.approx(829.69, abs=5e-3)
    assert of("ammonium_nitrate", "wet", "ar5")["n2o_co2e_kg"].central == pytest.approx(
        805.37, abs=5e-3
    )
    assert result["manufacture_co2e_kg"].central == 360
    assert result["co2e_kg"].central == pytest.approx(829.686 + 360)


@pytest.mark.parametrize(
    ("fertiliser", "climate", "n2o"),
    [
        # 44/28 x (EF1 + Frac x EF4 + leached), per 100 kg
        ("urea", "wet", 4400 / 28 * (0.016 + 0.15 * 0.014 + 0.24 * 0.011)),
        ("unknown", "wet", 4400 / 28 * (0.016 + 0.11 * 0.014 + 0.24 * 0.011)),
        ("organic", "wet", 4400 / 28 * (0.006 + 0.21 * 0.014 + 0.24 * 0.011)),
        ("nitrate", "dry", 4400 / 28 * (0.005 + 0.01 * 0.005)),
        ("urea", "aggregated", 4400 / 28 * (0.01 + 0.11 * 0.01 + 0.24 * 0.011)),
    ],
)
def test_other_fertilisers_and_climates(fertiliser, climate, n2o):
    assert of(fertiliser, climate)["n2o_kg"].central == pytest.approx(n2o)


@settings(max_examples=20, deadline=None)
@given(st.floats(0, 1e5), st.sampled_from(["urea", "ammonium", "organic"]))
def test_emissions_scale_with_nitrogen_and_keep_their_order(kg, fertiliser):
    one, many = of(fertiliser, "wet", kg=1.0), of(fertiliser, "wet", kg=kg)
    for key, interval in many.items():
        assert interval.central == pytest.approx(one[key].central * kg)
        assert interval.low <= interval.central <= interval.high


PAIRED = SoilInputs(
    nitrogen_counterfactual_kg=1000.0,
    nitrogen_observed_kg=900.0,
    nitrogen_error_kg=10.0,
    paired_design=True,
    yield_before=8.0,
    yield_after=8.0,
)


def changed(**fields):
    return estimate(
        SoilInputs(**{**{n: getattr(PAIRED, n) for n in PAIRED.__slots__}, **fields}),
        FACTORS,
        NONE,
    )


def codes(result):
    return {record.code for record in result.disqualifications}


def test_a_paired_design_with_a_held_yield_is_measured():
    result = changed()
    assert result.evidence_class == "M"
    assert result.gross_kgco2e.central == pytest.approx(1189.686)
    assert result.net_marginal_kgco2e is None
    assert codes(result) == set()


def test_swapping_the_arms_flips_the_sign():  # C12
    swapped = changed(nitrogen_counterfactual_kg=900.0, nitrogen_observed_kg=1000.0)
    assert swapped.gross_kgco2e.central == pytest.approx(-changed().gross_kgco2e.central)


@pytest.mark.parametrize(
    ("fields", "code", "evidence"),
    [
        ({"paired_design": False}, "no_paired_design", "P"),
        ({"yield_after": 7.83}, "yield_lost", "P"),
        ({"yield_after": 7.85}, None, "M"),
        ({"yield_after": None}, "no_yield", "P"),
        ({"nitrogen_error_kg": None}, "nitrogen_error_unknown", "M"),
        ({"fertiliser": "organic"}, "organic_manufacture_not_counted", "M"),
    ],
)
def test_what_weakens_the_figure(fields, code, evidence):
    result = changed(**fields)
    assert codes(result) - {"imprecise"} == ({code} if code else set())
    assert result.details["class_before_gates"] == evidence


def test_the_yield_guard_is_inclusive():
    assert yield_guard(100.0, 98.0) == ()
    assert yield_guard(100.0, 97.9)[0].code == "yield_lost"


def test_leaching_and_manufacture_lead_the_contributors():
    contributors = changed().details["contributors"]
    assert len(contributors) == 5
    assert list(contributors)[:2] == ["fert.n.an.manufacture.eu_bat", "soil.fracleach.wet"]
