"""`cobenefit backend erase`: answer a request for erasure."""

import time
from typing import Annotated

import typer

from cobenefit_backend.commands_common import ConfigOption, open_store, refuse
from cobenefit_backend.errors import BackendError, InputError


def erase(
    tenant: Annotated[str, typer.Argument(help="Tenant.")],
    site: Annotated[str, typer.Option(help="Site.")],
    device: Annotated[str, typer.Option(help="Device; empty: everything of the site.")] = "",
    confirm: Annotated[
        str, typer.Option(help="SITE/DEVICE (or SITE) once more; without it nothing is erased.")
    ] = "",
    config: ConfigOption = None,
) -> None:
    """Show what is known of a meter or a site; with --confirm, erase it for good.

    Example: cobenefit backend erase demo --site homes --device h17 --confirm homes/h17
    """
    from cobenefit_backend import erasure

    subject = erasure.Subject(tenant, site, device)
    try:
        if confirm and confirm != subject.word:
            raise InputError(f"--confirm {subject.word} erases it, not {confirm!r}")
        with open_store(config) as store:
            now_ms = time.time_ns() // 1_000_000
            if confirm:
                found = erasure.erase(store.database, subject, now_ms)
                gone = erasure.finish(store.database)
            else:
                found, gone = erasure.preview(store.database, subject), True
            named = (site, device) in store.consents.register(tenant).households
    except BackendError as error:
        refuse(error)
    typer.echo(", ".join(f"{table}: {rows} rows" for table, rows in found.rows.items()))
    for version in found.versions:
        studies = ", ".join(version["studies"]) or "of what it counts"
        typer.echo(f"Version {version['number']} stays; no longer re-derivable: {studies}")
    if named:
        typer.echo("The study document still names the device: load one without it.")
    if not confirm:
        typer.echo(f"Nothing is erased yet. To erase: --confirm {subject.word}")
    elif not gone:
        refuse(InputError("erased, but the file is in use: stop the server and run this again"))
    else:
        typer.echo("Erased. Backups made before still hold it: see the how-to.")
