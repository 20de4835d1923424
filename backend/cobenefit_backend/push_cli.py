"""`cobenefit push`: net effects to a platform that follows climate plans."""

import os
from typing import Annotated

import typer

from cobenefit_backend.commands_common import ConfigOption, open_store, refuse
from cobenefit_backend.errors import BackendError, InputError

SECRET = "COBENEFIT_TET_SECRET"  # noqa: S105  the name of the variable, not a secret


def push(  # noqa: PLR0917  typer reads the signature
    collectivity: Annotated[int, typer.Argument(help="Number of the community there.")],
    indicator: Annotated[
        list[str], typer.Option(help="STUDY=NUMBER of an indicator of your own; repeat.")
    ],
    client_id: Annotated[str, typer.Option(help="Given by the platform.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show, send nothing.")] = False,
    tenant: Annotated[str, typer.Option(help="Tenant; empty: the only one.")] = "",
    base: Annotated[str, typer.Option(help="Address of the API.")] = "",
    config: ConfigOption = None,
) -> None:
    """Push claimed net effects to Territoires en Transitions, as indicators of your own.

    The secret is read from COBENEFIT_TET_SECRET. Only measured studies of class M or E are sent,
    never into an indicator that holds totals of the territory.

    Example: cobenefit push 4936 --client-id ville --indicator school=123 --dry-run
    """
    from cobenefit_backend import config as configuration
    from cobenefit_backend import territoires
    from cobenefit_backend.report_cache import ReportCache

    try:
        settings = configuration.load(config)
        with open_store(config) as store:
            cache = ReportCache(store, settings.local_factors)
            report = cache.get(cache.tenant(tenant or settings.tenant))
        found = territoires.values(report, _indicators(indicator), collectivity)
        for value in found:
            typer.echo(f"{value['indicateurId']}: {value['resultat']} tCO2e")
            typer.echo(f"  {value['resultatCommentaire']}")
        if dry_run:
            typer.echo("Nothing was sent.")
            return
        secret = os.environ.get(SECRET, "")
        if not secret:
            raise InputError(f"put the secret that the platform gave into {SECRET}")
        address = base or territoires.BASE
        account = territoires.Account(collectivity, client_id, secret, address)
        typer.echo(f"{territoires.push(account, found)} values stored.")
    except BackendError as error:
        refuse(error)


def _indicators(pairs: list[str]) -> dict[str, int]:
    found = {}
    for pair in pairs:
        study, _, number = pair.rpartition("=")
        if not study or not number.isdigit():
            raise InputError(f"--indicator must be STUDY=NUMBER, not {pair!r}")
        found[study] = int(number)
    return found
