"""The page of one study: what the report says of it, and the charts it has no room for."""

from collections.abc import Sequence
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from cobenefit_backend.database import Database
from cobenefit_backend.device_reads import coverage_of_series
from cobenefit_backend.errors import RequestError
from cobenefit_backend.pages import frame
from cobenefit_backend.report import beside, calendar, payback
from cobenefit_backend.report.calendar import Day
from cobenefit_backend.report.panels import Panel
from cobenefit_backend.report.records import Case, Report
from cobenefit_backend.report.render import Edition
from cobenefit_backend.report.view import CaseView
from cobenefit_backend.report.words import Language


class StudyEdition(Edition):
    """A report of one study, with the charts of its page.

    Parameters
    ----------
    report : Report
        The report.
    language : {'en', 'fr'}
        Its language.
    study : str
        Which study.
    days : sequence of Day
        Coverage of its series; empty for a study without any.
    """

    def __init__(
        self, report: Report, language: Language, study: str, days: Sequence[Day]
    ) -> None:
        super().__init__(report, language, study=study)
        self.days = days

    def panels(self, view: CaseView) -> list[Panel]:
        """Return the charts of a case: the report's, then those of this page."""
        query = "?dialect=fr" if self.language == "fr" else ""
        address = f"/studies/{view.case.study}"
        found = [
            *super().panels(view),
            beside.panel(view, f"{address}/footprint.csv{query}"),
            payback.panel(view, f"{address}/net.csv{query}"),
        ]
        if self.days:
            csv, periods = f"{address}/coverage.csv{query}", periods_of(view.case)
            found.append(calendar.panel(self.days, self.reader, csv, periods))
        return [panel for panel in found if panel is not None]


def page(report: Report, language: Language, study: str, days: Sequence[Day]) -> str:
    """Return the page of a study.

    Parameters
    ----------
    report : Report
        The report.
    language : {'en', 'fr'}
        Its language.
    study : str
        Id of the study.
    days : sequence of Day
        See `days_of`.

    Returns
    -------
    str
        HTML.
    """
    edition = StudyEdition(report, language, study, days)
    view = edition.cases[0]
    return frame.html("study", language, view.title, owner=edition.tenant, e=edition, v=view)


def case_of(report: Report, study: str) -> Case:
    """Return a study of a report.

    Parameters
    ----------
    report : Report
        The report.
    study : str
        Its id.

    Returns
    -------
    Case
        The study.

    Raises
    ------
    RequestError
        404 when there is none.
    """
    for case in report.cases:
        if case.study == study:
            return case
    raise RequestError(404, "study", f"no study {study!r} in this report")


def periods_of(case: Case) -> dict[str, tuple[date, date]]:
    """Return baseline and reporting period, ends exclusive."""
    return {
        name: (date.fromisoformat(start), date.fromisoformat(end))
        for name, (start, end) in (("baseline", case.baseline), ("reporting", case.period))
    }


def days_of(database: Database, tenant: str, case: Case) -> list[Day]:
    """Return the coverage of a study's series, day by day.

    Parameters
    ----------
    database : Database
        Where its windows stand.
    tenant : str
        Whose.
    case : Case
        The study.

    Returns
    -------
    list of Day
        From the first day of the baseline to the last of the reporting period; empty for a
        study that reads no series.
    """
    channels, zone = case.extra["channels"], case.extra["timezone"]
    if not channels:
        return []
    periods = periods_of(case)
    span = periods["baseline"][0], periods["reporting"][1]
    ends = midnight_ms(span[0], zone), midnight_ms(span[1], zone)
    series = (case.devices, channels)
    rows = coverage_of_series(database, tenant, case.site, series, ends)
    return calendar.days_of(rows, zone, span)


def midnight_ms(day: date, timezone: str) -> int:
    """Return when a local day starts.

    Parameters
    ----------
    day : date
        The day.
    timezone : str
        Of the site.

    Returns
    -------
    int
        Unix time. [ms]
    """
    start = datetime.combine(day, time(), ZoneInfo(timezone))
    return round(start.timestamp() * 1000)
