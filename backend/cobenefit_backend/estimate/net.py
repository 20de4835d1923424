"""NET = GROSS - REBOUND - FIRST_ORDER, and the gates a claim must pass.

A gate that fails weakens a favourable claim to class P ("potential, not claimed", never
totalled). An unfavourable figure is never set aside: that would flatter the total.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cobenefit_backend.estimate.break_even import break_even
from cobenefit_backend.estimate.footprint import DAYS_PER_YEAR, FootprintResult, Grid
from cobenefit_backend.estimate.quantity import (
    DataOrigin,
    Disqualification,
    Estimate,
    EvidenceClass,
    Interval,
)
from cobenefit_backend.estimate.written import Written

MAX_RELATIVE_UNCERTAINTY = 0.50
MAX_PORTFOLIO_UNCERTAINTY = 0.25
MIN_COVERAGE_RATIO = 0.90

Footprint = FootprintResult | Interval
"""Per-year result of `footprint`, or an interval already for the period [kgCO2e]."""


@dataclass(frozen=True, slots=True)
class Effect:
    """Second-order effect of one use case, before the footprint.

    Attributes
    ----------
    use_case : str
        Design id.
    evidence_class : {'M', 'E', 'P', 'N'}
        Class before the gates.
    label : str
        What must be printed beside the figure.
    gross_kgco2e, rebound_kgco2e : Interval or None
        Both None where no CO2e may be claimed. [kgCO2e]
    second_order_kgco2e : Interval or None
        Gross - rebound, from common draws. [kgCO2e]
    second_order_marginal_kgco2e : Interval or None
        The same under the marginal grid, None where no electricity is involved. [kgCO2e]
    period_days : float
        Length of the reporting period. [d]
    coverage_ratio : float
        Share of the expected data present. [1]
    data_origin : {'measured', 'modelled', 'synthetic'}
        Where the activity data come from.
    units : int
        Meters, fields or corridors in the figure; above 1 the portfolio gate holds. [1]
    disqualifications : tuple of Disqualification
        Reasons found by the estimator.
    factor_ids : tuple of str
        Factors used.
    details : mapping
        Quantities behind the figure.
    written : Written or None
        The formula of gross - rebound, None where no CO2e may be claimed.
    charged_days : float or None
        Days the devices are charged for, where that is longer than the days with data. [d]
    """

    use_case: str
    evidence_class: EvidenceClass
    label: str
    gross_kgco2e: Interval | None
    rebound_kgco2e: Interval | None
    second_order_kgco2e: Interval | None
    second_order_marginal_kgco2e: Interval | None
    period_days: float
    coverage_ratio: float
    data_origin: DataOrigin
    units: int = 1
    disqualifications: tuple[Disqualification, ...] = ()
    factor_ids: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    written: Written | None = None
    charged_days: float | None = None

    @property
    def days(self) -> float:
        """Days the devices are charged for.

        Returns
        -------
        float
            Length. [d]
        """
        return self.period_days if self.charged_days is None else self.charged_days


def net(effect: Effect, footprint: Footprint) -> Estimate:
    """Subtract the footprint of the same period and apply the gates.

    Parameters
    ----------
    effect : Effect
        Second-order effect.
    footprint : FootprintResult or Interval
        Yearly result, or an interval for the period. [kgCO2e]

    Returns
    -------
    Estimate
        Class, intervals and every reason to doubt them.
    """
    days = effect.days
    own = _over(footprint, days, 1, "average")
    own_2 = _over(footprint, days, 2, "average")
    first, second = effect.second_order_kgco2e, effect.second_order_marginal_kgco2e
    net_kgco2e = None if first is None else first.minus(own)
    net_2 = None if first is None else first.minus(own_2)
    failed = () if net_kgco2e is None else _gates(effect, net_kgco2e, own)
    weakening = {"imprecise", "low_coverage", "not_above_doubled_footprint"}
    evidence = effect.evidence_class
    if evidence in ("M", "E") and any(record.code in weakening for record in failed):
        evidence = "P"
    known = footprint if isinstance(footprint, FootprintResult) else None
    return Estimate(
        use_case=effect.use_case,
        evidence_class=evidence,
        label=effect.label,
        gross_kgco2e=effect.gross_kgco2e,
        rebound_kgco2e=effect.rebound_kgco2e,
        footprint_kgco2e=own,
        net_kgco2e=net_kgco2e,
        net_marginal_kgco2e=None
        if second is None
        else second.minus(_over(footprint, days, 1, "marginal")),
        coverage_ratio=effect.coverage_ratio,
        data_origin=effect.data_origin,
        disqualifications=(
            *effect.disqualifications,
            *failed,
            *(known.disqualifications if known else ()),
        ),
        factor_ids=tuple(sorted({*effect.factor_ids, *(known.factor_ids if known else ())})),
        details={
            **effect.details,
            **({} if known is None else {"footprint_by_stage": _stages(known, days)}),
            "break_even": break_even(effect.use_case, first, footprint, days, effect.details),
            "sensitivity": _sensitivity(first, second, footprint, days),
            "footprint_truncation_2_kgco2e": own_2,
            "net_truncation_2_kgco2e": net_2,
            "class_before_gates": effect.evidence_class,
        },
        equation=effect.written.names if effect.written else "",
        arithmetic=effect.written.numbers if effect.written else "",
    )


def _stages(own: FootprintResult, days: float) -> dict[str, Interval]:
    return {name: each.scaled(days / DAYS_PER_YEAR) for name, each in own.stages[1].items()}


def _sensitivity(
    first: Interval | None, second: Interval | None, footprint: Footprint, days: float
) -> dict[str, Interval]:
    """Return the net under other assumptions, one at a time."""
    if first is None:
        return {}
    own = _over(footprint, days, 1, "average")
    found = {
        "truncation_2": first.minus(_over(footprint, days, 2, "average")),
        "half_effect": first.scaled(0.5).minus(own),
    }
    if isinstance(footprint, FootprintResult):
        rare = footprint.total[1].plus(_made_yearly(footprint))
        found["half_life"] = first.minus(rare.scaled(days / DAYS_PER_YEAR))
    if second is not None:
        found["marginal_grid"] = second.minus(_over(footprint, days, 1, "marginal"))
    return found


def _made_yearly(own: FootprintResult) -> Interval:
    """Return what making, installing and disposing of the devices costs a year."""
    stages = [own.stages[1][name] for name in ("manufacture", "installation", "end_of_life")]
    return Interval(
        sum(s.low for s in stages), sum(s.central for s in stages), sum(s.high for s in stages)
    )


def _over(footprint: Footprint, days: float, truncation: int, grid: Grid) -> Interval:
    """Return the footprint of the period; a bare interval is doubled whole for truncation 2."""
    if isinstance(footprint, FootprintResult):
        return footprint.over(days, truncation, grid)
    return footprint.scaled(truncation)


def _gates(effect: Effect, net_kgco2e: Interval, own: Interval) -> tuple[Disqualification, ...]:
    """Return the failed gates of a claim."""
    failed = []
    if effect.coverage_ratio < MIN_COVERAGE_RATIO and net_kgco2e.central > 0:
        failed.append(
            Disqualification(
                "low_coverage",
                "More than 10 % of the expected data are missing.",
                {"coverage_ratio": effect.coverage_ratio},
            )
        )
    if net_kgco2e.contains_zero:
        failed.append(
            Disqualification(
                "not_distinguishable_from_zero",
                "The 90 % interval of the net effect contains zero.",
                net_kgco2e.to_dict(),
            )
        )
        return tuple(failed)
    if net_kgco2e.central < 0:
        return tuple(failed)
    relative = net_kgco2e.half_width / net_kgco2e.central
    limit = MAX_PORTFOLIO_UNCERTAINTY if effect.units > 1 else MAX_RELATIVE_UNCERTAINTY
    if relative > limit:
        failed.append(
            Disqualification(
                "imprecise",
                f"The interval is wider than {limit:.0%} of the net effect on each side.",
                {"relative_uncertainty": relative, "limit": limit},
            )
        )
    if net_kgco2e.central <= own.central:
        failed.append(
            Disqualification(
                "not_above_doubled_footprint",
                "The net effect does not survive a doubled footprint.",
                {"net_kgco2e": net_kgco2e.central, "footprint_kgco2e": own.central},
            )
        )
    return tuple(failed)
