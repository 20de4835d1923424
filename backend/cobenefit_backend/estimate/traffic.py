"""Fuel of a road from the distribution of link speeds, before and after a measure.

The distribution is used, not the mean: the fuel curve is convex, so the fuel at the mean speed
understates the mean fuel. A spot speed sees none of a stop at the next signal, so spot speeds
alone give no CO2e. Vehicles that moved to a parallel street have not gone: without a screenline
(see `road`) a fall in volume counts for nothing. Both vintages of the curve are run as scenarios.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from cobenefit_backend.estimate.footprint import Grid
from cobenefit_backend.estimate.fuel_curve import (
    MAX_SPEED_KMH,
    Vintage,
    fuel_l_per_km,
    kgco2e_per_km,
)
from cobenefit_backend.estimate.net import Effect, Footprint, net
from cobenefit_backend.estimate.propagate import MeasuredModel, contributors, propagate
from cobenefit_backend.estimate.quantity import (
    Disqualification,
    Estimate,
    EvidenceClass,
    Interval,
)
from cobenefit_backend.estimate.road import SpeedBin, TrafficInputs, counted, flow
from cobenefit_backend.estimate.uncertainty import Draws, FloatArray, Getter, interval_of
from cobenefit_backend.estimate.written import written
from cobenefit_backend.factors.registry import FactorSet

_Z95 = 1.6449


@dataclass(frozen=True, slots=True)
class TrafficResult:
    """Fuel and emissions of both sides over the days of the after side.

    Attributes
    ----------
    fuel_l, electricity_kwh, co2e_kg : dict of Interval
        By side, `before` and `after`. [l, kWh, kgCO2e]
    gross_kgco2e : Interval
        Counterfactual vehicles x (intensity before - intensity after). [kgCO2e]
    rebound_kgco2e : Interval
        Additional vehicles x intensity after. [kgCO2e]
    net_kgco2e : Interval
        Before - after = gross - rebound, footprint apart. [kgCO2e]
    net_marginal_kgco2e : Interval or None
        The same under the marginal grid; None without electric vehicles. [kgCO2e]
    break_even_growth : Interval
        Growth of traffic that wipes out the gross effect. [1]
    traffic_growth_ratio : float
        Growth observed. [1]
    factor_ids : tuple of str
        Factors used, sorted.
    """

    fuel_l: dict[str, Interval]
    electricity_kwh: dict[str, Interval]
    co2e_kg: dict[str, Interval]
    gross_kgco2e: Interval
    rebound_kgco2e: Interval
    net_kgco2e: Interval
    net_marginal_kgco2e: Interval | None
    break_even_growth: Interval
    traffic_growth_ratio: float
    factor_ids: tuple[str, ...]


class _Road:
    """Vehicle-kilometres of both sides as values or draws, on the after side's days."""

    def __init__(self, inputs: TrafficInputs, draws: Draws) -> None:
        self._inputs, self._draws = inputs, draws
        common = 1 + inputs.detector_error_ratio / _Z95 * draws.normal("traffic.detector")
        self._scale = {"before": inputs.after_days / inputs.before_days, "after": 1.0}
        self._count: dict[bool, dict[str, list[FloatArray]]] = {False: {}, True: {}}
        for side in ("before", "after"):
            values = [np.asarray(b.vehicles) for b in self.bins(side)]
            self._count[False][side] = values
            self._count[True][side] = [
                np.maximum(v + np.sqrt(v) * draws.normal(f"traffic.{side}.{i}"), 0.0) * common
                for i, v in enumerate(values)
            ]

    def bins(self, side: str) -> tuple[SpeedBin, ...]:
        return self._inputs.before if side == "before" else self._inputs.after

    def crossings(self, side: str, sampled: bool) -> list[FloatArray]:
        return [np.asarray(count * self._scale[side]) for count in self._count[sampled][side]]

    def km(self, side: str, sampled: bool) -> list[FloatArray]:
        lengths = [row.length_km or self._inputs.length_km for row in self.bins(side)]
        counts = self.crossings(side, sampled)
        return [count * length for count, length in zip(counts, lengths, strict=True)]

    def total(self, side: str, rate: "_Rate", sampled: bool) -> FloatArray:
        f = self._draws.sample if sampled else self._draws.value
        pairs = zip(self.bins(side), self.km(side, sampled), strict=True)
        return np.asarray(sum((rate(f, b) * km for b, km in pairs), np.asarray(0.0)))

    def parts(self, rate: "_Rate", sampled: bool) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return emissions before, after, and before's crossings at after's intensity."""
        f = self._draws.sample if sampled else self._draws.value
        before = self.total("before", rate, sampled)
        after = self.total("after", rate, sampled)
        mixed = np.asarray(0.0)
        for name in {b.vehicle_class for b in self.bins("before")}:
            flow_0, e_0 = self._by_class(f, "before", name, rate, sampled)
            flow_1, e_1 = self._by_class(f, "after", name, rate, sampled)
            with np.errstate(divide="ignore", invalid="ignore"):
                mixed = mixed + np.where(flow_1 > 0, flow_0 * e_1 / flow_1, e_0)
        return before, after, mixed

    def _by_class(
        self, f: Getter, side: str, name: str, rate: "_Rate", sampled: bool
    ) -> tuple[FloatArray, FloatArray]:
        groups = zip(
            self.bins(side), self.crossings(side, sampled), self.km(side, sampled), strict=True
        )
        rows = [(flow, rate(f, b) * km) for b, flow, km in groups if b.vehicle_class == name]
        zero = np.asarray(0.0)
        return (
            np.asarray(sum((row[0] for row in rows), zero)),
            np.asarray(sum((row[1] for row in rows), zero)),
        )


class _Rate:
    """Per-kilometre rate of a bin under one vintage and grid."""

    def __init__(self, kind: Literal["co2e", "fuel", "kwh"], vintage: Vintage, grid: Grid) -> None:
        self._kind, self._vintage, self._grid = kind, vintage, grid

    def __call__(self, f: Getter, row: SpeedBin) -> FloatArray:
        name, speed = row.vehicle_class, row.speed_kmh
        if self._kind == "co2e":
            return kgco2e_per_km(f, name, speed, self._vintage, self._grid)
        if self._kind == "kwh":
            return f("veh.ev.medium.kwh100") / 100 if name == "ev" else np.asarray(0.0)
        return np.asarray(0.0) if name == "ev" else fuel_l_per_km(f, name, speed, self._vintage)


def compare(inputs: TrafficInputs, factors: FactorSet) -> TrafficResult:
    """Compare both sides of a measure, footprint apart.

    Parameters
    ----------
    inputs : TrafficInputs
        Counts and speeds.
    factors : FactorSet
        Emission factors.

    Returns
    -------
    TrafficResult
        Central values with coefficient vintage a (buses b); intervals span both vintages.
    """
    draws = Draws(factors)
    inputs, flows = counted(inputs), flow(inputs)
    road = _Road(inputs, draws)
    marginal = None
    if any(row.vehicle_class == "ev" for row in (*inputs.before, *inputs.after)):
        marginal = _envelope(road, "co2e", "marginal")["net"]
    co2e = _envelope(road, "co2e", "average")
    fuel, power = _envelope(road, "fuel", "average"), _envelope(road, "kwh", "average")
    return TrafficResult(
        fuel_l={side: fuel[side] for side in ("before", "after")},
        electricity_kwh={side: power[side] for side in ("before", "after")},
        co2e_kg={side: co2e[side] for side in ("before", "after")},
        gross_kgco2e=co2e["gross"],
        rebound_kgco2e=co2e["rebound"],
        net_kgco2e=co2e["net"],
        net_marginal_kgco2e=marginal,
        break_even_growth=co2e["break_even_growth"],
        traffic_growth_ratio=flows["after"] / flows["before"] - 1 if flows["before"] else 0.0,
        factor_ids=tuple(sorted(draws.used)),
    )


def _envelope(
    road: _Road, kind: Literal["co2e", "fuel", "kwh"], grid: Grid
) -> dict[str, Interval]:
    """Run both vintages and keep the widest bounds around the central vintage a."""
    runs = []
    vintages: tuple[Vintage, Vintage] = ("a", "b")
    for vintage in vintages:
        rate = _Rate(kind, vintage, grid)
        value = _quantities(*road.parts(rate, sampled=False))
        drawn = _quantities(*road.parts(rate, sampled=True))
        runs.append({name: interval_of(float(value[name]), drawn[name]) for name in value})
    central, other = runs
    return {
        name: Interval(min(one.low, other[name].low), one.central, max(one.high, other[name].high))
        for name, one in central.items()
    }


def _quantities(before: FloatArray, after: FloatArray, mixed: FloatArray) -> dict[str, FloatArray]:
    growth = np.divide(before, mixed, out=np.ones_like(before), where=mixed > 0) - 1
    return {
        "before": before,
        "after": after,
        "gross": before - mixed,
        "rebound": after - mixed,
        "net": before - after,
        "break_even_growth": growth,
    }


def estimate(inputs: TrafficInputs, factors: FactorSet, footprint: Footprint) -> Estimate:
    """Estimate the net effect of a traffic measure.

    Parameters
    ----------
    inputs : TrafficInputs
        Counts and speeds of both sides.
    factors : FactorSet
        Emission factors.
    footprint : FootprintResult or Interval
        Yearly result, or an interval for the days of the after side. [kgCO2e]

    Returns
    -------
    Estimate
        Class M with link speeds, a screenline and a control corridor, E without one of them, P
        with modelled speeds, N without any CO2e for spot speeds.
    """
    result = compare(inputs, factors)
    records = _records(inputs)
    given, inputs = inputs, counted(inputs)
    spot = inputs.speed_source == "spot"
    evidence, label = _evidence(inputs)
    return net(
        Effect(
            use_case="traffic",
            evidence_class=evidence,
            label=label,
            gross_kgco2e=None if spot else result.gross_kgco2e,
            rebound_kgco2e=None if spot else result.rebound_kgco2e,
            second_order_kgco2e=None if spot else result.net_kgco2e,
            second_order_marginal_kgco2e=None if spot else result.net_marginal_kgco2e,
            period_days=inputs.after_days,
            coverage_ratio=inputs.coverage_ratio,
            data_origin="modelled" if inputs.speed_source == "modelled" else inputs.data_origin,
            disqualifications=records,
            charged_days=inputs.charged_days,
            factor_ids=() if spot else result.factor_ids,
            written=None if spot else written(_avoided(inputs), _measured(inputs), factors),
            details={
                "vehicles_before": float(sum(b.vehicles for b in given.before)),
                "vehicles_after": float(sum(b.vehicles for b in given.after)),
                "traffic_growth_ratio": result.traffic_growth_ratio,
                **({} if spot else _details(result, inputs, factors)),
            },
        ),
        footprint,
    )


def _measured(inputs: TrafficInputs) -> dict[str, Interval]:
    """Return the vehicles of every bin, on the days of the after side."""
    scale = {"before": inputs.after_days / inputs.before_days, "after": 1.0}
    return {
        f"{side}_{i}": Interval.exactly(row.vehicles * scale[side])
        for side in scale
        for i, row in enumerate(getattr(inputs, side))
    }


def _avoided(inputs: TrafficInputs) -> MeasuredModel:
    """Return before less after, with the central vintage of the curve."""
    rate = _Rate("co2e", "a", "average")

    def side(f: Getter, m: Mapping[str, FloatArray], name: str) -> FloatArray:
        rows = enumerate(getattr(inputs, name))
        terms = [
            m[f"{name}_{i}"] * (row.length_km or inputs.length_km) * rate(f, row)
            for i, row in rows
        ]
        return np.asarray(sum(terms, np.asarray(0.0)))

    def avoided(f: Getter, m: Mapping[str, FloatArray]) -> FloatArray:
        return side(f, m, "before") - side(f, m, "after")

    return avoided


def _details(
    result: TrafficResult, inputs: TrafficInputs, factors: FactorSet
) -> dict[str, object]:
    draws, measured = Draws(factors), _measured(inputs)
    propagate(draws, _avoided(inputs), measured)  # meets the factors that are varied next
    return {
        "contributors": contributors(draws, _avoided(inputs), measured, factors),
        "fuel_l": result.fuel_l,
        "electricity_kwh": result.electricity_kwh,
        "co2e_kg": result.co2e_kg,
        "break_even_growth": result.break_even_growth,
    }


def _evidence(inputs: TrafficInputs) -> tuple[EvidenceClass, str]:
    if inputs.speed_source == "spot":
        return "N", "spot speeds only, no CO2e"
    if inputs.speed_source == "modelled":
        return "P", "modelled"
    if inputs.control_corridor and inputs.screenline:
        return "M", "net of a control"
    return "E", "before/after, no control"


def _records(inputs: TrafficInputs) -> tuple[Disqualification, ...]:
    records = []
    if inputs.speed_source == "spot":
        records.append(
            Disqualification(
                "spot_speed_only",
                "A spot speed does not show stops: no CO2e follows from it.",
            )
        )
    if inputs.speed_source == "modelled":
        records.append(Disqualification("modelled_speeds", "Speeds are modelled, not measured."))
    if not inputs.control_corridor:
        records.append(
            Disqualification("no_control", "Before and after are compared without a control.")
        )
    if not inputs.screenline:
        records.append(
            Disqualification(
                "no_screenline",
                "No parallel street is counted: a fall in volume is no saving.",
                flow(inputs),
            )
        )
    fast = sum(b.vehicles for b in (*inputs.before, *inputs.after) if b.speed_kmh > MAX_SPEED_KMH)
    if fast:
        records.append(
            Disqualification(
                "speed_cut",
                "Speeds above 130 km/h are charged at 130 km/h.",
                {"vehicles": fast},
            )
        )
    return tuple(records)
