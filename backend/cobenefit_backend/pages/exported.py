"""The map for other programs: GeoJSON (RFC 7946) and a table, with every figure's interval."""

from typing import Any

import msgspec

from cobenefit_backend.exports.tables import Table
from cobenefit_backend.pages import places
from cobenefit_backend.pages.groups import Net
from cobenefit_backend.pages.places import Place
from cobenefit_backend.pages.portfolio import Gathered

COLUMNS = (
    "kind", "place", "insee", "sites", "studies", "start", "end", "devices", "evidence_class",
    "net_low", "net_central", "net_high", "net_per_device", "unit", "coverage_ratio",
)  # fmt: skip
UNIT = "kgCO2e"


def all_places(gathered: Gathered) -> tuple[list[Place], list[Place]]:
    """Return the areas and the sites of a territory."""
    report, sites = gathered.report, gathered.document.site
    return (
        places.of_areas(report, report.cases, gathered.areas, sites, gathered.factors),
        places.of_sites(report, report.cases, sites, gathered.factors),
    )


def table(gathered: Gathered) -> Table:
    """Return the places as a table: a row for each evidence class, one where there is none.

    Parameters
    ----------
    gathered : Gathered
        What the territory has.

    Returns
    -------
    Table
        `map`.
    """
    areas, sites = all_places(gathered)
    rows = [
        tuple(_properties(place, net).values())
        for place in (*areas, *sites)
        for net in place.nets or (None,)
    ]
    return Table("map", COLUMNS, tuple(rows))


def geojson(gathered: Gathered) -> bytes:
    """Return areas as polygons and sites as points.

    Parameters
    ----------
    gathered : Gathered
        What the territory has, its areas with their polygons.

    Returns
    -------
    bytes
        A FeatureCollection; the figure of a place is the measured one, else the estimated one. A
        site without a position has the geometry null, as RFC 7946 section 3.2 says.
    """
    areas, sites = all_places(gathered)
    features = [
        _feature(
            place, {"type": "MultiPolygon", "coordinates": msgspec.Raw(area.polygons.encode())}
        )
        for place, area in zip(areas, gathered.areas, strict=True)
    ]
    for place, site in zip(sites, gathered.document.site, strict=True):
        point = {"type": "Point", "coordinates": site.position} if site.position else None
        features.append(_feature(place, point))
    return msgspec.json.encode({"type": "FeatureCollection", "features": features})


def _feature(place: Place, geometry: dict[str, Any] | None) -> dict[str, Any]:
    return {"type": "Feature", "geometry": geometry, "properties": _properties(place, place.shown)}


def _properties(place: Place, net: Net | None) -> dict[str, Any]:
    cases = net.cases if net else place.cases
    figure = (
        (
            net.devices, net.evidence, net.interval.low, net.interval.central, net.interval.high,
            net.per_device.central, UNIT, net.coverage_ratio,
        )
        if net
        else (None,) * 8
    )  # fmt: skip
    period = net.period if net else (None, None)
    told = (
        place.kind, place.name, place.insee, " ".join(place.sites),
        " ".join(case.study for case in cases),
    )  # fmt: skip
    return dict(zip(COLUMNS, (*told, *period, *figure), strict=True))
