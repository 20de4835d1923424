"""Areas out of a GeoJSON file (RFC 7946), checked in full before anything is stored.

What it must never do: guess. A file in another reference system, a ring that is not closed or a
site in two areas is refused with its place in the file.

>>> parse(b'{"type": "FeatureCollection", "features": []}')
[]
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct, field

from cobenefit_backend.bodies import Name
from cobenefit_backend.errors import InputError

MAX_BYTES = 16_777_216
MAX_AREAS = 1_000
MAX_POSITIONS = 500_000
DECIMALS = 6
"""Kept of a degree: 0.1 m, what RFC 7946 section 11.2 calls reasonable."""
_CRS84 = "CRS84"
_MIN_RING = 4

Position = tuple[float, float]
Ring = tuple[Position, ...]
Polygon = tuple[Ring, ...]
Insee = Annotated[str, Meta(pattern=r"^[0-9][0-9AB][0-9]{3}$")]
Label = Annotated[str, Meta(min_length=1, max_length=200)]
_Numbers = Annotated[list[float], Meta(min_length=2, max_length=4)]


@dataclass(frozen=True, slots=True)
class Area:
    """A named part of the territory.

    Parameters
    ----------
    name : str
        Its name.
    insee : str
        Code of the commune, empty without one.
    sites : tuple of str
        Sites that lie in it; those that name its code in the study document come on top.
    polygons : tuple
        Polygons of rings of (longitude, latitude), first ring outside. [degree]
    """

    name: str
    insee: str
    sites: tuple[str, ...]
    polygons: tuple[Polygon, ...]


class _Polygon(Struct, tag_field="type", tag="Polygon"):
    coordinates: list[list[_Numbers]]

    @property
    def parts(self) -> list[list[list[list[float]]]]:
        return [self.coordinates]


class _MultiPolygon(Struct, tag_field="type", tag="MultiPolygon"):
    coordinates: list[list[list[_Numbers]]]

    @property
    def parts(self) -> list[list[list[list[float]]]]:
        return self.coordinates


class _Properties(Struct):
    """Our names, and those of the French commune files (`nom`, `code`)."""

    name: Label | None = None
    nom: Label | None = None
    insee: Insee | None = None
    code: Insee | None = None
    sites: Annotated[list[Name], Meta(max_length=1000)] = field(default_factory=list)


class _Feature(Struct, tag_field="type", tag="Feature"):
    properties: _Properties
    geometry: _Polygon | _MultiPolygon


class Collection(Struct, tag_field="type", tag="FeatureCollection"):
    """A GeoJSON file of areas."""

    features: Annotated[list[_Feature], Meta(max_length=MAX_AREAS)]
    crs: Any = None


def parse(data: bytes, file: str = "") -> list[Area]:
    """Return the areas of a file.

    Parameters
    ----------
    data : bytes
        A FeatureCollection of polygons; each with a `name` and an `insee` code, `sites`, or both.
    file : str, optional
        Name to put into error messages.

    Returns
    -------
    list of Area
        In the order of the file.

    Raises
    ------
    InputError
        Naming file, feature and what is allowed.
    """
    if len(data) > MAX_BYTES:
        text = f"at most {MAX_BYTES} bytes; simplify the file first"
        raise InputError(text, file=file, kind="large")
    try:
        found = msgspec.json.decode(data, type=Collection)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        many = str(error).endswith(f"length <= {MAX_AREAS} - at `$.features`")
        kind = "many" if many else "shape" if _is_json(error) else "json"
        raise InputError(f"no GeoJSON of areas: {error}", file=file, kind=kind) from error
    if found.crs is not None and _CRS84 not in str(found.crs):
        text = "RFC 7946 knows WGS 84 only: convert the file and leave `crs` out"
        raise InputError(text, file=file, where="$.crs", kind="crs")
    areas = [_area(feature, index, file) for index, feature in enumerate(found.features)]
    for where, problem in _twice(areas):
        raise InputError(problem, file=file, where=where, kind="twice")
    positions = sum(len(ring) for area in areas for part in area.polygons for ring in part)
    if positions > MAX_POSITIONS:
        text = f"{positions} positions, at most {MAX_POSITIONS}; simplify the file first"
        raise InputError(text, file=file, kind="points")
    return areas


def _is_json(error: Exception) -> bool:
    return isinstance(error, msgspec.ValidationError)


def _area(feature: _Feature, index: int, file: str) -> Area:
    where = f"$.features[{index}]"
    told = feature.properties
    name, insee = told.name or told.nom, told.insee or told.code or ""
    if name is None:
        raise InputError("needs a `name`", file=file, where=f"{where}.properties", kind="name")
    if not insee and not told.sites:
        text = f"{name!r} needs `sites` (ids), an `insee` code, or both"
        raise InputError(text, file=file, where=f"{where}.properties", kind="sites")
    polygons = []
    for rings in feature.geometry.parts:
        if not rings:
            text = "a polygon has a ring"
            raise InputError(text, file=file, where=f"{where}.geometry", kind="ring")
        polygons.append(tuple(_ring(ring, where, file) for ring in rings))
    if not polygons:
        text = "a MultiPolygon has a polygon"
        raise InputError(text, file=file, where=f"{where}.geometry", kind="ring")
    return Area(name, insee, tuple(dict.fromkeys(told.sites)), tuple(polygons))


def _ring(positions: Sequence[Sequence[float]], where: str, file: str) -> Ring:
    ring = tuple((round(p[0], DECIMALS), round(p[1], DECIMALS)) for p in positions)
    for problem, kind in _ring_problems(ring):
        raise InputError(problem, file=file, where=f"{where}.geometry", kind=kind)
    return ring


def _ring_problems(ring: Ring) -> Iterator[tuple[str, str]]:
    if len(ring) < _MIN_RING or ring[0] != ring[-1]:
        text = "a ring has four positions or more, and the last is the first (RFC 7946, 3.1.6)"
        yield text, "ring"
    for longitude, latitude in ring:
        if not (-180 <= longitude <= 180 and -90 <= latitude <= 90):
            text = (
                f"[{longitude:g}, {latitude:g}] is no longitude and latitude in degrees: export "
                "the file in WGS 84 (EPSG:4326), not in Lambert-93"
            )
            yield text, "crs"


def _twice(areas: Sequence[Area]) -> Iterator[tuple[str, str]]:
    """Find what stands in two areas: it would be counted twice."""
    for kind, lists in (
        ("insee", [[area.insee] if area.insee else [] for area in areas]),
        ("sites", [area.sites for area in areas]),
    ):
        seen: dict[str, int] = {}
        for index, values in enumerate(lists):
            for value in values:
                if value in seen:
                    where = f"$.features[{index}].properties.{kind}"
                    yield where, f"{value!r} stands in $.features[{seen[value]}] already"
                seen[value] = index
