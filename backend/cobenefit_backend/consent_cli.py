"""`cobenefit backend consent`: what households agreed to, on the server itself."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from cobenefit_backend.commands_common import ConfigOption, open_store, refuse
from cobenefit_backend.consents import Action, Purpose, Resolution
from cobenefit_backend.errors import BackendError

app = typer.Typer(help="Consents of households: grant, revoke, list, show.", no_args_is_help=True)
TenantArgument = Annotated[str, typer.Argument(help="Tenant.")]
SiteOption = Annotated[str, typer.Option(help="Site.")]
DeviceOption = Annotated[str, typer.Option(help="Device; empty: every household of the site.")]
PurposeOption = Annotated[Purpose, typer.Option(help="For what; one consent for each.")]
EvidenceOption = Annotated[str, typer.Option(help="What shows it, e.g. the number of a form.")]
AtOption = Annotated[str, typer.Option(help="Day or time, ISO 8601; empty: now.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print a JSON list.")]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _record(config: Path | None, tenant: str, at: str, row: dict[str, str]) -> int:
    """Record one consent, and return how many windows went with it."""
    import msgspec

    from cobenefit_backend.consent_entry import record
    from cobenefit_backend.consent_log import ConsentRow, instant_ms

    try:
        found = msgspec.convert({**row, "t_ms": instant_ms(at) if at else _now_ms()}, ConsentRow)
        with open_store(config) as store:
            return record(store.database, tenant, [found], _now_ms())
    except (BackendError, ValueError, msgspec.ValidationError) as error:
        refuse(error)


@app.command("grant")
def grant(
    tenant: TenantArgument,
    site: SiteOption,
    purpose: PurposeOption,
    evidence: EvidenceOption,
    *,
    device: DeviceOption = "",
    resolution: Annotated[
        Resolution, typer.Option(help="The finest windows agreed to.")
    ] = Resolution.DAILY,
    at: AtOption = "",
    config: ConfigOption = None,
) -> None:
    """Record that a household agreed to one purpose.

    Example: cobenefit backend consent grant demo --site homes --device h17 --purpose savings
    --evidence "form 17"
    """
    row = {
        "site": site, "device": device, "purpose": purpose.value, "evidence": evidence,
        "resolution": resolution.value, "action": Action.GRANT.value,
    }  # fmt: skip
    _record(config, tenant, at, row)
    typer.echo(f"Recorded: {purpose.value}, {resolution.value}.")


@app.command("revoke")
def revoke(
    tenant: TenantArgument,
    site: SiteOption,
    purpose: PurposeOption,
    evidence: EvidenceOption,
    *,
    device: DeviceOption = "",
    at: AtOption = "",
    config: ConfigOption = None,
) -> None:
    """Record that a household withdrew its consent to one purpose; it counts at once.

    Example: cobenefit backend consent revoke demo --site homes --device h17 --purpose savings
    --evidence "letter of 3 May"
    """
    row = {
        "site": site, "device": device, "purpose": purpose.value, "evidence": evidence,
        "action": Action.REVOKE.value,
    }  # fmt: skip
    removed = _record(config, tenant, at, row)
    typer.echo(f"Withdrawn: {purpose.value}. Removed {removed} windows finer than agreed now.")


@app.command("import")
def import_(
    tenant: TenantArgument,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV.")],
    config: ConfigOption = None,
) -> None:
    """Import consents from a CSV file: all of its rows, or none.

    Example: cobenefit backend consent import demo consents.csv
    """
    from cobenefit_backend.consent_entry import record
    from cobenefit_backend.consent_log import read_csv

    try:
        rows = read_csv(file)
        with open_store(config) as store:
            record(store.database, tenant, rows, _now_ms())
    except BackendError as error:
        refuse(error)
    typer.echo(f"Recorded {len(rows)} consents.")


@app.command("list")
def list_(
    tenant: TenantArgument, as_json: JsonOption = False, config: ConfigOption = None
) -> None:
    """List every row ever recorded, in that order.

    Example: cobenefit backend consent list demo --json
    """
    try:
        with open_store(config) as store:
            rows = store.consents.history(tenant)
    except BackendError as error:
        refuse(error)
    if as_json:
        typer.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    for row in rows:
        typer.echo(
            f"{_day(row['t_ms'])} {row['action']:<6} {row['purpose']:<11} {row['resolution']:<6} "
            f"{row['site']}/{row['device']}; {row['evidence']}, {row['recorded_by']}"
        )
    typer.echo(f"{len(rows)} rows.")


@app.command("show")
def show(
    tenant: TenantArgument,
    at: AtOption = "",
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show what each household agreed to at a time.

    Example: cobenefit backend consent show demo --at 2026-03-01
    """
    from cobenefit_backend.consent_log import instant_ms, states

    try:
        with open_store(config) as store:
            register = store.consents.register(tenant)
        at_ms = instant_ms(at) if at else _now_ms()
    except (BackendError, ValueError) as error:
        refuse(error)
    rows = [row for row in states(register) if row["granted_ms"] <= at_ms]
    rows = [row for row in rows if row["revoked_ms"] is None or at_ms < row["revoked_ms"]]
    if as_json:
        typer.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    for row in rows:
        typer.echo(
            f"{row['site']}/{row['device']} {row['purpose']} {row['resolution']} since "
            f"{_day(row['granted_ms'])}; {row['evidence']}"
        )
    typer.echo(f"{len(register.households)} household meters, {len(rows)} consents in force.")


def _day(t_ms: int) -> str:
    return datetime.fromtimestamp(t_ms / 1000, UTC).date().isoformat()
