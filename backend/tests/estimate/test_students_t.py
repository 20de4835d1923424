"""Known quantiles of Student's t (scipy 1.17)."""

import numpy as np
import pytest

from cobenefit_backend.estimate.students_t import quantile


@pytest.mark.parametrize(
    ("probability", "degrees", "expected", "tolerance"),
    [
        (0.95, 5, 2.015048, 3e-3),
        (0.95, 30, 1.697261, 1e-6),
        (0.975, 60, 2.000298, 1e-6),
        (0.95, 362, 1.649074, 1e-6),
        (0.995, 120, 2.617421, 1e-6),
    ],
)
def test_table_values(probability, degrees, expected, tolerance):
    assert float(quantile(probability, degrees)) == pytest.approx(expected, rel=tolerance)


def test_no_degree_of_freedom_is_nan():
    assert np.isnan(quantile(0.95, np.array([0.0, -1.0]))).all()
