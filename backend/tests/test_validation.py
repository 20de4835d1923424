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


def test_the_oracle_agrees(made):
    checks = made[1]
    assert len(checks.oracle) == checks.same_model == 40
    for theirs, ours in checks.oracle:
        assert ours == pytest.approx(theirs, rel=1e-9)


def test_the_page_holds_its_figures_and_the_plots_are_drawings(made):
    make, checks = made
    text = make.page(checks, 300)
    assert f"{checks.coverage[0.9]:.1%}" in text
    drawings = make.plots(checks)
    assert set(drawings) == {"calibration.svg", "placebo.svg", "oracle.svg"}
    assert all(name in text and "<svg" in svg for name, svg in drawings.items())
    assert drawings["oracle.svg"].count("<circle") == 40
