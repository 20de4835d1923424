"""Nitrogen applied to a soil: an amount, or strips with and without advice."""

import msgspec

from cobenefit_backend.documents.base import (
    Answer,
    Document,
    NonNegative,
    Origin,
    Positive,
    array,
)
from cobenefit_backend.documents.footprint import FootprintDocument
from cobenefit_backend.documents.judged import judged
from cobenefit_backend.errors import InputError
from cobenefit_backend.estimate import soil
from cobenefit_backend.estimate.quantity import Disqualification, Interval
from cobenefit_backend.estimate.strips import from_strips
from cobenefit_backend.estimate.uncertainty import Draws
from cobenefit_backend.estimate.written import written
from cobenefit_backend.factors.registry import FactorSet

Strips = list[NonNegative]


class SoilDocument(Document, frozen=True):
    """Nitrogen applied to a soil, with the yields that guard it.

    Either `nitrogen_kg` (what an amount emits), or one value per strip and arm in kg/ha with
    `area_ha` (what the advice avoided); yields in t/ha.
    """

    fertiliser: soil.Fertiliser
    climate: soil.Climate
    nitrogen_kg: NonNegative | None = None
    practice_kg_per_ha: Strips = msgspec.field(default_factory=list)
    advised_kg_per_ha: Strips = msgspec.field(default_factory=list)
    practice_yield: Strips = msgspec.field(default_factory=list)
    advised_yield: Strips = msgspec.field(default_factory=list)
    gwp: soil.Gwp = "ar6"
    area_ha: Positive | None = None
    yield_before: Positive | None = None
    yield_after: Positive | None = None
    period_days: Positive = 365.0
    data_origin: Origin = "measured"
    footprint: FootprintDocument | None = None


def run(document: SoilDocument, factors: FactorSet) -> Answer:
    """Return what strips avoided, or what an amount of nitrogen emits, and its guard."""
    if bool(document.practice_kg_per_ha) == (document.nitrogen_kg is not None):
        raise InputError("give either nitrogen_kg, or strips", where="$.nitrogen_kg")
    if document.nitrogen_kg is None:
        return _strips(document, factors)
    return _amount(document, document.nitrogen_kg, factors)


def _strips(document: SoilDocument, factors: FactorSet) -> Answer:
    if document.area_ha is None:
        raise InputError("needed with strips: the area the advice holds for", where="$.area_ha")
    try:
        inputs = from_strips(
            array([*document.practice_kg_per_ha]),
            array([*document.advised_kg_per_ha]),
            document.area_ha,
            array([*document.practice_yield]) if document.practice_yield else None,
            array([*document.advised_yield]) if document.advised_yield else None,
            fertiliser=document.fertiliser,
            climate=document.climate,
            gwp=document.gwp,
            period_days=document.period_days,
            data_origin=document.data_origin,
        )
    except ValueError as error:
        raise InputError(str(error), where="$.advised_kg_per_ha") from error
    return judged(lambda own: soil.estimate(inputs, factors, own), document.footprint, factors)


def _amount(document: SoilDocument, nitrogen_kg: float, factors: FactorSet) -> Answer:
    draws = Draws(factors)
    kind, climate, gwp = document.fertiliser, document.climate, document.gwp
    result: Answer = dict(soil.emissions(nitrogen_kg, kind, climate, gwp, draws))
    if document.area_ha is not None:
        result["co2e_kg_per_ha"] = result["co2e_kg"].scaled(1 / document.area_ha)
    unpaired = Disqualification(
        "no_paired_design", "Nothing shows what would have been applied without the advice."
    )
    guard = soil.yield_guard(document.yield_before, document.yield_after)
    equation = written(
        lambda f, m: m["nitrogen_kg"] * soil.kgco2e_per_kg(f, kind, climate, gwp),
        {"nitrogen_kg": Interval.exactly(nitrogen_kg)},
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
