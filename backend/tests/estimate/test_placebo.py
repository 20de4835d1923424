"""Where nothing happened, nothing is claimed; where much happened, it is."""

import numpy as np
import pytest

from cobenefit_backend.estimate.placebo import holm, placebo

START = np.datetime64("2020-01-01")


def series(days, seed, rho=0.0):
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 2, days)
    for day in range(1, days):
        noise[day] += rho * noise[day - 1]
    return START + np.arange(days), 20 + noise


def test_placebo_claims_are_rare():  # C11
    """At independent pairs of years the 90 % interval holds 0 in at least 85 % of runs."""
    held = [not placebo(*series(730, seed, rho=0.3), None).significant[0] for seed in range(200)]
    assert np.mean(held) >= 0.85


def test_every_date_is_tested():
    result = placebo(*series(800, 1), None)
    assert len(result.date) == 800 - 730 + 1
    assert result.date[0] == START + 365
    assert result.summary()["significant_corrected"] <= result.summary()["significant"]


def test_a_real_drop_is_distinguishable():
    date, energy = series(900, 2)
    energy[450:] *= 0.8
    result = placebo(date, energy, None)
    assert result.summary()["distinguishable"]
    at_the_drop = result.savings_ratio[result.date == date[450]][0]
    assert at_the_drop == pytest.approx(0.2, abs=0.03)


def test_a_gap_skips_dates_instead_of_guessing():
    date, energy = series(800, 3)
    energy[:60] = np.nan
    result = placebo(date, energy, None)
    assert result.skipped == 24  # dates whose baseline year holds more than 36 of the 60 days
    assert len(result.date) + result.skipped == 71


def test_two_years_are_needed():
    assert placebo(*series(729, 1), None).summary()["dates"] == 0


def test_days_must_be_consecutive():
    date, energy = series(800, 1)
    with pytest.raises(ValueError, match="consecutive"):
        placebo(np.delete(date, 5), np.delete(energy, 5), None)


def test_holm_by_hand():
    # t(0.95, 1000) = 1.6464: statistics 4, 2 and 1.7 against limits for 3, 2 and 1 tests
    estimate = np.array([1.7, 4.0, 2.0])
    corrected = holm(estimate, np.full(3, 1.6464), np.full(3, 1000))
    assert corrected.tolist() == [True, True, True]
    corrected = holm(np.array([1.7, 4.0, 1.9]), np.full(3, 1.6464), np.full(3, 1000))
    assert corrected.tolist() == [False, True, False]  # 1.9 < t(0.975) stops the sequence
