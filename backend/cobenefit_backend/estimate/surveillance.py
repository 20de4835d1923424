"""Air and water under watch: indicators, and no CO2e unless a release of gas was measured.

Hours above a threshold, time until somebody knew, dumps cleared. Only a measured leak of a
greenhouse gas that was stopped earlier gives CO2e: time gained x leak rate x warming potential.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from cobenefit_backend.estimate.baseline import FloatArray
from cobenefit_backend.estimate.net import Effect, Footprint, net
from cobenefit_backend.estimate.propagate import MeasuredModel, contributors, propagate
from cobenefit_backend.estimate.quantity import (
    DataOrigin,
    Disqualification,
    Estimate,
    Interval,
)
from cobenefit_backend.estimate.uncertainty import Draws, Getter
from cobenefit_backend.estimate.written import written
from cobenefit_backend.factors.registry import FactorSet

Gas = Literal["ch4", "sf6"]


@dataclass(frozen=True, slots=True)
class Release:
    """A leak that was measured and stopped.

    Attributes
    ----------
    gas : {'ch4', 'sf6'}
        The gas.
    rate_kg_per_h : Interval
        Measured leak rate. [kg/h]
    hours_gained : Interval
        How much earlier it was stopped than the same kind of leak before. [h]
    """

    gas: Gas
    rate_kg_per_h: Interval
    hours_gained: Interval


@dataclass(frozen=True, slots=True)
class SurveillanceInputs:
    """What was watched.

    Attributes
    ----------
    before, after : ndarray, shape (n,) and (q,)
        Hourly concentration or level, NaN where missing. [unit of the threshold]
    threshold : float
        Limit above which people are exposed. [unit of the series]
    unit : str
        Unit of series and threshold.
    detection_h_before, detection_h_after : tuple of float
        Time from an event to somebody knowing, per event. [h]
    releases : tuple of Release
        Leaks measured and stopped earlier.
    period_days : float
        Length of the reporting period. [d]
    data_origin : {'measured', 'modelled', 'synthetic'}
        Where the readings come from.
    """

    before: FloatArray
    after: FloatArray
    threshold: float
    unit: str
    detection_h_before: tuple[float, ...] = ()
    detection_h_after: tuple[float, ...] = ()
    releases: tuple[Release, ...] = ()
    period_days: float = 365.0
    data_origin: DataOrigin = "measured"


def estimate(inputs: SurveillanceInputs, factors: FactorSet, footprint: Footprint) -> Estimate:
    """State the indicators, and CO2e only for measured releases.

    Parameters
    ----------
    inputs : SurveillanceInputs
        Series and events.
    factors : FactorSet
        Emission factors.
    footprint : FootprintResult or Interval
        Yearly result, or an interval for the period. [kgCO2e]

    Returns
    -------
    Estimate
        Class N; E with a measured release.
    """
    draws = Draws(factors)
    measured = _measured(inputs)
    gross = propagate(draws, _avoided(inputs), measured) if measured else None
    records = () if gross is not None else (_NO_CO2E,)
    return net(
        Effect(
            use_case="surveillance",
            evidence_class="N" if gross is None else "E",
            label="indicator, no CO2e" if gross is None else "measured releases",
            gross_kgco2e=gross,
            rebound_kgco2e=None if gross is None else Interval.exactly(0.0),
            second_order_kgco2e=gross,
            second_order_marginal_kgco2e=None,
            period_days=inputs.period_days,
            coverage_ratio=_coverage(inputs.after),
            data_origin=inputs.data_origin,
            disqualifications=records,
            factor_ids=tuple(sorted(draws.used)),
            details={
                "hours_above_ratio_before": _above(inputs.before, inputs.threshold),
                "hours_above_ratio_after": _above(inputs.after, inputs.threshold),
                "excess_before": _excess(inputs.before, inputs.threshold),
                "excess_after": _excess(inputs.after, inputs.threshold),
                "threshold": inputs.threshold,
                "unit": inputs.unit,
                "detection_h_before": _median(inputs.detection_h_before),
                "detection_h_after": _median(inputs.detection_h_after),
                **({} if gross is None else _details(inputs, draws, measured, factors)),
            },
            written=written(_avoided(inputs), measured, factors) if measured else None,
        ),
        footprint,
    )


_NO_CO2E = Disqualification(
    "indicator_only", "An indicator: no CO2e follows from watching air or water."
)


def _measured(inputs: SurveillanceInputs) -> dict[str, Interval]:
    return {
        f"release_{i}.{name}": getattr(release, name)
        for i, release in enumerate(inputs.releases)
        for name in ("rate_kg_per_h", "hours_gained")
    }


def _avoided(inputs: SurveillanceInputs) -> MeasuredModel:
    def avoided(f: Getter, m: Mapping[str, FloatArray]) -> FloatArray:
        return np.asarray(
            sum(
                m[f"release_{i}.rate_kg_per_h"]
                * m[f"release_{i}.hours_gained"]
                * f(f"gwp100.{release.gas}.ar6")
                for i, release in enumerate(inputs.releases)
            )
        )

    return avoided


def _details(
    inputs: SurveillanceInputs, draws: Draws, measured: Mapping[str, Interval], factors: FactorSet
) -> dict[str, Any]:
    return {
        "releases": len(inputs.releases),
        "contributors": contributors(draws, _avoided(inputs), measured, factors),
        "rebound": "none known",
    }


def _coverage(values: FloatArray) -> float:
    return float(np.isfinite(values).mean()) if len(values) else 0.0


def _above(values: FloatArray, threshold: float) -> float | None:
    """Return the share of the hours with data that lie above the threshold."""
    known = values[np.isfinite(values)]
    return float((known > threshold).mean()) if len(known) else None


def _excess(values: FloatArray, threshold: float) -> float | None:
    """Return the mean excess over the threshold per hour with data. [unit of the series]."""
    known = values[np.isfinite(values)]
    return float(np.maximum(known - threshold, 0.0).mean()) if len(known) else None


def _median(hours: tuple[float, ...]) -> float | None:
    return float(np.median(hours)) if hours else None
