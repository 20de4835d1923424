"""Stored energy and logged output become the inputs of `industry`, day by day."""

from collections.abc import Sequence

import numpy as np

from cobenefit_backend.estimate import industry
from cobenefit_backend.estimate.daily import Daily
from cobenefit_backend.estimate.footprint import FootprintResult
from cobenefit_backend.factors.registry import FactorSet
from cobenefit_backend.report.answers.gathered import (
    Answer,
    FloatArray,
    Gathered,
    Row,
    log,
    not_enough,
)
from cobenefit_backend.study_kinds import IndustryStudy


def answer(
    data: Gathered[IndustryStudy], factors: FactorSet, footprint: FootprintResult
) -> Answer:
    """Return the figure of a workshop."""
    study, energy = data.study, data.energy(data.study.channel)
    rows = {side: _outputs(data.logged(side)) for side in data.sides}
    products = sorted({row["arm"] for each in rows.values() for row in each})
    output = {side: _columns(energy[side], rows[side], products) for side in data.sides}
    hdd = {side: _degree_days(energy[side], study.hdd_base_degc) for side in data.sides}
    weather = hdd["before"] is not None and hdd["after"] is not None
    inputs = industry.IndustryInputs(
        baseline_kwh=energy["before"].energy_kwh,
        reporting_kwh=energy["after"].energy_kwh,
        baseline_output=output["before"],
        reporting_output=output["after"],
        baseline_hdd=hdd["before"] if weather else None,
        reporting_hdd=hdd["after"] if weather else None,
        fuel=study.fuel,
        period_days=data.days,
        data_origin=study.data_origin,
    )
    extra = {"products": products, "log": log(rows["after"])}
    try:
        return industry.estimate(inputs, factors, footprint), extra
    except ValueError as error:
        return not_enough(data, footprint, error), extra


def _outputs(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row["quantity"] == "output"]


def _columns(days: Daily, rows: Sequence[Row], products: Sequence[str]) -> FloatArray:
    """Return the output by day and product; a day on which nothing was logged is missing."""
    index = {str(day): place for place, day in enumerate(days.day)}
    column = {name: place for place, name in enumerate(products)}
    found = np.full((len(index), len(products)), np.nan)
    for row in rows:
        place = index[row["date"]]
        known = np.where(np.isnan(found[place]), 0.0, found[place])
        known[column[row["arm"]]] += row["amount"]
        found[place] = known
    return found


def _degree_days(days: Daily, base_degc: float) -> FloatArray | None:
    degc = days.temperature_degc
    return None if degc is None else np.maximum(base_degc - degc, 0.0)
