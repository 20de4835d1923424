"""`cobenefit backend report`: compute it, publish a version of it, publish what is due."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cobenefit_backend.commands_common import ConfigOption, open_store, refuse
from cobenefit_backend.errors import BackendError, InputError

if TYPE_CHECKING:
    from cobenefit_backend.store import Store
    from cobenefit_backend.versions.desk import Desk
    from cobenefit_backend.versions.publish import Status

app = typer.Typer(invoke_without_command=True)
TenantOption = Annotated[str, typer.Option(help="Tenant; empty: the only one.")]


class ReportLanguage(StrEnum):
    """Languages of a report file."""

    FR = "fr"
    EN = "en"
    BOTH = "both"


class VersionStatus(StrEnum):
    """Whether somebody answers for a version."""

    DRAFT = "draft"
    VALIDATED = "validated"


@app.callback()
def report(  # noqa: PLR0917  typer reads the signature
    context: typer.Context,
    out_html: Annotated[
        Path | None,
        typer.Option(
            help="Self-contained HTML file; with --lang both NAME.html and NAME.fr.html."
        ),
    ] = None,
    out_json: Annotated[Path | None, typer.Option(help="report.json.")] = None,
    lang: Annotated[
        ReportLanguage, typer.Option(help="Language of the HTML file.")
    ] = ReportLanguage.BOTH,
    tenant: TenantOption = "",
    config: ConfigOption = None,
) -> None:
    """Compute the report and write it as HTML, JSON or both; publish versions of it.

    Example: cobenefit backend report --out-html report.html --out-json report.json --lang both
    """
    if context.invoked_subcommand:
        return
    from cobenefit_backend import config as configuration
    from cobenefit_backend.report import render
    from cobenefit_backend.report_cache import ReportCache

    try:
        with open_store(config) as store:
            settings = configuration.load(config)
            cache = ReportCache(store, settings.local_factors)
            found = cache.get(cache.tenant(tenant or settings.tenant))
    except BackendError as error:
        refuse(error)
    files = {out_json: render.json_file(found)} if out_json else {}
    if out_html and lang is ReportLanguage.BOTH:
        french = out_html.with_suffix(f".fr{out_html.suffix}")
        files[out_html] = render.html_file(found, "en", other=french.name)
        files[french] = render.html_file(found, "fr", other=out_html.name)
    elif out_html:
        files[out_html] = render.html_file(found, "fr" if lang is ReportLanguage.FR else "en")
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
        typer.echo(f"{path}: {len(text.encode()) / 1000:.1f} kB")


@app.command()
def publish(
    why: Annotated[str, typer.Option(help="For what; everyone who compares versions reads it.")],
    status: Annotated[
        VersionStatus, typer.Option(help="Whether somebody answers for it.")
    ] = VersionStatus.DRAFT,
    anyway: Annotated[bool, typer.Option("--anyway", help="Even if nothing changed.")] = False,
    tenant: TenantOption = "",
    config: ConfigOption = None,
) -> None:
    """Publish the report as its next version, which nobody can change or remove.

    Example: cobenefit backend report publish --why "council of 3 December" --status validated
    """
    from cobenefit_backend.access.audit import COMMAND_LINE

    try:
        with open_store(config) as store:
            desk = _desks(store, config, tenant)[0]
            state: Status = "validated" if status is VersionStatus.VALIDATED else "draft"
            added = desk.publish(COMMAND_LINE, why, state, anyway=anyway)
    except BackendError as error:
        refuse(error)
    number, sha256 = added["number"], added["sha256"]
    typer.echo(f"Published version {number} of {desk.tenant} ({status}), SHA-256 {sha256}.")


@app.command()
def due(tenant: TenantOption = "", config: ConfigOption = None) -> None:
    """Publish a draft for each tenant whose report is due and changed; for a timer.

    A date that was missed is made good once. `serve` does the same by itself.

    Example: cobenefit backend report due --config backend.toml
    """
    from cobenefit_backend import config as configuration

    try:
        every = configuration.load(config).schedule
        if not every:
            raise InputError('no report is ever due: set report.schedule = "monthly"')
        with open_store(config) as store:
            for desk in _desks(store, config, tenant, every_one=True):
                added = desk.publish_due(every)
                told = f"published version {added['number']}" if added else "nothing to publish"
                typer.echo(f"{desk.tenant}: {told}.")
    except BackendError as error:
        refuse(error)


def _desks(
    store: "Store", config: Path | None, tenant: str, *, every_one: bool = False
) -> list["Desk"]:
    """Return the desk of a tenant, or of all where none is named."""
    from cobenefit_backend import config as configuration
    from cobenefit_backend.report_cache import ReportCache
    from cobenefit_backend.versions.desk import Desk

    settings = configuration.load(config)
    cache = ReportCache(store, settings.local_factors)
    one = [] if every_one and not tenant else [cache.tenant(tenant or settings.tenant)]
    return [Desk(store.database, cache.get, name) for name in one or store.tenants()]
