"""`cobenefit estimate baseline`: one meter file, one baseline model, its savings."""

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import typer

from cobenefit_backend import accuracy
from cobenefit_backend.documents.base import Answer
from cobenefit_backend.errors import InputError
from cobenefit_backend.estimate import smart_meter
from cobenefit_backend.estimate.billed import Limits, billed
from cobenefit_backend.estimate.daily import Daily
from cobenefit_backend.estimate.hours import Hours
from cobenefit_backend.estimate.meter_models import Sides
from cobenefit_backend.estimate_csv import read_bills, read_hours, read_meter
from cobenefit_backend.estimate_output import AsJson, InputFile, refusing, show

Day = Annotated[datetime, typer.Option(formats=["%Y-%m-%d"])]
Period = tuple[date, date]
Fuel = Literal["electricity", "gas"]
PERIODS = ("daily", "hourly", "billing")


def baseline_command(
    *,
    input_file: InputFile,
    fuel: Annotated[str, typer.Option(help="electricity or gas.")],
    baseline_start: Day,
    baseline_end: Day,
    reporting_start: Day,
    reporting_end: Day,
    period: Annotated[
        str, typer.Option(help="daily, hourly or billing: what a row holds.")
    ] = "daily",
    by_season: Annotated[
        bool, typer.Option(help="Let the daily model differ by season and weekend.")
    ] = False,
    weather: Annotated[
        Path | None,
        typer.Option(help="Temperatures under bills.", exists=True, dir_okay=False),
    ] = None,
    meter_class: Annotated[
        str, typer.Option("--accuracy", help="Accuracy class of the meter; empty: the weakest.")
    ] = "",
    previous_class: Annotated[
        str, typer.Option("--previous-accuracy", help="Class of another meter read before.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Fit a CalTRACK 2.0 baseline to a meter CSV and state the savings.

    End dates are exclusive. With --period billing a row is a bill that runs until the next row;
    with --period hourly rows are hours or finer, each with its temperature.
    """
    with refusing():
        kind = _fuel(fuel)
        before = _period("baseline", baseline_start.date(), baseline_end.date())
        after = _period("reporting", reporting_start.date(), reporting_end.date())
        limits = _limit("--accuracy", meter_class), _limit("--previous-accuracy", previous_class)
        _check(period, weather, by_season=by_season)
        if period == "billing":
            bills = read_bills(input_file, weather)
            show(billed(*bills, kind, before, after, limits=limits), as_json)
            return
        days = read_meter(input_file)
        inputs = _inputs(days, kind, before, after, limits)
        if by_season:
            inputs = replace(inputs, model="split")
        if period == "hourly":
            inputs = replace(inputs, hours=_sides(read_hours(input_file), before, after))
        show(_answer(inputs), as_json)


def _fuel(text: str) -> Fuel:
    if text == "electricity":
        return "electricity"
    if text == "gas":
        return "gas"
    raise InputError(f"{text!r} is not allowed, choose electricity or gas", where="--fuel")


def _check(period: str, weather: Path | None, *, by_season: bool) -> None:
    if period not in PERIODS:
        raise InputError(
            f"{period!r} is not allowed, choose daily, hourly or billing", where="--period"
        )
    if period != "billing" and weather is not None:
        raise InputError("is for --period billing; other rows hold theirs", where="--weather")
    if period != "daily" and by_season:
        raise InputError("is for --period daily", where="--by-season")


def _period(name: str, start: date, end: date) -> Period:
    if end <= start:
        raise InputError(
            f"{end} must be after --{name}-start {start} (end dates are exclusive)",
            where=f"--{name}-end",
        )
    return start, end


def _limit(option: str, name: str) -> float | None:
    if not name:
        return None
    classes = accuracy.load()
    if name not in classes:
        raise InputError(f"{name!r} is unknown, choose one of {', '.join(classes)}", where=option)
    return classes[name].limit_ratio


def _inputs(
    days: Daily, fuel: Fuel, before: Period, after: Period, limits: Limits
) -> smart_meter.SmartMeterInputs:
    first, second = days.between(*before), days.between(*after)
    return smart_meter.SmartMeterInputs(
        baseline_kwh=first.energy_kwh,
        reporting_kwh=second.energy_kwh,
        baseline_degc=first.temperature_degc,
        reporting_degc=second.temperature_degc,
        fuel=fuel,
        baseline_start=np.datetime64(before[0]),
        reporting_start=np.datetime64(after[0]),
        accuracy_ratio=limits[0],
        previous_accuracy_ratio=limits[1],
    )


def _sides(hours: Hours, before: Period, after: Period) -> Sides:
    first, second = hours.between(*before), hours.between(*after)
    return Sides(
        first.energy_kwh[None],
        second.energy_kwh[None],
        first.temperature_degc,
        second.temperature_degc,
        first.start,
        second.start,
    )


def _answer(inputs: smart_meter.SmartMeterInputs) -> Answer:
    claim, beside = smart_meter.compared(inputs)
    known = claim.saved.valid_days[0] and claim.spread.valid_days[0]
    daily = {} if beside is None else {"savings_daily_model_kwh": beside.saved.savings_kwh[0]}
    return {
        **smart_meter.describe(claim.spread, claim.saved, claim.model),
        **daily,
        "evidence_class": "E" if known else "N",
        "label": "pre/post, no control",
        "disqualifications": smart_meter.all_records(inputs, claim),
    }
