"""Who stands behind each study, and how much: what disclosure control is told of a report."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from cobenefit_backend.consents import Purpose
from cobenefit_backend.report.records import Case
from cobenefit_backend.report.series import coverage_ratio
from cobenefit_backend.store import Store
from cobenefit_backend.study import DeviceEntry, StudyDocument
from cobenefit_backend.study_kinds import Study

MIN_COVERAGE_RATIO = 0.5
"""A meter with fewer of its days is in the sum, but hides nobody. [1]"""


@dataclass(frozen=True, slots=True)
class Part:
    """What one device adds to one study.

    Attributes
    ----------
    study, site, device : str
        Which.
    contributor : str
        Who is behind it: a household, else the site, however many meters they have.
    use, change : float
        Its share of the study's net, by its use in the reporting period and by how much that
        differs from the baseline. [kgCO2e]
    """

    study: str
    site: str
    device: str
    contributor: str
    use: float
    change: float


def parts_of(store: Store, document: StudyDocument, cases: Sequence[Case]) -> list[Part]:
    """Return the parts of studies whose figures are to be published.

    Parameters
    ----------
    store : Store
        The store.
    document : StudyDocument
        The study document.
    cases : sequence of Case
        Its figures.

    Returns
    -------
    list of Part
        A part for each device that may be used for publication.
    """
    studies = {study.id: study for study in document.study}
    return [
        part
        for case in cases
        for part in _of_case(store, document, studies[case.study], abs(_net(case)))
    ]


def _net(case: Case) -> float:
    net = case.estimate.net_kgco2e
    return 0.0 if net is None else net.central


def _of_case(
    store: Store, document: StudyDocument, study: Study, net_kgco2e: float
) -> Iterator[Part]:
    register = store.consents.register(document.tenant)
    devices = [
        entry
        for entry in document.devices_of(study)
        if register.may(entry.site, entry.id, Purpose.PUBLICATION)
    ]
    zone = document.site_of(study).timezone
    measured = [_measured(store, document.tenant, study, entry, zone) for entry in devices]
    uses = _shares([use for use, _, _ in measured], net_kgco2e)
    changes = _shares([change for _, change, _ in measured], net_kgco2e)
    for entry, (_, _, whole), use, change in zip(devices, measured, uses, changes, strict=True):
        yield Part(study.id, entry.site, entry.id, _contributor(study, entry, whole), use, change)


def _contributor(study: Study, entry: DeviceEntry, whole: bool) -> str:
    if not whole:
        return f"incomplete {study.id}"
    return f"household {entry.household}" if entry.household else f"site {entry.site}"


def _shares(amounts: list[float], whole: float) -> list[float]:
    total = sum(amounts)
    return [whole * (each / total if total else 1 / len(amounts)) for each in amounts]


def _measured(
    store: Store, tenant: str, study: Study, entry: DeviceEntry, timezone: str
) -> tuple[float, float, bool]:
    """Return use, change of use, and whether both periods are covered enough to count."""
    if not study.channel:
        return 0.0, 0.0, True
    rows = store.daily(tenant, entry.site, entry.id, study.channel, Purpose.PUBLICATION)
    start, end, reporting_start, reporting_end = study.periods
    before, after = (
        _per_day(rows, timezone, *side)
        for side in ((start, end), (reporting_start, reporting_end))
    )
    whole = all(
        coverage_ratio(rows, timezone, *side) >= MIN_COVERAGE_RATIO
        for side in ((start, end), (reporting_start, reporting_end))
    )
    return after, abs(after - before), whole


def _per_day(rows: Sequence[dict[str, Any]], timezone: str, start: date, end: date) -> float:
    zone = ZoneInfo(timezone)
    first, last = (
        datetime(day.year, day.month, day.day, tzinfo=zone).timestamp() * 1000
        for day in (start, end)
    )
    amounts = [abs(row["delta"] or 0.0) for row in rows if first <= row["start_ms"] < last]
    return sum(amounts) / len(amounts) if amounts else 0.0
