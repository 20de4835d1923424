"""Paired strips give the difference and its error."""

import numpy as np
import pytest

from cobenefit_backend.estimate.strips import from_strips

PRACTICE = np.array([180.0, 180.0, 180.0, 180.0])


def test_the_error_of_a_paired_difference_by_hand():
    inputs = from_strips(PRACTICE, PRACTICE - [20, 30, 20, 30], 2.0, fertiliser="urea")
    assert inputs.nitrogen_counterfactual_kg == 360
    assert inputs.nitrogen_observed_kg == 310
    # t(0.95, 3) = 2.3534, sd 5.7735, 4 replicates, 2 ha; 1e-3: expansion of t at 3 degrees
    assert inputs.nitrogen_error_kg == pytest.approx(2.3534 * 5.7735 / 2 * 2, rel=1e-3)
    assert inputs.paired_design
    assert inputs.fertiliser == "urea"


def test_three_replicates_are_too_few():
    assert not from_strips(PRACTICE[:3], PRACTICE[:3] - [20, 30, 20], 2.0).paired_design


def test_no_spread_is_no_known_error():
    assert from_strips(PRACTICE, PRACTICE - 25, 2.0).nitrogen_error_kg is None
    assert from_strips(PRACTICE[:1], PRACTICE[:1] - 25, 2.0).nitrogen_error_kg is None


def test_yields_are_means():
    inputs = from_strips(PRACTICE, PRACTICE, 2.0, np.array([8.0, 9.0]), np.array([8.4, 8.4]))
    assert (inputs.yield_before, inputs.yield_after) == (8.5, 8.4)


@pytest.mark.parametrize("advised", [PRACTICE[:3], np.zeros(0), np.zeros((2, 2))])
def test_unequal_arms_are_refused(advised):
    with pytest.raises(ValueError, match="give pairs in order"):
        from_strips(PRACTICE, advised, 2.0)
