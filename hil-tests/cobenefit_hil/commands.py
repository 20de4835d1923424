"""The rig's part of the `cobenefit` command: `cobenefit demo`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console


def demo(
    out: Annotated[Path, typer.Option(help="Directory for the report.")] = Path("demo"),
    serve: Annotated[bool, typer.Option("--serve", help="Keep the pages up afterwards.")] = False,
) -> None:
    """Replay recorded data through every part of the product and write a report.

    Needs about five minutes and no hardware. Exit code 0 when the report stands and every reading
    is accounted for.

    For example `cobenefit demo --out reports --serve`.
    """
    from cobenefit_hil.demo.run import run
    from cobenefit_hil.services import ServiceError

    console = Console()
    try:
        code = run(out, console, serve=serve)
    except ServiceError as error:
        console.print(f"[red]The demo stopped:[/] {error}", soft_wrap=True)
        code = 1
    raise typer.Exit(code)
