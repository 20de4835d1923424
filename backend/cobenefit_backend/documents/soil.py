"""Nitrogen applied to a soil."""

from cobenefit_backend.documents.base import Answer, Document, NonNegative, Positive
from cobenefit_backend.estimate import soil
from cobenefit_backend.estimate.quantity import Disqualification, Interval
from cobenefit_backend.estimate.uncertainty import Draws
from cobenefit_backend.estimate.written import written
from cobenefit_backend.factors.registry import FactorSet


class SoilDocument(Document, frozen=True):
    """Nitrogen applied to a soil, with the yields that guard it."""

    nitrogen_kg: NonNegative
    fertiliser: soil.Fertiliser
    climate: soil.Climate
    gwp: soil.Gwp = "ar6"
    area_ha: Positive | None = None
    yield_before: Positive | None = None
    yield_after: Positive | None = None


def run(document: SoilDocument, factors: FactorSet) -> Answer:
    """Return what an amount of nitrogen emits, and its guard."""
    draws = Draws(factors)
    kind, climate, gwp = document.fertiliser, document.climate, document.gwp
    result: Answer = dict(soil.emissions(document.nitrogen_kg, kind, climate, gwp, draws))
    if document.area_ha is not None:
        result["co2e_kg_per_ha"] = result["co2e_kg"].scaled(1 / document.area_ha)
    unpaired = Disqualification(
        "no_paired_design", "Nothing shows what would have been applied without the advice."
    )
    guard = soil.yield_guard(document.yield_before, document.yield_after)
    equation = written(
        lambda f, m: m["nitrogen_kg"] * soil.kgco2e_per_kg(f, kind, climate, gwp),
        {"nitrogen_kg": Interval.exactly(document.nitrogen_kg)},
        factors,
    )
    return {
        "evidence_class": "P",
        **result,
        "equation": equation.names,
        "arithmetic": equation.numbers,
        "factor_ids": sorted(draws.used),
        "disqualifications": [*guard, unpaired],
    }
