"""The charts of one study as tables, for CSV files: in full, nothing rounded."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from cobenefit_backend.exports.tables import Table
from cobenefit_backend.report.calendar import Day
from cobenefit_backend.report.payback import payback
from cobenefit_backend.report.view import CaseView

NET = ("study", "date", "extrapolated", "footprint", "net_low", "net", "net_high", "unit")
FOOTPRINT = ("study", "start", "end", "quantity", "low", "central", "high", "unit")
COVERAGE = ("start", "end", "readings", "expected", "coverage_ratio", "state")


def net_over_time(view: CaseView) -> Table:
    """Return the cumulative net from the start of the reporting period [kgCO2e].

    Parameters
    ----------
    view : CaseView
        The study.

    Returns
    -------
    Table
        Without rows where nothing can be paid back.
    """
    found = payback(view)
    if found is None:
        return Table("net", NET, ())
    rows = []
    for years in found.points:
        net, own = found.net(years), found.own(years).central
        told = (found.day(years).isoformat(), years > found.measured_years, own)
        rows.append((view.case.study, *told, net.low, net.central, net.high, "kgCO2e"))
    return Table("net", NET, tuple(rows))


def footprint(view: CaseView) -> Table:
    """Return gross effect, rebound and the footprint by stage over the period [kgCO2e].

    Parameters
    ----------
    view : CaseView
        The study.

    Returns
    -------
    Table
        One row per quantity; a gross effect only where one is claimed.
    """
    case = view.case
    estimate = case.estimate
    effects = {"gross": estimate.gross_kgco2e, "rebound": estimate.rebound_kgco2e}
    bounds = {name: each.to_dict() for name, each in effects.items() if each is not None}
    bounds |= case.footprint["by_stage"]
    rows = [
        (case.study, *case.period, name, each["low"], each["central"], each["high"], "kgCO2e")
        for name, each in bounds.items()
    ]
    return Table("footprint", FOOTPRINT, tuple(rows))


def coverage(days: Sequence[Day], timezone: str) -> Table:
    """Return the readings of each day [1].

    Parameters
    ----------
    days : sequence of Day
        Consecutive days.
    timezone : str
        Time zone of the site.

    Returns
    -------
    Table
        One row per day, start and end with their offset from UTC.
    """
    zone = ZoneInfo(timezone)

    def at(day: date) -> str:
        return datetime.combine(day, time(), zone).isoformat()

    rows = [
        (at(d.day), at(d.day + timedelta(days=1)), d.count, d.expected, d.ratio, d.state)
        for d in days
    ]
    return Table("coverage", COVERAGE, tuple(rows))
