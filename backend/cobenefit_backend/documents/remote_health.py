"""Consultations held at a distance."""

from typing import Annotated, Literal

from msgspec import Meta

from cobenefit_backend.documents.base import (
    Answer,
    Document,
    NonNegative,
    Number,
    Origin,
    Positive,
    Share,
)
from cobenefit_backend.documents.footprint import FootprintDocument
from cobenefit_backend.documents.judged import judged
from cobenefit_backend.estimate import remote_health
from cobenefit_backend.factors.registry import FactorSet


class RemoteHealthDocument(Document, frozen=True):
    """The log of a period; distances one way, one per consultation."""

    distance_km: list[NonNegative]
    mode_share: dict[remote_health.Mode, Share]
    distance_source: Literal["road", "centroid"] = "road"
    car_passengers: Annotated[float, Meta(ge=1, le=9)] = 1.0
    follow_ups: Number = 0
    asked: Number = 0
    would_not_have_come: Number = 0
    gigabytes: NonNegative = 0.0
    period_days: Positive = 365.0
    coverage_ratio: Share = 1.0
    data_origin: Origin = "measured"
    footprint: FootprintDocument | None = None


def run(document: RemoteHealthDocument, factors: FactorSet) -> Answer:
    """Return the answer of a document; InputError says what does not fit."""
    return judged(
        lambda own: remote_health.estimate(
            remote_health.RemoteHealthInputs(
                distance_km=tuple(document.distance_km),
                mode_share=document.mode_share,
                distance_source=document.distance_source,
                car_passengers=document.car_passengers,
                follow_ups=document.follow_ups,
                asked=document.asked,
                would_not_have_come=document.would_not_have_come,
                gigabytes=document.gigabytes,
                period_days=document.period_days,
                coverage_ratio=document.coverage_ratio,
                data_origin=document.data_origin,
            ),
            factors,
            own,
        ),
        document.footprint,
        factors,
    )
