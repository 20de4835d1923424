"""Consultations at a distance: the trips patients did not make.

    avoided = sum over consultations (1 - p_follow_up)(1 - p_none)
              x 2 x distance x sum over modes share x factor / passengers - link

Class E: consultations and distances are logged, the share who would not have come at all is asked.
The published range of 0.70 to 372 kgCO2e per consultation (Purohit, Smith and Hibble, "Does
telemedicine reduce the carbon footprint of healthcare? A systematic review", Future Healthcare
Journal 8, 2021) is too wide to be a factor: the distance is.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from cobenefit_backend.estimate.equipment import with_equipment
from cobenefit_backend.estimate.net import Effect, Footprint, net
from cobenefit_backend.estimate.propagate import contributors, propagate, proportion
from cobenefit_backend.estimate.quantity import (
    DataOrigin,
    Disqualification,
    Estimate,
    Interval,
)
from cobenefit_backend.estimate.uncertainty import Draws, FloatArray, Getter
from cobenefit_backend.estimate.written import written
from cobenefit_backend.factors.registry import FactorSet

Mode = Literal["car_diesel", "car_petrol", "car_ev", "train", "bus", "on_foot"]
MODES: tuple[Mode, ...] = ("car_diesel", "car_petrol", "car_ev", "train", "bus", "on_foot")
_CARS: Mapping[str, tuple[str, str]] = {
    "car_diesel": ("veh.car.medium.diesel.l100", "fuel.diesel.b7b10.lca"),
    "car_petrol": ("veh.car.medium.petrol.l100", "fuel.petrol.e5e10.lca"),
    "car_ev": ("veh.ev.medium.kwh100", "grid.fr.ademe.avg.lca"),
}


@dataclass(frozen=True, slots=True)
class RemoteHealthInputs:
    """The consultations of a period.

    Attributes
    ----------
    distance_km : tuple of float
        One way, per consultation held at a distance, >= 0. [km]
    distance_source : {'road', 'centroid'}
        Road distance, or straight line between commune centroids (a detour is then added).
    mode_share : mapping of str to float
        Share of each mode, adding up to 1. [1]
    car_passengers : float
        People per car, >= 1; trains and buses are already counted per passenger. [1]
    follow_ups : int
        Consultations after which the patient came all the same. [1]
    asked, would_not_have_come : int
        Patients asked, and those who would otherwise have had no consultation. [1]
    gigabytes : float
        Data of one consultation, both sides. [GB]
    period_days : float
        Length of the period. [d]
    coverage_ratio : float
        Share of the consultations that were logged, 0 to 1. [1]
    data_origin : {'measured', 'modelled', 'synthetic'}
        Where the log comes from.
    """

    distance_km: tuple[float, ...]
    mode_share: Mapping[Mode, float]
    distance_source: Literal["road", "centroid"] = "road"
    car_passengers: float = 1.0
    follow_ups: int = 0
    asked: int = 0
    would_not_have_come: int = 0
    gigabytes: float = 0.0
    period_days: float = 365.0
    coverage_ratio: float = 1.0
    data_origin: DataOrigin = "measured"


def estimate(inputs: RemoteHealthInputs, factors: FactorSet, footprint: Footprint) -> Estimate:
    """Estimate the net effect of consultations held at a distance.

    Parameters
    ----------
    inputs : RemoteHealthInputs
        The log of a period.
    factors : FactorSet
        Emission factors.
    footprint : FootprintResult or Interval
        Yearly result, or an interval for the period. [kgCO2e]

    Returns
    -------
    Estimate
        Class E; P when no patient was asked; N without a consultation.

    Raises
    ------
    ValueError
        If the shares do not add up to 1, or a count is impossible.
    """
    _check(inputs)
    count = len(inputs.distance_km)
    if not count:
        return _nothing(inputs, footprint)
    measured = {
        "follow_up_ratio": proportion(inputs.follow_ups, count),
        "would_not_have_come_ratio": proportion(inputs.would_not_have_come, inputs.asked)
        if inputs.asked
        else Interval.exactly(0.0),
    }
    draws = Draws(factors)

    def avoided(f: Getter, m: Mapping[str, FloatArray]) -> FloatArray:
        return (
            (1 - m["follow_up_ratio"]) * (1 - m["would_not_have_come_ratio"]) * _trips(inputs, f)
        )

    gross = propagate(draws, avoided, measured)
    tornado = contributors(draws, avoided, measured, factors)
    link = draws.interval(lambda f: count * inputs.gigabytes * f("net.fixed_fr") / 1000)
    return net(
        Effect(
            use_case="remote_health",
            evidence_class="E" if inputs.asked else "P",
            label="logged consultations" if inputs.asked else "nobody asked, not claimed",
            gross_kgco2e=gross,
            rebound_kgco2e=Interval.exactly(0.0),
            second_order_kgco2e=gross,
            second_order_marginal_kgco2e=None,
            period_days=inputs.period_days,
            coverage_ratio=inputs.coverage_ratio,
            data_origin=inputs.data_origin,
            disqualifications=_records(inputs),
            factor_ids=tuple(sorted(draws.used)),
            written=written(avoided, measured, factors),
            details={
                "consultations": count,
                "distance_km": float(sum(inputs.distance_km)),
                **measured,
                "link_kgco2e": link,
                "per_consultation_kgco2e": gross.scaled(1 / count),
                "contributors": tornado,
                "rebound": "consultations held only because they are at a distance avoid no trip",
            },
        ),
        with_equipment(footprint, link, inputs.period_days),
    )


def _trips(inputs: RemoteHealthInputs, f: Getter) -> FloatArray:
    """Return the emissions of all the trips there and back."""
    km = np.asarray(2.0 * sum(inputs.distance_km))
    if inputs.distance_source == "centroid":
        km = km * f("travel.road_detour")
    return np.asarray(
        sum(km * share * _per_km(f, mode, inputs) for mode, share in inputs.mode_share.items())
    )


def _per_km(f: Getter, mode: Mode, inputs: RemoteHealthInputs) -> FloatArray:
    """Return the emissions of a patient's kilometre. [kgCO2e/km]."""
    if mode in _CARS:
        use, energy = _CARS[mode]
        return f(use) / 100 * f(energy) / inputs.car_passengers
    if mode == "on_foot":
        return np.asarray(0.0)
    return f("pax.train.ter" if mode == "train" else "pax.bus.diesel")


