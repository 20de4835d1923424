"""Energy of tertiary public buildings by calendar year: sums of what was measured, no more.

A year that lacks a day, or readings of one, is called incomplete; nothing is extrapolated.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from cobenefit_backend.store import Row, Store
from cobenefit_backend.study import Site, StudyDocument
from cobenefit_backend.study_buildings import Building

WH_PER_KWH = 1000.0
COMPLETE_RATIO = 0.98
"""Coverage from which a year whose every day is there is called complete; ours."""


def tertiary(store: Store, document: StudyDocument) -> list[dict[str, Any]]:
    """Return one row per building, carrier and calendar year with data.

    Parameters
    ----------
    store : Store
        Where the daily rollups stand.
    document : StudyDocument
        With the buildings.

    Returns
    -------
    list of dict
        The fields of `territory/operat_columns.csv`.
    """
    return [
        row
        for site in document.site
        for building in site.building
        for row in _rows(store, document.tenant, site, building)
    ]


def _rows(store: Store, tenant: str, site: Site, building: Building) -> Iterator[dict[str, Any]]:
    for carrier in sorted({meter.carrier for meter in building.meter}):
        meters = [meter for meter in building.meter if meter.carrier == carrier]
        years = [
            _years(store.daily(tenant, site.id, meter.device, meter.channel), site.timezone)
            for meter in meters
        ]
        known = [meter.reference_kwh for meter in meters if meter.reference_kwh is not None]
        reference_kwh = sum(known) if len(known) == len(meters) else None
        for year in sorted(set().union(*years)):
            found = [each.get(year, []) for each in years]
            yield {
                "building": building.id, "name": building.name, "address": building.address,
                "site": site.id, "area_m2": building.area_m2, "carrier": carrier, "year": year,
                **_measured(found, year), "reference_year": building.reference_year,
                "reference_kwh": reference_kwh,
            }  # fmt: skip


def _years(rows: list[Row], timezone: str) -> dict[int, list[Row]]:
    zone, found = ZoneInfo(timezone), dict[int, list[Row]]()
    for row in rows:
        year = datetime.fromtimestamp(row["start_ms"] / 1000, UTC).astimezone(zone).year
        found.setdefault(year, []).append(row)
    return found


def _measured(meters: list[list[Row]], year: int) -> dict[str, Any]:
    """Return energy and coverage of a year; the weakest meter says how well it is covered."""
    days_of_year = (date(year + 1, 1, 1) - date(year, 1, 1)).days
    covered = [_covered(rows) / days_of_year for rows in meters]
    days = min(len({row["start_ms"] for row in rows if row["count"]}) for rows in meters)
    whole = days == days_of_year and min(covered) >= COMPLETE_RATIO
    energy_wh = sum(row["delta"] or 0.0 for rows in meters for row in rows)
    return {
        "energy_kwh": energy_wh / WH_PER_KWH,
        "days": days,
        "days_of_year": days_of_year,
        "coverage_ratio": min(covered),
        "status": "complete" if whole else "incomplete",
    }


def _covered(rows: list[Row]) -> float:
    """Return the days that readings cover, of the expected ones [d]."""
    shares = (min(row["count"] / row["expected"], 1.0) for row in rows if row["expected"])
    shares = (min(row["count"] / row["expected"], 1.0) for row in rows if row["expected"])
    return float(sum(shares))
