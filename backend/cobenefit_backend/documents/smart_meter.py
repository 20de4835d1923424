"""Daily use of one meter, before and after."""

from typing import Annotated, Literal

from msgspec import Meta

from cobenefit_backend.documents.base import (
    NO_FOOTPRINT,
    Answer,
    Document,
    IntervalDocument,
    NonNegative,
    Number,
    array,
    interval,
    optional_array,
)
from cobenefit_backend.documents.footprint import FootprintDocument, footprint_of
from cobenefit_backend.errors import InputError
from cobenefit_backend.estimate import smart_meter
from cobenefit_backend.estimate.quantity import Interval
from cobenefit_backend.estimate.units import unit_mistake
from cobenefit_backend.factors.registry import FactorSet

Use = Annotated[list[Annotated[float, Meta(ge=0, le=1e9)] | None], Meta(min_length=1)]
Limit = Annotated[float, Meta(ge=0, le=1)]


class SmartMeterDocument(Document, frozen=True):
    """Daily use of one meter, before and after; null where a day is missing."""

    baseline_kwh: Use
    reporting_kwh: Use
    baseline_degc: list[float | None] | None = None
    reporting_degc: list[float | None] | None = None
    fuel: Literal["electricity", "gas"] = "electricity"
    comparison_ratio: IntervalDocument | None = None
    visits_avoided: Number = 0
    km_per_visit: NonNegative = 0.0
    accuracy_ratio: Limit | None = None
    previous_accuracy_ratio: Limit | None = None
    footprint: FootprintDocument | None = None


def run(document: SmartMeterDocument, factors: FactorSet) -> Answer:
    """Return the answer of a document; InputError says what does not fit."""
    for side in ("baseline", "reporting"):
        _check_unit(getattr(document, f"{side}_kwh"), f"$.{side}_kwh")
        energy, weather = getattr(document, f"{side}_kwh"), getattr(document, f"{side}_degc")
        if weather is not None and len(weather) != len(energy):
            raise InputError(
                f"has {len(weather)} values, {side}_kwh has {len(energy)}: give one per day",
                where=f"$.{side}_degc",
            )
    ratio = document.comparison_ratio
    inputs = smart_meter.SmartMeterInputs(
        baseline_kwh=array(document.baseline_kwh),
        reporting_kwh=array(document.reporting_kwh),
        baseline_degc=optional_array(document.baseline_degc),
        reporting_degc=optional_array(document.reporting_degc),
        fuel=document.fuel,
        comparison_ratio=None if ratio is None else interval(ratio, "$.comparison_ratio"),
        visits_avoided=document.visits_avoided,
        km_per_visit=document.km_per_visit,
        accuracy_ratio=document.accuracy_ratio,
        previous_accuracy_ratio=document.previous_accuracy_ratio,
    )
    own = document.footprint
    result = smart_meter.estimate(
        inputs, factors, Interval.exactly(0.0) if own is None else footprint_of(own, factors)
    ).to_dict()
    if own is None:
        result["disqualifications"].append(NO_FOOTPRINT.to_dict())
    return result


def _check_unit(values: list[float | None], where: str) -> None:
    """Refuse days in Wh among days in kWh."""
    if (found := unit_mistake(array(values))) is not None:
        raise InputError(found[1], where=f"{where}[{found[0]}]")
