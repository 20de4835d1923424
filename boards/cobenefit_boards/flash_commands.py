"""`cobenefit boards flash`: what is plugged in becomes the nodes of a batch."""

import dataclasses
import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from cobenefit_boards.flash_esptool import FlashError
from cobenefit_boards.provision_commands import Batch, Images, Out

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cobenefit_boards.flash import Outcome, Tell
    from cobenefit_boards.flash_rig import Slot


def flash(  # noqa: PLR0917  typer reads the signature
    batch: Batch,
    out: Out = Path("batch"),
    images: Images = Path("images"),
    rig: Annotated[
        Path | None, typer.Option(help="TOML with a [[slot]] per place; else all USB adapters.")
    ] = None,
    note: Annotated[str, typer.Option(help="Kept in the record of each board.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Flash the boards that are plugged in, verify them, and say how far each came.

    Run it again after any failure: it finishes what is missing. Exit code 0 when every slot is
    done, 3 when one is not.

    For example `cobenefit boards flash --batch batch.csv --rig bench.toml`.
    """
    from cobenefit_boards import flash as flashing
    from cobenefit_boards import flash_journal, flash_rig, labels, provision

    orders = provision.read_batch(batch)
    slots = flash_rig.load(rig) if rig else flash_rig.plugged()
    if not slots:
        raise FlashError("no board is plugged in", "plug one in, or give --rig")
    if not out.is_dir():
        raise FlashError(f"no folder {out}", "run `cobenefit boards provision` first")
    with flash_journal.opened(out) as journal, _progress(slots) as tell:
        found = flashing.flash(slots, flashing.Batch(orders, out, images, journal, note), tell)
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(row) for row in found]))
    else:
        _show(found)
    labels.write(out)
    failed = [row for row in found if row.cause]
    if failed:
        raise FlashError(
            f"{len(failed)} of {len(found)} boards are not done", "mend them and run it again"
        )


@contextmanager
def _progress(slots: "list[Slot]") -> "Iterator[Tell]":
    """Show a line per slot – node, step and a bar – where somebody looks."""
    bars = Progress(
        TextColumn("{task.description:8}"), TextColumn("{task.fields[node]:24}"),
        TextColumn("{task.fields[step]:10}"), BarColumn(),
        console=Console(stderr=True), transient=True,
    )  # fmt: skip
    tasks = {slot.name: bars.add_task(slot.name, total=1.0, node="", step="") for slot in slots}

    def tell(slot: "Slot", node: str, step: str, share: float) -> None:
        bars.update(tasks[slot.name], node=node, step=step, completed=share)

    with bars:
        yield tell


def _show(found: "list[Outcome]") -> None:
    console = Console()
    table = Table("slot", "node", "MAC", "flashed", "booted", "self-test", box=None)
    for row in found:
        table.add_row(row.slot, row.node, row.mac, row.flashed, row.booted, row.tested)
    console.print(table)
    for row in found:
        if row.cause:
            console.print(
                f"{row.slot}: {row.cause}: {row.remedy}", highlight=False, soft_wrap=True
            )
