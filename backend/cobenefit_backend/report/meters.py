"""What a study says of its meters beside their use: hours, accuracy classes, events, alarms."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cobenefit_backend import accuracy
from cobenefit_backend.estimate.baseline import FloatArray, predict, usable
from cobenefit_backend.estimate.events import Event
from cobenefit_backend.estimate.hours import Hours
from cobenefit_backend.estimate.meter_models import Sides
from cobenefit_backend.estimate.quantity import Disqualification, Estimate, plain
from cobenefit_backend.estimate.screening import MIN_SIDE_DAYS, largest_step, step_records
from cobenefit_backend.estimate.smart_meter import WEAKEST_LIMIT, SmartMeterInputs, measure
from cobenefit_backend.report.series import hourly_energy
from cobenefit_backend.study_kinds import SmartMeterStudy

Row = Mapping[str, Any]


def with_meters(
    inputs: SmartMeterInputs,
    study: SmartMeterStudy,
    classes: Mapping[str, str],
    hours: Sides | None,
) -> SmartMeterInputs:
    """Add model, accuracy and events of a study to its daily series.

    Parameters
    ----------
    inputs : SmartMeterInputs
        Daily series, a row per device in the order of the study.
    study : SmartMeterStudy
        The study.
    classes : mapping
        Name of the accuracy class by device; empty where none is given.
    hours : Sides or None
        Hourly series, from `hour_sides`.

    Returns
    -------
    SmartMeterInputs
        Ready to be estimated; `model = "hourly"` without hours stays daily.
    """
    start, _, reporting_start, _ = study.periods
    days = inputs.baseline_kwh.shape[1], inputs.reporting_kwh.shape[1]
    axes = _axis(start, days[0]), _axis(reporting_start, days[1])
    names = [classes.get(device, "") for device in study.devices]
    return replace(
        inputs,
        model="split" if study.model == "split" else "daily",
        hours=hours,
        events=_events(study, axes),
        hour_events=() if hours is None else _events(study, axes, 24),
        accuracy_ratio=_limits(names, study.fuel),
        previous_accuracy_ratio=accuracy.load()[study.previous_accuracy].limit_ratio
        if study.previous_accuracy
        else None,
    )


def _limits(names: Sequence[str], fuel: str) -> FloatArray | None:
    """Return the limit of each device; the weakest where one is not given, None if none is."""
    if not any(names):
        return None
    known = accuracy.load()
    weakest = WEAKEST_LIMIT[fuel]
    return np.array([known[name].limit_ratio if name else weakest for name in names])


def hour_sides(
    fine: Mapping[str, Sequence[Row]],
    weather: Sequence[Row],
    timezone: str,
    study: SmartMeterStudy,
) -> Sides | None:
    """Return the hourly series of a study before and after.

    Parameters
    ----------
    fine : mapping
        Rollups of an hour or less, by device.
    weather : sequence of mapping
        Temperatures of the site's station.
    timezone : str
        Time zone of the site.
    study : SmartMeterStudy
        The study.

    Returns
    -------
    Sides or None
        None where a device has no hours, or no temperature is known: the daily model is used.
    """
    series = [hourly_energy(rows, weather, timezone) for rows in fine.values()]
    meters = [hours for hours in series if hours is not None]
    if not meters or len(meters) < len(series):
        return None
    start, end, reporting_start, reporting_end = study.periods
    before = [hours.between(start, end) for hours in meters]
    after = [hours.between(reporting_start, reporting_end) for hours in meters]
    degc = _shared(before), _shared(after)
    if degc[0] is None or degc[1] is None:
        return None
    return Sides(
        np.array([hours.energy_kwh for hours in before]),
        np.array([hours.energy_kwh for hours in after]),
        *degc,
        before[0].start,
        after[0].start,
    )


def _shared(sides: Sequence[Hours]) -> FloatArray | None:
    """Return the temperatures with the fewest gaps: one station serves all meters of a site."""
    known = [side.temperature_degc for side in sides if side.temperature_degc is not None]
    known = [degc for degc in known if np.isfinite(degc).any()]
    return min(known, key=lambda degc: int(np.isnan(degc).sum()), default=None)


def meter_records(
    inputs: SmartMeterInputs, study: SmartMeterStudy, *, hours_wanted: bool
) -> tuple[Disqualification, ...]:
    """Say what the study asks for and does not get, and where the use changed besides.

    Parameters
    ----------
    inputs : SmartMeterInputs
        From `with_meters`.
    study : SmartMeterStudy
        The study.
    hours_wanted : bool
        Whether the study asks for the hourly model.

    Returns
    -------
    tuple of Disqualification
        `no_hours`, `change_elsewhere` with a suggested date, or nothing.
    """
    found: list[Disqualification] = []
    if hours_wanted and inputs.hours is None:
        text = "No hourly use with temperatures is stored: the daily model is used."
        found.append(Disqualification("no_hours", text))
    return (*found, *_alarm(inputs, study))


def _alarm(inputs: SmartMeterInputs, study: SmartMeterStudy) -> tuple[Disqualification, ...]:
    start, end, reporting_start, _ = study.periods
    models, _ = measure(inputs)
    degc = (inputs.baseline_degc, inputs.reporting_degc) if models.has_weather else (None, None)
    parts = []
    for energy, weather, side in zip(
        (inputs.baseline_kwh, inputs.reporting_kwh), degc, ("baseline", "reporting"), strict=True
    ):
        residual = usable(energy, inputs.fuel) - predict(models, weather, energy.shape[1])
        for event in inputs.events:
            residual[getattr(event, side)] = np.nan
        parts.append(residual)
    residual = np.concatenate(parts, axis=1)
    if residual.shape[1] <= 2 * MIN_SIDE_DAYS:
        return ()
    axis = np.concatenate(
        (_axis(start, parts[0].shape[1]), _axis(reporting_start, parts[1].shape[1]))
    )
    return step_records(largest_step(residual), (end - start).days, axis)


def event_rows(study: SmartMeterStudy, estimate: Estimate) -> list[dict[str, Any]]:
    """Return the events of a study with what they did, as a report shows them.

    Parameters
    ----------
    study : SmartMeterStudy
        The study.
    estimate : Estimate
        Its figure.

    Returns
    -------
    list of dict
        Dates, kind, treatment, evidence, author, devices; `before_kwh` and `after_kwh`: the use
        that the event added in each period, where it was estimated. [kWh]
    """
    effects = estimate.details["event_effects_kwh"]
    return [
        {
            "start": event.start,
            "end": event.end,
            "kind": event.kind,
            "treatment": event.treatment,
            "evidence": event.evidence,
            "author": event.author,
            "devices": list(event.devices or study.devices),
            "before_kwh": plain(before),
            "after_kwh": plain(after),
        }
        for event, (before, after) in zip(study.event, effects, strict=True)
    ]


def _axis(start: date, days: int) -> NDArray[np.datetime64]:
    return np.asarray(np.datetime64(start) + np.arange(days))


def _events(
    study: SmartMeterStudy,
    axes: tuple[NDArray[np.datetime64], NDArray[np.datetime64]],
    per_day: int = 1,
) -> tuple[Event, ...]:
    found = []
    for event in study.event:
        first, last = (np.datetime64(day) for day in event.days)
        mine = np.array([not event.devices or name in event.devices for name in study.devices])
        masks = [
            mine[:, None] & np.repeat((axis >= first) & (axis < last), per_day) for axis in axes
        ]
        found.append(Event(event.treatment, *masks))
    return tuple(found)
