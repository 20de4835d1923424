"""A workshop: truth found at another output, nothing claimed from meters alone."""

from dataclasses import replace

import numpy as np
import pytest

from cobenefit_backend.estimate.industry import IndustryInputs, estimate
from cobenefit_backend.estimate.quantity import Interval
from cobenefit_backend.factors.load import load

NONE = Interval.exactly(0.0)


def workshop(saving, seed=1, base=300.0):
    rng = np.random.default_rng(seed)
    before, after = rng.uniform(50, 150, 250), rng.uniform(80, 150, 250)

    def energy(output):
        return base + 6 * output + rng.normal(0, 20, len(output))

    return IndustryInputs(energy(before), energy(after) * (1 - saving), before, after)


def codes(found):
    return {record.code for record in found.disqualifications}


def test_a_known_saving_is_found_although_more_is_made():
    inputs = workshop(0.10)
    found = estimate(inputs, load(), NONE)
    truth_kwh = float(np.nansum(inputs.reporting_kwh)) / 0.9 * 0.1
    saved = found.details["saved_kwh"]
    assert saved.low < truth_kwh < saved.high
    assert saved.central == pytest.approx(truth_kwh, rel=0.05)
    assert found.gross_kgco2e.central == pytest.approx(saved.central * 0.0519)
    assert found.evidence_class == "M"
    assert found.details["output_growth_ratio"] > 0.05
    assert found.net_marginal_kgco2e.central > found.net_kgco2e.central


def test_meters_alone_claim_nothing():
    found = estimate(workshop(0.0), load(), NONE)
    assert found.gross_kgco2e.contains_zero


def test_energy_that_does_not_follow_the_output_gives_no_figure():
    rng = np.random.default_rng(2)
    inputs = IndustryInputs(
        rng.uniform(100, 900, 100), rng.uniform(50, 800, 100),
        rng.uniform(50, 150, 100), rng.uniform(50, 150, 100),
    )  # fmt: skip
    found = estimate(inputs, load(), NONE)
    assert (found.evidence_class, found.gross_kgco2e, found.net_kgco2e) == ("N", None, None)
    assert "energy_not_explained" in codes(found)


def test_an_output_never_seen_before_is_said():
    inputs = workshop(0.1)
    found = estimate(replace(inputs, reporting_output=inputs.reporting_output + 400), load(), NONE)
    assert "extrapolated_output" in codes(found)


def test_several_products_and_weather_are_columns():
    rng = np.random.default_rng(3)
    made = rng.uniform(50, 150, (500, 2))
    hdd = rng.uniform(0, 15, 500)
    energy = 100 + made @ np.array([3.0, 7.0]) + 12 * hdd + rng.normal(0, 5, 500)
    inputs = IndustryInputs(
        energy[:250], energy[250:], made[:250], made[250:], hdd[:250], hdd[250:]
    )
    found = estimate(inputs, load(), NONE)
    assert found.details["coefficients"] == pytest.approx([100, 3, 7, 12], rel=0.1)


def test_rows_that_do_not_match_are_refused():
    inputs = workshop(0.1)
    with pytest.raises(ValueError, match="250 rows of energy and"):
        estimate(replace(inputs, baseline_output=inputs.baseline_output[:-1]), load(), NONE)
