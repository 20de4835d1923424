"""`cobenefit demo`: recorded sensors to a defended net figure, through every part of the product.

Starts a broker, the backend, the gateway and one real MicroPython process per node; moves the
sensors through their recorded time; waits until everything is durable; writes the report; and
checks the account of every reading before it believes a single figure.
"""

import shutil
import time
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

import cobenefit_boards
from cobenefit_hil.demo.balance import Line, balance
from cobenefit_hil.demo.nodes import NODES, DemoNode
from cobenefit_hil.demo.stack import STUDY, Stack
from cobenefit_hil.demo.verdicts import verdicts
from cobenefit_hil.peers.base import Peer
from cobenefit_hil.services import ServiceError
from cobenefit_hil.virtual.board import VirtualBoard

LIMIT_S = 900.0
_POWER_MW = cobenefit_boards.load("unix").footprint.power_mw


def run(out: Path, console: Console, *, serve: bool = False) -> int:
    """Run the demonstration.

    Parameters
    ----------
    out : Path
        Directory of the report; its subdirectory `run` is emptied first.
    console : Console
        Where to print.
    serve : bool
        Keep the pages up afterwards, until interrupted.

    Returns
    -------
    int
        Exit code: 0 when every reading is accounted for and the report finds the truth it was
        given, and nothing where nothing was done. [1]
    """
    workdir = out.resolve() / "run"
    shutil.rmtree(workdir, ignore_errors=True)
    workdir.mkdir(parents=True)
    console.print(
        f"Replaying recorded data through {len(NODES)} real MicroPython nodes, a broker, "
        "a gateway and a backend"
    )
    started_s = time.monotonic()
    stack = Stack(workdir, _timezones())
    try:
        stack.start()
        served = _replay(stack, workdir, console)
        with console.status("Waiting until everything is durable at the backend"):
            stack.drain()
        with console.status("Computing the report"):
            report = stack.report(out / "report.html", out / "report.json")
        good = _print_balance(console, balance(served, report["data"]["series"]))
        _print_figures(console, report)
        good &= _print_verdicts(console, report)
        console.print(f"Took {time.monotonic() - started_s:.0f} s.")
        console.print(
            f"Report: {out / 'report.html'} (English), {out / 'report.fr.html'} (French)"
        )
        console.print(f"        {out / 'report.json'}")
        if serve:
            _serve(stack, console)
        return 0 if good else 1
    finally:
        stack.stop()


def _timezones() -> dict[str, str]:
    document = tomllib.loads(STUDY.read_text(encoding="utf-8"))
    return {site["id"]: site["timezone"] for site in document["site"]}


def _replay(stack: Stack, workdir: Path, console: Console) -> dict[str, dict[str, Any]]:
    """Run all nodes to the end of their series; return what their sensors served."""
    with ExitStack() as running:
        peers, boards = {}, {}
        for node in NODES:
            directory = workdir / node.device
            directory.mkdir()
            peers[node.device] = running.enter_context(node.peer(directory))
            boards[node.device] = running.enter_context(
                VirtualBoard(
                    node_config(node, stack.broker_port),
                    directory,
                    wires(node, peers[node.device]),
                )
            )
        _watch(stack, peers, boards, console)
        return {device: peer.ledger.summary() for device, peer in peers.items()}


def node_config(node: DemoNode, broker_port: int) -> dict[str, Any]:
    """Return the `config.json` of a node.

    Parameters
    ----------
    node : DemoNode
        The node.
    broker_port : int
        Port of the broker on loopback. [-]

    Returns
    -------
    dict
        The configuration.
    """
    return {
        "site": node.site,
        "device": node.device,
        "board": "unix",
        "broker": {"host": "127.0.0.1", "port": broker_port},
        "sensors": [node.sensor],
        "pack_readings": 60,
        "pack_age_ms": 7 * 86_400_000,
        "power_mw": {state: round(mw) for state, mw in _POWER_MW.items()},
    }


def wires(node: DemoNode, peer: Peer) -> dict[str, Path]:
    """Return where a node's lines lead to.

    Parameters
    ----------
    node : DemoNode
        The node.
    peer : Peer
        Its sensor.

    Returns
    -------
    dict
        Path of the pseudo-terminal by line.
    """
    sensor = "COUNTER1" if "counter" in node.sensor else "UART1"
    return {sensor: peer.sensor.path, "CONTROL": peer.control.path}


def _watch(
    stack: Stack,
    peers: Mapping[str, Peer],
    boards: Mapping[str, VirtualBoard],
    console: Console,
) -> None:
    columns = (
        TextColumn("{task.description:<55}"),
        BarColumn(24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        bars = {
            node.device: progress.add_task(node.title, total=len(peers[node.device].times_ms))
            for node in NODES
        }
        deadline_s = time.monotonic() + LIMIT_S
        waiting = set(boards)
        while waiting:
            time.sleep(0.2)
            stack.check()
            for device in sorted(waiting):
                progress.update(bars[device], completed=peers[device].served)
                code = boards[device].poll()
                if code is not None:
                    _ended(device, code, boards[device])
                    progress.stop_task(bars[device])
                    waiting.discard(device)
            if time.monotonic() > deadline_s:
                raise ServiceError(f"still running after {LIMIT_S:.0f} s: {sorted(waiting)}")


def _ended(device: str, code: int, board: VirtualBoard) -> None:
    if code != 0:
        last = "\n".join(board.console().splitlines()[-15:])
        raise ServiceError(f"node {device} ended with {code}; see {board.log_path}:\n{last}")


def _print_balance(console: Console, lines: Sequence[Line]) -> bool:
    table = Table("node", "channel", title="Every reading accounted for", title_justify="left")
    for heading in ("served", "stored", "quarantined", "lost"):
        table.add_column(heading, justify="right")
    table.add_column("")
    for line in lines:
        numbers = (line.served, line.stored, line.quarantined, line.lost)
        mark = "ok" if line.balanced else "[bold red]does not balance[/]"
        table.add_row(line.device, line.channel, *(f"{n:,}" for n in numbers), mark)
    console.print(table)
    return bool(lines) and all(line.balanced for line in lines)


def _print_figures(console: Console, report: Mapping[str, Any]) -> None:
    table = Table(
        "study",
        "class",
        "data",
        title="Net avoided kgCO2e, 90 % interval",
        title_justify="left",
    )
    for heading in ("low", "central", "high", "coverage"):
        table.add_column(heading, justify="right")
    for case in report["use_cases"]:
        net = case["net_kgco2e"]
        cells = (
            ["–"] * 3 if net is None else [f"{net[k]:,.1f}" for k in ("low", "central", "high")]
        )
        coverage = case["coverage_ratio"]
        table.add_row(
            case["study"],
            case["evidence_class"],
            case["data_origin"],
            *cells,
            "–" if coverage is None else f"{coverage:.0%}",
        )
    console.print(table)


def _print_verdicts(console: Console, report: Mapping[str, Any]) -> bool:
    found = verdicts(report)
    for verdict in found:
        console.print(f"[{'green' if verdict.good else 'bold red'}]{verdict.text}[/]")
    return all(verdict.good for verdict in found)


def _serve(stack: Stack, console: Console) -> None:
    console.print(f"Pages: {stack.url}/ (overview), {stack.url}/report – press Ctrl-C to stop")
    console.print(f"Sign in at {stack.url}/login with {stack.secret()} (once, within 15 minutes)")
    try:
        while stack.backend.running():
            time.sleep(0.5)
    except KeyboardInterrupt:
        console.print("Stopped.")
