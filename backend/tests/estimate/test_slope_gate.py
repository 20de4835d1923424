"""A meter that knows no weather gets a slope by the standard rule, and a record beside it."""

import numpy as np

from cobenefit_backend.estimate.baseline import fit
from cobenefit_backend.estimate.slope_gate import slope_records, slope_supported

DEGC = 12 + 9 * np.sin(np.arange(365) / 58) + np.random.default_rng(1).normal(0, 2, 365)


def test_flat_meters_are_named_and_heated_homes_are_not():
    rng = np.random.default_rng(2)
    flat = 10 + rng.normal(0, 2, (400, 365))
    models = fit(flat, DEGC)
    chosen = models.model > 0
    assert chosen.mean() > 0.5  # the quirk of the standard rule
    assert slope_supported(models)[chosen].mean() < 0.05
    assert slope_records(models)[0].data["meters"] == int((~slope_supported(models)).sum())
    heated = fit(10 + 0.5 * np.maximum(16 - DEGC, 0) + rng.normal(0, 2, (100, 365)), DEGC)
    assert slope_supported(heated).all()
    assert slope_records(heated) == ()


def test_autocorrelated_noise_is_no_slope():
    rng = np.random.default_rng(4)
    noise = rng.normal(0, 1, (200, 365))
    for day in range(1, 365):
        noise[:, day] += 0.7 * noise[:, day - 1]
    models = fit(20 + noise, DEGC)
    assert slope_supported(models)[models.model > 0].mean() < 0.1


def test_no_weather_and_no_data_have_no_slope_to_doubt():
    assert slope_records(fit(np.ones((2, 365)), None)) == ()
    assert slope_records(fit(np.full((2, 365), np.nan), DEGC)) == ()
