"""The coverage calendar: a square for every day, by the share of its expected readings.

A covered day is filled; one with too few readings is hatched, because no estimate uses it; a
day without any stays empty, so that a gap is seen as one. A strip is a year, a column a week.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date
from markupsafe import Markup

from cobenefit_backend.report import svg
from cobenefit_backend.report.charts import Reader
from cobenefit_backend.report.panels import Panel
from cobenefit_backend.report.series import MIN_DAY_COVERAGE_RATIO

Row = Mapping[str, Any]
_CELL, _SIZE, _LEFT, _TOP, _STRIP, _WIDTH = 11, 10, 57, 26, 112, 640
_UNDER = 26
"""Room for the names of periods. [px]"""
MAX_YEARS = 6
"""Strips drawn, the latest: a longer life is in the file."""


@dataclass(frozen=True, slots=True)
class Day:
    """The readings of one local day, of all series together.

    Parameters
    ----------
    day : date
        The day.
    count, expected : int
        Readings that came and those that should have. [1]
    """

    day: date
    count: int
    expected: int

    @property
    def ratio(self) -> float:
        """Share of the expected readings that came.

        Returns
        -------
        float
            0 to 1. [1]
        """
        return min(self.count / self.expected, 1.0) if self.expected else 0.0

    @property
    def state(self) -> str:
        """`covered`, `short` of readings, or `missing`."""
        if not self.count:
            return "missing"
        return "covered" if self.ratio >= MIN_DAY_COVERAGE_RATIO else "short"


def days_of(
    rows: Sequence[Row], timezone: str, span: tuple[date, date] | None = None
) -> list[Day]:
    """Return every day of a span with the readings of all its series.

    Parameters
    ----------
    rows : sequence of mapping
        Daily rollups: `start_ms`, `count`, `expected`; `series`, how many series a row sums up,
        1 where it is not given.
    timezone : str
        Time zone of the site; windows start at its midnight.
    span : tuple of date, optional
        First day and the day after the last; without it from the first to the last rollup.

    Returns
    -------
    list of Day
        On a day that some series lack, as much is expected as on a day that has all of them.
    """
    zone = ZoneInfo(timezone)
    found: dict[date, list[int]] = {}
    for row in rows:
        day = datetime.fromtimestamp(row["start_ms"] / 1000, tz=UTC).astimezone(zone).date()
        sums = found.setdefault(day, [0, 0, 0])
        # no series may make up for what another one lacks
        sums[0] += min(row["count"], row["expected"])
        sums[1] += row["expected"]
        sums[2] += row.get("series", 1)
    if span is None:
        if not found:
            return []
        span = min(found), max(found) + timedelta(days=1)
    all_of_them = max((series for _, _, series in found.values()), default=0)
    usual = max((e for _, e, series in found.values() if series == all_of_them), default=0)
    days = []
    for n in range((span[1] - span[0]).days):
        day = span[0] + timedelta(days=n)
        count, expected, series = found.get(day, (0, 0, 0))
        days.append(Day(day, count, expected if series == all_of_them else usual))
    return days


def panel(
    days: Sequence[Day],
    reader: Reader,
    csv: str = "",
    periods: Mapping[str, tuple[date, date]] | None = None,
) -> Panel:
    """Return the calendar with its sentence and its table by month.

    Parameters
    ----------
    days : sequence of Day
        Consecutive days.
    reader : Reader
        For whom.
    csv : str, optional
        Address of the same as CSV.
    periods : mapping, optional
        Periods to be named above the days, ends exclusive.

    Returns
    -------
    Panel
        The panel.
    """
    words, form = reader.words, reader.format
    seen = {state: sum(day.state == state for day in days) for state in _STATES}
    sentence = words(
        "calendar_sentence",
        days=form.exact(len(days)),
        start=form.day(days[0].day.isoformat()),
        end=form.day(days[-1].day.isoformat()),
        **{state: form.exact(count) for state, count in seen.items()},
    )
    head = tuple(words(f"calendar_{name}") for name in ("month", *_STATES, "share"))
    chart = draw(days, reader, periods or {})
    return Panel(words("calendar"), sentence, chart, head, tuple(_months(days, reader)), csv=csv)


_STATES = ("covered", "short", "missing")


def _months(days: Sequence[Day], reader: Reader) -> list[tuple[str, ...]]:
    months: dict[str, list[Day]] = {}
    for day in days:
        months.setdefault(day.day.isoformat()[:7], []).append(day)
    form = reader.format
    return [
        (
            form.month(f"{month}-01"),
            *(form.exact(sum(day.state == state for day in part)) for state in _STATES),
            form.percent(sum(day.ratio for day in part) / len(part)),
        )
        for month, part in months.items()
    ]


def draw(days: Sequence[Day], reader: Reader, periods: Mapping[str, tuple[date, date]]) -> Markup:
    """Draw the calendar.

    Parameters
    ----------
    days : sequence of Day
        Consecutive days, at least one.
    reader : Reader
        For whom.
    periods : mapping
        Periods to be named, ends exclusive.

    Returns
    -------
    Markup
        The drawing.
    """
    last = days[-1].day.year
    first = max(days[0].day.year, last - MAX_YEARS + 1)
    parts: list[Markup] = []
    strip = _STRIP + (_UNDER if periods else 0)
    for number, year in enumerate(range(first, last + 1)):
        top = _TOP + number * strip
        shown = [day for day in days if day.day.year == year]
        parts += [_names(year, top, reader), *_cells(shown, top), _rows(top)]
        parts += _periods(year, top, periods, reader)
    height = _TOP + (last - first + 1) * strip + 12
    parts.append(_key(height, reader))
    return svg.drawing(_WIDTH, height, reader.words("calendar_alt"), parts, "chart calendar")


def _place(day: date) -> tuple[int, int]:
    """Return column and row: weeks of the year from its first Monday's week, Monday on top."""
    first = date(day.year, 1, 1)
    return ((day - first).days + first.weekday()) // 7, day.weekday()


