"""Stored energy of a boundary and of its IT become the inputs of `data_centre`, day by day."""

import numpy as np

from cobenefit_backend.estimate import data_centre
from cobenefit_backend.estimate.footprint import FootprintResult
from cobenefit_backend.estimate.quantity import Disqualification
from cobenefit_backend.factors.registry import FactorSet
from cobenefit_backend.report.answers.gathered import (
    Answer,
    FloatArray,
    Gathered,
    not_enough,
    with_records,
)
from cobenefit_backend.study_kinds import DataCentreStudy


def answer(
    data: Gathered[DataCentreStudy], factors: FactorSet, footprint: FootprintResult
) -> Answer:
    """Return the figure of a data centre."""
    study, whole, it = (
        data.study,
        data.energy(data.study.channel),
        data.energy(data.study.it_channel),
    )
    sides, refused = {}, 0
    for side in data.sides:
        it_kwh, total_kwh = it[side].energy_kwh, whole[side].energy_kwh
        impossible = (it_kwh <= 0) | (total_kwh < it_kwh)
        refused += int(impossible.sum())
        sides[side] = (
            np.where(impossible, np.nan, it_kwh),
            np.where(impossible, np.nan, total_kwh),
        )
    inputs = data_centre.DataCentreInputs(
        baseline_it_kwh=sides["before"][0],
        baseline_total_kwh=sides["before"][1],
        reporting_it_kwh=sides["after"][0],
        reporting_total_kwh=sides["after"][1],
        baseline_degc=whole["before"].temperature_degc,
        reporting_degc=whole["after"].temperature_degc,
        same_boundary=study.same_boundary,
        baseline_days=_days(sides["before"]),
        reporting_days=data.days,
        data_origin=study.data_origin,
    )
    try:
        found = data_centre.estimate(inputs, factors, footprint)
    except ValueError as error:
        return not_enough(data, footprint, error), {}
    return with_records(found, _record(refused)), {}


def _days(side: tuple[FloatArray, FloatArray]) -> float:
    return float((np.isfinite(side[0]) & np.isfinite(side[1])).sum())


def _record(refused: int) -> tuple[Disqualification, ...]:
    if not refused:
        return ()
    text = "Days on which the whole used less than its IT are left out: check the meters."
    return (Disqualification("total_below_it", text, {"days": refused}),)
