"""`cobenefit backend areas`: the areas of a municipality's map."""

from pathlib import Path
from typing import Annotated

import typer

from cobenefit_backend.commands_common import ConfigOption, open_store, refuse
from cobenefit_backend.errors import BackendError

app = typer.Typer(help="Areas of the map: import.", no_args_is_help=True)


@app.callback()
def _areas() -> None:
    """Keep `import` a command of its own."""


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="GeoJSON.")],
    tenant: Annotated[str, typer.Option(help="Tenant.")],
    config: ConfigOption = None,
) -> None:
    """Import the areas of the map from a GeoJSON file, replacing those before.

    Each area has a `name` and an `insee` code, the `sites` that lie in it, or both. A file
    without areas removes the map.

    Example: cobenefit backend areas import communes.geojson --tenant demo
    """
    from cobenefit_backend.areas import geojson, stored

    try:
        areas = geojson.parse(file.read_bytes(), file=file.name)
        with open_store(config) as store:
            stored.put(store.database, tenant, areas)
    except BackendError as error:
        refuse(error)
    typer.echo(f"Imported {len(areas)} areas of {tenant}. Next: open the portfolio page")
