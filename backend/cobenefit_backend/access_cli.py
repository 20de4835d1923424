"""`cobenefit backend key` and `login`: credentials made on the server itself."""

import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer

from cobenefit_backend.access.roles import Role
from cobenefit_backend.commands_common import ConfigOption, open_store, refuse
from cobenefit_backend.errors import BackendError, InputError

if TYPE_CHECKING:
    from cobenefit_backend.access.credentials import Credentials
    from cobenefit_backend.store import Store

key_app = typer.Typer(help="Keys with which programs read and write.", no_args_is_help=True)
TenantArgument = Annotated[str, typer.Argument(help="The only tenant it sees.")]


def _credentials(store: "Store") -> "Credentials":
    from cobenefit_backend.access.credentials import Credentials

    return Credentials(store.database)


def _create(store: "Store", tenant: str, kind: str, role: Role, label: str) -> str:
    from cobenefit_backend.access.audit import COMMAND_LINE
    from cobenefit_backend.access.credentials import Kind

    now_ms = time.time_ns() // 1_000_000
    return _credentials(store).create(
        tenant, Kind(kind), role, label, now_ms=now_ms, by=COMMAND_LINE
    )


@key_app.command("create")
def create_key(
    tenant: TenantArgument,
    label: Annotated[str, typer.Option(help="Who holds the key.")] = "gateway",
    role: Annotated[Role, typer.Option(help="What it may do.")] = Role.GATEWAY,
    quiet: Annotated[
        bool, typer.Option("--quiet", help="Print the key and nothing else.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Create a key and show it once; only its hash is stored.

    Example: cobenefit backend key create demo --label "gateway of the town hall"
    """
    try:
        with open_store(config) as store:
            key = _create(store, tenant, "key", role, label)
    except BackendError as error:
        refuse(error)
    typer.echo(key)
    if not quiet:
        typer.echo("Store it where it is used now: it is not shown again.", err=True)


@key_app.command("list")
def list_keys(tenant: TenantArgument, config: ConfigOption = None) -> None:
    """List keys, unused secrets and sessions of a tenant: id, kind, role, label.

    Example: cobenefit backend key list demo
    """
    try:
        with open_store(config) as store:
            rows = _credentials(store).listed(tenant)
    except BackendError as error:
        refuse(error)
    for row in rows:
        typer.echo(f"{row['id']}  {row['kind']:<8}{row['role']:<9}{row['label']}")


@key_app.command("revoke")
def revoke_key(
    tenant: TenantArgument,
    name: Annotated[str, typer.Argument(metavar="ID", help="As `key list` shows it.")],
    config: ConfigOption = None,
) -> None:
    """Make a key, secret or session void at once.

    Example: cobenefit backend key revoke demo 0123456789abcdef
    """
    from cobenefit_backend.access.audit import COMMAND_LINE

    try:
        with open_store(config) as store:
            found = _credentials(store).revoke(tenant, name, by=COMMAND_LINE)
        if not found:
            raise InputError(f"{tenant!r} has no credential {name!r}; see `key list {tenant}`")
    except BackendError as error:
        refuse(error)
    typer.echo(f"{name} is void.")


def login(
    tenant: TenantArgument,
    role: Annotated[Role, typer.Option(help="What they may do.")] = Role.ADMIN,
    label: Annotated[str, typer.Option(help="Who signs in.")] = "administrator",
    config: ConfigOption = None,
) -> None:
    """Print a one-time secret with which someone signs in on the page /login within 15 minutes.

    Example: cobenefit backend login demo --role officer --label "climate office"
    """
    try:
        with open_store(config) as store:
            typer.echo(_create(store, tenant, "secret", role, label))
    except BackendError as error:
        refuse(error)


def greet(store: "Store", address: str) -> None:
    """Tell who starts the server how to sign in.

    The embedded default has one tenant on this machine: whoever sits at the terminal administers
    it, so the secret is printed there, and never into a log.

    Parameters
    ----------
    store : Store
        The store.
    address : str
        Where the pages are.
    """
    tenants = store.tenants()
    if sys.stdout.isatty() and not store.database.postgres and len(tenants) == 1:
        secret = _create(store, tenants[0], "secret", Role.ADMIN, "administrator")
        typer.echo(f"Sign in at {address}/login with {secret} (once, within 15 minutes)")
    else:
        typer.echo(f"To sign in at {address}/login: cobenefit backend login TENANT")
