"""Air or water under watch."""

import msgspec

from cobenefit_backend.documents.base import (
    Answer,
    Document,
    IntervalDocument,
    NonNegative,
    Origin,
    Positive,
    Series,
    array,
    interval,
)
from cobenefit_backend.documents.footprint import FootprintDocument
from cobenefit_backend.documents.judged import judged
from cobenefit_backend.estimate import surveillance
from cobenefit_backend.factors.registry import FactorSet


class ReleaseDocument(Document, frozen=True):
    """A leak that was measured and stopped."""

    gas: surveillance.Gas
    rate_kg_per_h: IntervalDocument
    hours_gained: IntervalDocument


class SurveillanceDocument(Document, frozen=True):
    """Hourly values against a threshold, and the events somebody had to notice."""

    before: Series
    after: Series
    threshold: float
    unit: str
    detection_h_before: list[NonNegative] = msgspec.field(default_factory=list)
    detection_h_after: list[NonNegative] = msgspec.field(default_factory=list)
    releases: list[ReleaseDocument] = msgspec.field(default_factory=list)
    period_days: Positive = 365.0
    data_origin: Origin = "measured"
    footprint: FootprintDocument | None = None


def run(document: SurveillanceDocument, factors: FactorSet) -> Answer:
    """Return the answer of a document; InputError says what does not fit."""
    inputs = surveillance.SurveillanceInputs(
        before=array(document.before),
        after=array(document.after),
        threshold=document.threshold,
        unit=document.unit,
        detection_h_before=tuple(document.detection_h_before),
        detection_h_after=tuple(document.detection_h_after),
        releases=tuple(
            surveillance.Release(
                each.gas,
                interval(each.rate_kg_per_h, f"$.releases[{i}].rate_kg_per_h"),
                interval(each.hours_gained, f"$.releases[{i}].hours_gained"),
            )
            for i, each in enumerate(document.releases)
        ),
        period_days=document.period_days,
        data_origin=document.data_origin,
    )
    return judged(
        lambda own: surveillance.estimate(inputs, factors, own), document.footprint, factors
    )
