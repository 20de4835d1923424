"""Read a meter file: `start,energy_kwh,temperature_degc`, blank where missing."""

import csv
import math
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cobenefit_backend.errors import InputError
from cobenefit_backend.estimate.baseline import FloatArray
from cobenefit_backend.estimate.bills import Bills
from cobenefit_backend.estimate.daily import Daily, to_daily
from cobenefit_backend.estimate.hours import Hours, to_hourly
from cobenefit_backend.estimate.units import unit_mistake

COLUMNS = ("start", "energy_kwh", "temperature_degc")
DEGC_RANGE = (-60.0, 60.0)


def read_meter(path: Path) -> Daily:
    """Read a meter CSV into days.

    Parameters
    ----------
    path : Path
        CSV with `start` (ISO 8601 with offset), `energy_kwh` [kWh] and, optionally,
        `temperature_degc` [degC], daily or finer.

    Returns
    -------
    Daily
        Local days, see `daily.to_daily`.

    Raises
    ------
    InputError
        Naming file, line, column and what is allowed.
    """
    return to_daily(*_read(path, COLUMNS[:2]))


def read_hours(path: Path) -> Hours:
    """Read a meter CSV into hours.

    Parameters
    ----------
    path : Path
        CSV with `start` (ISO 8601 with offset), `energy_kwh` [kWh] and `temperature_degc`
        [degC], hourly or finer.

    Returns
    -------
    Hours
        Hours at the UTC offset of the first row, see `hours.to_hourly`.

    Raises
    ------
    InputError
        Naming file, line, column and what is allowed.
    """
    try:
        hours = to_hourly(*_read(path, COLUMNS))
    except ValueError as error:
        raise InputError(str(error), file=path.name, where="column start") from error
    if hours.temperature_degc is None:
        raise InputError(
            "temperature_degc has no value: the hourly model needs temperatures",
            file=path.name,
            where="column temperature_degc",
        )
    return hours


def read_bills(path: Path, weather: Path | None) -> tuple[NDArray[np.datetime64], Bills]:
    """Read bills and the temperatures under them.

    Parameters
    ----------
    path : Path
        CSV with `start` and `energy_kwh` [kWh]: a row per bill, which runs until the next row;
        the energy of the last row is not used, its start closes the bill before.
    weather : Path or None
        CSV with `start` and `temperature_degc` [degC], daily or finer. None: no weather.

    Returns
    -------
    tuple of ndarray and Bills
        First local day of each bill and the day after the last one; the bills of one meter.

    Raises
    ------
    InputError
        Naming file, line, column and what is allowed.
    """
    start, energy, _ = _read(path, COLUMNS[:2])
    days = np.array([np.datetime64(moment.date()) for moment in start])
    if len(days) < 2 or not (np.diff(days) > np.timedelta64(0, "D")).all():
        raise InputError(
            "bills must be two rows or more, each starting on a later day; the last row closes "
            "the bill before it",
            file=path.name,
            where="column start",
        )
    edges = (days - days[0]).astype(np.intp)[None]
    degc = None
    if weather is not None:
        daily = to_daily(*_read(weather, (COLUMNS[0], COLUMNS[2])))
        degc = daily.between(days[0].item(), days[-1].item()).temperature_degc
        if degc is None:
            raise InputError(
                "temperature_degc has no value", file=weather.name, where="column temperature_degc"
            )
    return days, Bills(energy[None, :-1], edges, None if degc is None else degc[None])


def _read(path: Path, needed: tuple[str, ...]) -> tuple[list[datetime], FloatArray, FloatArray]:
    start: list[datetime] = []
    energy: list[float] = []
    temperature: list[float] = []
    lines: list[int] = []
    seen: set[datetime] = set()
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        _check_header(reader.fieldnames or (), path.name, needed)
        for row in reader:
            where = f"line {reader.line_num}"
            moment = _moment(row["start"], path.name, where)
            if moment in seen:
                raise InputError(f"start {row['start']} occurs twice", file=path.name, where=where)
            seen.add(moment)
            start.append(moment)
            energy.append(_energy(row.get("energy_kwh"), path.name, where))
            lines.append(reader.line_num)
            temperature.append(_temperature(row.get("temperature_degc"), path.name, where))
    if not start:
        raise InputError("no data row after the header", file=path.name, where="line 2")
    _check_unit(np.array(energy), lines, path.name)
    return start, np.array(energy), np.array(temperature)


def _check_unit(energy: FloatArray, lines: list[int], file: str) -> None:
    """Refuse rows in Wh among rows in kWh."""
    if (found := unit_mistake(energy)) is not None:
        raise InputError(found[1], file=file, where=f"line {lines[found[0]]}")


def _energy(text: str | None, file: str, where: str) -> float:
    kwh = _number(text, "energy_kwh", file, where)
    if kwh < 0:
        raise InputError(
            f"energy_kwh {kwh:g} is negative; give what is taken from the network, without "
            "what is fed in",
            file=file,
            where=where,
        )
    return kwh


def _temperature(text: str | None, file: str, where: str) -> float:
    degc = _number(text, "temperature_degc", file, where)
    low, high = DEGC_RANGE
    if not (math.isnan(degc) or low <= degc <= high):
        raise InputError(
            f"temperature_degc {degc:g} is outside {low:g} to {high:g} degC",
            file=file,
            where=where,
        )
    return degc


def _check_header(found: object, file: str, needed: tuple[str, ...]) -> None:
    names = tuple(found) if isinstance(found, list | tuple) else ()
    missing = [name for name in needed if name not in names]
    if missing or set(names) - set(COLUMNS):
        raise InputError(
            f"columns are {','.join(names) or 'missing'}; expected {','.join(COLUMNS)}",
            file=file,
            where="line 1",
        )


def _moment(text: str | None, file: str, where: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError as error:
        raise InputError(
            f"start {text!r} is not an ISO 8601 time such as 2026-01-31T00:00:00+01:00",
            file=file,
            where=where,
        ) from error
    if moment.tzinfo is None:
        raise InputError(f"start {text!r} has no UTC offset, add +01:00", file=file, where=where)
    return moment


def _number(text: str | None, column: str, file: str, where: str) -> float:
    if text is None or not text.strip():
        return math.nan
    try:
        value = float(text)
    except ValueError as error:
        raise InputError(
            f"{column} {text!r} is not a number; leave it blank where missing",
            file=file,
            where=where,
        ) from error
    return value if math.isfinite(value) else math.nan
