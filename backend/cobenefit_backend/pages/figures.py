"""A net as a person reads it: the sentence, the large value with its interval, the chips."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from cobenefit_backend.pages.groups import Net
from cobenefit_backend.report import charts, svg
from cobenefit_backend.report.charts import Reader
from cobenefit_backend.report.format import mass_unit
from cobenefit_backend.report.records import Case, Report

SPARK_WIDTH, SPARK_HEIGHT = 120, 32


@dataclass(frozen=True, slots=True)
class Figure:
    """A net that never stands naked.

    Parameters
    ----------
    value : str
        Central value with its unit.
    tone : str
        `good`, `bad` or `grey`.
    bar : Markup
        Its interval, with zero marked.
    interval : str
        Its interval in words.
    chips : tuple of str
        Evidence and coverage.
    """

    value: str
    tone: str
    bar: Markup
    interval: str
    chips: tuple[str, ...]


def figure(net: Net, reader: Reader) -> Figure:
    """Return a net with everything that belongs to it.

    Parameters
    ----------
    net : Net
        The net.
    reader : Reader
        For whom.

    Returns
    -------
    Figure
        Ready for the template.
    """
    words, form = reader.words, reader.format
    bounds = net.interval.to_dict()
    tone, unit = charts.tone(bounds), mass_unit(*bounds.values())
    low = form.bare_mass(net.interval.low, unit)
    return Figure(
        value=form.mass(net.interval.central, unit),
        tone=tone,
        bar=charts.interval_bar(bounds, tone, reader),
        interval=words("interval", low=low, high=form.mass(net.interval.high, unit)),
        chips=(
            words(f"class_{net.evidence}"),
            words("coverage_least", value=form.percent(net.coverage_ratio)),
        ),
    )


def sentence(net: Net, owner: str, reader: Reader) -> str:
    """Return a net as a sentence to read aloud.

    Parameters
    ----------
    net : Net
        The net.
    owner : str
        Whose: the municipality, or a site of it.
    reader : Reader
        For whom.

    Returns
    -------
    str
        Two sentences: what happened, and how well it is known.
    """
    words, form = reader.words, reader.format
    edges = sorted((abs(net.interval.low), abs(net.interval.high)))
    kind = charts.tone(net.interval.to_dict())
    if kind == "grey":
        edges = [net.interval.low, net.interval.high]
    unit = mass_unit(*edges)
    count = len(net.cases)
    own = sum(case.estimate.footprint_kgco2e.central for case in net.cases)
    return words(
        f"home_{kind}", owner=owner, unit=unit,
        start=form.day(net.period[0]), end=form.last_day(net.period[1]),
        low=form.bare_mass(edges[0], unit), high=form.bare_mass(edges[1], unit),
        own=form.mass(own),
        studies=words("studies_one") if count == 1 else words("studies_many", count=count),
        evidence=words(f"home_{net.evidence}"), coverage=form.percent(net.coverage_ratio),
    )  # fmt: skip


def why_none(report: Report, cases: Sequence[Case], owner: str, reader: Reader) -> str:
    """Return why some studies have no net that may be read out.

    Parameters
    ----------
    report : Report
        The report they stand in.
    cases : sequence of Case
        The studies.
    owner : str
        Whose.
    reader : Reader
        For whom.

    Returns
    -------
    str
        A sentence.
    """
    words = reader.words
    if not cases:
        return words("home_no_study", owner=owner)
    if not report.data["stored"]:
        return words("home_no_data", owner=owner)
    counted = Counter(_reason(report, case) for case in cases)
    reasons = ", ".join(words(f"why_{name}", count=count) for name, count in counted.items())
    return words("home_none", owner=owner, reasons=reasons)


def _reason(report: Report, case: Case) -> str:
    estimate = case.estimate
    if case.study in report.totals["overlapping"]:
        return "overlap"
    if case.placebo:
        return "test"
    if estimate.data_origin != "measured":
        return "apart"
    if any(record.code == "not_enough_data" for record in estimate.disqualifications):
        return "few"
    return "potential" if estimate.evidence_class == "P" else "indicator"


def sparkline(case: Case, reader: Reader) -> Markup:
    """Draw what a study measured, month by month, with what was expected and its start.

    Parameters
    ----------
    case : Case
        The study.
    reader : Reader
        For whom.

    Returns
    -------
    Markup
        The drawing; empty where the study keeps no series.
    """
    months, measured, expected = _months(case)
    known = [value for value in (*measured, *expected) if value is not None]
    if len(months) < 3 or not known:
        return Markup("")
    x = svg.Scale(0, len(months) - 1, 2, SPARK_WIDTH - 2)
    y = svg.Scale(0.0, max(known) or 1.0, SPARK_HEIGHT - 2, 3)

    def curve(values: Sequence[float | None]) -> list[svg.Point | None]:
        return [None if v is None else (x(i), y(max(v, 0.0))) for i, v in enumerate(values)]

    start = next((i for i, month in enumerate(months) if month >= case.period[0][:7]), 0)
    parts = [
        svg.line((x(start), 0), (x(start), SPARK_HEIGHT), "event"),
        *([svg.path(curve(expected), "expected")] if any(expected) else []),
        svg.path(curve(measured), "measured"),
    ]
    form = reader.format
    label = reader.words(
        "spark_alt", first=form.month(f"{months[0]}-01"), last=form.month(f"{months[-1]}-01")
    )
    return svg.drawing(SPARK_WIDTH, SPARK_HEIGHT, label, parts, "spark")


def _months(case: Case) -> tuple[list[str], list[float | None], list[float | None]]:
    """Return months, what was measured in each, and what was expected."""
    extra = case.extra
    rows = [
        (row["start"][:7], row.get("measured", row.get("vehicles_per_day")), row.get("expected"))
        for row in (*extra.get("weeks", ()), *extra.get("months", ()))
    ]
    months = sorted({month for month, _, _ in rows})

    def means(column: int) -> list[float | None]:
        found = []
        for month in months:
            values = [row[column] for row in rows if row[0] == month and row[column] is not None]
            found.append(sum(values) / len(values) if values else None)
        return found

    return months, means(1), means(2)
