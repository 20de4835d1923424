"""The cumulative net of a deployment: what was owed at the start, paid back day by day.

    net(t) = (effect - running) x t - owed

with the yearly effect of the reporting period, spread evenly. Beyond the period the same pace is
assumed, which is said and drawn as a broken line, at most to the end of the devices' life.
"""

from dataclasses import dataclass
from datetime import date, timedelta

from markupsafe import Markup

from cobenefit_backend.estimate.footprint import DAYS_PER_YEAR
from cobenefit_backend.estimate.quantity import Interval
from cobenefit_backend.report import svg
from cobenefit_backend.report.charts import BOTTOM, HEIGHT, RIGHT, TOP, WIDTH, Reader
from cobenefit_backend.report.format import TONNE_KG, mass_unit
from cobenefit_backend.report.panels import Panel
from cobenefit_backend.report.view import CaseView

LEFT = 76
_AFTER_PAYBACK = 1.6
_POINTS = 12


@dataclass(frozen=True, slots=True)
class Payback:
    """A deployment over time.

    Parameters
    ----------
    start : date
        When it was put up: the first day of the reporting period.
    measured_years : float
        Length of the reporting period. [year]
    life_years : float
        How long its devices serve. [year]
    owed : Interval
        Emitted by making, installing and disposing of it. [kgCO2e]
    running, effect : Interval
        Added, and avoided, every year. [kgCO2e/year]
    years : float or None
        When it has paid back; None for never. [year]
    """

    start: date
    measured_years: float
    life_years: float
    owed: Interval
    running: Interval
    effect: Interval
    years: float | None

    @property
    def reached(self) -> bool:
        """Whether it pays back while its devices last."""
        return self.years is not None and self.years <= self.life_years

    @property
    def end_years(self) -> float:
        """How far it is drawn: past the break-even, never past the devices' life.

        Returns
        -------
        float
            From the start. [year]
        """
        if not self.reached or self.years is None:
            return max(self.life_years, self.measured_years)
        wanted = max(self.measured_years, _AFTER_PAYBACK * self.years)
        return max(self.measured_years, min(self.life_years, wanted))

    def net(self, years: float) -> Interval:
        """Return what is avoided less what was emitted by then.

        Parameters
        ----------
        years : float
            Time since the start. [year]

        Returns
        -------
        Interval
            Cumulative. [kgCO2e]
        """
        own = self.own(years)
        gained = self.effect.scaled(years)
        return Interval(gained.low - own.high, gained.central - own.central, gained.high - own.low)

    def own(self, years: float) -> Interval:
        """Return what the devices have emitted by then.

        Parameters
        ----------
        years : float
            Time since the start. [year]

        Returns
        -------
        Interval
            Cumulative. [kgCO2e]
        """
        more = self.running.scaled(years)  # the same factors: their errors do not average out
        return Interval(
            self.owed.low + more.low, self.owed.central + more.central, self.owed.high + more.high
        )

    def day(self, years: float) -> date:
        """Return the day that is so long after the start.

        Parameters
        ----------
        years : float
            Time since the start. [year]

        Returns
        -------
        date
            The day.
        """
        return self.start + timedelta(days=round(years * DAYS_PER_YEAR))

    @property
    def points(self) -> list[float]:
        """When it is told: a dozen moments, with the end of the data and the break-even.

        Returns
        -------
        list of float
            Years since the start, sorted. [year]
        """
        even = {self.end_years * n / _POINTS for n in range(_POINTS + 1)}
        marks = {self.measured_years} | ({self.years} if self.reached and self.years else set())
        return sorted(even | {mark for mark in marks if mark <= self.end_years})


def payback(view: CaseView) -> Payback | None:
    """Return the deployment of a case over time.

    Parameters
    ----------
    view : CaseView
        The case.

    Returns
    -------
    Payback or None
        None for a test, and where no CO2e is claimed against the footprint.
    """
    case = view.case
    found = case.estimate.details["break_even"]
    if case.placebo or found.get("owed_kgco2e") is None:
        return None
    start, end = (date.fromisoformat(day) for day in case.period)
    return Payback(
        start,
        (end - start).days / DAYS_PER_YEAR,
        min(device["lifetime_years"] for device in case.extra["devices"]),
        found["owed_kgco2e"],
        found["running_kgco2e_per_year"],
        found["effect_kgco2e_per_year"],
        found["years"] if found["verdict"] == "reached" else None,
    )


def panel(view: CaseView, csv: str = "") -> Panel | None:
    """Return the cumulative net with its sentence and table.

    Parameters
    ----------
    view : CaseView
        The case.
    csv : str, optional
        Address of the same as CSV.

    Returns
    -------
    Panel or None
        None where nothing can be paid back.
    """
    found = payback(view)
    if found is None:
        return None
    words, form = view.reader.words, view.reader.format
    net = found.net(found.measured_years)
    unit = mass_unit(net.low, net.high)
    sentence = words(
        "payback_sentence" if found.reached else "payback_sentence_never",
        date=form.day(found.day(found.years or 0.0).isoformat()),
        life=form.exact(found.life_years),
        owed=form.mass(found.owed.central),
        end=form.last_day(view.case.period[1]),
        low=form.bare_mass(net.low, unit),
        high=form.mass(net.high, unit),
    )
    head = tuple(words(f"payback_{name}") for name in ("date", "own", "net", "low", "high"))
    rows = tuple(_row(found, years, view.reader) for years in found.points)
    chart = draw(found, view.tone, view.reader)
    return Panel(
        words("payback"), f"{sentence} {words('payback_pace')}", chart, head, rows, csv=csv
    )


