"""Sample sizes: closed forms, and a simulated fleet that finds what the plan promised."""

from datetime import date

import numpy as np
import pytest

from cobenefit_backend.estimate import power
from cobenefit_backend.estimate.baseline import fit


def test_the_closed_form():
    # (1.6449 + 0.8416)^2 (0.2 / 0.05)^2 = 98.9, doubled by an equal control arm
    assert power.units_needed(0.05, 0.2, 0).units == 99
    both = power.units_needed(0.05, 0.2, 1)
    assert (both.units, both.controls) == (198, 198)
    assert power.detectable_ratio(198, 198, 0.2) == pytest.approx(0.05, rel=0.005)


def test_half_the_effect_needs_four_times_the_units():
    one, half = power.units_needed(0.10, 0.3, 1).units, power.units_needed(0.05, 0.3, 1).units
    assert half == pytest.approx(4 * one, rel=0.02)


def test_the_promised_power_is_found():
    rng = np.random.default_rng(11)
    need = power.units_needed(-0.05, 0.15, 1)
    runs = 2000
    treated = rng.normal(0.05, 0.15, (runs, need.units)).mean(axis=1)
    control = rng.normal(0.0, 0.15, (runs, need.controls)).mean(axis=1)
    error = 0.15 * np.sqrt(1 / need.units + 1 / need.controls)
    found = (treated - control > 1.6449 * error).mean()
    assert found == pytest.approx(0.80, abs=0.03)


def test_the_spread_of_a_fleet_is_that_of_its_savings():
    rng = np.random.default_rng(12)
    level = rng.uniform(5, 15, (400, 1))
    days = level * (1 + rng.normal(0, 0.2, (400, 365)))
    models = fit(days, None)
    # means of a year of independent days, widened by the polynomial of 12 months (1.39)
    assert power.spread_within(models, 12) == pytest.approx(0.2 / 365**0.5 * 1.39, rel=0.05)
    assert power.spread_between(models) == pytest.approx(level.std() / level.mean(), rel=0.02)
    with pytest.raises(ValueError, match="at least two meters"):
        power.spread_between(fit(days[:1], None))


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9, 1.0])
def test_the_cases_fix_the_share_and_one_fewer_does_not(share):
    cases = power.cases_needed(share, 0.05)
    assert power.proportion(share * cases, cases).half_width <= 0.05
    assert power.proportion(share * (cases - 1), cases - 1).half_width > 0.05


def test_what_can_not_be_found_is_refused():
    for wrong in ((0, 0.2, 1), (0.1, 0, 1), (0.1, 0.2, -1)):
        with pytest.raises(ValueError, match="must not be 0"):
            power.units_needed(*wrong)
    with pytest.raises(ValueError, match="units would be needed"):
        power.units_needed(0.0001, 0.5, 1)
    with pytest.raises(ValueError, match="half-width"):
        power.cases_needed(0.5, 0.6)


def test_the_earliest_date():
    assert power.earliest_claim(date(2027, 1, 1), 12) == date(2028, 1, 2)
