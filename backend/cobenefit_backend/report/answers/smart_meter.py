"""Stored meters become the inputs of `smart_meter`, and the data of its two charts."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cobenefit_backend.estimate import smart_meter
from cobenefit_backend.estimate.baseline import predict, usable
from cobenefit_backend.estimate.daily import Daily
from cobenefit_backend.estimate.footprint import FootprintResult
from cobenefit_backend.estimate.placebo import placebo
from cobenefit_backend.estimate.savings import relative_uncertainty
from cobenefit_backend.factors.registry import FactorSet
from cobenefit_backend.report.answers.gathered import (
    Answer,
    FloatArray,
    Gathered,
    with_records,
)
from cobenefit_backend.report.meters import event_rows, hour_sides, meter_records, with_meters
from cobenefit_backend.report.series import daily_energy
from cobenefit_backend.study_kinds import SmartMeterStudy


def answer(
    data: Gathered[SmartMeterStudy], factors: FactorSet, footprint: FootprintResult
) -> Answer:
    """Return the figure of metered homes."""
    study = data.study
    days = [daily_energy(rows, data.weather, data.timezone) for rows in data.rollups.values()]
    start, end, reporting_start, reporting_end = study.periods
    before = [day.between(start, end) for day in days]
    after = [day.between(reporting_start, reporting_end) for day in days]
    inputs = smart_meter.SmartMeterInputs(
        baseline_kwh=np.array([day.energy_kwh for day in before]),
        reporting_kwh=np.array([day.energy_kwh for day in after]),
        baseline_degc=_shared_weather(before),
        reporting_degc=_shared_weather(after),
        fuel=study.fuel,
        data_origin=study.data_origin,
        baseline_start=np.datetime64(start),
        reporting_start=np.datetime64(reporting_start),
    )
    fine = data.fine.get(study.channel, {})
    hours = hour_sides(fine, data.weather, data.timezone, study) if study.reads_hours else None
    inputs = with_meters(inputs, study, data.accuracy, hours)
    estimate = with_records(
        smart_meter.estimate(inputs, factors, footprint),
        meter_records(inputs, study, hours_wanted=study.reads_hours),
    )
    extra: dict[str, Any] = {
        "weeks": _weeks(inputs, before[0].day, after[0].day),
        "events": event_rows(study, estimate),
    }
    if study.placebo and len(days) == 1:
        extra["placebo"] = _placebo(days[0], study)
    return estimate, extra


def _shared_weather(days: Sequence[Daily]) -> FloatArray | None:
    return next((d.temperature_degc for d in days if d.temperature_degc is not None), None)


def _weeks(
    inputs: smart_meter.SmartMeterInputs,
    before: NDArray[np.datetime64],
    after: NDArray[np.datetime64],
) -> list[dict[str, Any]]:
    """Average measured and expected use over weeks; a week with under four days is a gap."""
    models, _ = smart_meter.measure(inputs)
    weeks: list[dict[str, Any]] = []
    sides = (
        (before, inputs.baseline_kwh, inputs.baseline_degc, False),
        (after, inputs.reporting_kwh, inputs.reporting_degc, True),
    )
    for day, energy, weather, reporting in sides:
        expected = predict(models, weather if models.has_weather else None, len(day)).sum(axis=0)
        measured = usable(energy, inputs.fuel).sum(axis=0)
        for index in range(0, len(day) - 6, 7):
            part = slice(index, index + 7)
            good = np.isfinite(measured[part]) & np.isfinite(expected[part])
            mean = float(expected[part][good].mean()) if good.sum() >= 4 else None
            ratio = relative_uncertainty(
                models.cv_rmse_adj, models.autocorrelation, models.valid_days,
                max(int(good.sum()), 1), models.parameters, months=1,
            )  # fmt: skip
            weeks.append(
                {
                    "start": str(day[index]),
                    "reporting": reporting,
                    "measured": float(measured[part][good].mean()) if mean is not None else None,
                    "expected": mean,
                    "half_width": mean * float(ratio.max()) if mean is not None else None,
                }
            )
    return weeks


def _placebo(day: Daily, study: SmartMeterStudy) -> dict[str, Any]:
    """Pretend the measure at every day of the record with a year on both sides."""
    found = placebo(day.day, day.energy_kwh, day.temperature_degc, study.fuel)
    dates = [
        {
            "date": str(found.date[index]),
            "ratio": float(found.savings_ratio[index]),
            "half_width": float(found.half_width_90_ratio[index]),
            "significant": bool(found.significant[index]),
            "significant_corrected": bool(found.significant_corrected[index]),
        }
        for index in range(len(found.date))
    ]
    return {"summary": found.summary(), "dates": dates}
