"""The `cobenefit` command: assembles each part's Typer app, nothing else.

    $ cobenefit --help
    $ cobenefit gateway run gateway.toml

Exit codes are listed in `problems.py`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cobenefit_cli.parts import PARTS, Mounted, Part
from cobenefit_cli.problems import Problem, explain

if TYPE_CHECKING:
    from collections.abc import Sequence

app = typer.Typer(
    name="cobenefit",
    help="Measured carbon co-benefits of IoT deployments, net of the devices' own footprint.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
)


@dataclass
class Run:
    """What one invocation learns on its way: the part that ran and whether to show tracebacks."""

    debug: bool = False
    part: Part | None = None


def _show_version(value: bool) -> None:
    if value:
        try:
            version = metadata.version("cobenefit")
        except metadata.PackageNotFoundError:
            version = "not installed (running from a source tree)"
        typer.echo(f"cobenefit {version}")
        raise typer.Exit


@app.callback(epilog="Exit codes: 0 done, 1 our fault, 2 your input, 3 the world, 4 missing part.")
def _top(
    ctx: typer.Context,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[  # noqa: ARG001
        bool,
        typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    if isinstance(ctx.obj, Run):
        ctx.obj.debug = debug


def build() -> Any:
    """Return the top-level command with every part mounted but none imported.

    Returns
    -------
    Group
        A command group of the Click that Typer carries.
    """
    group = typer.main.get_command(app)
    for part in PARTS:
        group.add_command(Mounted(part))  # type: ignore[attr-defined]
    return group


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and exit.

    Parameters
    ----------
    args : sequence of str, optional
        Arguments after the program's name; those of the process when omitted.

    Raises
    ------
    SystemExit
        Always, with the exit code.
    """
    run = Run()
    try:
        build()(args=args, prog_name="cobenefit", obj=run)
    except Exception as err:
        if run.debug:
            raise
        problem = explain(err, run.part)
        _tell(problem)
        sys.exit(problem.code)


def _tell(problem: Problem) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True, highlight=False)
    console.print(Text("Error: ", style="bold red") + Text(problem.what), soft_wrap=True)
    if problem.remedy:
        console.print(Text(problem.remedy), soft_wrap=True)


if __name__ == "__main__":
    main()
