"""`cobenefit ota`: sign, publish and watch updates of the nodes' software."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cobenefit_boards import ota, ota_broker
from cobenefit_wire import messages, release

app = typer.Typer(no_args_is_help=True, help="Sign, publish and watch updates of nodes.")

Site = Annotated[str, typer.Option(help="Site of the node.")]
Device = Annotated[str, typer.Option(help="Device id of the node.")]
Host = Annotated[str, typer.Option(help="Broker.")]
Port = Annotated[int, typer.Option(help="Its port.")]
User = Annotated[str, typer.Option(help="Password in COBENEFIT_BROKER_PASSWORD.")]
File = Annotated[Path | None, typer.Option(help="PEM file; with --ca the link is TLS.")]


@app.command()
def key(private: Annotated[Path, typer.Argument(help="Where the private key goes.")]) -> None:
    """Make the key pair that updates are signed with.

    For example `cobenefit ota key fleet.pem`. Keep the private key off the network; copy
    `fleet.pub` to each node as `update.key`.
    """
    public = ota.make_key(private)
    Console().print(f"{private}: private, keep it offline\n{public}: to each node as update.key")


@app.command()
def sign(  # noqa: PLR0917  typer reads the signature
    folder: Annotated[Path, typer.Argument(help="Holds cobenefit_node/ and cobenefit_wire/.")],
    private: Annotated[Path, typer.Option("--key", help="Private key, PEM.")],
    counter: Annotated[int, typer.Option(min=1, help="Above that of every earlier release.")],
    out: Annotated[Path, typer.Option(help="Folder for the release.")],
    board: Annotated[str, typer.Option(help="The only board it may run on.")] = "",
    confirm_s: Annotated[
        int, typer.Option(min=1, max=86_400, help="Time a trial may take to reach the gateway.")
    ] = ota.CONFIRM_S,
    next_key: Annotated[
        Path | None, typer.Option(help="Public key that replaces the present one.")
    ] = None,
) -> None:
    """Make a signed release.

    For example `cobenefit ota sign firmware --key fleet.pem --counter 7 --out release-7`.
    """
    notice = ota.sign(
        folder, private, counter, out, board=board, confirm_s=confirm_s, next_key=next_key
    )
    chunks = len(ota.read(out)[2])
    Console().print(f"{out}: release {notice.counter}, {chunks} chunks of at most 1 kB")


@app.command()
def publish(  # noqa: PLR0917  typer reads the signature
    folder: Annotated[Path, typer.Argument(help="A release.")],
    site: Site,
    device: Device,
    host: Host = "127.0.0.1",
    port: Port = 1883,
    user: User = "",
    ca: File = None,
    cert: File = None,
    tls_key: File = None,
) -> None:
    """Put a release on the broker for one node; it fetches it when it next connects.

    For example `cobenefit ota publish release-7 --site lille-01 --device meter-7`.
    """
    sealed, notice, chunks = ota.read(folder)
    where = _broker(host, port, user, ca, cert, tls_key)
    stale = ota_broker.publish(where, site, device, notice.counter, sealed, chunks)
    Console().print(
        f"release {notice.counter} is at the broker for {site}/{device}: "
        f"{len(chunks)} chunks, {stale} old ones cleared"
    )


@app.command()
def status(  # noqa: PLR0917  typer reads the signature
    site: Site,
    device: Device,
    host: Host = "127.0.0.1",
    port: Port = 1883,
    user: User = "",
    ca: File = None,
    cert: File = None,
    tls_key: File = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show what is published for a node, what it runs and what it last said of an update.

    Exit code 0 when the published release is confirmed or none is published, 1 otherwise.
    """
    found = ota_broker.reports(_broker(host, port, user, ca, cert, tls_key), site, device)
    row = summary(found)
    if as_json:
        typer.echo(json.dumps(row))
    else:
        for name, value in row.items():
            Console().print(f"{name:<10} {'–' if value is None else value}", highlight=False)
    done = row["outcome"] == "confirmed" and row["counter"] == row["published"]
    raise typer.Exit(0 if done or row["published"] is None else 1)


def summary(found: dict[str, bytes]) -> dict[str, object]:
    """Return what retained messages say of a node's software.

    Parameters
    ----------
    found : dict
        Payload by leaf, as `ota_broker.reports` returns it.

    Returns
    -------
    dict
        `online`, `version`, `published`, `counter`, `outcome`, `detail`; None where unknown.
    """
    state = messages.decode_state(found["state"]) if "state" in found else None
    result = messages.decode_result(found["cmd/result"]) if "cmd/result" in found else None
    return {
        "online": state.online if state else None,
        "version": state.version if state else None,
        "published": release.unseal(found["ota"])[2].counter if "ota" in found else None,
        "counter": result.counter if result else None,
        "outcome": result.outcome if result else None,
        "detail": result.detail if result else None,
    }


def _broker(  # noqa: PLR0917
    host: str, port: int, user: str, ca: Path | None, cert: Path | None, key: Path | None
) -> ota_broker.Broker:
    password = os.environ.get("COBENEFIT_BROKER_PASSWORD", "")
    return ota_broker.Broker(host, port, user, password, ca, cert, key)
