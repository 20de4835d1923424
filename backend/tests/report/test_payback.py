"""The cumulative net starts in debt and is even on the break-even day, or never, and says so."""

import itertools
from datetime import date

import pytest

from cobenefit_backend.estimate.quantity import Interval
from cobenefit_backend.report import beside, payback
from cobenefit_backend.report.charts import Reader
from cobenefit_backend.report.format import Formatter
from cobenefit_backend.report.payback import Payback
from cobenefit_backend.report.view import CaseView
from cobenefit_backend.report.words import Words

READER = Reader(Words.load("en"), Formatter("en"))


def deployment(effect=50.0, years=None, life=5.0):
    owed, running = Interval(8, 10, 13), Interval(1, 2, 3)
    found = owed.central / (effect - running.central) if years is None else years
    return Payback(
        date(2024, 1, 1), 1.0, life, owed, running, Interval(effect - 20, effect, effect + 20),
        found or None,
    )  # fmt: skip


def test_by_hand():
    found = deployment()
    assert found.net(0) == Interval(-13, -10, -8)
    assert found.net(1) == Interval(30 - 16, 50 - 12, 70 - 9)
    assert found.net(found.years).central == pytest.approx(0)
    assert found.years in found.points
    assert found.day(found.years) == date(2024, 3, 17)  # 10 / 48 of 365.25 days: 76
    assert found.end_years == 1.0


def test_never_is_drawn_to_the_end_of_life_and_said():
    found = deployment(effect=1.0, years=0.0)
    assert not found.reached
    assert found.end_years == 5.0
    chart = payback.draw(found, "grey", READER)
    assert "no break-even within its life" in chart
    assert 'class="even"' not in chart
    assert 'class="paid grey ahead"' in chart


def test_what_is_assumed_is_broken_and_what_was_measured_is_not():
    late = payback.draw(deployment(effect=6.0), "good", READER)  # after 2.5 years
    assert "break-even: 2 July 2026" in late
    assert "ahead" in late
    assert "ahead" not in payback.draw(deployment(), "good", READER)


def test_every_case_agrees_with_its_own_break_even(nine):
    seen = 0
    for case in nine.cases:
        found = payback.payback(CaseView(case, READER))
        if found is None:
            assert case.estimate.details["break_even"]["verdict"] in {"no_effect", "unknown"}
            continue
        seen += 1
        told = case.estimate.details["break_even"]
        if told["verdict"] == "reached":
            assert found.net(told["years"]).central == pytest.approx(0, abs=1e-9)
            if told["years_latest"]:
                latest = found.net(told["years_latest"]).low
                assert latest == pytest.approx(0, abs=1e-9)
    assert seen >= 5


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_stack_is_the_footprint_of_the_case(nine, language):
    reader = Reader(Words.load(language), Formatter(language))
    for case in nine.cases:
        view = CaseView(case, reader)
        panel = beside.panel(view)
        assert sum(view.stages().values()) == pytest.approx(case.estimate.footprint_kgco2e.central)
        assert len(panel.rows) == sum(bool(value) for value in view.stages().values())
        claimed = case.estimate.gross_kgco2e is not None
        assert (reader.words("beside_avoided") + "<" in panel.chart) is claimed


def test_labels_stand_apart_and_on_the_paper():
    places = beside._spread([280.0, 279.0, 278.0, 60.0, 50.0, 45.0])
    assert all(a - b >= 27 for a, b in itertools.pairwise(places))
    assert min(places) >= 44
