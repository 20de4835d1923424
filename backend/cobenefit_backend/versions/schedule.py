"""When a report is due: the first day of each month, quarter or year, UTC.

>>> due_day("quarterly", date(2026, 11, 22))
datetime.date(2026, 10, 1)
"""

from datetime import date
from typing import Literal, get_args

Every = Literal["monthly", "quarterly", "yearly"]
SCHEDULES: tuple[Every, ...] = get_args(Every)
_MONTHS: dict[Every, int] = {"monthly": 1, "quarterly": 3, "yearly": 12}


def due_day(every: Every, today: date) -> date:
    """Return the latest day, today included, on which a report was due.

    Parameters
    ----------
    every : {'monthly', 'quarterly', 'yearly'}
        How often.
    today : date
        The day, UTC.

    Returns
    -------
    date
        First day of the month, quarter or year.
    """
    months = _MONTHS[every]
    return date(today.year, (today.month - 1) // months * months + 1, 1)


def next_day(every: Every, today: date) -> date:
    """Return the first day after today on which a report is due.

    Parameters
    ----------
    every : {'monthly', 'quarterly', 'yearly'}
        How often.
    today : date
        The day, UTC.

    Returns
    -------
    date
        First day of the next month, quarter or year.
    """
    last = due_day(every, today)
    months = last.month - 1 + _MONTHS[every]
    return date(last.year + months // 12, months % 12 + 1, 1)
