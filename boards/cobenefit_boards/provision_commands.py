"""`cobenefit boards provision`: a batch becomes a folder per node and a sheet of labels."""

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


def provision(  # noqa: PLR0917  typer reads the signature
    batch: Batch,
    folder: Annotated[Path, typer.Option("--authority", help="The authority's folder.")],
    out: Out = Path("batch"),
    images: Images = Path("images"),
    firmware: Annotated[
        Path | None, typer.Option(help="Folder of main.py and the node's packages, .mpy or .py.")
    ] = None,
    days: Annotated[float, typer.Option(min=0.01, help="Days a certificate is valid.")] = 365,
) -> None:
    """Make identity, certificate, configuration and flash images for each node of a batch.

    Works without a network. A node that was made before is left as it is.

    For example `cobenefit boards provision --batch batch.csv --authority fleet`.
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
