"""Modelled and synthetic series of the demonstration; nothing here was measured.

Deterministic: `random.Random(seed).random()` is stable between Python versions, and nothing else
of that module is used. The headers say "modelled" or "synthetic", and so must every report row.
Random variates: inverse transform sampling, L. Devroye, Non-Uniform Random Variate Generation,
chapter II.2, 1986.
"""

import csv
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from statistics import NormalDist
from zoneinfo import ZoneInfo

from cobenefit_hil.demo.table import write_table

HOUR_MS = 3_600_000
SLOT_MS = 1_800_000
SEED = 20_261_122

RADAR_DAY = datetime(2018, 5, 16, tzinfo=ZoneInfo("America/Chicago"))
VEHICLES = 3_200
MIN_HEADWAY_MS = 2_000
FREE_SPEED_KMH = 51.0
SLOWING_KMH = 9.0
SPREAD_KMH = 6.5
RADAR_FACTS = {
    "title": "Vehicle passages of one day on one lane, modelled",
    "authors": "the Cobenefit project; hourly profile from Metro Interstate Traffic Volume, UCI",
    "licence": "Apache-2.0 (profile CC BY 4.0, doi 10.24432/C5X60B)",
    "origin": "modelled: real hourly profile of 2018-05-16 scaled to 3200 vehicles on one lane;"
    " passages uniform within the hour, at least 2 s apart; spot speed normal about"
    " 51 - 9 (flow / peak flow)^2 km/h with 6.5 km/h spread, kept within 12..95 km/h",
    "seed": str(SEED),
    "columns": "t_ms [Unix ms]; speed_kmh [km/h]",
}

SEASON_START = datetime(2025, 3, 1, tzinfo=UTC)
SEASON_DAYS = 137
WATER_FULL_PERMILLE = 340.0
SOIL_FACTS = {
    "title": "One wheat season as a 7-in-1 soil probe would show it, synthetic",
    "authors": "the Cobenefit project",
    "licence": "Apache-2.0",
    "origin": "synthetic: formulas in cobenefit_hil/demo/modelled.py; N, P and K follow the"
    " conductivity, as such probes derive them, and are no evidence of nitrogen",
    "seed": str(SEED + 1),
    "start_ms": str(round(SEASON_START.timestamp()) * 1000),
    "step_ms": str(SLOT_MS),
    "columns": "moisture_permille [0.1 %]; temperature_ddegc [0.1 degC]; ec_us_per_cm [uS/cm];"
    " ph_tenth [0.1]; n_mg_per_kg, p_mg_per_kg, k_mg_per_kg [mg/kg]",
}

# date, kg N/ha by practice, kg N/ha as advised
APPLICATIONS = (("2025-03-04", 60, 60), ("2025-04-03", 80, 65), ("2025-05-12", 40, 30))
REPLICATES = 4
STRIP_HA = 0.5
HARVEST = "2025-07-15"
YIELD_T_PER_HA = 8.6
ADVISED_LOSS_T_PER_HA = 0.05
FERTILISER = "ammonium_nitrate"
LOG_COLUMNS = (
    "date",
    "activity",
    "replicate",
    "arm",
    "area_ha",
    "nitrogen_kg_per_ha",
    "fertiliser",
    "yield_t_per_ha",
    "author",
    "evidence",
)


Row = dict[str, str | float | int]


def radar_passages(volume: Mapping[int, int]) -> list[tuple[int, int]]:
    """Model the vehicle passages of `RADAR_DAY`.

    Parameters
    ----------
    volume : mapping of int to int
        Vehicles counted by the hour's start in Unix ms. [1]

    Returns
    -------
    list of tuple of int
        Time of the passage [Unix ms] and spot speed [km/h], ordered by time.
    """
    random = Random(SEED)  # noqa: S311
    midnight = round(RADAR_DAY.timestamp()) * 1000
    profile = [volume[midnight + hour * HOUR_MS] for hour in range(24)]
    passages: list[tuple[int, int]] = []
    for hour, flow in enumerate(profile):
        count = round(flow * VEHICLES / sum(profile))
        mean_kmh = FREE_SPEED_KMH - SLOWING_KMH * (flow / max(profile)) ** 2
        starts = sorted(random.random() for _ in range(count))
        room_ms = HOUR_MS - (count + 1) * MIN_HEADWAY_MS
        for rank, share in enumerate(starts):
            speed = NormalDist(mean_kmh, SPREAD_KMH).inv_cdf(_open_unit(random))
            offset_ms = round(share * room_ms) + rank * MIN_HEADWAY_MS
            passages.append((midnight + hour * HOUR_MS + offset_ms, _clip(round(speed), 12, 95)))
    return passages


