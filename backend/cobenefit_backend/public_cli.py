"""`cobenefit backend public`: the page of a municipality that anyone may read."""

import time
from pathlib import Path
from typing import Annotated

import typer

from cobenefit_backend.commands_common import ConfigOption, open_store, refuse
from cobenefit_backend.errors import BackendError

app = typer.Typer(help="The public page: on, off, release.", no_args_is_help=True)
TenantArgument = Annotated[str, typer.Argument(help="Tenant.")]


def _switch(config: Path | None, tenant: str, *, shown: bool) -> None:
    from cobenefit_backend import publication

    try:
        with open_store(config) as store:
            publication.switch(store, tenant, shown=shown)
    except BackendError as error:
        refuse(error)


@app.command("on")
def on(tenant: TenantArgument, config: ConfigOption = None) -> None:
    """Show the last release at /public/TENANT.

    Example: cobenefit backend public on demo
    """
    _switch(config, tenant, shown=True)
    typer.echo(f"/public/{tenant} shows the last release. Next: cobenefit backend public release")


@app.command("off")
def off(tenant: TenantArgument, config: ConfigOption = None) -> None:
    """Show nothing at /public/TENANT; what was released stays in the ledger.

    Example: cobenefit backend public off demo
    """
    _switch(config, tenant, shown=False)
    typer.echo(f"/public/{tenant} shows nothing.")


@app.command("release")
def release(
    tenant: TenantArgument,
    preview: Annotated[bool, typer.Option("--preview", help="Only say what would be shown.")] = (
        False
    ),
    contributors: Annotated[
        int, typer.Option(min=10, help="Fewest contributors of a figure.")
    ] = 10,
    config: ConfigOption = None,
) -> None:
    """Release the figures that give nobody away, and say why the others stay hidden.

    Example: cobenefit backend public release demo --preview
    """
    from cobenefit_backend import config as configuration
    from cobenefit_backend import publication
    from cobenefit_backend.privacy.sensitivity import Rules

    try:
        local = configuration.load(config).local_factors
        with open_store(config) as store:
            found = publication.release(
                store, tenant, time.time_ns() // 1_000_000, local_factors=local,
                rules=Rules(min_contributors=contributors), preview=preview,
            )  # fmt: skip
    except BackendError as error:
        refuse(error)
    for cell, verdict in found:
        name = cell.use_case or "all use cases"
        typer.echo(f"{cell.evidence_class} {name}: {verdict}")
    typer.echo("Nothing is released yet." if preview else f"Released at /public/{tenant}.")
