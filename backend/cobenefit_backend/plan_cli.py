"""`cobenefit plan`: what a claim needs, before a single node is bought."""

from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from cobenefit_backend.errors import BackendError
from cobenefit_backend.estimate import power
from cobenefit_backend.estimate.baseline import Baselines, FloatArray, fit, usable
from cobenefit_backend.estimate.daily import Daily
from cobenefit_backend.estimate.savings import savings
from cobenefit_backend.estimate_csv import read_meter

COMPARED = ("smart_meter", "soil", "traffic", "industry", "data_centre")
COUNTED = ("remote_health", "remote_assistance", "surveillance", "climate_event")
SELF_COMPARED = "before/after of each unit, and controls"
_YEAR = 365
_FEWEST = 3
STAGGERED = "no time before: staggered roll-out, or controls chosen at random"


def plan(  # noqa: PLR0917  typer reads the signature
    use_case: Annotated[str, typer.Argument(help=", ".join((*COMPARED, *COUNTED)))],
    effect: Annotated[
        float | None, typer.Option(help="Effect expected, as a share of the use, say 0.05.")
    ] = None,
    meters: Annotated[
        list[Path] | None,
        typer.Option(
            "--input", help="Meter CSV like those to be equipped; repeat it.", exists=True
        ),
    ] = None,
    spread: Annotated[
        float | None, typer.Option(help="In place of meters: spread of one unit's effect.")
    ] = None,
    months: Annotated[float, typer.Option(min=1, max=120, help="Reporting period.")] = 12.0,
    controls: Annotated[float, typer.Option(min=0, help="Controls per unit.")] = 1.0,
    start: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"])] = None,
    pre_period: Annotated[
        bool, typer.Option(help="Whether the units are measured before the measure.")
    ] = True,
    available: Annotated[int | None, typer.Option(min=1, help="Units you can have.")] = None,
    share: Annotated[float, typer.Option(help="Counted use cases: share expected.")] = 0.8,
    half_width: Annotated[float, typer.Option(help="Half of the interval wanted.")] = 0.05,
) -> None:
    """Say how many units, controls and months a claim of a given size needs.

    Example: cobenefit plan smart_meter --effect 0.05 --input home1.csv --input home2.csv

    Example: cobenefit plan remote_health --share 0.9 --half-width 0.05
    """
    try:
        if use_case in COUNTED:
            rows = _counted(share, half_width)
        elif use_case in COMPARED:
            rows = _compared(
                effect, meters or [], spread,
                months=months, controls=controls, pre_period=pre_period, available=available,
            )  # fmt: skip
        else:
            _refuse(f"{use_case!r} is no use case: {', '.join((*COMPARED, *COUNTED))}")
    except (ValueError, BackendError) as error:
        _refuse(str(error))
    if start is not None:
        earliest = power.earliest_claim(start.date(), months)
        rows["earliest date of a figure"] = _day(earliest)
    table = Table(show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows.items():
        table.add_row(name, str(value))
    Console(highlight=False).print(table)


def _counted(share: float, half_width: float) -> dict[str, Any]:
    return {
        "cases to log": power.cases_needed(share, half_width),
        "for a share of": f"{share:.0%} within {half_width:.0%} (90 %)",
        "best evidence class": "E, or N for an indicator",
    }


def _compared(
    effect: float | None, meters: list[Path], spread: float | None, *,
    months: float, controls: float, pre_period: bool, available: int | None,
) -> dict[str, Any]:  # fmt: skip
    if effect is None:
        raise ValueError("--effect is missing: the share of the use you expect to save, say 0.05")
    if not pre_period and not controls:
        raise ValueError("no time before and no controls: nothing can be compared; set --controls")
    found, taken_from = _spread(meters, spread, months=months, pre_period=pre_period)
    need = power.units_needed(effect, found, controls)
    rows = {
        "effect to find": f"{effect:.1%} of the use, with 80 % probability at 90 % confidence",
        "spread of one unit": f"{found:.1%} ({taken_from})",
        "units": need.units,
        "controls": need.controls,
        "months": f"{months:g}",
        "design": (SELF_COMPARED if controls else need.design) if pre_period else STAGGERED,
        "best evidence class": "M" if controls else "E (pre/post, no control)",
    }
    if available is not None:
        least = power.detectable_ratio(available, int(available * controls), found)
        rows["with the units you can have"] = f"{least:.1%} is the smallest effect found"
    return rows


def _spread(
    meters: list[Path], spread: float | None, *, months: float, pre_period: bool
) -> tuple[float, str]:
    """Return the spread and what it was taken from."""
    if spread is not None:
        return spread, "given"
    if not meters:
        raise ValueError("give --input METER.csv (repeat it), or --spread")
    days = [read_meter(path) for path in meters]
    length = min(len(day.energy_kwh) for day in days)
    last_year = slice(length - min(length, _YEAR), length)
    if not pre_period:
        return power.spread_between(_models(days, last_year)), "how units differ"
    if length >= 2 * _YEAR and len(days) >= _FEWEST:
        first, second = slice(length - 2 * _YEAR, length - _YEAR), last_year
        saved = savings(_models(days, first), _energy(days, second), _weather(days, second))
        return power.spread_from_year_to_year(saved), "how units change from year to year"
    return power.spread_within(_models(days, last_year), months), (
        "the model's error alone; homes also change from year to year: give two years of at"
        f" least {_FEWEST} meters"
    )


def _models(days: list[Daily], part: slice) -> Baselines:
    return fit(_energy(days, part), _weather(days, part))


def _energy(days: list[Daily], part: slice) -> FloatArray:
    return usable(np.array([day.energy_kwh[part] for day in days]), "electricity")


def _weather(days: list[Daily], part: slice) -> FloatArray | None:
    known = [day.temperature_degc[part] for day in days if day.temperature_degc is not None]
    return np.array(known) if len(known) == len(days) else None


def _day(day: date) -> str:
    return day.isoformat()


def _refuse(message: str) -> NoReturn:
    typer.secho(f"error: {message}", fg="red", err=True)
    raise typer.Exit(2)
