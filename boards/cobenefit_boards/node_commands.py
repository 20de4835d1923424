"""`cobenefit node`: what an operator asks of a node in the field, and its answers."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from cobenefit_boards import authority, remote, remote_broker, revocation
from cobenefit_boards.ota_broker import Broker
from cobenefit_wire import messages

_COLUMNS = ("test", "state", "value")
config = typer.Typer(no_args_is_help=True, help="Change and see the configuration of a node.")

Node = Annotated[str, typer.Argument(metavar="SITE/DEVICE", help="Which node.")]
Where = Annotated[str, typer.Option("--broker", help="HOST or HOST:PORT.")]
User = Annotated[str, typer.Option(help="Password in COBENEFIT_BROKER_PASSWORD.")]
File = Annotated[Path | None, typer.Option(help="PEM file; with --ca the link is TLS.")]
Key = Annotated[Path | None, typer.Option("--key", help="Private key of updates; signs it.")]
Wait = Annotated[float, typer.Option("--wait", min=0, help="Seconds to wait for the answer.")]
Confirm = Annotated[
    int, typer.Option(min=1, max=86_400, help="Seconds the node has to reach the gateway with it.")
]
Json = Annotated[bool, typer.Option("--json", help="For programs.")]
Folder = Annotated[Path, typer.Option("--authority", help="The authority's folder.")]


@config.command()
def push(  # noqa: PLR0917  typer reads the signature
    node: Node,
    file: Annotated[Path, typer.Argument(help="The new config.json, whole.")],
    broker: Where = "127.0.0.1",
    key: Key = None,
    confirm_s: Confirm = remote.CONFIRM_S,
    wait_s: Wait = 600,
    user: User = "",
    ca: File = None,
    cert: File = None,
    tls_key: File = None,
) -> None:
    """Send a configuration and wait until the node has kept it, refused it or gone back.

    Without --key the node keeps its own `broker`. For example
    `cobenefit node config push lille-01/meter-7 meter-7.json --broker broker.example.org`.
    """
    name = remote.split(node)
    content, left_out = remote.configuration(file, node, signed=key is not None)
    if left_out:
        Console(stderr=True).print("`broker` is left as it is on the node; --key changes it, too")

    def make(counter: int) -> bytes:
        return remote.seal("config", counter, node, content, confirm_s, key)

    _conclude(_ask(_broker(broker, user, ca, cert, tls_key), name, "config", make, wait_s))


@config.command()
def status(  # noqa: PLR0917  typer reads the signature
    node: Node,
    broker: Where = "127.0.0.1",
    as_json: Json = False,
    user: User = "",
    ca: File = None,
    cert: File = None,
    tls_key: File = None,
) -> None:
    """Show what a node last said of its configuration, certificate, self-test and software.

    For example `cobenefit node config status lille-01/meter-7 --broker broker.example.org`.
    """
    found = remote_broker.results(_broker(broker, user, ca, cert, tls_key), *remote.split(node))
    rows = [found.get(s, messages.Result(s, None, None, None)) for s in remote_broker.SUBJECTS]
    if as_json:
        typer.echo(json.dumps({row.subject: _shown(row) for row in rows}))
        return
    table = Table("subject", "counter", "outcome", "detail", box=None)
    for row in rows:
        table.add_row(row.subject, *(str("–" if v is None else v) for v in _shown(row).values()))
    Console().print(table)


def renew(  # noqa: PLR0917  typer reads the signature
    node: Node,
    folder: Folder,
    key: Annotated[Path, typer.Option("--key", help="Private key of updates; signs it.")],
    days: Annotated[float, typer.Option(min=0.01, help="Days it is valid.")] = 365,
    new_ca: Annotated[
        Path | None, typer.Option(help="DER file: the authority the node trusts from now on.")
    ] = None,
    broker: Where = "127.0.0.1",
    confirm_s: Confirm = remote.CONFIRM_S,
    wait_s: Wait = 600,
    user: User = "",
    ca: File = None,
    cert: File = None,
    tls_key: File = None,
) -> None:
    """Give a node a new key and certificate over the air; it goes back if the broker refuses them.

    For example `cobenefit node renew lille-01/meter-7 --authority fleet --key fleet.pem`.
    """
    name = remote.split(node)
    new = authority.issue(authority.load(folder), node, days=days)
    extra = new_ca.read_bytes() if new_ca else b""
    content = remote.renewal(new, extra, authority.device_secret(folder, node))

    def make(counter: int) -> bytes:
        return remote.seal("certificate", counter, node, content, confirm_s, key)

    _conclude(_ask(_broker(broker, user, ca, cert, tls_key), name, "certificate", make, wait_s))
    until = new.certificate.not_valid_after_utc.date().isoformat()
    Console().print(f"{node} has a certificate until {until}", highlight=False)


def selftest(  # noqa: PLR0917  typer reads the signature
    node: Node,
    broker: Where = "127.0.0.1",
    wait_s: Wait = 300,
    as_json: Json = False,
    user: User = "",
    ca: File = None,
    cert: File = None,
    tls_key: File = None,
) -> None:
    """Let a node test its sensors, flash, clock, link, broker and heap while it measures on.

    Exit code 0 when all is well, 3 when something is not. For example
    `cobenefit node selftest lille-01/meter-7 --broker broker.example.org`.
    """
    name = remote.split(node)

    def make(counter: int) -> bytes:
        return remote.seal("selftest", counter, node, b"", remote.CONFIRM_S, None)

    result = _ask(_broker(broker, user, ca, cert, tls_key), name, "selftest", make, wait_s)
    rows = [line.split("\t") for line in result.detail.splitlines()]
    if result.outcome in ("passed", "failed") and as_json:
        typer.echo(json.dumps([dict(zip(_COLUMNS, row, strict=True)) for row in rows]))
    elif result.outcome in ("passed", "failed"):
        table = Table(*_COLUMNS, box=None)
        for row in rows:
            table.add_row(*row)
        Console().print(table)
    _conclude(result._replace(detail=f"{sum('bad' in row for row in rows)} tests failed"))


def make_authority(folder: Annotated[Path, typer.Argument(help="Where it goes.")]) -> None:
    """Make the authority that signs the certificates of nodes and brokers.

    For example `cobenefit node authority fleet`. Keep the folder off the network.
    """
    authority.create(folder)
    Console().print(f"{folder}: broker.pem to the broker, ca.der to nodes; the rest stays here")


def identity(
    name: Annotated[str, typer.Argument(help="SITE/DEVICE, a broker's host, or `operator`.")],
    folder: Folder,
    out: Annotated[Path, typer.Option(help="Folder for its files.")],
    days: Annotated[float, typer.Option(min=0.01, help="Days it is valid.")] = 365,
    server: Annotated[bool, typer.Option("--server", help="For a broker.")] = False,
) -> None:
    """Make key and certificate: of a node for the bench, of a broker, or of an operator.

    For example `cobenefit node identity lille-01/meter-7 --authority fleet --out meter-7`.
    """
    is_node = "/" in name
    if is_node:
        remote.split(name)
    made = authority.issue(authority.load(folder), name, days=days, server=server)
    kind = "der" if is_node else "pem"
    data = made.der() if is_node else made.pem()
    files = dict(zip((f"cert.{kind}", f"key.{kind}"), data, strict=True))
    files[f"ca.{kind}"] = (folder / f"ca.{kind}").read_bytes()
    if is_node:
        files["device.secret"] = authority.device_secret(folder, name)
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    for file, content in files.items():
        (out / file).touch(mode=0o600)
        (out / file).write_bytes(content)
    Console().print(f"{out}: {', '.join(files)}")


def revoke(
    folder: Folder,
    out: Annotated[Path, typer.Option(help="The list, for the broker's crlfile.")],
    certificates: Annotated[
        list[Path] | None, typer.Argument(help="DER or PEM: a node's, or a batch authority's.")
    ] = None,
    days: Annotated[float, typer.Option(min=0.01, help="Days until the next list.")] = 30,
) -> None:
    """Shut certificates out, and write the list of all that are; without any, a fresh list.

    For example `cobenefit node revoke meter-7/cert.der --authority fleet --out crl.pem`.
    """
    raws = [path.read_bytes() for path in certificates or []]
    out.write_bytes(revocation.revoke(folder, raws, days))
    Console().print(
        f"copy {out} and {folder / 'broker.pem'} to the broker and restart it; a fresh list must "
        f"be there within {days:g} days",
        highlight=False,
        soft_wrap=True,
    )


def _ask(
    where: Broker,
    name: tuple[str, str],
    subject: str,
    make: Callable[[int], bytes],
    wait_s: float,
) -> messages.Result:
    """Ask and show a spinner with what the node says on the way."""
    console = Console(stderr=True)
    with console.status("waiting for the node …") as spinner:

        def tell(result: messages.Result) -> None:
            spinner.update(f"the node says: {result.outcome}")
            console.print(f"{subject} {result.counter}: {result.outcome}", highlight=False)

        return remote_broker.ask(where, name, subject, make, wait_s, tell)


def _conclude(result: messages.Result) -> None:
    """Raise for an outcome that is not what was asked for."""
    if result.outcome == "refused":
        raise remote.RemoteError(f"the node refused it: {result.detail}")
    if result.outcome not in ("confirmed", "passed"):
        raise remote_broker.NodeError(f"{result.subject} {result.outcome}: {result.detail}")


def _shown(row: messages.Result) -> dict[str, Any]:
    return {"counter": row.counter, "outcome": row.outcome, "detail": row.detail}


def _broker(where: str, user: str, ca: Path | None, cert: Path | None, key: Path | None) -> Broker:
    host, _, port = where.partition(":")
    if port and not port.isdigit():
        raise remote.RemoteError(f"--broker is {where!r}: give HOST or HOST:PORT")
    password = os.environ.get("COBENEFIT_BROKER_PASSWORD", "")
    return Broker(host, int(port or (8883 if ca else 1883)), user, password, ca, cert, key)
