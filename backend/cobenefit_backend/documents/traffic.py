"""A road section, and the streets beside it, before and after a measure."""

from typing import Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta

from cobenefit_backend.documents.base import (
    NO_FOOTPRINT,
    Answer,
    Document,
    NonNegative,
    Positive,
    Share,
)
from cobenefit_backend.documents.footprint import FootprintDocument, footprint_of
from cobenefit_backend.errors import InputError
from cobenefit_backend.estimate import traffic
from cobenefit_backend.estimate.fuel_curve import VehicleClass
from cobenefit_backend.estimate.link_speed import in_order, speed_bins
from cobenefit_backend.estimate.quantity import Interval
from cobenefit_backend.estimate.road import SpeedBin, TrafficInputs
from cobenefit_backend.factors.registry import FactorSet


class SpeedBinDocument(Document, frozen=True):
    """Vehicles of one class at one link speed."""

    vehicle_class: VehicleClass = msgspec.field(name="class")
    speed_kmh: Annotated[float, Meta(gt=0, le=250)]
    vehicles: NonNegative


class LinkDocument(Document, frozen=True):
    """Travel times of one class over the link, or passages at its two ends in order.

    `vehicles` is how many passed in all; 0 takes the travel times for all of them.
    """

    vehicle_class: VehicleClass = msgspec.field(name="class")
    travel_time_s: list[Positive] = msgspec.field(default_factory=list)
    upstream_s: list[NonNegative] = msgspec.field(default_factory=list)
    downstream_s: list[NonNegative] = msgspec.field(default_factory=list)
    vehicles: NonNegative = 0.0


Rows = list[SpeedBinDocument]
Links = list[LinkDocument]


class RoadDocument(Document, frozen=True):
    """A parallel street: what is counted there belongs to the same screenline."""

    length_km: Positive
    before: Rows = msgspec.field(default_factory=list)
    after: Rows = msgspec.field(default_factory=list)
    before_links: Links = msgspec.field(default_factory=list)
    after_links: Links = msgspec.field(default_factory=list)
    before_days: Positive = 1.0
    after_days: Positive = 1.0


class TrafficDocument(RoadDocument, frozen=True):
    """A road section before and after a measure, with the streets beside it."""

    speed_source: Literal["link", "spot", "modelled"] = "link"
    parallel: list[RoadDocument] = msgspec.field(default_factory=list)
    control_corridor: bool = False
    detector_error_ratio: Share = 0.05
    footprint: FootprintDocument | None = None


def run(document: TrafficDocument, factors: FactorSet) -> Answer:
    """Return both sides and their difference, less the footprint where one is given."""
    sides = {side: _bins(document, side, "$") for side in ("before", "after")}
    for index, road in enumerate(document.parallel):
        for side, bins in sides.items():
            sides[side] = bins + _beside(document, road, side, f"$.parallel[{index}]")
    inputs = TrafficInputs(
        length_km=document.length_km,
        before=sides["before"],
        after=sides["after"],
        speed_source=document.speed_source,
        before_days=document.before_days,
        after_days=document.after_days,
        screenline=bool(document.parallel),
        control_corridor=document.control_corridor,
        detector_error_ratio=document.detector_error_ratio,
    )
    own = document.footprint
    judged = traffic.estimate(
        inputs, factors, Interval.exactly(0.0) if own is None else footprint_of(own, factors)
    )
    answer: Answer = {
        "evidence_class": judged.evidence_class,
        "label": judged.label,
        "fuel_l": None,
        "co2e_kg": None,
        "break_even_growth": None,
        **judged.details,
        "gross": judged.gross_kgco2e,
        "rebound": judged.rebound_kgco2e,
        "footprint_kgco2e": judged.footprint_kgco2e,
        "net": judged.net_kgco2e,
        "net_marginal": judged.net_marginal_kgco2e,
        "equation": judged.equation,
        "arithmetic": judged.arithmetic,
        "factor_ids": judged.factor_ids,
        "disqualifications": [*judged.disqualifications, *([] if own else [NO_FOOTPRINT])],
    }
    for key in ("footprint_truncation_2_kgco2e", "net_truncation_2_kgco2e"):
        del answer[key]
    return answer


def _beside(
    document: TrafficDocument, road: RoadDocument, side: str, where: str
) -> tuple[SpeedBin, ...]:
    """Return the bins of a parallel street on the days of the road itself."""
    days = getattr(document, f"{side}_days") / getattr(road, f"{side}_days")
    return tuple(
        SpeedBin(row.vehicle_class, row.speed_kmh, row.vehicles * days, road.length_km)
        for row in _bins(road, side, where)
    )


def _bins(road: RoadDocument, side: str, where: str) -> tuple[SpeedBin, ...]:
    rows, links = getattr(road, side), getattr(road, f"{side}_links")
    if not rows and not links:
        raise InputError(
            f"give speed bins, or travel times in {side}_links", where=f"{where}.{side}"
        )
    bins = [SpeedBin(r.vehicle_class, r.speed_kmh, r.vehicles) for r in rows]
    for index, link in enumerate(links):
        bins += _of_link(link, road.length_km, f"{where}.{side}_links[{index}]")
    return tuple(bins)


def _of_link(link: LinkDocument, length_km: float, where: str) -> list[SpeedBin]:
    """Return travel times as speed bins, for all the vehicles that passed."""
    if bool(link.travel_time_s) == bool(link.upstream_s):
        raise InputError("give either travel_time_s, or upstream_s and downstream_s", where=where)
    try:
        taken = np.array(link.travel_time_s) if link.travel_time_s else in_order(
            np.array(link.upstream_s), np.array(link.downstream_s)
        )  # fmt: skip
    except ValueError as error:
        raise InputError(str(error), where=where) from error
    share = (link.vehicles or len(taken)) / len(taken)
    return [
        SpeedBin(link.vehicle_class, speed, seen * share)
        for speed, seen in speed_bins(length_km, taken, np.ones(len(taken)))
    ]
