"""What a report holds as plain tables, for spreadsheets and for machines.

Each row carries its period with start, end and offset, and its unit, so that it can be read
without the others and imported again.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from cobenefit_backend.report.records import Case, Report
from cobenefit_backend.territory.load import Mapping, mappings, operat_columns

Cell = str | int | float | bool | None
WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under named columns.

    Parameters
    ----------
    name : str
        Name of the file or sheet.
    columns : tuple of str
        Names of the columns; the same in every language, so that a file can be read again.
    rows : tuple of tuple
        Cells: text, numbers, booleans, None for what is not known.
    """

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


def tables(report: Report) -> tuple[Table, ...]:
    """Return everything a report holds that is a table.

    Parameters
    ----------
    report : Report
        The report.

    Returns
    -------
    tuple of Table
        `results`, `follow_up`, `series`, `data`, `factors`, `operat`, `mapping`, and
        `corrections` where there are any.
    """
    makers = (results, follow_up, series, data, factors, operat, mapping)
    made = tuple(make(report) for make in makers)
    return (*made, corrections(report)) if report.data["corrections"] else made


RESULTS = (
    "study", "use_case", "title_en", "title_fr", "start", "end", "quantity", "low", "central",
    "high", "unit", "evidence_class", "label", "data_origin", "placebo", "totalled",
    "coverage_ratio", "code_version", "factor_set", "data_sha256",
)  # fmt: skip
QUANTITIES = ("gross", "rebound", "footprint", "net", "net_marginal")


def results(report: Report) -> Table:
    """Return one row per study and quantity, with its 90 % bounds [kgCO2e]."""
    rows = [
        (*_named(case), *_interval(case, name), *_judged(case), *_made_from(report))
        for case in report.cases
        for name in QUANTITIES
        if case.to_json()[f"{name}_kgco2e"] is not None
    ]
    return Table("results", RESULTS, tuple(rows))


def _named(case: Case) -> tuple[Cell, ...]:
    titles = (case.titles["en"], case.titles["fr"])
    return case.study, case.estimate.use_case, *titles, *case.period


def _interval(case: Case, name: str) -> tuple[Cell, ...]:
    bounds = case.to_json()[f"{name}_kgco2e"]
    return name, bounds["low"], bounds["central"], bounds["high"], "kgCO2e"


def _judged(case: Case) -> tuple[Cell, ...]:
    made = case.estimate
    origin = (made.data_origin, case.placebo, case.counts)
    return made.evidence_class, made.label, *origin, made.coverage_ratio


def _made_from(report: Report) -> tuple[Cell, ...]:
    made_from = report.generated_from
    return (
        made_from["code_version"],
        made_from["factor_set"]["version"],
        made_from["data_sha256"],
    )


FOLLOW_UP = (
    "study", "title_fr", "start", "end", "sector_fr", "sector_en", "lever_fr", "gpc",
    "secap", "compare_with", "quantity", "low", "central", "high", "unit", "evidence_class",
    "claimed", "note",
)  # fmt: skip
_OWN = "indicateur propre à la collectivité : à ne jamais ajouter à un total territorial"


def follow_up(report: Report) -> Table:
    """Return each study under its sector of a climate plan, the territory's own indicator.

    An avoided emission is a difference to what would have been; an inventory is a total. The one
    is never written into the other.

    Parameters
    ----------
    report : Report
        The report.

    Returns
    -------
    Table
        One row per study, net over its period. [tCO2e]
    """
    known = mappings()
    rows = [_followed(case, known[case.estimate.use_case]) for case in report.cases]
    return Table("follow_up", FOLLOW_UP, tuple(rows))


def _followed(case: Case, place: Mapping) -> tuple[Cell, ...]:
    net = case.estimate.net_kgco2e
    shown = net is not None and place.additive and not case.placebo
    bounds: tuple[Cell, ...] = (None, None, None)
    if net is not None and shown:
        bounds = (net.low / 1000, net.central / 1000, net.high / 1000)
    where = (place.sector_fr, place.sector_en, place.lever_fr, place.gpc, place.secap)
    judged = (case.estimate.evidence_class, case.counts, _OWN)
    quantity = "net avoided emissions" if shown else "indicator, no CO2e"
    return (
        case.study,
        case.titles["fr"],
        *case.period,
        *where,
        place.compare_with,
        quantity,
        *bounds,
        "tCO2e",
        *judged,
    )


SERIES = ("study", "start", "end", "reporting", "measured", "expected", "half_width", "unit")


def series(report: Report) -> Table:
    """Return the weekly means behind the charts, None for a gap [kWh/d]."""
    rows = [
        (
            case.study,
            *_week(week["start"], case.extra["timezone"]),
            bool(week["reporting"]),
            week["measured"],
            week["expected"],
            week["half_width"],
            "kWh/d",
        )
        for case in report.cases
        for week in case.extra.get("weeks") or ()
    ]
    return Table("series", SERIES, tuple(rows))


def _week(start: str, timezone: str) -> tuple[str, str]:
    """Return start and end of a week with their offsets from UTC."""
    day, zone = date.fromisoformat(start), ZoneInfo(timezone)
    ends = (datetime.combine(each, time(), zone) for each in (day, day + WEEK))
    first, last = (end.isoformat() for end in ends)
    return first, last


DATA = ("site", "device", "channel", "start", "end", "stored", "expected", "quarantined", "lost")


def data(report: Report) -> Table:
    """Return the readings stored, expected, refused and lost per series [1]."""
    rows = [
        (
            *(row[name] for name in ("site", "device", "channel")),
            row.get("start"),
            row.get("end"),
            row["stored"],
            row["expected"],
            sum(row["quarantined"].values()),
            row["lost"],
        )
        for row in report.data["series"]
    ]
    return Table("data", DATA, tuple(rows))


CORRECTIONS = (
    "kind", "site", "device", "channel", "start", "end", "t", "why", "old", "new", "reference",
)  # fmt: skip


def corrections(report: Report) -> Table:
    """Return what people imported or left out, as it holds."""
    rows = [tuple(row[name] for name in CORRECTIONS) for row in report.data["corrections"]]
    return Table("corrections", CORRECTIONS, tuple(rows))


FACTORS = (
    "id", "value", "low", "high", "unit", "geography", "year", "source", "publisher", "url",
    "reference", "licence", "status",
)  # fmt: skip


def factors(report: Report) -> Table:
    """Return the factors used, with their sources."""

    def cells(row: Any) -> tuple[Cell, ...]:
        return tuple(row[name] for name in FACTORS)

    return Table("factors", FACTORS, tuple(cells(row) for row in report.factors))


def operat(report: Report) -> Table:
    """Return the energy of tertiary public buildings by carrier and calendar year [kWh].

    Which columns, under which names, stands in `territory/operat_columns.csv`.
    """
    names, fields = zip(*operat_columns(), strict=True)
    rows = tuple(tuple(row[field] for field in fields) for row in report.data.get("tertiary", ()))
    return Table("operat", names, rows)


MAPPING = (
    "use_case", "sector_fr", "sector_en", "lever_fr", "gpc", "secap", "compare_with", "additive",
    "source", "reference",
)  # fmt: skip


def mapping(_report: Report) -> Table:
    """Return where each use case stands in a PCAET, the GPC and a SECAP, whatever the report."""
    rows = tuple(tuple(getattr(place, name) for name in MAPPING) for place in mappings().values())
    return Table("mapping", MAPPING, rows)
