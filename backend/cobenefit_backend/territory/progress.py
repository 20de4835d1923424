"""What the studies of a report contribute to a target, or why the two can't be compared.

What was achieved (classes M and E, measured) and what is only expected (class P) are never added.
A study longer than a year counts per year; a shorter one with what it has, because a season says
nothing of the others. Studies are added bound by bound: they share factors, so their errors may
all go the same way.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from cobenefit_backend.estimate.quantity import Interval
from cobenefit_backend.report.records import Case, Report
from cobenefit_backend.territory.targets import Target

DAYS_PER_YEAR = 365.25
LONGEST_YEAR_DAYS = 366
SECTOR_OF = {
    "smart_meter": "buildings", "data_centre": "buildings", "traffic": "transport",
    "remote_health": "transport", "remote_assistance": "transport", "industry": "industry",
    "soil": "agriculture",
}  # fmt: skip
Refusal = Literal["", "base_unknown", "net_of_sinks", "no_study"]
Evidence = Literal["M", "E", "P"]


@dataclass(frozen=True, slots=True)
class Part:
    """What studies of one class contribute.

    Attributes
    ----------
    evidence : {'M', 'E', 'P'}
        Their class; P is expected, not achieved.
    studies : tuple of str
        Their ids; one only for class P, which is never added.
    amount : Interval
        Cut a year. [unit of the target]
    share : Interval
        Of what is to be cut. [1]
    """

    evidence: Evidence
    studies: tuple[str, ...]
    amount: Interval
    share: Interval


@dataclass(frozen=True, slots=True)
class Progress:
    """A target and what was found for it.

    Attributes
    ----------
    target : Target
        The target.
    refusal : str
        Why nothing is compared; empty where it is.
    cut : float or None
        What is to be cut a year. [unit of the target]
    year : int
        The year up to which the studies report. [1]
    due : float or None
        What a straight line has cut by that year. [unit of the target]
    parts : tuple of Part
        Achieved by class, then each expectation by itself.
    """

    target: Target
    refusal: Refusal
    cut: float | None
    year: int
    due: float | None
    parts: tuple[Part, ...]


def progress(target: Target, report: Report) -> Progress:
    """Put a report beside a target.

    Parameters
    ----------
    target : Target
        The target.
    report : Report
        The report.

    Returns
    -------
    Progress
        Shares with their bounds, or the reason why there are none.
    """
    year = _last_year(report)
    level = target.level(year)
    due = None if level is None or target.base_value is None else target.base_value - level
    if target.indicator == "ghg_net":
        return Progress(target, "net_of_sinks", target.cut, year, due, ())
    if target.cut is None:
        return Progress(target, "base_unknown", None, year, due, ())
    parts = tuple(_parts(target, target.cut, report))
    return Progress(target, "" if parts else "no_study", target.cut, year, due, parts)


def _last_year(report: Report) -> int:
    """Return the year of the last day reported; ends are exclusive."""
    end = report.period[1]
    return (date.fromisoformat(end) - timedelta(days=1)).year if end else date.min.year


def _parts(target: Target, cut: float, report: Report) -> Iterable[Part]:
    cases = {case.study: case for case in report.cases if _fits(case, target)}
    for evidence in ("M", "E"):
        names = [each for each in report.totals[evidence]["studies"] if each in cases]
        if names:
            yield _part(evidence, names, cases, target, cut)
    for name, case in cases.items():
        if case.estimate.evidence_class == "P":
            yield _part("P", [name], cases, target, cut)


def _fits(case: Case, target: Target) -> bool:
    """Whether a study counts in the unit and the sector of a target."""
    sector = SECTOR_OF.get(case.estimate.use_case)
    return (
        sector is not None
        and target.sector in ("all", sector)
        and not case.placebo
        and _amount(case, target) is not None
    )


def _part(
    evidence: Evidence, names: list[str], cases: Mapping[str, Case], target: Target, cut: float
) -> Part:
    found = [a for name in names if (a := _amount(cases[name], target)) is not None]
    amount = Interval(*(sum(getattr(a, end) for a in found) for end in ("low", "central", "high")))
    return Part(evidence, tuple(names), amount, amount.scaled(1 / cut))


def _amount(case: Case, target: Target) -> Interval | None:
    """Return what a study cut a year, None where it has no figure in that unit."""
    if target.indicator == "final_energy":
        found: Interval | None = case.estimate.details.get("savings_interval_kwh")
    else:
        found = case.estimate.net_kgco2e
    start, end = (date.fromisoformat(day) for day in case.period)
    days = (end - start).days
    longer = days > LONGEST_YEAR_DAYS
    return found.scaled(DAYS_PER_YEAR / days) if found is not None and longer else found
