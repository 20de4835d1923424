"""One function per use case: stored series in, the estimator's figure and chart data out.

Nothing is computed here that belongs in `estimate`; this is where stored rows become its
inputs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cobenefit_backend import accuracy
from cobenefit_backend.estimate import smart_meter, soil, traffic
from cobenefit_backend.estimate.accuracy import HALF_WIDTH_OF_LIMIT
from cobenefit_backend.estimate.baseline import predict, usable
from cobenefit_backend.estimate.daily import Daily
from cobenefit_backend.estimate.footprint import FootprintResult
from cobenefit_backend.estimate.placebo import placebo
from cobenefit_backend.estimate.quantity import Disqualification, Estimate
from cobenefit_backend.estimate.savings import relative_uncertainty
from cobenefit_backend.estimate.strips import from_strips
from cobenefit_backend.factors.registry import FactorSet
from cobenefit_backend.report.meters import event_rows, hour_sides, meter_records, with_meters
from cobenefit_backend.report.own_footprint import scaled
from cobenefit_backend.report.series import counter_days, coverage_ratio, daily_energy
from cobenefit_backend.study import Study
from cobenefit_wire.units import quantity_of

FloatArray = NDArray[np.float64]
Row = Mapping[str, Any]
UNITS = {"nitrogen": "kg/ha", "yield": "t/ha"}
LOG_KEYS = ("date", "place", "arm", "quantity", "amount", "unit")


@dataclass(frozen=True, slots=True)
class Gathered:
    """What the store holds for a study.

    Parameters
    ----------
    study : Study
        The question.
    timezone : str
        Time zone of the site.
    rollups : mapping
        Daily rollups of the study's channel, by device.
    weather : sequence of mapping
        Temperatures of the site's station.
    activities : sequence of mapping
        Activities of the site and use case.
    fine : mapping
        Rollups of an hour or less, by device, where the study asks for them.
    accuracy : mapping
        Name of the accuracy class, by device; empty where none is given.
    """

    study: Study
    timezone: str
    rollups: Mapping[str, Sequence[Row]]
    weather: Sequence[Row]
    activities: Sequence[Row]
    fine: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    accuracy: Mapping[str, str] = field(default_factory=dict)


Answer = tuple[Estimate, dict[str, Any]]


def answer(data: Gathered, factors: FactorSet, footprint: FootprintResult) -> Answer:
    """Return the figure of a study and what its charts need.

    Parameters
    ----------
    data : Gathered
        Stored data.
    factors : FactorSet
        Emission factors.
    footprint : FootprintResult
        Yearly footprint of its devices.

    Returns
    -------
    tuple of Estimate and dict
        The figure, and extra details.
    """
    use = {"smart_meter": _smart_meter, "soil": _soil, "traffic": _traffic}
    return use[data.study.use_case](data, factors, footprint)


# ---- smart meter


def _smart_meter(data: Gathered, factors: FactorSet, footprint: FootprintResult) -> Answer:
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
    hours = hour_sides(data.fine, data.weather, data.timezone, study) if data.fine else None
    inputs = with_meters(inputs, study, data.accuracy, hours)
    estimate = smart_meter.estimate(inputs, factors, footprint)
    said = meter_records(inputs, study, hours_wanted=study.model == "hourly")
    estimate = replace(estimate, disqualifications=(*estimate.disqualifications, *said))
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


def _placebo(day: Daily, study: Study) -> dict[str, Any]:
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


# ---- traffic


def _traffic(data: Gathered, factors: FactorSet, footprint: FootprintResult) -> Answer:
    study = data.study
    spot = quantity_of(study.channel) == "vehicle_speed_km_h"
    sides = {}
    for side, (start, end) in _sides(study).items():
        count = _passages if spot else _counted
        sides[side] = count(data, start, end)
    start, end = _sides(study)["after"]
    after_days = max(sides["after"]["days"], 1.0)
    # the devices are charged for the whole period, also for days without data
    charged = scaled(footprint, (end - start).days / after_days)
    inputs = traffic.TrafficInputs(
        length_km=study.length_km,
        before=_bins(study, sides["before"], study.speed_before_km_h),
        after=_bins(study, sides["after"], study.speed_after_km_h),
        speed_source="spot" if spot else "modelled",
        before_days=max(sides["before"]["days"], 1.0),
        after_days=after_days,
        coverage_ratio=sides["after"]["coverage_ratio"]
        if spot
        else min(side["coverage_ratio"] for side in sides.values()),
        data_origin=study.data_origin,
        detector_error_ratio=_detector_error(data),
    )
    speeds = (study.speed_before_km_h, study.speed_after_km_h)
    extra: dict[str, Any] = {
        "sides": sides,
        "inputs": {
            "length_km": study.length_km,
            "speed_before_km_h": speeds[0],
            "speed_after_km_h": speeds[1],
            "classes": study.classes,
            "note": study.speed_note,
        },
    }
    if not spot:
        extra["months"] = _months(data)
    return traffic.estimate(inputs, factors, charged), extra


def _detector_error(data: Gathered) -> float:
    """Return the counting error at 90 %: that of the classes, or the usual one without."""
    names = [data.accuracy.get(device, "") for device in data.rollups]
    if not names or not all(names):
        return traffic.DETECTOR_ERROR_RATIO
    limit = max(accuracy.load()[name].limit_ratio for name in names)
    return HALF_WIDTH_OF_LIMIT * limit


def _sides(study: Study) -> dict[str, tuple[date, date]]:
    start, end, reporting_start, reporting_end = study.periods
    return {"before": (start, end), "after": (reporting_start, reporting_end)}


def _counted(data: Gathered, start: date, end: date) -> dict[str, float]:
    """Count the vehicles of the days that the counters carry."""
    vehicles = days = 0.0
    for rows in data.rollups.values():
        series = counter_days(rows, data.timezone)
        inside = (series.day >= np.datetime64(start)) & (series.day < np.datetime64(end))
        amount = series.amount[inside]
        vehicles += float(np.nansum(amount))
        days += float(np.isfinite(amount).sum())
    days /= max(len(data.rollups), 1)
    return {"vehicles": vehicles, "days": days, "coverage_ratio": days / (end - start).days}


def _passages(data: Gathered, start: date, end: date) -> dict[str, float]:
    """Count the passages a radar saw, with their mean spot speed."""
    rows = [row for rows in data.rollups.values() for row in rows if row["count"]]
    first, last = (np.datetime64(day).astype("datetime64[ms]").astype(int) for day in (start, end))
    inside = [row for row in rows if first <= row["start_ms"] + 43_200_000 < last]
    vehicles = sum(row["count"] for row in inside)
    speed = sum(row["sum"] for row in inside) / vehicles if vehicles else 0.0
    days = len({row["start_ms"] for row in inside})
    return {
        "vehicles": float(vehicles),
        "days": float(days),
        "speed_km_h": float(speed),
        "coverage_ratio": days / (end - start).days,
    }


def _bins(
    study: Study, side: Mapping[str, float], speed_km_h: float | None
) -> tuple[traffic.SpeedBin, ...]:
    speed = speed_km_h or side.get("speed_km_h", 0.0)
    if not side["vehicles"] or not speed:
        return ()
    return tuple(
        traffic.SpeedBin(name, speed, side["vehicles"] * share)  # type: ignore[arg-type]
        for name, share in study.classes.items()
    )


def _months(data: Gathered) -> list[dict[str, Any]]:
    """Average the vehicles per day of each month, and tell how many days carry it."""
    found: dict[str, list[float]] = {}
    for rows in data.rollups.values():
        series = counter_days(rows, data.timezone)
        for day, amount in zip(series.day, series.amount, strict=True):
            found.setdefault(str(day)[:7], []).append(float(amount))
    return [
        {
            "start": f"{month}-01",
            "vehicles_per_day": float(np.nanmean(values)) if np.isfinite(values).any() else None,
            "days": int(np.isfinite(values).sum()),
        }
        for month, values in sorted(found.items())
    ]


# ---- soil


def _soil(data: Gathered, factors: FactorSet, footprint: FootprintResult) -> Answer:
    study = data.study
    _, _, start, end = study.periods
    season = [row for row in data.activities if start.isoformat() <= row["date"] < end.isoformat()]
    nitrogen, wheat = (_by_place(season, quantity) for quantity in UNITS)
    pairs, yields = _pairs(nitrogen, study), _pairs(wheat, study)
    covered = [
        coverage_ratio(rows, data.timezone, start, end)
        for rows in data.rollups.values()
        if study.channel
    ]
    common: dict[str, Any] = {
        "fertiliser": study.fertiliser,
        "climate": study.climate,
        "period_days": float((end - start).days),
        "coverage_ratio": min([*covered, len(pairs) / max(len(nitrogen), 1)]),
        "data_origin": study.data_origin,
    }
    if len(pairs):
        harvest = (yields[:, 0], yields[:, 1]) if len(yields) else (None, None)
        inputs = from_strips(pairs[:, 0], pairs[:, 1], study.area_ha or 0.0, *harvest, **common)
    else:
        inputs = soil.SoilInputs(0.0, 0.0, **common)
    estimate = soil.estimate(inputs, factors, footprint)
    records = (*estimate.disqualifications, *_unit_records(season))
    return replace(estimate, disqualifications=records), {
        "replicates": len(pairs),
        "area_ha": study.area_ha,
        "nitrogen_kg_per_ha": _by_arm(pairs, study),
        "yield_t_per_ha": _by_arm(yields, study),
        "log": [{key: row[key] for key in LOG_KEYS} for row in season],
    }


def _by_place(rows: Sequence[Row], quantity: str) -> dict[str, dict[str, float]]:
    """Add amounts up by place and arm."""
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        if row["quantity"] == quantity and row["unit"] == UNITS[quantity]:
            arms = found.setdefault(row["place"], {})
            arms[row["arm"]] = arms.get(row["arm"], 0.0) + row["amount"]
    return found


def _pairs(places: Mapping[str, Mapping[str, float]], study: Study) -> FloatArray:
    """Return control and action of every place that has both, shape (r, 2)."""
    control, action = study.control_arm, study.action_arm
    rows = [
        (arms[control], arms[action])
        for arms in places.values()
        if control in arms and action in arms
    ]
    return np.array(rows).reshape(-1, 2)


def _by_arm(pairs: FloatArray, study: Study) -> dict[str, float | None]:
    means = [float(side.mean()) if len(side) else None for side in pairs.T]
    return dict(zip((study.control_arm, study.action_arm), means, strict=True))


def _unit_records(rows: Sequence[Row]) -> list[Disqualification]:
    """Say how many activities could not be used for their unit."""
    wrong = [row for row in rows if UNITS.get(row["quantity"], row["unit"]) != row["unit"]]
    if not wrong:
        return []
    text = "Activities in another unit than kg/ha of nitrogen or t/ha of yield are not used."
    return [Disqualification("activity_unit", text, {"rows": len(wrong)})]
