"""Stored counts, travel times and streets beside the road become the inputs of `traffic`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from cobenefit_backend import accuracy
from cobenefit_backend.estimate import traffic
from cobenefit_backend.estimate.accuracy import HALF_WIDTH_OF_LIMIT
from cobenefit_backend.estimate.footprint import FootprintResult
from cobenefit_backend.estimate.link_speed import speed_bins
from cobenefit_backend.estimate.road import DETECTOR_ERROR_RATIO, SpeedBin, TrafficInputs
from cobenefit_backend.factors.registry import FactorSet
from cobenefit_backend.report.answers.gathered import Answer, Gathered, Row, not_enough
from cobenefit_backend.report.series import counter_days
from cobenefit_backend.study_kinds import TrafficStudy
from cobenefit_wire.units import quantity_of

Side = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Street:
    """One street with its counters and, where they are modelled, its speeds."""

    devices: tuple[str, ...]
    length_km: float
    speed_km_h: Mapping[str, float | None]


def answer(data: Gathered[TrafficStudy], factors: FactorSet, footprint: FootprintResult) -> Answer:
    """Return the figure of a road with the streets beside it."""
    study = data.study
    spot = quantity_of(study.channel) == "vehicle_speed_km_h"
    streets = _streets(study)
    sides = {side: [_side(data, each, side) for each in streets] for side in data.sides}
    own = {side: found[0] for side, found in sides.items()}
    days = {side: max(found["days"], 1.0) for side, found in own.items()}
    inputs = TrafficInputs(
        length_km=study.length_km,
        before=_bins(data, streets, sides["before"], "before", days["before"]),
        after=_bins(data, streets, sides["after"], "after", days["after"]),
        speed_source="spot" if spot else "link" if study.link_channel else "modelled",
        before_days=days["before"],
        after_days=days["after"],
        coverage_ratio=own["after"]["coverage_ratio"]
        if spot
        else min(each["coverage_ratio"] for found in sides.values() for each in found),
        data_origin=study.data_origin,
        detector_error_ratio=_detector_error(data),
        screenline=bool(study.parallel),
        charged_days=data.days,  # also for days without data
    )
    extra = _extra(data, sides, own, spot=spot)
    if not spot and not (inputs.before and inputs.after):
        error = ValueError("no vehicles with a speed on one of the sides")
        return not_enough(data, footprint, error), extra
    return traffic.estimate(inputs, factors, footprint), extra


def _detector_error(data: Gathered[TrafficStudy]) -> float:
    """Return the counting error at 90 %: that of the classes, or the usual one without."""
    names = [data.accuracy.get(device, "") for device in data.study.devices]
    if not all(names):
        return DETECTOR_ERROR_RATIO
    limit = max(accuracy.load()[name].limit_ratio for name in names)
    return HALF_WIDTH_OF_LIMIT * limit


def _extra(
    data: Gathered[TrafficStudy],
    sides: Mapping[str, list[Side]],
    own: Mapping[str, Side],
    *,
    spot: bool,
) -> dict[str, Any]:
    study = data.study
    extra: dict[str, Any] = {
        "sides": {side: _without_bins(each) for side, each in own.items()},
        "inputs": {
            "length_km": study.length_km,
            "speed_before_km_h": study.speed_before_km_h or _mean_speed(own["before"]),
            "speed_after_km_h": study.speed_after_km_h or _mean_speed(own["after"]),
            "classes": study.classes,
            "note": study.speed_note,
        },
    }
    if study.parallel:
        extra["parallel"] = [
            {"name": road.name, **{side: _without_bins(sides[side][i + 1]) for side in sides}}
            for i, road in enumerate(study.parallel)
        ]
    if not spot:
        extra["months"] = _months(data)
    return extra


def _streets(study: TrafficStudy) -> list[_Street]:
    def street(devices: Sequence[str], road: Any) -> _Street:
        speeds = {"before": road.speed_before_km_h, "after": road.speed_after_km_h}
        return _Street(tuple(devices), road.length_km, speeds)

    return [street(study.own_devices, study), *(street(r.devices, r) for r in study.parallel)]


def _side(data: Gathered[TrafficStudy], street: _Street, side: str) -> Side:
    """Count the vehicles of a street, with their speeds where they were measured."""
    study, (start, end) = data.study, data.sides[side]
    rows = [data.rollups.get(name, ()) for name in street.devices]
    if quantity_of(study.channel) == "vehicle_speed_km_h":
        return _passages(rows, start, end)
    counted = _counted(rows, data.timezone, start, end)
    if not study.link_channel:
        return counted
    bins, seen = _link_bins(data, street, start, end)
    share = min(seen / counted["vehicles"], 1.0) if counted["vehicles"] else 0.0
    return {**counted, "coverage_ratio": counted["coverage_ratio"] * share, "bins": bins}


def _link_bins(
    data: Gathered[TrafficStudy], street: _Street, start: date, end: date
) -> tuple[list[tuple[float, float]], float]:
    """Return speeds with their vehicles, and how many vehicles have a measured speed.

    Each window holds one mean travel time; hours or less where the site gives them, else days.
    """
    fine = any(data.fine.get(data.study.link_channel, {}).get(n) for n in street.devices)
    stored = data.fine if fine else data.daily
    times = _merged(stored.get(data.study.link_channel, {}), street.devices, start, end)
    counts = _merged(stored.get(data.study.channel, {}), street.devices, start, end)
    both = sorted(key for key in times.keys() & counts.keys() if times[key]["count"])
    mean_s = np.array([times[key]["sum"] / times[key]["count"] for key in both])
    vehicles = np.array([counts[key]["delta"] or 0.0 for key in both])
    good = mean_s > 0
    if not good.any():
        return [], 0.0
    bins = speed_bins(street.length_km, mean_s[good], vehicles[good])
    return bins, float(vehicles[good].sum())


def _merged(
    rows: Mapping[str, Sequence[Row]], devices: Sequence[str], start: date, end: date
) -> dict[tuple[int, int], dict[str, float]]:
    """Add the windows of all devices of a street up, by start and length."""
    found: dict[tuple[int, int], dict[str, float]] = {}
    for name in devices:
        for row in _inside(rows.get(name, ()), start, end):
            window = found.setdefault(
                (row["start_ms"], row["length_s"]), {"count": 0.0, "sum": 0.0, "delta": 0.0}
            )
            for key in window:
                window[key] += row[key] or 0.0
    return found


def _inside(rows: Sequence[Row], start: date, end: date) -> list[Row]:
    first, last = (np.datetime64(day).astype("datetime64[ms]").astype(int) for day in (start, end))
    return [
        row for row in rows if first <= row["start_ms"] + row["length_s"] * 500 < last
    ]  # the middle of the window: half of its length


def _counted(rows: Sequence[Sequence[Row]], timezone: str, start: date, end: date) -> Side:
    """Count the vehicles of the days that the counters carry."""
    vehicles = days = 0.0
    for each in rows:
        series = counter_days(each, timezone)
        inside = (series.day >= np.datetime64(start)) & (series.day < np.datetime64(end))
        amount = series.amount[inside]
        vehicles += float(np.nansum(amount))
        days += float(np.isfinite(amount).sum())
    days /= max(len(rows), 1)
    return {"vehicles": vehicles, "days": days, "coverage_ratio": days / (end - start).days}


def _passages(rows: Sequence[Sequence[Row]], start: date, end: date) -> Side:
    """Count the passages a radar saw, with their mean spot speed."""
    inside = [row for each in rows for row in _inside(each, start, end) if row["count"]]
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
    data: Gathered[TrafficStudy],
    streets: Sequence[_Street],
    found: Sequence[Side],
    side: str,
    days: float,
) -> tuple[SpeedBin, ...]:
    """Return the bins of every street, on the days of the road itself."""
    bins = []
    for index, (street, each) in enumerate(zip(streets, found, strict=True)):
        speeds = _speeds(each, street.speed_km_h[side])
        seen = sum(vehicles for _, vehicles in speeds)
        scale = each["vehicles"] / seen * days / max(each["days"], 1.0) if seen else 0.0
        bins += [
            SpeedBin(name, speed, vehicles * scale * share, street.length_km if index else None)  # type: ignore[arg-type]
            for speed, vehicles in speeds
            for name, share in data.study.classes.items()
        ]
    return tuple(bins)


def _speeds(side: Side, modelled_km_h: float | None) -> list[tuple[float, float]]:
    if "bins" in side:
        return list(side["bins"])
    speed = modelled_km_h or side.get("speed_km_h", 0.0)
    return [(speed, side["vehicles"])] if side["vehicles"] and speed else []


def _mean_speed(side: Side) -> float | None:
    """Return the space-mean speed of a side."""
    bins = side.get("bins")
    if not bins:
        return None
    return float(sum(n for _, n in bins) / sum(n / v for v, n in bins))


def _without_bins(side: Side) -> Side:
    return {key: value for key, value in side.items() if key != "bins"}


def _months(data: Gathered[TrafficStudy]) -> list[dict[str, Any]]:
    """Average the vehicles per day of each month, and tell how many days carry it."""
    found: dict[str, list[float]] = {}
    for name in data.study.own_devices:
        series = counter_days(data.rollups.get(name, ()), data.timezone)
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
