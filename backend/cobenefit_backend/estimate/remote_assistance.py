"""Remote assistance with a headset: the technician trips that were not made.

    avoided = cases x p(resolved without a later visit) x tour km x van factor - headsets

Class E. The kilometres are those of one more stop in a tour (marginal), never depot to site and
back for each case.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from cobenefit_backend.estimate.equipment import with_equipment
from cobenefit_backend.estimate.footprint import DAYS_PER_YEAR
from cobenefit_backend.estimate.net import Effect, Footprint, net
from cobenefit_backend.estimate.propagate import (
    MeasuredModel,
    contributors,
    propagate,
    proportion,
)
from cobenefit_backend.estimate.quantity import (
    DataOrigin,
    Disqualification,
    Estimate,
    EvidenceClass,
    Interval,
)
from cobenefit_backend.estimate.uncertainty import Draws, FloatArray, Getter
from cobenefit_backend.estimate.written import written
from cobenefit_backend.factors.registry import FactorSet


@dataclass(frozen=True, slots=True)
class RemoteAssistanceInputs:
    """The cases of a period.

    Attributes
    ----------
    cases : int
        Cases treated with remote assistance, >= 0. [1]
    resolved : int
        Of these, resolved without a later visit for the same cause. [1]
    followed_up : bool
        Whether later visits were looked up; otherwise `resolved` is only an assertion.
    km_per_visit : Interval
        Marginal van kilometres of one visit. [km]
    headsets, controllers : int
        Pieces of equipment in use. [1]
    period_days : float
        Length of the period. [d]
    coverage_ratio : float
        Share of the cases that were logged, 0 to 1. [1]
    data_origin : {'measured', 'modelled', 'synthetic'}
        Where the log comes from.
    """

    cases: int
    resolved: int
    km_per_visit: Interval
    followed_up: bool = False
    headsets: int = 1
    controllers: int = 0
    period_days: float = 365.0
    coverage_ratio: float = 1.0
    data_origin: DataOrigin = "measured"


def van_kgco2e_per_km(f: Getter) -> FloatArray:
    """Return the emissions of one kilometre of a light commercial vehicle. [kgCO2e/km]."""
    return f("veh.van.fr2005.l100") / 100 * f("fuel.diesel.law2017.total")


def headset_kgco2e_per_year(f: Getter, headsets: int, controllers: int) -> FloatArray:
    """Return manufacture and end of life of the equipment per year of service.

    Parameters
    ----------
    f : callable
        Factor getter.
    headsets, controllers : int
        Pieces in use. [1]

    Returns
    -------
    ndarray
        Equipment per year. [kgCO2e]
    """
    headset = f("ict.vr_headset.build") + f("ict.vr_headset.eol")
    return (headsets * headset + controllers * f("ict.vr_controller.build")) / f(
        "ict.vr_headset.life"
    )


def estimate(inputs: RemoteAssistanceInputs, factors: FactorSet, footprint: Footprint) -> Estimate:
    """Estimate the net effect of remote assistance.

    Parameters
    ----------
    inputs : RemoteAssistanceInputs
        The log of a period.
    factors : FactorSet
        Emission factors.
    footprint : FootprintResult or Interval
        Yearly result of the nodes, or an interval for the period; headsets are added here.
        [kgCO2e]

    Returns
    -------
    Estimate
        Class E; P when later visits were not looked up; N without a case.

    Raises
    ------
    ValueError
        If more cases were resolved than there were.
    """
    if not 0 <= inputs.resolved <= inputs.cases:
        raise ValueError(f"resolved is {inputs.resolved}: 0 to cases ({inputs.cases})")
    draws = Draws(factors)
    years = inputs.period_days / DAYS_PER_YEAR
    equipment = draws.interval(
        lambda f: years * headset_kgco2e_per_year(f, inputs.headsets, inputs.controllers)
    )
    measured = _measured(inputs)
    gross = propagate(draws, _avoided(inputs), measured) if inputs.cases else None
    evidence, label = _evidence(inputs)
    return net(
        Effect(
            use_case="remote_assistance",
            evidence_class=evidence,
            label=label,
            gross_kgco2e=gross,
            rebound_kgco2e=None if gross is None else Interval.exactly(0.0),
            second_order_kgco2e=gross,
            second_order_marginal_kgco2e=None,
            period_days=inputs.period_days,
            coverage_ratio=inputs.coverage_ratio,
            data_origin=inputs.data_origin,
            disqualifications=_records(inputs),
            factor_ids=tuple(sorted(draws.used)),
            details={
                "cases": inputs.cases,
                "equipment_kgco2e": equipment,
                **({} if gross is None else _details(inputs, draws, measured, factors)),
            },
            written=None if gross is None else written(_avoided(inputs), measured, factors),
        ),
        with_equipment(
            footprint,
            equipment,
            inputs.period_days,
            draws.interval(
                lambda f: (
                    headset_kgco2e_per_year(f, inputs.headsets, inputs.controllers)
                    * f("ict.vr_headset.life")
                )
            ),
        ),
    )


def _measured(inputs: RemoteAssistanceInputs) -> dict[str, Interval]:
    if not inputs.cases:
        return {}
    return {
        "resolved_ratio": proportion(inputs.resolved, inputs.cases),
        "km_per_visit": inputs.km_per_visit,
    }


def _avoided(inputs: RemoteAssistanceInputs) -> MeasuredModel:
    def avoided(f: Getter, m: Mapping[str, FloatArray]) -> FloatArray:
        return inputs.cases * m["resolved_ratio"] * m["km_per_visit"] * van_kgco2e_per_km(f)

    return avoided


def _details(
    inputs: RemoteAssistanceInputs,
    draws: Draws,
    measured: Mapping[str, Interval],
    factors: FactorSet,
) -> dict[str, object]:
    years = inputs.period_days / DAYS_PER_YEAR
    owed = years * headset_kgco2e_per_year(draws.value, inputs.headsets, inputs.controllers)
    return {
        **measured,
        "break_even_km": float(owed / van_kgco2e_per_km(draws.value)),
        "contributors": contributors(draws, _avoided(inputs), measured, factors),
        "rebound": "visits that remote assistance itself provoked are not looked for",
    }


def _evidence(inputs: RemoteAssistanceInputs) -> tuple[EvidenceClass, str]:
    if not inputs.cases:
        return "N", "nothing logged"
    if not inputs.followed_up:
        return "P", "later visits not looked up"
    return "E", "logged cases"


def _records(inputs: RemoteAssistanceInputs) -> tuple[Disqualification, ...]:
    if not inputs.cases:
        text = "Nothing was logged in the period: only the footprint is known."
        return (Disqualification("nothing_logged", text),)
    if not inputs.followed_up:
        text = "Nobody looked up whether a visit for the same cause came later."
        return (Disqualification("visits_not_looked_up", text),)
    return ()
