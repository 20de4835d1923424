"""Due days: the first of a month, a quarter, a year; the next one is later, with none between."""

from datetime import date, timedelta

import pytest

from cobenefit_backend.versions.schedule import SCHEDULES, due_day, next_day


@pytest.mark.parametrize("every", SCHEDULES)
def test_days_of_ten_years_follow_each_other(every):
    for offset in range(0, 3700, 3):
        today = date(2024, 1, 1) + timedelta(days=offset)
        last, following = due_day(every, today), next_day(every, today)
        assert last <= today < following
        assert due_day(every, following) == following
        assert due_day(every, following - timedelta(days=1)) == last


def test_known_days():
    assert due_day("quarterly", date(2026, 12, 31)) == date(2026, 10, 1)
    assert next_day("quarterly", date(2026, 12, 31)) == date(2027, 1, 1)
    assert next_day("yearly", date(2026, 1, 1)) == date(2027, 1, 1)
