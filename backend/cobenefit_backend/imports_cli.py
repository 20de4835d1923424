"""`cobenefit backend import`, `imports` and `correct`: measurements from files, and mending."""

import json
import time
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast
from zoneinfo import ZoneInfo

import typer

from cobenefit_backend.commands_common import ConfigOption, open_store, refuse
from cobenefit_backend.errors import BackendError, InputError

if TYPE_CHECKING:
    from cobenefit_backend.exports.csv_file import Dialect
    from cobenefit_backend.imports.records import Target
    from cobenefit_backend.store import Store

imports_app = typer.Typer(help="Imports: list, commit, undo.", no_args_is_help=True)
correct_app = typer.Typer(help="Corrections: exclude, restore, list.", no_args_is_help=True)
MAX_SHOWN = 20
TenantOption = Annotated[str, typer.Option(help="Tenant.")]
SiteOption = Annotated[str, typer.Option(help="Site, as in the study document.")]
DeviceOption = Annotated[str, typer.Option(help="Device, as in the study document.")]
ChannelOption = Annotated[str, typer.Option(help="Channel, such as energy_import_wh.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def import_(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV or SenML.")],
    *,
    tenant: TenantOption,
    site: SiteOption,
    device: DeviceOption,
    channel: ChannelOption,
    form: Annotated[
        str, typer.Option("--format", help="csv, senml, enedis; empty: guessed.")
    ] = "",
    replace: Annotated[bool, typer.Option(help="Also replace what was measured.")] = False,
    commit: Annotated[bool, typer.Option("--commit", help="Write it at once.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show what a file of measurements would write; with --commit write it.

    Example: cobenefit backend import linky.csv --tenant demo --site town --device school
    --channel energy_import_wh
    """
    from cobenefit_backend.imports.batches import Imports
    from cobenefit_backend.imports.formats import Format

    try:
        chosen = Format(form) if form else None
    except ValueError:
        refuse(InputError(f"{form!r}: takes csv, senml or enedis", where="--format"))
    try:
        with open_store(config) as store:
            imports = Imports(store.database)
            found = imports.preview(
                tenant, _target(store, tenant, site, device, channel), file.read_bytes(), chosen,
                file=file.name, replaces=replace, by="command line", now_ms=_now_ms(),
            )  # fmt: skip
            if commit:
                found = imports.commit(tenant, found["id"], by="command line", now_ms=_now_ms())
    except BackendError as error:
        refuse(error)
    typer.echo(json.dumps(found, indent=1) if as_json else "\n".join(_said(found)))


@imports_app.command("list")
def list_imports(
    tenant: TenantOption, as_json: JsonOption = False, config: ConfigOption = None
) -> None:
    """List the imports of a tenant, newest first.

    Example: cobenefit backend imports list --tenant demo
    """
    from cobenefit_backend.imports.batches import Imports

    try:
        with open_store(config) as store:
            found = Imports(store.database).listed(tenant)
    except BackendError as error:
        refuse(error)
    if as_json:
        typer.echo(json.dumps(found, indent=1))
        return
    for row in found:
        series = "/".join(row[name] for name in ("site", "device", "channel"))
        typer.echo(f"{row['id']} {row['state']} {series} {row['file']} by {row['made_by']}")
    typer.echo(f"{len(found)} imports.")


@imports_app.command("commit")
def commit_import(
    number: Annotated[str, typer.Argument(metavar="ID", help="Id of the preview.")],
    tenant: TenantOption,
    config: ConfigOption = None,
) -> None:
    """Write an import that was previewed; a second time changes nothing.

    Example: cobenefit backend imports commit 3f2a1b0c9d8e7f60 --tenant demo
    """
    _turn("commit", tenant, number, config)


@imports_app.command("undo")
def undo_import(
    number: Annotated[str, typer.Argument(metavar="ID", help="Id of the import.")],
    tenant: TenantOption,
    config: ConfigOption = None,
) -> None:
    """Take an import out again, and only it; a second time changes nothing.

    Example: cobenefit backend imports undo 3f2a1b0c9d8e7f60 --tenant demo
    """
    _turn("undo", tenant, number, config)


@imports_app.command("export")
def export_import(
    number: Annotated[str, typer.Argument(metavar="ID", help="Id of the import.")],
    file: Annotated[Path, typer.Argument(help="CSV to write.")],
    tenant: TenantOption,
    dialect: Annotated[str, typer.Option(help="rfc4180 or fr.")] = "rfc4180",
    config: ConfigOption = None,
) -> None:
    """Write the values of an import as our CSV, which can be imported again.

    Example: cobenefit backend imports export 3f2a1b0c9d8e7f60 linky.csv --tenant demo
    """
    from cobenefit_backend.imports.export import exported

    try:
        if dialect not in ("rfc4180", "fr"):
            raise InputError(f"{dialect!r}: takes rfc4180 or fr", where="--dialect")
        with open_store(config) as store:
            content = exported(store.database, tenant, number, cast("Dialect", dialect))
        file.write_bytes(content)
    except BackendError as error:
        refuse(error)
    typer.echo(f"Wrote {file}.")


@correct_app.command("exclude")
def exclude(
    *,
    tenant: TenantOption,
    site: SiteOption,
    device: DeviceOption,
    channel: ChannelOption,
    start: Annotated[str, typer.Option(help="First day, YYYY-MM-DD, of the site's time zone.")],
    end: Annotated[str, typer.Option(help="Day after the last.")],
    why: Annotated[str, typer.Option(help="The reason, for the log and the report.")],
    config: ConfigOption = None,
) -> None:
    """Leave days of a series out of every estimate; nothing is deleted.

    Example: cobenefit backend correct exclude --tenant demo --site town --device school
    --channel energy_import_wh --start 2024-06-03 --end 2024-06-20 --why "meter exchanged"
    """
    from cobenefit_backend.imports import log

    try:
        with open_store(config) as store:
            target = _target(store, tenant, site, device, channel)
            span = _midnight_ms(start, target.timezone), _midnight_ms(end, target.timezone)
            number = log.exclude(
                store.database, tenant, target, span, why=why, who="command line", t_ms=_now_ms()
            )
    except BackendError as error:
        refuse(error)
    typer.echo(
        f"Left out, as correction {number}. Back: cobenefit backend correct restore {number}"
    )


@correct_app.command("restore")
def restore(
    number: Annotated[int, typer.Argument(metavar="ID", help="Id of the correction.")],
    tenant: TenantOption,
    why: Annotated[str, typer.Option(help="The reason, for the log.")] = "",
    config: ConfigOption = None,
) -> None:
    """Put a period back that was left out; the log keeps both lines.

    Example: cobenefit backend correct restore 4 --tenant demo
    """
    from cobenefit_backend.imports import log

    try:
        with open_store(config) as store:
            log.restore(
                store.database, tenant, number, why=why, who="command line", t_ms=_now_ms()
            )
    except BackendError as error:
        refuse(error)
    typer.echo(f"Correction {number} is put back.")


@correct_app.command("list")
def list_corrections(
    tenant: TenantOption, as_json: JsonOption = False, config: ConfigOption = None
) -> None:
    """List who changed what was measured and why, newest first.

    Example: cobenefit backend correct list --tenant demo
    """
    from cobenefit_backend.imports import log

    try:
        with open_store(config) as store:
            found = log.lines(store.database, tenant)
    except BackendError as error:
        refuse(error)
    if as_json:
        typer.echo(json.dumps(found, indent=1))
        return
    for row in found:
        series = "/".join(row[name] for name in ("site", "device", "channel"))
        span = " to ".join(_iso(row[name]) for name in ("start_ms", "end_ms"))
        typer.echo(f"{row['id']} {_iso(row['t_ms'])} {row['kind']} {series} {span}: {row['why']}")
    typer.echo(f"{len(found)} corrections.")


def _turn(action: str, tenant: str, number: str, config: Path | None) -> None:
    from cobenefit_backend.imports.batches import Imports

    try:
        with open_store(config) as store:
            imports = Imports(store.database)
            turn = imports.commit if action == "commit" else imports.undo
            found = turn(tenant, number, by="command line", now_ms=_now_ms())
    except BackendError as error:
        refuse(error)
    typer.echo("\n".join(_said(found)))


def _said(found: dict[str, Any]) -> list[str]:
    summary, refused = found["summary"], found["refused"]
    lines = [f"{found['file']} ({found['format']}), import {found['id']}: {found['state']}"]
    if summary["values"]:
        ends = " … ".join(
            f"{each['value']:g} {summary['unit']} "
            f"({' to '.join(_iso(each[name]) for name in ('start_ms', 'end_ms'))})"
            for each in (summary["first"], summary["last"])
        )
        lines.append(f"{summary['values']} values: {ends}")
    for name, counts in summary["windows"].items():
        lines.append(f"{name}: " + ", ".join(f"{count} {kind}" for kind, count in counts.items()))
    if summary["earlier"]:
        lines.append(f"overlaps earlier imports: {', '.join(summary['earlier'])}; this one holds")
    lines += [f"refused: {count} {reason}" for reason, count in refused["counts"].items()]
    shown = refused["lines"][:MAX_SHOWN]
    lines += [f"  line {line}: {reason}: {text}" for line, reason, text in shown]
    tail = {
        "preview": f"Nothing is written. Next: cobenefit backend imports commit {found['id']}",
        "committed": f"Written. To take it back: cobenefit backend imports undo {found['id']}",
        "undone": "Taken out.",
    }
    return [*lines, tail[found["state"]]]


def _target(store: "Store", tenant: str, site: str, device: str, channel: str) -> "Target":
    from cobenefit_backend.imports.batches import target_of

    return target_of(store.study(tenant), site, device, channel)


def _midnight_ms(day: str, timezone: str) -> int:
    try:
        found = date.fromisoformat(day)
    except ValueError as error:
        raise InputError(f"{day!r}: days are written YYYY-MM-DD") from error
    zone = ZoneInfo(timezone)
    return round(datetime(found.year, found.month, found.day, tzinfo=zone).timestamp() * 1000)


def _iso(t_ms: int) -> str:
    return datetime.fromtimestamp(t_ms / 1000, ZoneInfo("UTC")).isoformat(timespec="minutes")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
