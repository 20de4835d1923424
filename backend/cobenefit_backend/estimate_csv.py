"""Read a meter file: `start,energy_kwh,temperature_degc`, blank where missing."""

import csv
import math
from datetime import datetime
from pathlib import Path

import numpy as np

from cobenefit_backend.errors import InputError
from cobenefit_backend.estimate.daily import Daily, to_daily

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
    start: list[datetime] = []
    energy: list[float] = []
    temperature: list[float] = []
    seen: set[datetime] = set()
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        _check_header(reader.fieldnames or (), path.name)
        for row in reader:
            where = f"line {reader.line_num}"
            moment = _moment(row["start"], path.name, where)
            if moment in seen:
                raise InputError(f"start {row['start']} occurs twice", file=path.name, where=where)
            seen.add(moment)
            start.append(moment)
            energy.append(_number(row["energy_kwh"], "energy_kwh", path.name, where))
            degc = _number(row.get("temperature_degc"), "temperature_degc", path.name, where)
            low, high = DEGC_RANGE
            if not (math.isnan(degc) or low <= degc <= high):
                raise InputError(
                    f"temperature_degc {degc:g} is outside {low:g} to {high:g} degC",
                    file=path.name,
                    where=where,
                )
            temperature.append(degc)
    if not start:
        raise InputError("no data row after the header", file=path.name, where="line 2")
    return to_daily(start, np.array(energy), np.array(temperature))


def _check_header(found: object, file: str) -> None:
    names = tuple(found) if isinstance(found, list | tuple) else ()
    missing = [name for name in COLUMNS[:2] if name not in names]
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
