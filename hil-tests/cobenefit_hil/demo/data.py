"""Typed access to the demonstration data; one function per series.

Times are Unix milliseconds in UTC, values are integers with the decimal exponent and unit that
the `Series` states: physical value = `value` x 10^`exponent`. Missing slots are absent, never
zero. Sources, authors and licences: ``data/ATTRIBUTION.md`` and the header of each table.

Example: ``house_index().value[-1]``.
"""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np

from cobenefit_hil.demo.table import Int64Array, Table, read_table

DATA = Path(__file__).parent / "data"
Origin = Literal["measured", "modelled", "synthetic"]
MeterName = Literal["il-electricity-cdd-hdd", "il-electricity-cdd-only"]
METERS: tuple[MeterName, ...] = ("il-electricity-cdd-hdd", "il-electricity-cdd-only")
# decimal exponent and unit of each column
SOIL_CHANNELS = {
    "moisture_permille": (-1, "%"),
    "temperature_ddegc": (-1, "Cel"),
    "ec_us_per_cm": (0, "uS/cm"),
    "ph_tenth": (-1, "pH"),
    "n_mg_per_kg": (0, "mg/kg"),
    "p_mg_per_kg": (0, "mg/kg"),
    "k_mg_per_kg": (0, "mg/kg"),
}


@dataclass(frozen=True, slots=True)
class Series:
    """Integer readings of one quantity; equally long arrays, times ascending."""

    t_ms: Int64Array
    value: Int64Array
    exponent: int
    unit: str
    origin: Origin


@dataclass(frozen=True, slots=True)
class FieldActivity:
    """One row of the nitrogen log; `nitrogen_kg_per_ha` or `yield_t_per_ha` is None."""

    date: str
    activity: Literal["spread", "harvest"]
    replicate: int
    arm: Literal["practice", "advised"]
    area_ha: float
    nitrogen_kg_per_ha: float | None
    fertiliser: str
    yield_t_per_ha: float | None
    author: str
    evidence: str


@cache
def _table(name: str) -> Table:
    return read_table(DATA / f"{name}.csv.xz")


def _index(energy: Series, step_ms: int, start: int) -> Series:
    """Sum a flow into the register a meter shows at the end of each slot."""
    register = start + np.cumsum(energy.value)
    return Series(energy.t_ms + step_ms, register, energy.exponent, energy.unit, energy.origin)


def house_energy() -> Series:
    """Return the energy of each measured half hour of the UCI house.

    Returns
    -------
    Series
        Starts of the slots and energies, 2006-12 to 2010-11. [W.h]
    """
    return Series(*_table("house").column("energy_wh"), 0, "Wh", "measured")


def house_power() -> Series:
    """Return the mean power of each measured half hour of the UCI house.

    Returns
    -------
    Series
        Starts of the slots and mean powers. [W]
    """
    return Series(*_table("house").column("power_w"), 0, "W", "measured")


def house_apparent_power() -> Series:
    """Return the mean apparent power of each measured half hour of the UCI house.

    Returns
    -------
    Series
        Starts of the slots and mean apparent powers. [VA]
    """
    return Series(*_table("house").column("apparent_va"), 0, "VA", "measured")


def house_index(start_wh: int = 0) -> Series:
    """Return the register of the UCI house at the end of each measured half hour.

    Parameters
    ----------
    start_wh : int, optional
        Register before the first slot, >= 0. [W.h]

    Returns
    -------
    Series
        Ends of the slots and register values; the register holds over a gap. [W.h]
    """
    return _index(house_energy(), 1_800_000, start_wh)


def meter_energy(name: MeterName) -> Series:
    """Return the hourly energy of a simulated meter with a written saving of 10 %.

    Parameters
    ----------
    name : str
        One of `METERS`.

    Returns
    -------
    Series
        Starts of the hours and energies, 2015-11-22 to 2018-02-08. [W.h]
    """
    return Series(*_table(name).column("energy_wh"), 0, "Wh", "synthetic")


def meter_index(name: MeterName, start_wh: int = 0) -> Series:
    """Return the register of a simulated meter at the end of each hour.

    Parameters
    ----------
    name : str
        One of `METERS`.
    start_wh : int, optional
        Register before the first hour, >= 0. [W.h]

    Returns
    -------
    Series
        Ends of the hours and register values. [W.h]
    """
    return _index(meter_energy(name), 3_600_000, start_wh)


def station_temperature() -> Series:
    """Return the hourly outdoor temperature that belongs to the simulated meters.

    Returns
    -------
    Series
        Hours and temperatures, exponent -3, station USAF 724390. [0.001 degC]
    """
    return Series(*_table("station").column("temperature_mdegc"), -3, "Cel", "measured")


def road_volume() -> Series:
    """Return the vehicles of each counted hour on the Metro Interstate.

    Returns
    -------
    Series
        Starts of the hours and counts, 2012-10 to 2018-09; 23 % of the hours are absent. [1]
    """
    return Series(*_table("road").column("vehicles"), 0, "count", "measured")


def road_index(start: int = 0) -> Series:
    """Return the loop counter of the Metro Interstate at the end of each counted hour.

    Parameters
    ----------
    start : int, optional
        Counter before the first hour, >= 0. [1]

    Returns
    -------
    Series
        Ends of the hours and counter values; the counter holds over a gap. [1]
    """
    return _index(road_volume(), 3_600_000, start)


def radar_speed() -> Series:
    """Return the modelled passages of one day on one lane.

    Returns
    -------
    Series
        Times of the passages and spot speeds. [km/h]
    """
    return Series(*_table("radar").column("speed_kmh"), 0, "km/h", "modelled")


def soil(channel: str) -> Series:
    """Return one channel of the synthetic soil season.

    Parameters
    ----------
    channel : str
        One of `SOIL_CHANNELS`; values are the integers of the probe's registers.

    Returns
    -------
    Series
        Half hours from 2025-03-01 to 2025-07-15 and values. [channel's own unit]
    """
    exponent, unit = SOIL_CHANNELS[channel]
    return Series(*_table("soil").column(channel), exponent, unit, "synthetic")


def nitrogen_log() -> list[FieldActivity]:
    """Return the synthetic nitrogen decisions and harvests, ordered by date.

    Returns
    -------
    list of FieldActivity
        Rates [kg/ha], areas [ha] and yields [t/ha].
    """
    with (DATA / "nitrogen_log.csv").open(encoding="utf-8", newline="") as file:
        return [_activity(row) for row in csv.DictReader(file)]


def _activity(row: dict[str, str]) -> FieldActivity:
    rate, crop = row["nitrogen_kg_per_ha"], row["yield_t_per_ha"]
    return FieldActivity(
        date=row["date"],
        activity="spread" if row["activity"] == "spread" else "harvest",
        replicate=int(row["replicate"]),
        arm="advised" if row["arm"] == "advised" else "practice",
        area_ha=float(row["area_ha"]),
        nitrogen_kg_per_ha=float(rate) if rate else None,
        fertiliser=row["fertiliser"],
        yield_t_per_ha=float(crop) if crop else None,
        author=row["author"],
        evidence=row["evidence"],
    )
