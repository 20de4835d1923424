"""Flood warnings: how good they were, never CO2e.

Emissions of a reconstruction that did not happen belong to an event that may not come: not
quantifiable. What is stated is whether the warnings could be relied on, and the devices' own
footprint.

Source of the scores: I. T. Jolliffe and D. B. Stephenson (eds), "Forecast Verification", chapter 3
(POD, FAR, CSI), 2012; G. W. Brier, "Verification of forecasts expressed in terms of probability",
Monthly Weather Review 78, 1950.
"""

from dataclasses import dataclass

import numpy as np

from cobenefit_backend.estimate.net import Effect, Footprint, net
from cobenefit_backend.estimate.propagate import proportion
from cobenefit_backend.estimate.quantity import (
    DataOrigin,
    Disqualification,
    Estimate,
    Interval,
)
from cobenefit_backend.factors.registry import FactorSet

MIN_EVENTS = 10


@dataclass(frozen=True, slots=True)
class ClimateEventInputs:
    """Warnings and what came.

    Attributes
    ----------
    hits, misses, false_alarms : int
        Events warned of, events not warned of, warnings without an event. [1]
    lead_h : tuple of float
        Time from the warning to the event, per hit. [h]
    probability : tuple of float
        Forecast probabilities, 0 to 1. [1]
    outcome : tuple of bool
        Whether the event came, one per probability.
    people_warned : int
        People reached by the warnings that were hits. [1]
    period_days : float
        Length of the period. [d]
    data_origin : {'measured', 'modelled', 'synthetic'}
        Where the record comes from.
    """

    hits: int
    misses: int
    false_alarms: int
    lead_h: tuple[float, ...] = ()
    probability: tuple[float, ...] = ()
    outcome: tuple[bool, ...] = ()
    people_warned: int = 0
    period_days: float = 365.0
    data_origin: DataOrigin = "measured"


def estimate(
    inputs: ClimateEventInputs,
    factors: FactorSet,  # noqa: ARG001  same interface as every use case
    footprint: Footprint,
) -> Estimate:
    """State how good the warnings were.

    Parameters
    ----------
    inputs : ClimateEventInputs
        Warnings and events.
    factors : FactorSet
        Not used: no CO2e follows.
    footprint : FootprintResult or Interval
        Yearly result, or an interval for the period. [kgCO2e]

    Returns
    -------
    Estimate
        Class N, always.

    Raises
    ------
    ValueError
        Where a count is negative, or probabilities and outcomes do not match.
    """
    _check(inputs)
    events, warnings = inputs.hits + inputs.misses, inputs.hits + inputs.false_alarms
    either = events + inputs.false_alarms
    return net(
        Effect(
            use_case="climate_event",
            evidence_class="N",
            label="indicator, no CO2e",
            gross_kgco2e=None,
            rebound_kgco2e=None,
            second_order_kgco2e=None,
            second_order_marginal_kgco2e=None,
            period_days=inputs.period_days,
            coverage_ratio=1.0,
            data_origin=inputs.data_origin,
            disqualifications=_records(events),
            details={
                "pod": _share(inputs.hits, events),
                "far": _share(inputs.false_alarms, warnings),
                "csi": _share(inputs.hits, either),
                "lead_h_median": float(np.median(inputs.lead_h)) if inputs.lead_h else None,
                "lead_h_least": min(inputs.lead_h, default=None),
                "brier": _brier(inputs),
                "brier_skill": _brier_skill(inputs),
                "events": events,
                "people_warned": inputs.people_warned,
                "rebound": "not applicable",
            },
        ),
        footprint,
    )


def _share(part: int, whole: int) -> Interval | None:
    return proportion(part, whole) if whole else None


def _brier(inputs: ClimateEventInputs) -> float | None:
    if not inputs.probability:
        return None
    gap = np.asarray(inputs.probability) - np.asarray(inputs.outcome, dtype=np.float64)
    return float((gap**2).mean())


def _brier_skill(inputs: ClimateEventInputs) -> float | None:
    """Return the Brier score against always forecasting the frequency of the record."""
    score = _brier(inputs)
    frequency = float(np.mean(inputs.outcome)) if inputs.outcome else 0.0
    reference = frequency * (1 - frequency)
    return None if score is None or not reference else 1 - score / reference


def _records(events: int) -> tuple[Disqualification, ...]:
    records = [
        Disqualification(
            "indicator_only", "An indicator: no CO2e follows from a warning that was heeded."
        )
    ]
    if events < MIN_EVENTS:
        records.append(
            Disqualification(
                "few_events",
                f"Fewer than {MIN_EVENTS} events: the scores say little.",
                {"events": events},
            )
        )
    return tuple(records)


def _check(inputs: ClimateEventInputs) -> None:
    if min(inputs.hits, inputs.misses, inputs.false_alarms, inputs.people_warned) < 0:
        raise ValueError("hits, misses, false_alarms and people_warned are counts: 0 or more")
    if len(inputs.probability) != len(inputs.outcome):
        raise ValueError(
            f"{len(inputs.probability)} probabilities and {len(inputs.outcome)} outcomes: one each"
        )
    if any(not 0 <= p <= 1 for p in inputs.probability):
        raise ValueError("a probability lies in 0 to 1")
    if len(inputs.lead_h) > inputs.hits:
        raise ValueError(f"{len(inputs.lead_h)} lead times for {inputs.hits} hits")
