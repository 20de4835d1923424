"""One meter story, three baseline models: daily, daily by season, hourly.

Each gives the same: statistics of its residuals, savings, and the savings by calendar month.
Events are handled here, between fit and comparison.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from cobenefit_backend.estimate import baseline, hourly, hourly_savings, savings, split
from cobenefit_backend.estimate.baseline import FloatArray, Fuel, usable
from cobenefit_backend.estimate.events import (
    Event,
    Mask,
    effect_interval,
    levels,
    limit_records,
    taken_off,
    without,
)
from cobenefit_backend.estimate.meter_records import Statistics
from cobenefit_backend.estimate.quantity import Disqualification, Interval
from cobenefit_backend.estimate.savings import Savings

Model = Literal["daily", "split", "hourly"]


@dataclass(frozen=True, slots=True)
class Sides:
    """Use and temperature of m meters before and after.

    Attributes
    ----------
    baseline_kwh, reporting_kwh : ndarray, shape (m, n) and (m, q)
        Use by day or by hour; NaN where missing. [kWh]
    baseline_degc, reporting_degc : ndarray, shape (n,) or (m, n), and alike, or None
        Outdoor temperature. [degC]
    baseline_start, reporting_start : datetime64
        First day or hour of each.
    """

    baseline_kwh: FloatArray
    reporting_kwh: FloatArray
    baseline_degc: FloatArray | None
    reporting_degc: FloatArray | None
    baseline_start: np.datetime64
    reporting_start: np.datetime64


@dataclass(frozen=True, slots=True)
class Compared:
    """What a model says.

    Attributes
    ----------
    model : {'daily', 'split', 'hourly'}
        Which one.
    spread : Statistics
        Residuals of the baseline.
    saved : Savings
        One entry per meter.
    month_kwh : ndarray, shape (12,)
        Savings of all meters by calendar month. [kWh]
    records : tuple of Disqualification
        Of the events.
    effects : tuple of tuple
        For each event what it did to the use before and after; None where not estimated. [kWh]
    """

    model: Model
    spread: Statistics
    saved: Savings
    month_kwh: FloatArray
    records: tuple[Disqualification, ...]
    effects: tuple[tuple[Interval | None, Interval | None], ...]


@dataclass(frozen=True, slots=True)
class _Fitted:
    """A fitted model and how to project it."""

    spread: Statistics
    project: Callable[[int], FloatArray]  # 0: the baseline, 1: the reporting period
    compare: Callable[[FloatArray], Savings]


def compare(
    model: Model, sides: Sides, fuel: Fuel = "electricity", events: Sequence[Event] = ()
) -> Compared:
    """Fit a model to the time before and compare the time after with it.

    Parameters
    ----------
    model : {'daily', 'split', 'hourly'}
        The model.
    sides : Sides
        Days, or hours for the hourly model.
    fuel : {'electricity', 'gas'}
        As for `baseline.fit`.
    events : sequence of Event
        Non-routine events, on the same axes.

    Returns
    -------
    Compared
        Savings without the events, and what these did.

    Notes
    -----
    An adjusted event of the reporting period adds no information: the days outside of it carry
    the uncertainty of the whole period.
    """
    left_out = [event for event in events if event.treatment == "exclude"]
    adjusted = [event for event in events if event.treatment == "adjust"]
    before = without(usable(sides.baseline_kwh, fuel), [event.baseline for event in left_out])
    after = without(usable(sides.reporting_kwh, fuel), [event.reporting for event in left_out])
    per_day = 24 if model == "hourly" else 1
    fitted, early = _fit_around(model, sides, fuel, before, [e.baseline for e in adjusted])
    expected = fitted.project(1)
    masks = [event.reporting for event in adjusted]
    effect, count, outside = levels(after, expected, masks)
    cleaned = taken_off(after, effect, masks)
    saved = fitted.compare(cleaned)
    if adjusted:
        saved = _less_certain(saved, fitted, after, masks)
    late = [
        effect_interval(fitted.spread, effect[k], count[k], outside, per_day)
        for k in range(len(adjusted))
    ]
    found = dict(zip(map(id, adjusted), zip(early, late, strict=True), strict=True))
    return Compared(
        model,
        fitted.spread,
        saved,
        _by_month(expected - cleaned, sides.reporting_start, per_day),
        limit_records(events),
        tuple(found.get(id(event), (None, None)) for event in events),
    )


def _fit_around(
    model: Model, sides: Sides, fuel: Fuel, before: FloatArray, masks: Sequence[Mask]
) -> tuple[_Fitted, list[Interval | None]]:
    """Fit outside the events of the baseline, take their effect off, and fit again."""
    if not any(mask.any() for mask in masks):
        return _fit(model, sides, fuel, before), [None] * len(masks)
    first = _fit(model, sides, fuel, without(before, masks))
    effect, count, outside = levels(before, first.project(0), masks)
    per_day = 24 if model == "hourly" else 1
    intervals = [
        effect_interval(first.spread, effect[k], count[k], outside, per_day) if m.any() else None
        for k, m in enumerate(masks)
    ]
    return _fit(model, sides, fuel, taken_off(before, effect, masks)), intervals


def _less_certain(
    saved: Savings, fitted: _Fitted, after: FloatArray, masks: Sequence[Mask]
) -> Savings:
    """Give the savings of the whole period the relative error of the days outside events."""
    outside = fitted.compare(without(after, masks))
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = outside.half_width_90_kwh / outside.counterfactual_kwh
    return savings.of_totals(
        saved.counterfactual_kwh,
        saved.observed_kwh,
        relative,
        saved.valid_days,
        saved.expected_days,
    )


def _fit(model: Model, sides: Sides, fuel: Fuel, before: FloatArray) -> _Fitted:
    weather = sides.baseline_degc is not None and sides.reporting_degc is not None
    if model == "hourly":
        return _fit_hourly(sides, before)
    if model == "split" and weather:
        return _fit_split(sides, fuel, before)
    models = baseline.fit(before, sides.baseline_degc if weather else None, fuel)
    degc = (sides.baseline_degc, sides.reporting_degc) if weather else (None, None)
    sizes = before.shape[1], sides.reporting_kwh.shape[1]
    return _Fitted(
        models,
        lambda side: baseline.predict(models, degc[side], sizes[side]),
        lambda use: savings.savings(models, use, degc[1]),
    )


def _fit_split(sides: Sides, fuel: Fuel, before: FloatArray) -> _Fitted:
    days = _axis(sides, "D")
    models = split.fit_split(before, sides.baseline_degc, days[0], fuel)
    degc = sides.baseline_degc, sides.reporting_degc
    return _Fitted(
        models,
        lambda side: split.predict_split(models, degc[side], days[side]),
        lambda use: split.savings_split(models, use, degc[1], days[1]),
    )


def _fit_hourly(sides: Sides, before: FloatArray) -> _Fitted:
    if sides.baseline_degc is None or sides.reporting_degc is None:
        raise ValueError("the hourly model needs temperatures: give them, or take model = daily")
    degc = sides.baseline_degc, sides.reporting_degc
    starts = sides.baseline_start, sides.reporting_start
    models = hourly.fit(before, degc[0], starts[0])
    spread = hourly_savings.statistics(models, before, degc[0], starts[0])
    return _Fitted(
        spread,
        lambda side: hourly.predict(models, degc[side], starts[side]),
        lambda use: hourly_savings.savings(models, spread, use, degc[1], starts[1]),
    )


def _axis(sides: Sides, unit: Literal["D", "h"]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the time of every column before and after."""
    return (
        _times(sides.baseline_start, np.atleast_2d(sides.baseline_kwh).shape[1], unit),
        _times(sides.reporting_start, np.atleast_2d(sides.reporting_kwh).shape[1], unit),
    )


def _times(start: np.datetime64, count: int, unit: Literal["D", "h"]) -> NDArray[Any]:
    return np.asarray(start.astype(f"datetime64[{unit}]") + np.arange(count))


def _by_month(saved_kwh: FloatArray, start: np.datetime64, per_day: int) -> FloatArray:
    """Add the savings of all meters up by calendar month, January first."""
    times = _times(start, saved_kwh.shape[1], "h" if per_day > 1 else "D")
    month = times.astype("datetime64[M]").astype(np.intp) % 12
    total = np.where(np.isnan(saved_kwh), 0.0, saved_kwh).sum(axis=0)
    return np.asarray(np.bincount(month, weights=total, minlength=12), dtype=np.float64)
