"""The rig's part of the `cobenefit` command: `cobenefit demo` and `cobenefit hil matrix`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

hil = typer.Typer(no_args_is_help=True, help="Runs of the hardware suite.")


@hil.callback()
def _several() -> None:
    """Keep the name of the one command there is."""


@hil.command()
def matrix(
    records: Annotated[list[Path], typer.Argument(help="Written by `pytest --record FOLDER`.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The page.")] = Path("matrix.html"),
) -> None:
    """Write one page with tests by boards: passed, failed and skipped, each counted apart.

    For example `cobenefit hil matrix records/unix.json records/bench.json -o matrix.html`.
    Exit code 1 when a test failed.
    """
    from cobenefit_hil.matrix import page, sentence
    from cobenefit_hil.record import read

    runs = [read(path) for path in records]
    out.write_text(page(runs), encoding="utf-8")
    print(f"{sentence(runs)} Page: {out}")
    raise typer.Exit(1 if any(run.count("failed") for run in runs) else 0)


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
