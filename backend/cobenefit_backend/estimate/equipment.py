"""Equipment that a solution needs beside our nodes: headsets, screens, links.

It is part of the first-order effect, so it joins the footprint as a stage of its own.
"""

from dataclasses import replace

from cobenefit_backend.estimate.footprint import DAYS_PER_YEAR
from cobenefit_backend.estimate.net import Footprint
from cobenefit_backend.estimate.quantity import Interval


def with_equipment(
    footprint: Footprint,
    equipment: Interval,
    period_days: float,
    one_off: Interval | None = None,
) -> Footprint:
    """Add the equipment of a period to a footprint, bound by bound.

    Parameters
    ----------
    footprint : FootprintResult or Interval
        Yearly result of the nodes, or an interval for the period. [kgCO2e]
    equipment : Interval
        Equipment over the period. [kgCO2e]
    period_days : float
        Length of the period, > 0. [d]
    one_off : Interval or None
        What the equipment owed when it was made; None for what is only used. [kgCO2e]

    Returns
    -------
    FootprintResult or Interval
        The sum; in a yearly result the stage is named `equipment`, doubled with truncation 2
        like all manufacture.
    """
    if isinstance(footprint, Interval):
        return _sum(footprint, equipment)
    yearly = equipment.scaled(DAYS_PER_YEAR / period_days)

    def added(totals: dict[int, Interval]) -> dict[int, Interval]:
        return {key: _sum(value, yearly.scaled(key)) for key, value in totals.items()}

    return replace(
        footprint,
        one_off=_sum(footprint.one_off, one_off) if one_off else footprint.one_off,
        running=footprint.running if one_off else _sum(footprint.running, yearly),
        stages={
            key: {**stages, "equipment": yearly.scaled(key)}
            for key, stages in footprint.stages.items()
        },
        total=added(dict(footprint.total)),
        total_marginal=added(dict(footprint.total_marginal)),
    )


def _sum(a: Interval, b: Interval) -> Interval:
    return Interval(a.low + b.low, a.central + b.central, a.high + b.high)
