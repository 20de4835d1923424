"""Targets in a reader's language: sentences, the trajectory, the contribution bars, a table."""

from dataclasses import dataclass

from markupsafe import Markup

from cobenefit_backend.estimate.quantity import Interval
from cobenefit_backend.exports.tables import Cell, Table
from cobenefit_backend.report import charts
from cobenefit_backend.report.charts import Reader
from cobenefit_backend.report.format import mass_unit
from cobenefit_backend.report.records import Report
from cobenefit_backend.territory import drawn
from cobenefit_backend.territory.progress import Part, Progress
from cobenefit_backend.territory.targets import Target, Territory

MEGATONNE_KG, TERAWATT_HOUR_KWH, GIGAWATT_HOUR_KWH = 1e9, 1e9, 1e6
Cells = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bar:
    """A contribution: its sentence and its drawing.

    Attributes
    ----------
    sentence : str
        What it says.
    drawing : Markup
        The bar with its interval.
    achieved : bool
        Whether it was found, not only expected.
    """

    sentence: str
    drawing: Markup
    achieved: bool


@dataclass(frozen=True, slots=True)
class TargetTold:
    """A target as the page shows it.

    Attributes
    ----------
    id, title, source : str
        Its id, what it is, and where it stands.
    refusal : str
        Why nothing is compared; empty where it is.
    bars : list of Bar
        Contributions.
    sentence : str
        The trajectory in words; empty without one.
    chart : Markup
        The trajectory.
    rows : list of tuple of str
        What, amount, share.
    """

    id: str
    title: str
    source: str
    refusal: str
    bars: list[Bar]
    sentence: str
    chart: Markup
    rows: list[Cells]


def target(found: Progress, place: Territory, report: Report, reader: Reader) -> TargetTold:
    """Return a target with what was found for it.

    Parameters
    ----------
    found : Progress
        The target and the contributions.
    place : Territory
        Whose target.
    report : Report
        For the titles of the studies.
    reader : Reader
        For whom.

    Returns
    -------
    TargetTold
        What the page shows.
    """
    words, aim = reader.words, found.target
    bars = [_bar(part, found, place, report, reader) for part in found.parts]
    return TargetTold(
        id=aim.id,
        title=_title(aim, reader),
        source=_source(aim, reader),
        refusal=words(f"target_refused_{found.refusal}") if found.refusal else "",
        bars=bars,
        sentence=_sentence(found, reader),
        chart=_chart(found, reader),
        rows=_rows(found, report, reader),
    )


def _title(aim: Target, reader: Reader) -> str:
    words = reader.words
    sector = words(f"sector_{aim.sector}")
    change = reader.format.signed_percent(aim.change_ratio)
    return words(f"target_name_{aim.indicator}", sector=sector, change=change,
                 year=_year(aim, reader))  # fmt: skip


def _year(aim: Target, reader: Reader) -> str:
    return str(aim.target_year or reader.words("target_year_unknown"))


def _source(aim: Target, reader: Reader) -> str:
    words = reader.words
    licence = words.either(f"target_licence_{aim.licence}", aim.licence)
    text = words("target_source", source=aim.source, reference=aim.reference, licence=licence)
    note = words.either(f"target_note_{aim.note}", aim.note)
    return f"{text} {note}".strip()


def amount(value: float, aim: Target, reader: Reader) -> str:
    """Return an amount in a unit that a reader can hold.

    Parameters
    ----------
    value : float
        The amount. [unit of the target]
    aim : Target
        The target.
    reader : Reader
        For whom.

    Returns
    -------
    str
        Number and unit.
    """
    form = reader.format
    if aim.indicator == "final_energy":
        for step, unit in ((TERAWATT_HOUR_KWH, "TWh"), (GIGAWATT_HOUR_KWH, "GWh"), (1e3, "MWh")):
            if abs(value) >= step:
                return f"{form.precise(value / step)}\u00a0{unit}"
        return f"{form.precise(value)}\u00a0kWh"
    if abs(value) >= MEGATONNE_KG / 10:
        return f"{form.precise(value / MEGATONNE_KG)}\u00a0{reader.words('unit_mt')}"
    return form.mass(value, mass_unit(value))


def _bar(part: Part, found: Progress, place: Territory, report: Report, reader: Reader) -> Bar:
    words, share = reader.words, part.share
    low, central, high = (
        _percent(each, reader) for each in (share.low, share.central, share.high)
    )
    values = {
        "territory": place.names[words.language],
        "year": _year(found.target, reader),
        "cut": amount(found.cut or 0.0, found.target, reader),
        "amount": amount(part.amount.central, found.target, reader),
        "share": central, "low": low, "high": high,
    }  # fmt: skip
    if part.evidence == "P":
        text = words("contribution_potential", title=_titles(part, report, reader), **values)
    else:
        key = "contribution_zero" if share.contains_zero else "contribution_good"
        text = words(key, kind=words(f"contribution_{part.evidence}"), **values)
    label = words("contribution_alt", share=central, low=low, high=high)
    bounds = share.to_dict()
    achieved = part.evidence != "P"
    tone = charts.tone(bounds) if achieved else "hatch"
    return Bar(text, charts.bounds_bar(bounds, tone, label), achieved)


