"""Nets of some of the studies: of a use case, a site, an area, or all of them.

The sums are those of `estimate.portfolio`, on the studies that the report counts: classes M and E
apart; synthetic, modelled, potential and test rows, and what another study counts, never.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from cobenefit_backend.estimate.portfolio import CLASSES, portfolio
from cobenefit_backend.estimate.quantity import Interval
from cobenefit_backend.factors.registry import FactorSet
from cobenefit_backend.report.records import Case, Report


@dataclass(frozen=True, slots=True)
class Net:
    """The net of the studies of one evidence class.

    Parameters
    ----------
    evidence : str
        `M` or `E`.
    interval : Interval
        Their net. [kgCO2e]
    cases : tuple of Case
        The studies added.
    """

    evidence: str
    interval: Interval
    cases: tuple[Case, ...]

    @property
    def devices(self) -> int:
        """Number of devices behind it.

        Returns
        -------
        int
            Each counted once. [1]
        """
        return len({(case.site, device) for case in self.cases for device in case.devices})

    @property
    def per_device(self) -> Interval:
        """The net by the number of its devices.

        Returns
        -------
        Interval
            Share of each device. [kgCO2e]
        """
        each, count = self.interval, self.devices
        return Interval(each.low / count, each.central / count, each.high / count)

    @property
    def coverage_ratio(self) -> float:
        """The coverage of the study that has least.

        Returns
        -------
        float
            Covered share of the reporting period. [1]
        """
        return min(case.estimate.coverage_ratio for case in self.cases)

    @property
    def period(self) -> tuple[str, str]:
        """First and last day of their reporting periods, ISO dates, end exclusive."""
        periods = [case.period for case in self.cases]
        return min(start for start, _ in periods), max(end for _, end in periods)


def nets(report: Report, cases: Sequence[Case], factors: FactorSet) -> list[Net]:
    """Return the nets of some studies, class M before class E.

    Parameters
    ----------
    report : Report
        The report they stand in, which knows what another study counts already.
    cases : sequence of Case
        Which.
    factors : FactorSet
        The factors the report was made with.

    Returns
    -------
    list of Net
        One for each class that has a net.
    """
    by_id = {
        case.study: case
        for case in cases
        if case.counts and case.study not in report.totals["overlapping"]
    }
    found = portfolio({study: case.estimate for study, case in by_id.items()}, (), factors)
    return [
        Net(name, subtotal.net_kgco2e, tuple(by_id[study] for study in subtotal.studies))
        for name in CLASSES
        if (subtotal := found.subtotals[name]).net_kgco2e is not None
    ]