def _row(found: Payback, years: float, reader: Reader) -> tuple[str, ...]:
    form, net = reader.format, found.net(years)
    told = (found.own(years).central, net.central, net.low, net.high)
    return form.day(found.day(years).isoformat()), *(form.mass(value) for value in told)


def draw(found: Payback, tone: str, reader: Reader) -> Markup:
    """Draw the cumulative net with its band, the break-even and the devices' own footprint.

    Parameters
    ----------
    found : Payback
        The deployment.
    tone : str
        `good`, `bad`, `grey` or `hatch`, as its net.
    reader : Reader
        For whom.

    Returns
    -------
    Markup
        The drawing.
    """
    words, end = reader.words, found.end_years
    ends = [found.net(years) for years in (0.0, end)]
    values = [v for each in ends for v in (each.low, each.high)] + [0.0, -found.own(end).central]
    unit = mass_unit(*values)
    scale = TONNE_KG if unit == "tCO2e" else 1.0
    ticks = svg.nice_ticks(min(values) / scale, max(values) / scale)
    lowest = min(values) - 0.04 * (max(values) - min(values))
    ticks = [tick for tick in ticks if tick * scale >= lowest]
    y = svg.Scale(lowest, ticks[-1] * scale, BOTTOM, TOP)
    x = svg.Scale(0.0, end, LEFT, RIGHT)
    measured = min(found.measured_years, end)
    ahead = words("payback_ahead") if measured < end else ""

    def line(kind: str, first: float, last: float) -> list[svg.Point | None]:
        return [(x(t), y(_of(found, kind, t))) for t in (first, last)]

    parts = [
        *_axes(found, x, y, reader, ticks=ticks, scale=scale, unit=unit),
        svg.area(line("high", 0.0, end), line("low", 0.0, end), f"band {tone}"),
        svg.path(line("own", 0.0, end), "owned"),
        svg.path(line("net", 0.0, measured), f"paid {tone}"),
        *([svg.path(line("net", measured, end), f"paid {tone} ahead")] if ahead else []),
        *_marks(found, x, y, reader),
        *_key(tone, words("payback_net"), words("payback_own_line"), ahead),
    ]
    return svg.drawing(WIDTH, HEIGHT, words("payback_alt"), parts)


def _of(found: Payback, kind: str, years: float) -> float:
    if kind == "own":
        return -found.own(years).central
    net = found.net(years)
    return {"net": net.central, "low": net.low, "high": net.high}[kind]


def _axes(
    found: Payback, x: svg.Scale, y: svg.Scale, reader: Reader, *, ticks: list[float],
    scale: float, unit: str,
) -> list[Markup]:  # fmt: skip
    parts = [svg.text((0, 18), unit, "tick")]
    for tick in ticks:
        at = y(tick * scale)
        parts += [
            svg.line((LEFT, at), (RIGHT, at), "zero" if tick == 0 else "grid"),
            svg.text((LEFT - 6, at + 4), reader.format.exact(round(tick, 9)), "tick", "end"),
        ]
    for index in range(5):
        years = found.end_years * index / 4
        anchor = {0: "start", 4: "end"}.get(index, "middle")
        class_ = "tick minor" if index % 2 else "tick"
        name = reader.format.month(found.day(years).isoformat())
        parts.append(svg.text((x(years), BOTTOM + 24), name, class_, anchor))
    return parts


def _marks(found: Payback, x: svg.Scale, y: svg.Scale, reader: Reader) -> list[Markup]:
    """Mark the break-even, or say that there is none within the life of the devices."""
    words = reader.words
    if not found.reached or found.years is None:
        return [svg.text((RIGHT, TOP - 9), words("payback_never"), "label", "end")]
    at = x(found.years)
    anchor = "start" if at < WIDTH * 0.6 else "end"
    day = reader.format.day(found.day(found.years).isoformat())
    return [
        svg.line((at, TOP - 4), (at, BOTTOM), "event"),
        svg.element("circle", cx=at, cy=y(0.0), r=5, class_="even"),
        svg.text((at, TOP - 9), words("payback_even", date=day), "label", anchor),
    ]


def _key(tone: str, net: str, own: str, ahead: str) -> list[Markup]:
    """Name the lines below the axis: a sample of each stroke and its word."""
    y, parts = HEIGHT - 8, []
    named = ((0, f"paid {tone}", net), (200, "owned", own), (400, f"paid {tone} ahead", ahead))
    for place, class_, name in named[: 3 if ahead else 2]:
        start = place + 4
        parts += [
            svg.line((start, y - 5), (start + 26, y - 5), class_),
            svg.text((start + 32, y), name, "label"),
        ]
    return parts
