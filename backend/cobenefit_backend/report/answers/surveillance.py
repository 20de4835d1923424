"""Stored concentrations or levels and logged detections become the inputs of `surveillance`."""

from datetime import date
from typing import Any

import numpy as np

from cobenefit_backend.documents.base import interval
from cobenefit_backend.estimate import surveillance
from cobenefit_backend.estimate.footprint import FootprintResult
from cobenefit_backend.estimate.quantity import Disqualification
from cobenefit_backend.factors.registry import FactorSet
from cobenefit_backend.report.answers.gathered import (
    Answer,
    FloatArray,
    Gathered,
    log,
    with_records,
)
from cobenefit_backend.study_kinds import SurveillanceStudy

_DAYS_ONLY = Disqualification(
    "daily_means_only", "Only daily means are stored: hours above the threshold hide in them."
)


def answer(
    data: Gathered[SurveillanceStudy], factors: FactorSet, footprint: FootprintResult
) -> Answer:
    """Return the indicators of air or water under watch."""
    study = data.study
    hourly = any(data.fine.get(study.channel, {}).values())
    values = {side: _means(data, *period, hourly=hourly) for side, period in data.sides.items()}
    inputs = surveillance.SurveillanceInputs(
        before=values["before"],
        after=values["after"],
        threshold=study.threshold,
        unit=study.unit,
        detection_h_before=_detections(data, "before"),
        detection_h_after=_detections(data, "after"),
        releases=tuple(
            surveillance.Release(
                each.gas,
                interval(each.rate_kg_per_h, "rate_kg_per_h"),
                interval(each.hours_gained, "hours_gained"),
            )
            for each in study.releases
        ),
        period_days=data.days,
        data_origin=study.data_origin,
    )
    found = surveillance.estimate(inputs, factors, footprint)
    extra: dict[str, Any] = {"log": log(data.logged()), "hourly": hourly}
    return with_records(found, () if hourly else (_DAYS_ONLY,)), extra


def _means(
    data: Gathered[SurveillanceStudy], start: date, end: date, *, hourly: bool
) -> FloatArray:
    """Return the mean of every hour (or day) of a period over all devices; NaN where missing."""
    step_ms = 3_600_000 if hourly else 86_400_000
    first, last = (np.datetime64(day).astype("datetime64[ms]").astype(int) for day in (start, end))
    size = int((last - first) // step_ms)
    total, count = np.zeros(size), np.zeros(size)
    stored = data.fine if hourly else data.daily
    for rows in stored.get(data.study.channel, {}).values():
        for row in rows:
            place = int((row["start_ms"] + row["length_s"] * 500 - first) // step_ms)
            if 0 <= place < size and row["count"]:
                total[place] += row["sum"]
                count[place] += row["count"]
    with np.errstate(invalid="ignore"):
        return np.where(count > 0, total / np.maximum(count, 1.0) * data.study.scale, np.nan)


def _detections(data: Gathered[SurveillanceStudy], side: str) -> tuple[float, ...]:
    return tuple(r["amount"] for r in data.logged(side) if r["quantity"] == "detection")
