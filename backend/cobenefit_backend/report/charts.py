"""The charts of a report, as SVG with direct labels: four of them, each drawn once.

A chart takes plain data and a `Reader` (words and number format); it rounds through the
formatter and computes nothing but places on the paper.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from cobenefit_backend.report import svg
from cobenefit_backend.report.format import Formatter, mass_unit
from cobenefit_backend.report.words import Words

Bounds = dict[str, float]
BAR_WIDTH, BAR_HEIGHT = 400, 34
WIDTH, HEIGHT = 640, 330
LEFT, RIGHT, TOP, BOTTOM = 58, 626, 52, 270
MAX_PLACEBO_POINTS = 120


@dataclass(frozen=True, slots=True)
class Reader:
    """For whom a chart is drawn.

    Parameters
    ----------
    words : Words
        Catalogue of the language.
    format : Formatter
        Number format of the language.
    """

    words: Words
    format: Formatter


def tone(interval: Bounds) -> str:
    """Return `grey` when the interval contains zero, `good` above, `bad` below."""
    if interval["low"] <= 0 <= interval["high"]:
        return "grey"
    return "good" if interval["low"] > 0 else "bad"


def interval_bar(net: Bounds, tone_: str, reader: Reader) -> Markup:
    """Draw an interval with zero marked.

    Parameters
    ----------
    net : dict
        `low`, `central`, `high`. [kgCO2e]
    tone_ : str
        `good`, `bad`, `grey`, or `hatch` for what is not claimed.
    reader : Reader
        For whom.

    Returns
    -------
    Markup
        The drawing.
    """
    unit = mass_unit(*net.values())
    label = reader.words(
        "interval_alt",
        low=reader.format.mass(net["low"], unit),
        high=reader.format.mass(net["high"], unit),
        central=reader.format.mass(net["central"], unit),
    )
    return bounds_bar(net, tone_, label)


def bounds_bar(bounds: Bounds, tone_: str, label: str) -> Markup:
    """Draw bounds of any unit with zero marked.

    Parameters
    ----------
    bounds : dict
        `low`, `central`, `high`. [any]
    tone_ : str
        `good`, `bad`, `grey`, or `hatch` for what is not claimed.
    label : str
        What it shows, in one sentence.

    Returns
    -------
    Markup
        The drawing.
    """
    low, high = min(bounds["low"], 0.0), max(bounds["high"], 0.0)
    margin = (high - low) * 0.03 or 1.0
    x = svg.Scale(low - margin, high + margin, 8, BAR_WIDTH - 8)
    left, right, middle = x(bounds["low"]), x(bounds["high"]), 12
    parts = [
        svg.line((4, middle), (BAR_WIDTH - 4, middle), "rule"),
        svg.element(
            "rect", x=left, y=middle - 5, width=max(right - left, 2), height=10,
            class_=f"bar {tone_}",
        ),
        *([_hatching(left, right, middle)] if tone_ == "hatch" else []),
        svg.line((x(bounds["central"]), middle - 9), (x(bounds["central"]), middle + 9), "centre"),
        svg.line((x(0), 0), (x(0), 24), "zero"),
        svg.text((x(0), BAR_HEIGHT - 1), "0", "tick", _anchor(x(0), BAR_WIDTH)),
    ]  # fmt: skip
    return svg.drawing(BAR_WIDTH, BAR_HEIGHT, label, parts, "interval")


def _hatching(left: float, right: float, middle: float) -> Markup:
    """Draw slanted strokes inside a bar, so that its meaning needs no colour."""
    strokes: list[svg.Point | None] = []
    place = left + 4
    while place < right:
        strokes += [(place, middle + 5), (min(place + 5, right), middle - 5), None]
        place += 6
    return svg.path(strokes, "hatching")


def _anchor(place: float, width: float) -> str:
    if place < width * 0.05:
        return "start"
    return "end" if place > width * 0.95 else "middle"


def waterfall_bar(row: Bounds, low: float, high: float) -> Markup:
    """Draw one row of the waterfall; its words and number stand beside it in the table.

    Parameters
    ----------
    row : dict
        `start` and `end` of the step. [kgCO2e]
    low, high : float
        Range of the whole waterfall. [kgCO2e]

    Returns
    -------
    Markup
        A drawing that stretches with its cell; decoration, so it has no name.
    """
    x = svg.Scale(min(low, 0.0), max(high, 0.0), 2, 298)
    a, b = sorted((x(row["start"]), x(row["end"])))
    parts = [
        svg.element(
            "rect", x=a, y=4, width=max(b - a, 1.5), height=12, class_=f"step {row['tone']}"
        ),
        svg.line((x(0), 0), (x(0), 20), "zero"),
    ]
    return svg.element(
        "svg", Markup("").join(parts), viewBox="0 0 300 20", preserveAspectRatio="none",
        class_="stepbar", aria_hidden="true",
    )  # fmt: skip


def _frame(
    x_labels: Sequence[tuple[float, str]], y: svg.Scale, ticks: Sequence[float],
    unit: str, reader: Reader,
) -> list[Markup]:  # fmt: skip
    parts = [svg.text((0, 18), unit, "tick")]
    for tick in ticks:
        parts += [
            svg.line((LEFT, y(tick)), (RIGHT, y(tick)), "zero" if tick == 0 else "grid"),
            svg.text((LEFT - 6, y(tick) + 4), reader.format.exact(round(tick, 9)), "tick", "end"),
        ]
    for index, (place, label) in enumerate(x_labels):
        parts.append(
            svg.text((place, BOTTOM + 24), label, "tick minor" if index % 2 else "tick", "middle")
        )
    return parts


def _time_labels(starts: Sequence[str], x: svg.Scale, reader: Reader) -> list[tuple[float, str]]:
    """Label at most six month starts, away from the ends of the axis."""
    firsts = [
        index for index, start in enumerate(starts) if index and start[:7] != starts[index - 1][:7]
    ]
    stride = max(1, -(-len(firsts) // 6))
    places = [(x(index), reader.format.month(starts[index])) for index in firsts[::stride]]
    return [(place, label) for place, label in places if LEFT + 24 < place < RIGHT - 24]


def band_chart(weeks: Sequence[dict[str, Any]], event: int, reader: Reader) -> Markup:
    """Draw what was measured against what the baseline expects, with its band.

    Parameters
    ----------
    weeks : sequence of dict
        `start`, `measured`, `expected`, `half_width`; None is a gap. [kWh/d]
    event : int
        First week of the reporting period. [1]
    reader : Reader
        For whom.

    Returns
    -------
    Markup
        The drawing.
    """
    values = [
        value
        for week in weeks
        for value in (week["measured"], _plus(week["expected"], week["half_width"]))
        if value is not None
    ]
    ticks = svg.nice_ticks(0.0, max(values, default=1.0))
    y = svg.Scale(ticks[0], ticks[-1], BOTTOM, TOP)
    x = svg.Scale(0, max(len(weeks) - 1, 1), LEFT, RIGHT)

    def curve(key: str, sign: float = 0.0) -> list[svg.Point | None]:
        edges = [_plus(w[key], w["half_width"] and sign * w["half_width"]) for w in weeks]
        return [None if v is None else (x(i), y(max(v, 0.0))) for i, v in enumerate(edges)]

    measured = [
        None if w["measured"] is None else (x(i), y(w["measured"])) for i, w in enumerate(weeks)
    ]
    words = reader.words
    starts = [week["start"] for week in weeks]
    at = x(event)
    parts = [
        *_frame(_time_labels(starts, x, reader), y, ticks, words("unit_kwh_per_day"), reader),
        svg.area(curve("expected", 1.0), curve("expected", -1.0), "band"),
        svg.path(curve("expected"), "expected"),
        svg.path(measured, "measured"),
        svg.line((at, TOP - 4), (at, BOTTOM), "event"),
        svg.text((at, TOP - 9), words("chart_event"), "label", _anchor(at, WIDTH)),
        *_line_names(words),
    ]
    return svg.drawing(WIDTH, HEIGHT, words("band_alt"), parts)


def _plus(value: float | None, other: float | None) -> float | None:
    return None if value is None else value + (other or 0.0)


def _line_names(words: Words) -> list[Markup]:
    """Name the two lines below the axis: a sample of each stroke and its word."""
    y = HEIGHT - 8
    return [
        svg.line((LEFT, y - 5), (LEFT + 26, y - 5), "measured"),
        svg.text((LEFT + 32, y), words("chart_measured"), "label"),
        svg.line((LEFT + 210, y - 5), (LEFT + 236, y - 5), "expected"),
        svg.text((LEFT + 242, y), words("chart_expected"), "label"),
    ]


def placebo_chart(dates: Sequence[dict[str, Any]], reader: Reader) -> Markup:
    """Draw the pretended savings of every candidate date with its interval, against zero.

    Parameters
    ----------
    dates : sequence of dict
        `date`, `ratio`, `half_width`, `significant` per candidate date. [1]
    reader : Reader
        For whom.

    Returns
    -------
    Markup
        The drawing; long lists are thinned evenly for the eye, the table counts all.
    """
    stride = max(1, -(-len(dates) // MAX_PLACEBO_POINTS))
    shown = dates[::stride]
    edges = [100 * (d["ratio"] + s * d["half_width"]) for d in shown for s in (-1, 1)]
    ticks = svg.nice_ticks(min([*edges, 0.0]), max([*edges, 0.0]))
    y = svg.Scale(ticks[0], ticks[-1], BOTTOM, TOP)
    x = svg.Scale(0, max(len(shown) - 1, 1), LEFT + 4, RIGHT - 4)
    words = reader.words
    parts = _frame(
        _time_labels([d["date"] for d in shown], x, reader), y, ticks, words("unit_percent_saved"),
        reader,
    )  # fmt: skip
    for flagged in (False, True):
        strokes: list[svg.Point | None] = []
        for index, item in enumerate(shown):
            if item["significant"] is flagged:
                ends = (100 * (item["ratio"] + sign * item["half_width"]) for sign in (-1, 1))
                strokes += [*((x(index), y(end)) for end in ends), None]
        parts.append(svg.path(strokes, f"whisker {'flagged' if flagged else 'quiet'}"))
    parts.append(svg.path([(x(i), y(100 * d["ratio"])) for i, d in enumerate(shown)], "measured"))
    return svg.drawing(WIDTH, HEIGHT, words("placebo_alt"), parts)
