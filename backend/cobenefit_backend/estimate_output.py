"""What the commands of `cobenefit estimate` share: options, errors, a table or JSON."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from cobenefit_backend.errors import BackendError
from cobenefit_backend.estimate.quantity import plain

InputFile = Annotated[
    Path, typer.Option("--input", help="Input file.", exists=True, dir_okay=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@contextmanager
def refusing() -> Iterator[None]:
    """Turn an error of the input into one line and exit code 2."""
    try:
        yield
    except BackendError as error:
        Console(stderr=True, soft_wrap=True, highlight=False).print(
            f"error: {error}", markup=False
        )
        raise typer.Exit(2) from error


def show(result: Mapping[str, Any], as_json: bool) -> None:
    """Print an answer as a table for people, or as one JSON object."""
    data = plain(dict(result))
    if as_json:
        print(json.dumps(data, indent=2, allow_nan=False))
        return
    console = Console(highlight=False)
    table = Table()
    for heading in ("quantity", "low", "central", "high"):
        table.add_column(heading, overflow="fold")
    for name, cells in _rows(data):
        table.add_row(name, *cells)
    console.print(table)
    for record in data.get("disqualifications", ()):
        console.print(f"{record['code']}: {record['text']}", markup=False)


def _rows(data: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, tuple[str, ...]]]:
    """Flatten an answer into named rows of one or three cells."""
    for key, value in data.items():
        name = prefix + key
        if isinstance(value, dict) and set(value) == {"low", "central", "high"}:
            yield name, tuple(f"{value[end]:.4g}" for end in ("low", "central", "high"))
        elif isinstance(value, dict):
            yield from _rows(value, f"{name}.")
        elif isinstance(value, float):
            yield name, ("", f"{value:.4g}", "")
        elif not isinstance(value, list):
            yield name, ("", str(value), "")
