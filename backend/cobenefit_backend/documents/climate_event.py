"""Flood warnings and what came."""

import msgspec

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
from cobenefit_backend.estimate import climate_event
from cobenefit_backend.factors.registry import FactorSet


class ClimateEventDocument(Document, frozen=True):
    """Warnings and events of a period; `outcome` has one entry per probability."""

    hits: Number
    misses: Number
    false_alarms: Number
    lead_h: list[NonNegative] = msgspec.field(default_factory=list)
    probability: list[Share] = msgspec.field(default_factory=list)
    outcome: list[bool] = msgspec.field(default_factory=list)
    people_warned: Number = 0
    period_days: Positive = 365.0
    data_origin: Origin = "measured"
    footprint: FootprintDocument | None = None


def run(document: ClimateEventDocument, factors: FactorSet) -> Answer:
    """Return the answer of a document; InputError says what does not fit."""
    inputs = climate_event.ClimateEventInputs(
        hits=document.hits,
        misses=document.misses,
        false_alarms=document.false_alarms,
        lead_h=tuple(document.lead_h),
        probability=tuple(document.probability),
        outcome=tuple(document.outcome),
        people_warned=document.people_warned,
        period_days=document.period_days,
        data_origin=document.data_origin,
    )
    return judged(
        lambda own: climate_event.estimate(inputs, factors, own), document.footprint, factors
    )
