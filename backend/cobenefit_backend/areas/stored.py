"""Areas in the database: an upload replaces all areas of the tenant at once."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text

from cobenefit_backend.access.audit import COMMAND_LINE, note
from cobenefit_backend.areas.geojson import Area
from cobenefit_backend.areas.outline import Outline, outlines
from cobenefit_backend.database import Database

MAX_MAP_BYTES = 28_000
"""What the outlines of a map take in a page of at most 100 kB."""
_DELETE = text("DELETE FROM area WHERE tenant = :tenant")
_INSERT = "INSERT INTO area VALUES (?, ?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class Outlined:
    """An area as the map draws it.

    Parameters
    ----------
    name : str
        Its name.
    insee : str
        Code of the commune, empty without one.
    sites : tuple of str
        Sites that the upload names.
    outline : tuple
        Rings of whole drawing units. [px]
    polygons : str
        Polygons as uploaded, as JSON; empty where only the outline was asked for.
    """

    name: str
    insee: str
    sites: tuple[str, ...]
    outline: Outline
    polygons: str = ""


def put(database: Database, tenant: str, areas: Sequence[Area], by: str = COMMAND_LINE) -> None:
    """Keep the areas of a tenant, replacing those before.

    Parameters
    ----------
    database : Database
        Where.
    tenant : str
        Whose.
    areas : sequence of Area
        All of them; none removes the map.
    by : str, optional
        Who, for the audit log.
    """
    drawn = outlines([area.polygons for area in areas], MAX_MAP_BYTES)
    rows = [
        (
            tenant, index, area.name.replace("\0", "\ufffd"), area.insee, json.dumps(area.sites),
            json.dumps(area.polygons, separators=(",", ":")),
            json.dumps(outline, separators=(",", ":")),
        )
        for index, (area, outline) in enumerate(zip(areas, drawn, strict=True))
    ]  # fmt: skip
    with database.writing(tenant) as connection:
        connection.execute(_DELETE, {"tenant": tenant})
        database.many(connection, _INSERT, rows)
        note(connection, tenant, by, "areas stored", f"{len(rows)}")


def outlined(database: Database, tenant: str, *, whole: bool = False) -> list[Outlined]:
    """Return the areas of a tenant, in the order of the upload.

    Parameters
    ----------
    database : Database
        Where.
    tenant : str
        Whose.
    whole : bool, optional
        With their polygons, which a map does not need.

    Returns
    -------
    list of Outlined
        The areas.
    """
    shape = "polygons" if whole else "'' AS polygons"
    query = f"SELECT name, insee, sites, outline, {shape} FROM {{area}} ORDER BY id"  # noqa: S608
    return [
        Outlined(
            row["name"], row["insee"], tuple(json.loads(row["sites"])),
            tuple(tuple((x, y) for x, y in ring) for ring in json.loads(row["outline"])),
            row["polygons"],
        )
        for row in database.rows(tenant, query)
    ]  # fmt: skip
