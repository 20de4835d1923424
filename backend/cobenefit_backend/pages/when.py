"""Moments and spans of time in words, for pages about devices."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cobenefit_backend.report.format import Formatter
from cobenefit_backend.report.words import Words

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000


def moment(form: Formatter, t_ms: int, timezone: str) -> str:
    """Return a moment to the minute, in the time of its place.

    Parameters
    ----------
    form : Formatter
        Of the language.
    t_ms : int
        Unix time. [ms]
    timezone : str
        Of the site.

    Returns
    -------
    str
        12 March 2027, 14:05.
    """
    local = datetime.fromtimestamp(t_ms / 1000, tz=UTC).astimezone(ZoneInfo(timezone))
    return f"{form.day(local.date().isoformat())}, {local:%H:%M}"


def iso(t_ms: int, timezone: str) -> str:
    """Return a moment as data have it.

    Parameters
    ----------
    t_ms : int
        Unix time. [ms]
    timezone : str
        Of the site.

    Returns
    -------
    str
        ISO 8601 to the second, with the offset from UTC.
    """
    local = datetime.fromtimestamp(t_ms / 1000, tz=UTC).astimezone(ZoneInfo(timezone))
    return local.isoformat(timespec="seconds")


def span(words: Words, form: Formatter, ms: int) -> str:
    """Return a span of time in the largest unit that is full.

    Parameters
    ----------
    words : Words
        Of the language.
    form : Formatter
        Of the language.
    ms : int
        Length, >= 0. [ms]

    Returns
    -------
    str
        3 days, 5 h, 20 min.
    """
    for name, unit_ms in (("days", DAY_MS), ("hours", HOUR_MS)):
        if ms >= 2 * unit_ms:
            return words(f"when_{name}", count=form.exact(ms // unit_ms))
    return words("when_minutes", count=form.exact(ms // MINUTE_MS))