def _percent(ratio: float, reader: Reader) -> str:
    return reader.format.signed_percent(ratio)


def _titles(part: Part, report: Report, reader: Reader) -> str:
    names = {case.study: case.titles[reader.words.language] for case in report.cases}
    return ", ".join(names[study] for study in part.studies)


def _ends(aim: Target, reader: Reader) -> dict[str, str]:
    """Return base and level aimed at, written; empty where an end is not known."""
    if aim.base_value is None or aim.base_year is None or aim.target_year is None:
        return {}
    return {
        "base": amount(aim.base_value, aim, reader),
        "base_year": str(aim.base_year),
        "level": amount(aim.level(aim.target_year) or 0.0, aim, reader),
        "year": str(aim.target_year),
    }


def _sentence(found: Progress, reader: Reader) -> str:
    aim = found.target
    ends = _ends(aim, reader)
    level = aim.level(found.year)
    if not ends or level is None or found.due is None:
        return ""
    inside = aim.base_year is not None and aim.base_year < found.year < (aim.target_year or 0)
    if not inside:
        return reader.words("trajectory_sentence_after", **ends)
    return reader.words(
        "trajectory_sentence", **ends, now=found.year, due=amount(level, aim, reader),
        cut=amount(found.due, aim, reader),
    )  # fmt: skip


def _chart(found: Progress, reader: Reader) -> Markup:
    ends = _ends(found.target, reader)
    if not ends:
        return Markup("")
    return drawn.trajectory(
        found.target, found.year, reader, reader.words("trajectory_alt", **ends)
    )


def _rows(found: Progress, report: Report, reader: Reader) -> list[Cells]:
    words, aim = reader.words, found.target
    rows: list[Cells] = []
    if aim.base_value is not None:
        rows.append(
            (words("row_base", year=aim.base_year), amount(aim.base_value, aim, reader), "")
        )
    if ends := _ends(aim, reader):
        rows.append((words("row_target", year=aim.target_year), ends["level"], ""))
    if found.cut is not None:
        hundred = reader.format.percent(1.0)
        rows.append(
            (words("row_cut", year=_year(aim, reader)), amount(found.cut, aim, reader), hundred)
        )
        if found.due is not None:
            due = _percent(found.due / found.cut, reader)
            rows.append((words("row_due", year=found.year), amount(found.due, aim, reader), due))
    for part in found.parts:
        title = _titles(part, report, reader)
        rows.append((words(f"row_{part.evidence}", title=title),
                     _range(part.amount, aim, reader), _share(part.share, reader)))  # fmt: skip
    return rows


def _range(value: Interval, aim: Target, reader: Reader) -> str:
    low, high = (amount(each, aim, reader) for each in (value.low, value.high))
    return f"{amount(value.central, aim, reader)} ({low} – {high})"


def _share(share: Interval, reader: Reader) -> str:
    low, high = (_percent(each, reader) for each in (share.low, share.high))
    return f"{_percent(share.central, reader)} ({low} – {high})"


COLUMNS = (
    "target", "territory", "sector", "indicator", "base_year", "base_value", "target_year",
    "change_ratio", "cut", "line_year", "line_cut", "unit", "evidence_class", "studies", "low",
    "central", "high", "share_low", "share_central", "share_high", "refusal", "source",
    "reference", "licence", "status",
)  # fmt: skip


def table(found: list[Progress]) -> Table:
    """Return targets and contributions as a table, a row for each contribution.

    Parameters
    ----------
    found : list of Progress
        The targets.

    Returns
    -------
    Table
        `targets`; a target without contribution has one row.
    """
    rows = [_cells(each, part) for each in found for part in each.parts or (None,)]
    return Table("targets", COLUMNS, tuple(rows))


def _cells(found: Progress, part: Part | None) -> tuple[Cell, ...]:
    aim = found.target
    what: tuple[Cell, ...] = (
        aim.id, aim.territory, aim.sector, aim.indicator, aim.base_year, aim.base_value,
        aim.target_year, aim.change_ratio, found.cut, found.year, found.due, aim.unit,
    )  # fmt: skip
    source: tuple[Cell, ...] = (found.refusal, aim.source, aim.reference, aim.licence, aim.status)
    if part is None:
        return (*what, None, None, *[None] * 6, *source)
    ends = ("low", "central", "high")
    bounds = [getattr(each, end) for each in (part.amount, part.share) for end in ends]
    return (*what, part.evidence, " ".join(part.studies), *bounds, *source)
