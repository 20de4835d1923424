"""`cobenefit boards replace`: the board of a node was exchanged."""

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console


def replace(  # noqa: PLR0917  typer reads the signature
    old: Annotated[Path, typer.Argument(help="Folder of the node on the board taken out.")],
    new: Annotated[Path, typer.Argument(help="Folder of the node on the board put in.")],
    folder: Annotated[Path, typer.Option("--authority", help="The operator's.")],
    km: Annotated[float, typer.Option(min=0, help="Driven for the visit.")],
    index: Annotated[
        list[str] | None,
        typer.Option(help="CHANNEL=LAST:FIRST, for each counter: old board's last, new's first."),
    ] = None,
    new_meter: Annotated[
        bool, typer.Option("--new-meter", help="The meter was exchanged, too.")
    ] = False,
    date: Annotated[str, typer.Option(help="Day of the visit, YYYY-MM-DD; today.")] = "",
    note: Annotated[str, typer.Option(help="Anything to keep.")] = "",
    visits: Annotated[Path, typer.Option(help="CSV of activities; is added to.")] = Path(
        "visits.csv"
    ),
    crl: Annotated[Path, typer.Option(help="The list, for the broker's crlfile.")] = Path(
        "crl.pem"
    ),
) -> None:
    """Write an exchange down: meter indexes, kilometres; the old board's certificate is revoked.

    For example `cobenefit boards replace batch/lille-01/meter-7 visit/lille-01/meter-7
    --authority fleet --km 34 --index energy_import_wh=10509181:10509190`.
    """
    from cobenefit_boards import replace as replacing

    indexes = dict(_index(text) for text in index or [])
    today = dt.datetime.now().astimezone().date().isoformat()
    swap = replacing.describe(
        old, new, indexes, km=km, date=date or today, note=note, new_meter=new_meter
    )
    crl.write_bytes(replacing.write(swap, old, new, folder, visits))
    Console().print(
        f"{swap.node}: {swap.new_mac} in place of {swap.old_mac or 'a board nobody noted'}. Copy "
        f"{crl} and {folder / 'broker.pem'} to the broker and restart it; then: cobenefit "
        f"backend load activities {visits} --tenant TENANT",
        highlight=False,
        soft_wrap=True,
    )


def _index(text: str) -> tuple[str, tuple[float, float]]:
    from cobenefit_boards.replace import ReplaceError

    channel, _, pair = text.partition("=")
    last, _, first = pair.partition(":")
    try:
        return channel, (float(last), float(first))
    except ValueError as err:
        raise ReplaceError(f"--index is {text!r}: write CHANNEL=LAST:FIRST") from err
