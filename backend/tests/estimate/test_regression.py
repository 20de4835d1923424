"""Least squares against numpy, coverage of the sum, and what is refused."""

import numpy as np
import pytest

from cobenefit_backend.estimate import regression


def rows(rng, n, saving=0.0, rho=0.0):
    output = rng.uniform(50, 150, n)
    noise = np.empty(n)
    noise[0] = rng.normal(0, 20)
    for i in range(1, n):
        noise[i] = rho * noise[i - 1] + rng.normal(0, 20 * np.sqrt(1 - rho**2))
    energy = (200 + 5 * output + noise) * (1 - saving)
    return np.column_stack([np.ones(n), output]), energy


def test_coefficients_and_quality_agree_with_numpy():
    x, y = rows(np.random.default_rng(1), 200)
    found = regression.fit(x, y)
    expected, squares, _, _ = np.linalg.lstsq(x, y, rcond=None)
    assert found.coefficients == pytest.approx(expected)
    assert found.residual_std == pytest.approx(np.sqrt(squares[0] / 198))
    assert found.points == 200


@pytest.mark.parametrize("rho", [0.0, 0.5])
def test_the_interval_of_a_sum_covers_the_truth_nine_times_in_ten(rho):
    rng = np.random.default_rng(7)
    inside = 0
    for _ in range(300):
        x, y = rows(rng, 250, rho=rho)
        x_after, y_after = rows(rng, 120, saving=0.08, rho=rho)
        found = regression.saved(regression.fit(x, y), x_after, y_after, np.ones(120))
        truth = 0.08 * (200 + 5 * x_after[:, 1]).sum()
        inside += found.low <= truth <= found.high
    # 90 % nominal and three binomial standard errors; the noise is scaled by (1 - saving) too
    assert 0.85 <= inside / 300 <= 0.96


def test_a_missing_row_is_left_out_and_a_permutation_changes_nothing():
    x, y = rows(np.random.default_rng(2), 100)
    order = np.random.default_rng(3).permutation(100)
    assert regression.fit(x[order], y[order]).coefficients == pytest.approx(
        regression.fit(x, y).coefficients
    )
    y[10], x[20, 1] = np.nan, np.nan
    assert regression.fit(x, y).points == 98


def test_too_few_rows_and_a_constant_driver_are_refused():
    with pytest.raises(ValueError, match="2 complete rows for 2"):
        regression.fit(np.ones((2, 2)), np.ones(2))
    with pytest.raises(ValueError, match="never changes"):
        regression.fit(np.ones((50, 2)), np.arange(50.0))
    x, y = rows(np.random.default_rng(4), 50)
    with pytest.raises(ValueError, match="no complete row"):
        regression.saved(regression.fit(x, y), x, np.full(50, np.nan), np.ones(50))


def test_rows_outside_the_baseline_are_counted():
    x, y = rows(np.random.default_rng(5), 100)
    model = regression.fit(x, y)
    assert regression.outside(model, x) == 0.0
    far = np.column_stack([np.ones(4), [100.0, 100.0, 400.0, 10.0]])
    assert regression.outside(model, far) == 0.5
