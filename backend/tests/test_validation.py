"""The validation page's own checks, on fewer homes, and the oracle to the last digit."""

import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "validation"


@pytest.fixture(scope="module")
def made():
    sys.path.insert(0, str(FOLDER))
    try:
        import make
    finally:
        sys.path.remove(str(FOLDER))
    return make, make.check(300)


def test_the_intervals_hold_what_they_say(made):
    checks = made[1]
    # issue: 85 to 95 % at 90 %; three binomial standard errors of 300 homes are 5 points
    assert 0.83 <= checks.coverage[0.9] <= 0.97
    assert sorted(checks.coverage.values()) == list(checks.coverage.values())
    found, true = checks.portfolio
    assert found == pytest.approx(true, abs=0.004)


def test_placebos_contain_zero_and_groups_hold_the_truth(made):
    checks = made[1]
    assert (abs(checks.placebo_ratio) <= 1).mean() >= 0.85
    assert checks.groups >= 0.8  # 75 trials: 90 % nominal less three standard errors


def test_every_model_holds_the_truth_and_finds_nothing_where_nothing_was_done(made):
    for model in made[1].models:
        # 85 to 95 % asked for; three binomial standard errors of 75 hourly homes are 10 points
        slack = 3 * (0.9 * 0.1 / model.meters) ** 0.5
        assert model.coverage >= 0.85 - slack, model
        assert model.placebo >= 0.85 - slack, model
        if model.name != "daily, schools":  # takes the calendar for noise: too careful
            assert model.coverage <= 0.95 + slack, model
        assert abs(model.bias_ratio) < 0.015, model


def test_the_split_model_narrows_the_interval_where_the_calendar_matters(made):
    width = {model.name: model.half_width_ratio for model in made[1].models}
    assert width["split, schools"] < 0.75 * width["daily, schools"]
    assert width["split, homes"] == pytest.approx(width["daily, homes"], rel=0.02)


def test_swapped_labels_flip_the_sign(made):
    forward, backward = made[1].swapped
    assert forward == pytest.approx(0.08, abs=0.025)
    # percent difference-in-differences seen from the other side
    assert backward == pytest.approx(-forward, rel=0.2)


def test_the_oracle_agrees(made):
    checks = made[1]
    for pairs in (checks.billing, checks.hourly):
        assert len(pairs) >= 180
        for theirs, ours in pairs:
            assert ours == pytest.approx(theirs, rel=1e-9)
    assert len(checks.oracle) == checks.same_model == 40
    for theirs, ours in checks.oracle:
        assert ours == pytest.approx(theirs, rel=1e-9)


def test_the_page_holds_its_figures_and_the_plots_are_drawings(made):
    make, checks = made
    text = make.page(checks, 300)
    assert f"{checks.coverage[0.9]:.1%}" in text
    drawings = make.plots(checks)
    assert set(drawings) == {
        "calibration.svg", "placebo.svg", "oracle.svg", "oracle_billing.svg", "oracle_hourly.svg",
    }  # fmt: skip
    assert all(name in text and "<svg" in svg for name, svg in drawings.items())
    assert drawings["oracle.svg"].count("<circle") == 40
