"""A territory, and what one equipped unit was found to be worth."""

from cobenefit_backend.documents.base import Answer, Count, Document, IntervalDocument, interval
from cobenefit_backend.errors import InputError
from cobenefit_backend.estimate.scale_up import ScaleUpInputs, scale_up
from cobenefit_backend.factors.registry import FactorSet
from cobenefit_backend.territory.load import figures


class ScaleUpDocument(Document, frozen=True):
    """A territory, and what one equipped unit was found to be worth per year."""

    units: Count
    adoption_ratio: IntervalDocument
    effect_kgco2e: IntervalDocument
    device_kgco2e: IntervalDocument
    gateway_kgco2e: IntervalDocument
    units_per_gateway: Count
    saturation_ratio: IntervalDocument


def run(document: ScaleUpDocument, factors: FactorSet) -> Answer:  # noqa: ARG001  same interface
    """Return the answer of a document; InputError says what does not fit."""
    names = ("adoption_ratio", "effect_kgco2e", "device_kgco2e", "gateway_kgco2e",
             "saturation_ratio")  # fmt: skip
    given = {name: interval(getattr(document, name), f"$.{name}") for name in names}
    try:
        result = scale_up(
            ScaleUpInputs(document.units, units_per_gateway=document.units_per_gateway, **given)
        )
    except ValueError as error:
        raise InputError(str(error), where="$") from error
    published = [
        {"territory": f.territory, "quantity": f.quantity, "value": f.value, "unit": f.unit,
         "year": f.year, "source": f.source}
        for f in figures().values()
        if f.unit == "kgCO2e/yr"
    ]  # fmt: skip
    return {**result, "factor_ids": [], "published_for_scale": published}
