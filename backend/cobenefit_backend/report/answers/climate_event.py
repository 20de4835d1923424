"""Logged warnings, events and forecasts become the inputs of `climate_event`."""

from cobenefit_backend.estimate import climate_event
from cobenefit_backend.estimate.footprint import FootprintResult
from cobenefit_backend.factors.registry import FactorSet
from cobenefit_backend.report.answers.gathered import Answer, Gathered, log, not_enough, total
from cobenefit_backend.study_kinds import ClimateEventStudy


def answer(
    data: Gathered[ClimateEventStudy], factors: FactorSet, footprint: FootprintResult
) -> Answer:
    """Return how good the warnings of a period were."""
    rows = data.logged()
    warnings = [row for row in rows if row["quantity"] == "warning"]
    hits = [row for row in warnings if row["arm"] == "hit"]
    forecasts = [row for row in rows if row["quantity"] == "forecast"]
    inputs = climate_event.ClimateEventInputs(
        hits=len(hits),
        misses=round(total(rows, "missed_event")),
        false_alarms=len(warnings) - len(hits),
        lead_h=tuple(row["amount"] for row in hits),
        probability=tuple(row["amount"] for row in forecasts),
        outcome=tuple(row["arm"] == "came" for row in forecasts),
        people_warned=round(total(rows, "people_warned")),
        period_days=data.days,
        data_origin=data.study.data_origin,
    )
    extra = {"log": log(rows)}
    try:
        return climate_event.estimate(inputs, factors, footprint), extra
    except ValueError as error:
        return not_enough(data, footprint, error), extra
