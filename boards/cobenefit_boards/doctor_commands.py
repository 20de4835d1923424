"""`cobenefit boards doctor`: a node on a serial port, with what to do at the end."""

import dataclasses
import json
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from cobenefit_boards.console import ConsoleError

if TYPE_CHECKING:
    from cobenefit_boards.doctor import Finding

Port = Annotated[str, typer.Argument(help="Serial port of the node, such as /dev/ttyUSB0.")]


def doctor(
    port: Port, *, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False
) -> None:
    """Ask a node on a serial port what it is, test it, and say what to do.

    It stops measuring meanwhile, at most three minutes, and then starts again. Exit code 0 when
    all is well, 3 when something is not. For example `cobenefit boards doctor /dev/ttyUSB0`.
    """
    from cobenefit_boards import doctor as examiner

    with Console(stderr=True).status("asking the node …"):
        found = examiner.examine(port)
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(row) for row in found], ensure_ascii=False))
    else:
        _show(found)
    bad = [row for row in found if row.state == "bad"]
    if bad:
        raise ConsoleError(f"{port}: {len(bad)} of {len(found)} findings are bad")


def _show(found: "list[Finding]") -> None:
    screen = Console()
    table = Table("what", "state", "found", box=None)
    for row in found:
        table.add_row(row.what, row.state, row.value)
    screen.print(table, highlight=False)
    remedies = [row for row in found if row.remedy]
    screen.print("What to do:" if remedies else "What to do: nothing.", highlight=False)
    for row in remedies:
        screen.print(f"- {row.what}: {row.remedy}", highlight=False, soft_wrap=True, markup=False)
