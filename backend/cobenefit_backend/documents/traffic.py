"""A road section before and after a measure."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from cobenefit_backend.documents.base import (
    NO_FOOTPRINT,
    Answer,
    Document,
    NonNegative,
    Positive,
    Share,
)
from cobenefit_backend.estimate import traffic
from cobenefit_backend.estimate.fuel_curve import VehicleClass
from cobenefit_backend.estimate.quantity import Interval
from cobenefit_backend.estimate.road import SpeedBin, TrafficInputs
from cobenefit_backend.factors.registry import FactorSet


class SpeedBinDocument(Document, frozen=True):
    """Vehicles of one class at one link speed."""

    vehicle_class: VehicleClass = msgspec.field(name="class")
    speed_kmh: Annotated[float, Meta(gt=0, le=250)]
    vehicles: NonNegative


class TrafficDocument(Document, frozen=True):
    """A road section before and after a measure."""

    length_km: Positive
    before: Annotated[list[SpeedBinDocument], Meta(min_length=1)]
    after: Annotated[list[SpeedBinDocument], Meta(min_length=1)]
    speed_source: Literal["link", "spot", "modelled"] = "link"
    before_days: Positive = 1.0
    after_days: Positive = 1.0
    control_corridor: bool = False
    detector_error_ratio: Share = 0.05


def run(document: TrafficDocument, factors: FactorSet) -> Answer:
    """Return both sides and their difference; the footprint is not subtracted."""
    inputs = TrafficInputs(
        length_km=document.length_km,
        before=_bins(document.before),
        after=_bins(document.after),
        speed_source=document.speed_source,
        before_days=document.before_days,
        after_days=document.after_days,
        control_corridor=document.control_corridor,
        detector_error_ratio=document.detector_error_ratio,
    )
    judged = traffic.estimate(inputs, factors, Interval.exactly(0.0))
    answer: Answer = {
        "evidence_class": judged.evidence_class,
        "label": judged.label,
        "fuel_l": None,
        "co2e_kg": None,
        "break_even_growth": None,
        **judged.details,
        "gross": judged.gross_kgco2e,
        "rebound": judged.rebound_kgco2e,
        "net": judged.net_kgco2e,
        "net_marginal": judged.net_marginal_kgco2e,
        "equation": judged.equation,
        "arithmetic": judged.arithmetic,
        "factor_ids": judged.factor_ids,
        "disqualifications": [*judged.disqualifications, NO_FOOTPRINT],
    }
    for key in ("footprint_truncation_2_kgco2e", "net_truncation_2_kgco2e"):
        del answer[key]
    return answer


def _bins(rows: list[SpeedBinDocument]) -> tuple[SpeedBin, ...]:
    return tuple(SpeedBin(r.vehicle_class, r.speed_kmh, r.vehicles) for r in rows)
