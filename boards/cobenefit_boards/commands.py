"""`cobenefit boards` lists and flashes boards, `cobenefit node energy` what a node costs."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from cobenefit_boards import (
    doctor_commands,
    fetch_commands,
    flash_commands,
    node_commands,
    provision_commands,
    replace_commands,
    wifi_commands,
)
from cobenefit_boards.board import Battery, Board, BoardError, load, names
from cobenefit_boards.energy import (
    Link,
    Mode,
    Projection,
    claim_of,
    duty_of,
    project,
    sensors_of,
)

boards = typer.Typer(help="Boards: pins, power, footprint, and where each was read.")
boards.command()(fetch_commands.fetch)
boards.command("authority")(provision_commands.make_authority)
boards.command()(provision_commands.provision)
boards.command()(flash_commands.flash)
boards.command()(doctor_commands.doctor)
boards.command()(wifi_commands.wifi)
boards.command()(replace_commands.replace)
node = typer.Typer(no_args_is_help=True, help="A node, before it is built and in the field.")
node.add_typer(node_commands.config, name="config")
node.command()(node_commands.renew)
node.command()(node_commands.selftest)
node.command("authority")(node_commands.make_authority)
node.command()(node_commands.identity)
node.command()(node_commands.revoke)


@boards.command("list")
def list_boards() -> None:
    """List the boards."""
    for name in names():
        board = load(name)
        print(f"{name:18} {board.proof.level:10} {board.footprint.powered_by:8} {board.title}")


@boards.command()
def show(
    board: Annotated[str, typer.Argument(help="Name of a board, as `boards list` gives it.")],
) -> None:
    """Show what is known about a board, as JSON with its sources."""
    print(json.dumps(dataclasses.asdict(load(board)), indent=1))


@boards.command("docs")
def write_docs(
    into: Annotated[Path, typer.Option(help="Folder of the documentation.")] = Path("docs"),
) -> None:
    """Write the boards' page and wiring drawings from the board files."""
    from cobenefit_boards import sheets

    print(f"{sheets.write(into)} files in {into}")


_EXAMPLES = """Examples:

cobenefit node energy config.json

cobenefit node energy config.json --board firebeetle_esp32 --battery aa_alkaline:4 --claim 3

cobenefit node energy config.json --mode duty --link espnow --json"""
#: What to change when this takes the most.
_ADVICE = {
    "awake": "let it sleep (`sleep` in the configuration), or put it on mains",
    "sends": "send less often (pack_readings, pack_age_ms, sleep.wakes_per_send), or use ESP-NOW",
    "handshakes": "send less often, or use ESP-NOW, which needs no handshake",
    "wakes": "read less often (period_ms)",
    "file system": "freeze the code into the firmware, or read less often (period_ms)",
    "reading": "read less often (period_ms), or use a sensor that answers sooner",
    "asleep": "take a board that sleeps better: the board decides, not the chip",
}


@node.command(epilog=_EXAMPLES)
def energy(
    config: Annotated[Path, typer.Argument(help="The node's config.json.")],
    *,
    board: Annotated[str, typer.Option(help="Name of a board; that of the configuration.")] = "",
    battery: Annotated[
        str, typer.Option(help="KIND:CELLS, such as aa_alkaline:3, or `mains`.")
    ] = "",
    claim: Annotated[
        float | None,
        typer.Option(
            help="Years it must last; `lifetime_claim_years`, else the board's lifetime.", min=0.1
        ),
    ] = None,
    mode: Annotated[
        Literal["awake", "duty"] | None,
        typer.Option(help="Awake, or asleep between readings; as the configuration says."),
    ] = None,
    link: Annotated[
        Literal["wifi", "wifi_dhcp", "espnow"], typer.Option(help="How it sends, for `duty`.")
    ] = "wifi",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Project J/day and battery life; exit code 2 when the cells last less than is claimed."""
    raw = _read(config)
    facts = load(board or str(raw.get("board", "unix")))
    years = claim or claim_of(raw, str(config)) or facts.footprint.lifetime_years
    found = _project(facts, raw, str(config), battery=battery, years=years, mode=mode, link=link)
    print(json.dumps(_document(facts, found, years)) if as_json else _text(facts, found, years))
    if not _holds(found, years):
        raise BoardError(_refusal(found, years), file=str(config))


def _refusal(found: Projection, years: float) -> str:
    most = max(found.j_per_day, key=found.j_per_day.__getitem__)
    share = found.j_per_day[most] / found.total_j_per_day
    return (
        f"the cells last {_life(found)}, the claim is {years:g} years. {share:.0%} goes into "
        f"`{most}`: {_ADVICE[most]}. As it is, it needs "
        f"{math.ceil(found.cells_per_claim or 0)} cells in that time, or a smaller claim"
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as err:
        raise BoardError(f"not JSON: {err}", file=str(path)) from err
    if not isinstance(raw, dict):
        raise BoardError("is not an object", file=str(path))
    return raw


def _project(
    board: Board, raw: dict[str, Any], file: str, *,
    battery: str, years: float, mode: Mode | None, link: Link,
) -> Projection:  # fmt: skip
    duty = duty_of(raw, file)
    broker = raw.get("broker")
    # ESP-NOW has its own encryption: no handshake is paid for at each message.
    tls = isinstance(broker, dict) and "tls" in broker and link != "espnow"
    return project(
        board,
        sensors_of(raw, file),
        mode=mode or ("awake" if duty is None else "duty"),
        duty=duty,
        link=link,
        tls=tls,
        battery=_battery(battery) if battery else board.footprint.battery,
        claim_years=years,
    )


def _battery(text: str) -> Battery | None:
    if text == "mains":
        return None
    kind, _, cells = text.partition(":")
    if not cells.isdigit() or int(cells) < 1:
        raise BoardError(f"is {text!r}; allowed: KIND:CELLS or mains", file="--battery")
    return Battery(kind, int(cells))


def _holds(found: Projection, years: float) -> bool:
    return found.life_years is None or found.life_years >= years


def _life(found: Projection) -> str:
    years = found.life_years or 0.0
    return f"{years * 365.25:.1f} days" if years < 0.25 else f"{years:.1f} years"


def _document(board: Board, found: Projection, years: float) -> dict[str, Any]:
    return {
        "board": board.name,
        **dataclasses.asdict(found),
        "total_j_per_day": found.total_j_per_day,
        "claim_years": years,
        "holds": _holds(found, years),
        "source_power_mw": board.sources.get("footprint.power_mw", ""),
    }


def _text(board: Board, found: Projection, years: float) -> str:
    lines = [f"{board.title}, {found.mode}"]
    if found.mode == "duty":
        lines[0] += f", {found.wakes_per_day:g} wakes and {found.sends_per_day:g} sends a day"
    total_j = found.total_j_per_day
    rows = [*found.j_per_day.items(), ("total", total_j)]
    lines += [f"  {what:12} {j:12.2f} J/day {j / total_j:6.1%}" for what, j in rows if j]
    if found.battery is None:
        lines.append(f"  mains: {found.total_j_per_day * 365.25 / 3.6e6:.3f} kWh a year")
    else:
        lines.append(f"  {found.battery.cells} x {found.battery.kind}: {_life(found)}")
        lines.append(f"  {found.cells_per_claim:.1f} cells in {years:g} years")
    lines += [f"  assumed: {text}" for text in found.assumptions]
    return "\n".join(lines)