def _cells(days: Sequence[Day], top: int) -> list[Markup]:
    """Draw the days of a year; days of one state in a column are one stroke of the pen."""
    runs: dict[str, list[str]] = {state: [] for state in _STATES}
    open_run: tuple[str, int, int, int] | None = None
    for day in [*days, None]:
        column, row = _place(day.day) if day else (-1, -1)
        state = day.state if day else ""
        if open_run and day and open_run[:2] == (state, column):
            open_run = (*open_run[:3], row)
            continue
        if open_run:
            runs[open_run[0]].append(_box(*open_run[1:], top=top))
        open_run = (state, column, row, row)
    drawn = [
        svg.element("path", d="".join(boxes), class_=f"day {state}")
        for state, boxes in runs.items()
        if boxes
    ]
    strokes = [_slant(*_place(day.day), top=top) for day in days if day.state == "short"]
    if strokes:
        drawn.append(svg.element("path", d="".join(strokes), class_="hatching"))
    return drawn


def _rows(top: int) -> Markup:
    """Part the days of a column by lines of paper."""
    lines = (f"M{_LEFT} {top + row * _CELL - 0.5}H{_WIDTH}" for row in range(1, 7))
    return svg.element("path", d="".join(lines), class_="apart")


def _box(column: int, row: int, end: int, *, top: int) -> str:
    x, y = _LEFT + column * _CELL, top + row * _CELL
    height = (end - row) * _CELL + _SIZE
    return f"M{x} {y}h{_SIZE}v{height}h-{_SIZE}z"


def _slant(column: int, row: int, *, top: int) -> str:
    x, y = _LEFT + column * _CELL, top + row * _CELL
    return f"M{x} {y + _SIZE}l{_SIZE}-{_SIZE}"


def _names(year: int, top: int, reader: Reader) -> Markup:
    """Name the year and its months."""
    locale = {"en": "en_GB", "fr": "fr_FR"}[reader.words.language]
    parts = [svg.text((0, top + 46), str(year), "label")]
    for month in range(1, 13):
        x = _LEFT + _place(date(year, month, 1))[0] * _CELL
        name = format_date(date(year, month, 1), "LLL", locale=locale)
        parts.append(svg.text((x, top - 6), name, "tick minor" if month % 3 != 1 else "tick"))
    return Markup("").join(parts)


def _periods(
    year: int, top: int, periods: Mapping[str, tuple[date, date]], reader: Reader
) -> list[Markup]:
    """Underline the periods, each with its name where its line starts."""
    parts = []
    below = top + 7 * _CELL + 6
    for name, (start, end) in periods.items():
        first = max(start, date(year, 1, 1))
        last = min(end - timedelta(days=1), date(year, 12, 31))
        if first > last:
            continue
        x = _LEFT + _place(first)[0] * _CELL, _LEFT + _place(last)[0] * _CELL + _SIZE
        parts.append(svg.line((x[0], below), (x[1], below), f"period {name}"))
        if first == start or first.month == 1:
            anchor = "end" if x[0] > _WIDTH * 0.6 else "start"
            at = x[1] if anchor == "end" else x[0]
            parts.append(
                svg.text((at, below + 18), reader.words(f"calendar_{name}"), "tick", anchor)
            )
    return parts


def _key(height: int, reader: Reader) -> Markup:
    """Say what each square means, under the strips."""
    parts, x = [], float(_LEFT)
    for state in _STATES:
        y = height - 14
        parts.append(
            svg.element("path", d=f"M{x:.0f} {y}h{_SIZE}v{_SIZE}h-{_SIZE}z", class_=f"day {state}")
        )
        if state == "short":
            slant = f"M{x:.0f} {y + _SIZE}l{_SIZE}-{_SIZE}"
            parts.append(svg.element("path", d=slant, class_="hatching"))
        parts.append(
            svg.text((x + 16, height - 4), reader.words(f"calendar_key_{state}"), "label")
        )
        x += 195
    return Markup("").join(parts)
