"""Cases treated with a headset instead of a visit."""

from cobenefit_backend.documents.base import (
    Answer,
    Document,
    IntervalDocument,
    Number,
    Origin,
    Positive,
    Share,
    interval,
)
from cobenefit_backend.documents.footprint import FootprintDocument
from cobenefit_backend.documents.judged import judged
from cobenefit_backend.estimate import remote_assistance
from cobenefit_backend.factors.registry import FactorSet


class RemoteAssistanceDocument(Document, frozen=True):
    """The log of a period; `km_per_visit` are the kilometres of one more stop in a tour."""

    cases: Number
    resolved: Number
    km_per_visit: IntervalDocument
    followed_up: bool = False
    headsets: Number = 1
    controllers: Number = 0
    period_days: Positive = 365.0
    coverage_ratio: Share = 1.0
    data_origin: Origin = "measured"
    footprint: FootprintDocument | None = None


def run(document: RemoteAssistanceDocument, factors: FactorSet) -> Answer:
    """Return the answer of a document; InputError says what does not fit."""
    inputs = remote_assistance.RemoteAssistanceInputs(
        cases=document.cases,
        resolved=document.resolved,
        km_per_visit=interval(document.km_per_visit, "$.km_per_visit"),
        followed_up=document.followed_up,
        headsets=document.headsets,
        controllers=document.controllers,
        period_days=document.period_days,
        coverage_ratio=document.coverage_ratio,
        data_origin=document.data_origin,
    )
    return judged(
        lambda own: remote_assistance.estimate(inputs, factors, own), document.footprint, factors
    )
