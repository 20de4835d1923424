"""IT and total energy of a data centre, before and after."""

from cobenefit_backend.documents.base import (
    Answer,
    Document,
    Origin,
    Positive,
    Series,
    array,
    optional_array,
)
from cobenefit_backend.documents.footprint import FootprintDocument
from cobenefit_backend.documents.judged import judged
from cobenefit_backend.estimate import data_centre
from cobenefit_backend.factors.registry import FactorSet


class DataCentreDocument(Document, frozen=True):
    """Rows of one boundary (hour or day); null where a value is missing."""

    baseline_it_kwh: Series
    baseline_total_kwh: Series
    reporting_it_kwh: Series
    reporting_total_kwh: Series
    baseline_degc: Series | None = None
    reporting_degc: Series | None = None
    same_boundary: bool = True
    baseline_days: Positive = 365.0
    reporting_days: Positive = 365.0
    data_origin: Origin = "measured"
    footprint: FootprintDocument | None = None


def run(document: DataCentreDocument, factors: FactorSet) -> Answer:
    """Return the answer of a document; InputError says what does not fit."""
    inputs = data_centre.DataCentreInputs(
        baseline_it_kwh=array(document.baseline_it_kwh),
        baseline_total_kwh=array(document.baseline_total_kwh),
        reporting_it_kwh=array(document.reporting_it_kwh),
        reporting_total_kwh=array(document.reporting_total_kwh),
        baseline_degc=optional_array(document.baseline_degc),
        reporting_degc=optional_array(document.reporting_degc),
        same_boundary=document.same_boundary,
        baseline_days=document.baseline_days,
        reporting_days=document.reporting_days,
        data_origin=document.data_origin,
    )
    return judged(
        lambda own: data_centre.estimate(inputs, factors, own), document.footprint, factors
    )
