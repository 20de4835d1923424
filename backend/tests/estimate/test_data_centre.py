"""PUE at equal weather and load: the study's figure, the truth, and a moved boundary."""

from dataclasses import replace

import numpy as np
import pytest

from cobenefit_backend.estimate.data_centre import DataCentreInputs, estimate
from cobenefit_backend.estimate.quantity import Interval
from cobenefit_backend.factors.load import load

NONE = Interval.exactly(0.0)
DAYS = np.arange(365)


def room(gain, warmer=0.0, seed=1):
    """A room whose PUE rises with heat and falls with load; `gain` is taken off in the end."""
    rng = np.random.default_rng(seed)

    def year(shift, off):
        degc = 11 + shift - 9 * np.cos(2 * np.pi * DAYS / 365) + rng.normal(0, 2, 365)
        it = 240 + 40 * np.sin(DAYS / 9) + rng.normal(0, 3, 365)
        pue = 1.5 + 0.02 * np.maximum(degc - 15, 0) + 40 / it + rng.normal(0, 0.01, 365) - off
        return it, it * pue, degc

    it_0, total_0, degc_0 = year(0, 0)
    it_1, total_1, degc_1 = year(warmer, gain)
    return DataCentreInputs(it_0, total_0, it_1, total_1, degc_0, degc_1)


def codes(found):
    return {record.code for record in found.disqualifications}


def test_the_published_step_by_hand():
    it = np.full(365, 100_000 / 365)
    inputs = DataCentreInputs(it, 1.80 * it, it, 1.64 * it)
    found = estimate(inputs, load(), NONE)
    assert found.details["saved_kwh"].central == pytest.approx(16_000)
    assert found.gross_kgco2e.central == pytest.approx(830.4)
    assert {"no_weather"} <= codes(found)
    assert found.details["class_before_gates"] == "E"


def test_a_warmer_year_is_not_held_against_the_measure():
    inputs = room(0.10, warmer=4.0)
    found = estimate(inputs, load(), NONE)
    truth = 0.10 * inputs.reporting_it_kwh.sum()
    saved = found.details["saved_kwh"]
    assert saved.low < truth < saved.high
    raw = (
        found.details["pue_before"] - found.details["pue_after"]
    ) * inputs.reporting_it_kwh.sum()
    assert abs(saved.central - truth) < abs(raw - truth) / 3
    assert found.evidence_class == "M"


def test_nothing_done_is_nothing_claimed():
    assert estimate(room(0.0, warmer=1.0), load(), NONE).gross_kgco2e.contains_zero


def test_a_moved_boundary_and_a_short_baseline_weaken_the_claim():
    inputs = room(0.10)
    moved = estimate(replace(inputs, same_boundary=False), load(), NONE)
    assert (moved.evidence_class, "boundary_moved" in codes(moved)) == ("P", True)
    short = estimate(replace(inputs, baseline_days=200.0), load(), NONE)
    assert (short.evidence_class, "baseline_too_short" in codes(short)) == ("E", True)


def test_missing_hours_are_left_out_and_impossible_ones_refused():
    inputs = room(0.10)
    inputs.reporting_it_kwh[5:20] = np.nan
    assert estimate(inputs, load(), NONE).coverage_ratio == pytest.approx(350 / 365)
    inputs.baseline_total_kwh[3] = 1.0
    with pytest.raises(ValueError, match="below IT energy"):
        estimate(inputs, load(), NONE)
    with pytest.raises(ValueError, match="must be above 0"):
        estimate(replace(room(0.1), baseline_it_kwh=np.zeros(365)), load(), NONE)
