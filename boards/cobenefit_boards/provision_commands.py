"""`cobenefit boards authority`, in the office: what a laptop may sign for a batch.

`cobenefit boards provision`, anywhere: the batch becomes a folder per node, and labels.
"""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

Batch = Annotated[Path, typer.Option(help="CSV: site, device, board, config, …")]
Out = Annotated[Path, typer.Option(help="Folder of the batch; holds the nodes' secrets.")]
Images = Annotated[Path, typer.Option(help="Firmware images with their SHA256SUMS.")]


def software() -> Path:
    """Return the folder of the node's software that this installation has."""
    import cobenefit_node

    return Path(cobenefit_node.__file__).parent.parent


def make_authority(  # noqa: PLR0917  typer reads the signature
    batch: Batch,
    folder: Annotated[Path, typer.Option("--authority", help="The operator's; stays here.")],
    out: Annotated[Path, typer.Option(help="Folder for the laptop.")],
    days: Annotated[float, typer.Option(min=0.01, help="Days it may sign.")] = 14,
    certificates: Annotated[
        int, typer.Option(min=0, help="How many it may sign; 0: the batch and a tenth.")
    ] = 0,
    valid_days: Annotated[
        float, typer.Option(min=0.01, help="Days that what it signs may be valid.")
    ] = 365,
) -> None:
    """Make the authority that a laptop takes along: for these nodes, some days, some certificates.

    For example `cobenefit boards authority --batch batch.csv --authority fleet --out laptop`.
    """
    from cobenefit_boards import batch_authority, revocation
    from cobenefit_boards import provision as making

    names = [order.name for order in making.read_batch(batch)]
    most = certificates or -(-11 * len(names) // 10)
    kept = batch_authority.create(folder, out, names, most, days, valid_days)
    crl = folder / "crl.pem"
    crl.write_bytes(revocation.revoke(folder, []))
    Console().print(
        f"{out}: {len(names)} nodes, {most} certificates, {days:g} days. Take it along, and leave "
        f"{folder} here. First copy {folder / 'broker.pem'} and {crl} to the broker and restart "
        "it: it knows none of these nodes before. If the laptop is lost: cobenefit node revoke "
        f"{kept} --authority {folder} --out {crl}",
        highlight=False,
        soft_wrap=True,
    )


def provision(  # noqa: PLR0917  typer reads the signature
    batch: Batch,
    folder: Annotated[
        Path, typer.Option("--authority", help="Folder `boards authority` made for the laptop.")
    ],
    out: Out = Path("batch"),
    images: Images = Path("images"),
    firmware: Annotated[
        Path | None, typer.Option(help="Folder of main.py and the node's packages, .mpy or .py.")
    ] = None,
    days: Annotated[float, typer.Option(min=0.01, help="Days a certificate is valid.")] = 365,
) -> None:
    """Make identity, certificate, configuration and flash images for each node of a batch.

    Works without a network. A node that was made before is left as it is.

    For example `cobenefit boards provision --batch batch.csv --authority laptop`.
    """
    from cobenefit_boards import labels
    from cobenefit_boards import provision as making

    orders = making.read_batch(batch)
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    source = firmware or software()
    shown = track(orders, "provisioning", console=Console(stderr=True), transient=True)
    made = [making.provision(order, out, folder, images, source, days) for order in shown]
    sheet = labels.write(out)
    Console().print(
        f"{sum(made)} nodes made, {len(made) - sum(made)} were there. Labels: {sheet}. Next: "
        f"cobenefit boards flash --batch {batch} --out {out}",
        highlight=False,
        soft_wrap=True,
    )
