"""The weather stations of a tenant's sites: which, how far, how much of the periods they know."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from cobenefit_backend.store import Store
from cobenefit_backend.study import Site, StudyDocument

Row = dict[str, Any]
_KNOWN = (
    "SELECT min(source) AS source, min(licence) AS licence, count(*) AS temperatures, "
    "count(DISTINCT t_ms / 86400000) AS days FROM {weather} "
    "WHERE station = :station AND t_ms >= :start_ms AND t_ms < :end_ms"
)


def stations(store: Store, document: StudyDocument) -> list[Row]:
    """Return the station of each site that has a study, one row for a site.

    Parameters
    ----------
    store : Store
        The store.
    document : StudyDocument
        The study document.

    Returns
    -------
    list of dict
        `site`, `station` (empty: none, models go without temperature), `distance_km`, `source`,
        `licence`, `temperatures`, and `coverage_ratio`: days (UTC) with a temperature by days from
        the start of the earliest baseline to the end of the latest report. [km, 1]
    """
    studied = {study.site for study in document.study}
    return [_row(store, document, site) for site in document.site if site.id in studied]


def _row(store: Store, document: StudyDocument, site: Site) -> Row:
    periods = [study.periods for study in document.study if study.site == site.id]
    start, end = min(p[0] for p in periods), max(p[3] for p in periods)
    row = {"site": site.id, "station": site.station, "distance_km": site.station_km}
    none = {"source": None, "licence": None, "temperatures": 0, "coverage_ratio": 0.0}
    if not site.station:
        return {**row, **none}
    span = {"start_ms": _ms(start), "end_ms": _ms(end)}
    (found,) = store.database.rows(document.tenant, _KNOWN, station=site.station, **span)
    days = (end - start) // timedelta(days=1)
    return {**row, **found, "coverage_ratio": found.pop("days") / days}


def _ms(day: date) -> int:
    return round(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000