def _check(inputs: RemoteHealthInputs) -> None:
    if unknown := sorted(set(inputs.mode_share) - set(MODES)):
        raise ValueError(f"mode_share names {unknown}: use {', '.join(MODES)}")
    total = sum(inputs.mode_share.values())
    if abs(total - 1) > 1e-6 or min(inputs.mode_share.values()) < 0:
        raise ValueError(f"mode_share adds up to {total:g}: shares of 0 to 1 must add up to 1")
    if any(not km >= 0 for km in inputs.distance_km):
        raise ValueError("distance_km holds a negative or missing distance")
    if inputs.car_passengers < 1:
        raise ValueError(f"car_passengers is {inputs.car_passengers:g}: at least 1, the patient")
    if not 0 <= inputs.follow_ups <= len(inputs.distance_km):
        raise ValueError(f"follow_ups is {inputs.follow_ups}: 0 to the number of consultations")
    if not 0 <= inputs.would_not_have_come <= inputs.asked:
        raise ValueError(f"would_not_have_come is {inputs.would_not_have_come}: 0 to asked")


def _records(inputs: RemoteHealthInputs) -> tuple[Disqualification, ...]:
    records = []
    if not inputs.asked:
        records.append(
            Disqualification(
                "nobody_asked",
                "Nobody asked what the patients would have done otherwise: every consultation is"
                " taken to replace a trip.",
            )
        )
    if inputs.distance_source == "centroid":
        records.append(
            Disqualification(
                "detour_assumed", "Distances are straight lines, lengthened by an assumed detour."
            )
        )
    return tuple(records)


def _nothing(inputs: RemoteHealthInputs, footprint: Footprint) -> Estimate:
    text = "Nothing was logged in the period: only the footprint is known."
    return net(
        Effect(
            use_case="remote_health", evidence_class="N", label="nothing logged",
            gross_kgco2e=None, rebound_kgco2e=None, second_order_kgco2e=None,
            second_order_marginal_kgco2e=None, period_days=inputs.period_days,
            coverage_ratio=inputs.coverage_ratio, data_origin=inputs.data_origin,
            disqualifications=(Disqualification("nothing_logged", text),),
        ),
        footprint,
    )  # fmt: skip
