"""Seasons and weekends apart where they explain enough more, else the daily model as it is."""

import sys
from pathlib import Path

import numpy as np
import pytest

from cobenefit_backend.estimate import baseline
from cobenefit_backend.estimate.meter_models import Sides, compare
from cobenefit_backend.estimate.savings import savings
from cobenefit_backend.estimate.split import (
    CANDIDATES,
    PARTS,
    fit_split,
    predict_split,
    savings_split,
)

sys.path.insert(0, str(Path(__file__).parents[2] / "validation"))
from simulate import FIRST_DAY, fleet, schools

DAY = np.datetime64(FIRST_DAY) + np.arange(730)


def test_every_day_of_a_cut_belongs_to_one_part():
    from cobenefit_backend.estimate.split import _member

    assert len(CANDIDATES) == 22
    assert len(PARTS) == 21
    for cut in CANDIDATES:
        assert (np.sum([_member(part, DAY) for part in cut], axis=0) == 1).all()


def test_plain_homes_keep_the_daily_model_to_the_last_digit():
    use, degc = fleet(40, 0.05)
    split = fit_split(use[:, :365], degc[:, :365], DAY[:365])
    plain = baseline.fit(use[:, :365], degc[:, :365])
    whole = split.choice == 0
    assert whole.mean() > 0.9
    ours = savings_split(split, use[:, 365:], degc[:, 365:], DAY[365:])
    theirs = savings(plain, use[:, 365:], degc[:, 365:])
    assert ours.savings_kwh[whole] == pytest.approx(theirs.savings_kwh[whole], rel=1e-12)
    assert ours.half_width_90_kwh[whole] == pytest.approx(theirs.half_width_90_kwh[whole])


def test_schools_are_cut_and_their_interval_narrows():
    use, degc = schools(30, 0.08)
    sides = Sides(use[:, :365], use[:, 365:], degc[:, :365], degc[:, 365:], DAY[0], DAY[365])
    split, daily = compare("split", sides).saved, compare("daily", sides).saved
    ratio = split.half_width_90_kwh / daily.half_width_90_kwh
    assert np.median(ratio) < 0.8
    assert np.mean(split.savings_ratio) == pytest.approx(0.08, abs=0.01)
    models = fit_split(use[:, :365], degc[:, :365], DAY[:365])
    assert (models.choice > 0).all()
    residual = use[:, :365] - predict_split(models, degc[:, :365], DAY[:365])
    square = (residual**2).mean(axis=1)
    assert np.sqrt(square) / use[:, :365].mean(axis=1) == pytest.approx(models.cv_rmse)


def test_a_meter_without_a_day_is_nan_not_a_crash():
    models = fit_split(np.full((1, 365), np.nan), np.zeros(365), DAY[:365])
    assert models.valid_days.tolist() == [0]
    found = savings_split(models, np.ones((1, 365)), np.zeros(365), DAY[365:])
    assert not np.isfinite(found.half_width_90_kwh[0])