def soil_row(slot: int, water_permille: float, feed_us: float, wobble: float) -> dict[str, int]:
    """Return what the probe shows in one half hour.

    Parameters
    ----------
    slot : int
        Half hours since the start of the season, >= 0. [1]
    water_permille : float
        Volumetric water content, 0-1000. [permille]
    feed_us : float
        Conductivity that dissolved fertiliser adds. [uS/cm]
    wobble : float
        Slow weather deviation of the temperature. [degC]

    Returns
    -------
    dict of str to int
        Register values by column name. [column's own unit]
    """
    day = slot / 48
    season_degc = 8.0 + 11.0 * math.sin(math.pi * day / 180)
    swing_degc = 2.5 * math.sin(2 * math.pi * (day - 0.42))
    ec = (260 + feed_us) * (0.35 + 0.65 * water_permille / WATER_FULL_PERMILLE)
    return {
        "moisture_permille": round(water_permille),
        "temperature_ddegc": round(10 * (season_degc + swing_degc + wobble)),
        "ec_us_per_cm": round(ec),
        "ph_tenth": round(10 * (6.9 - 0.25 * feed_us / 200)),
        "n_mg_per_kg": round(0.11 * ec),
        "p_mg_per_kg": round(0.14 * ec),
        "k_mg_per_kg": round(0.37 * ec),
    }


def soil_season() -> dict[str, list[int | None]]:
    """Model the season: rain fills, warm days empty, fertiliser raises the conductivity.

    Returns
    -------
    dict of str to list of int
        One column per register of the probe. [column's own unit]
    """
    random = Random(SEED + 1)  # noqa: S311
    fed = {datetime.fromisoformat(date).date(): rate for date, rate, _ in APPLICATIONS}
    water, feed, wobble = 310.0, 0.0, 0.0
    columns: dict[str, list[int | None]] = {}
    for slot in range(SEASON_DAYS * 48):
        day = slot / 48
        if slot % 48 == 0:
            wobble = 0.8 * wobble + 1.2 * NormalDist().inv_cdf(_open_unit(random))
            rain = -24.0 * math.log(_open_unit(random)) if random.random() < 0.3 else 0.0
            water = min(WATER_FULL_PERMILLE, water + rain)
            feed += 2.2 * fed.get((SEASON_START + timedelta(days=day)).date(), 0)
        thirst = 0.02 + 0.14 * math.sin(math.pi * min(day, 130) / 150)
        water -= thirst * max(0.0, (water - 110) / 200)
        feed *= 0.9994
        for name, value in soil_row(slot, water, feed, wobble).items():
            columns.setdefault(name, []).append(value)
    return columns


def nitrogen_log() -> list[Row]:
    """Model the paired strips: four replicates, each once by practice and once as advised.

    Returns
    -------
    list of dict
        Rows of the log; nitrogen per area [kg/ha], area [ha], yield [t/ha].
    """
    random = Random(SEED + 2)  # noqa: S311
    rows: list[Row] = []
    for replicate in range(1, REPLICATES + 1):
        ground = 0.35 * NormalDist().inv_cdf(_open_unit(random))
        for arm in ("practice", "advised"):
            strip: Row = {"replicate": replicate, "arm": arm, "area_ha": STRIP_HA}
            for date, practice, advised in APPLICATIONS:
                rate = practice if arm == "practice" else advised
                rows.append(strip | _spread(date, rate))
            noise = 0.06 * NormalDist().inv_cdf(_open_unit(random))
            loss = ADVISED_LOSS_T_PER_HA if arm == "advised" else 0.0
            rows.append(strip | _harvest(round(YIELD_T_PER_HA + ground + noise - loss, 2)))
    return sorted(rows, key=lambda row: str(row["date"]))


def _spread(date: str, nitrogen_kg_per_ha: int) -> Row:
    return {
        "date": date,
        "activity": "spread",
        "nitrogen_kg_per_ha": nitrogen_kg_per_ha,
        "fertiliser": FERTILISER,
        "author": "demo",
        "evidence": "synthetic spreader log",
    }


def _harvest(yield_t_per_ha: float) -> Row:
    return {
        "date": HARVEST,
        "activity": "harvest",
        "yield_t_per_ha": yield_t_per_ha,
        "author": "demo",
        "evidence": "synthetic weighbridge ticket",
    }


def write_radar(volume: Mapping[int, int], path: Path) -> None:
    """Write the modelled passages.

    Parameters
    ----------
    volume : mapping of int to int
        Vehicles counted by the hour's start in Unix ms. [1]
    path : Path
        File to write.
    """
    passages = radar_passages(volume)
    columns = {"t_ms": [t for t, _ in passages], "speed_kmh": [speed for _, speed in passages]}
    write_table(path, RADAR_FACTS, columns)


def write_soil(path: Path) -> None:
    """Write the synthetic season.

    Parameters
    ----------
    path : Path
        File to write.
    """
    write_table(path, SOIL_FACTS, soil_season())


def write_nitrogen_log(path: Path) -> None:
    """Write the synthetic decision log as plain CSV.

    Parameters
    ----------
    path : Path
        File to write.
    """
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, LOG_COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(nitrogen_log())


def _open_unit(random: Random) -> float:
    return 1.0 - random.random() * (1 - 1e-12)


def _clip(value: int, low: int, high: int) -> int:
    return max(low, min(high, value))
