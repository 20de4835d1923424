"""`cobenefit backend activities`: import and list what people did."""

import json
from pathlib import Path
from typing import Annotated

import typer

from cobenefit_backend.commands_common import ConfigOption, open_store, refuse
from cobenefit_backend.errors import BackendError

app = typer.Typer(help="What people did: import, list, quantities.", no_args_is_help=True)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV.")],
    tenant: Annotated[str, typer.Option(help="Tenant.")],
    config: ConfigOption = None,
) -> None:
    """Import activities from a CSV file: all of its rows, or none with every fault named.

    Example: cobenefit backend activities import nitrogen.csv --tenant demo
    """
    from cobenefit_backend.activities import read_csv

    try:
        body = read_csv(file, tenant)
        with open_store(config) as store:
            store.add_activities(body)
    except BackendError as error:
        refuse(error)
    typer.echo(f"Imported {len(body.rows)} activities. Next: cobenefit backend report")


@app.command("list")
def list_(
    tenant: Annotated[str, typer.Option(help="Tenant.")],
    use_case: Annotated[str, typer.Option(help="Only this use case.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
    config: ConfigOption = None,
) -> None:
    """List the activities on record, by date.

    Example: cobenefit backend activities list --tenant demo --use-case soil
    """
    try:
        with open_store(config) as store:
            found = store.activities(tenant)
        rows = [row for row in found if not use_case or row["use_case"] == use_case]
    except BackendError as error:
        refuse(error)
    if as_json:
        typer.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    for row in rows:
        typer.echo(
            f"{row['date']} {row['use_case']} {row['place']} {row['arm']} {row['quantity']}"
            f" {row['amount']:g} {row['unit']}; {row['evidence']}, {row['author']}"
        )
    typer.echo(f"{len(rows)} activities.")


@app.command("quantities")
def quantities() -> None:
    """List what an activity may state: quantity, unit and arms by use case.

    Example: cobenefit backend activities quantities
    """
    from cobenefit_backend.activities import KNOWN

    for use_case, rows in KNOWN.items():
        for name, known in rows.items():
            arms = ", ".join(repr(arm) for arm in known.arms) or "any"
            typer.echo(f"{use_case} {name} [{known.unit or 'any'}] arms {arms}: {known.meaning}")
