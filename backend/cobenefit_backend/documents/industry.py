"""Energy and output of a workshop, before and after."""

from typing import Literal

import numpy as np

from cobenefit_backend.documents.base import (
    Answer,
    Document,
    IntervalDocument,
    Origin,
    Positive,
    Series,
    array,
    interval,
    optional_array,
)
from cobenefit_backend.documents.footprint import FootprintDocument
from cobenefit_backend.documents.judged import judged
from cobenefit_backend.errors import InputError
from cobenefit_backend.estimate import industry
from cobenefit_backend.factors.registry import FactorSet


class IndustryDocument(Document, frozen=True):
    """Rows of one boundary (day, week or batch); `*_output` is one series per product."""

    baseline_kwh: Series
    reporting_kwh: Series
    baseline_output: list[Series]
    reporting_output: list[Series]
    baseline_hdd: Series | None = None
    reporting_hdd: Series | None = None
    fuel: Literal["electricity", "gas"] = "electricity"
    material_saved_kg: IntervalDocument | None = None
    material_factor_id: str = ""
    period_days: Positive = 365.0
    data_origin: Origin = "measured"
    footprint: FootprintDocument | None = None


def run(document: IndustryDocument, factors: FactorSet) -> Answer:
    """Return the answer of a document; InputError says what does not fit."""
    material = document.material_saved_kg
    if material is not None and document.material_factor_id not in factors:
        raise InputError(
            "a material saved needs the id of its factor; bring it as a local factor",
            where="$.material_factor_id",
        )
    inputs = industry.IndustryInputs(
        baseline_kwh=array(document.baseline_kwh),
        reporting_kwh=array(document.reporting_kwh),
        baseline_output=_columns(document.baseline_output, "$.baseline_output"),
        reporting_output=_columns(document.reporting_output, "$.reporting_output"),
        baseline_hdd=optional_array(document.baseline_hdd),
        reporting_hdd=optional_array(document.reporting_hdd),
        fuel=document.fuel,
        material_saved_kg=None if material is None else interval(material, "$.material_saved_kg"),
        material_factor_id=document.material_factor_id,
        period_days=document.period_days,
        data_origin=document.data_origin,
    )
    return judged(lambda own: industry.estimate(inputs, factors, own), document.footprint, factors)


def _columns(
    series: list[Series], where: str
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    if len({len(each) for each in series}) != 1:
        raise InputError("give at least one product, all with the same rows", where=where)
    return np.column_stack([array(each) for each in series])
