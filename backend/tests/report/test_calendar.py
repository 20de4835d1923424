"""Every day has its place and its state: covered, short of readings, or missing."""

import re
from datetime import date, timedelta

import pytest

from cobenefit_backend.report import calendar
from cobenefit_backend.report.charts import Reader
from cobenefit_backend.report.format import Formatter
from cobenefit_backend.report.words import Words

READER = Reader(Words.load("en"), Formatter("en"))
PARIS = "Europe/Paris"
# 2024-03-30 00:00 in Paris, the day before clocks go forward
START_MS = 1_711_753_200_000
HOURS = (24, 23, 24, 24)


def rows(counts, expected=48):
    """One window per day from 30 March 2024; None leaves the day out."""
    found, start_ms = [], START_MS
    for count, hours in zip(counts, HOURS, strict=True):
        if count is not None:
            found.append({"start_ms": start_ms, "count": count,
                          "expected": expected})  # fmt: skip
        start_ms += hours * 3_600_000
    return found


def test_days_follow_the_clock_of_the_site():
    days = calendar.days_of(rows((48, 46, None, 20)), PARIS)
    assert [day.day for day in days] == [date(2024, 3, 30) + timedelta(days=n) for n in range(4)]
    assert [day.state for day in days] == ["covered", "covered", "missing", "short"]
    assert days[3].ratio == pytest.approx(20 / 48)


def test_a_span_shows_what_never_came():
    span = date(2024, 3, 29), date(2024, 4, 5)
    days = calendar.days_of(rows((48, 46, 48, 48)), PARIS, span)
    assert [day.state for day in days] == ["missing", *["covered"] * 4, "missing", "missing"]
    assert calendar.days_of([], PARIS) == []
    assert {day.state for day in calendar.days_of([], PARIS, span)} == {"missing"}


def test_a_series_without_a_window_lacks_what_it_usually_gives():
    both = [*rows((48, 48, 48, 48)), *rows((24, None, 24, 24), expected=24)]
    days = calendar.days_of(both, PARIS)
    assert [day.expected for day in days] == [72] * 4
    assert [day.state for day in days] == ["covered", "short", "covered", "covered"]


def test_too_many_of_one_series_do_not_make_up_for_another():
    both = [*rows((90, 90, 90, 90)), *rows((0, 0, 0, 0))]
    assert {day.state for day in calendar.days_of(both, PARIS)} == {"short"}


def test_the_panel_counts_what_it_draws():
    days = calendar.days_of(rows((48, 46, None, 20)), PARIS)
    periods = {"baseline": (date(2024, 1, 1), date(2024, 4, 1))}
    panel = calendar.panel(days, READER, "/x.csv", periods)
    assert "Of the 4 days from 30 March 2024 to 2 April 2024, 2 have" in panel.sentence
    assert [row[1:4] for row in panel.rows] == [("2", "0", "0"), ("0", "1", "1")]
    for state in ("covered", "short", "missing"):
        paths = re.findall(rf'd="([^"]*)" class="day {state}"', panel.chart)
        assert len(paths) == 2  # the days, and the key
    assert panel.chart.count('class="hatching"') == 2
    assert "baseline" in panel.chart


def test_monday_is_on_top_and_a_week_is_a_column():
    # 30 and 31 March are a Saturday and a Sunday: one box of two days; 1 April starts a column
    days = calendar.days_of(rows((48, 46, 48, 48)), PARIS)
    path = re.search(r'd="([^"]*)" class="day covered"', calendar.draw(days, READER, {})).group(1)
    boxes = re.findall(r"M(\d+) (\d+)h10v(\d+)", path)
    assert len(boxes) == 2
    (x1, y1, h1), (x2, y2, h2) = (tuple(map(int, box)) for box in boxes)
    assert (x2 - x1, y1 - y2) == (11, 5 * 11)
    assert h1 == h2 == 21


def test_a_long_life_shows_its_latest_years():
    span = date(2010, 1, 1), date(2024, 4, 1)
    chart = calendar.draw(calendar.days_of([], PARIS, span), READER, {})
    assert ">2019<" in chart
    assert ">2018<" not in chart
