"""A night of a board that sleeps, with little memory: two drivers, TLS, and a command that waits.

As `small_heap`, the application runs as .mpy; each wake is a start of its own.

Example:
    fleet = Fleet(directory)
    assert night(fleet, heap_kb=112) == ""
"""

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from cobenefit_boards import remote
from cobenefit_hil import small_heap
from cobenefit_hil.authority import tls_broker
from cobenefit_hil.peers.modbus import ModbusPeer
from cobenefit_hil.peers.tic import ENERGY, POWER, TicPeer
from cobenefit_hil.peers.world import World
from cobenefit_hil.services import find_tool
from cobenefit_hil.small_heap import DEVICE, PERIOD_MS, SITE, START_MS, Fleet
from cobenefit_hil.station import AckStation
from cobenefit_hil.virtual.board import VirtualBoard
from cobenefit_wire import topics

INSTANTS, PACK = 24, 6
ELECTRIC = ("voltage_v", "current_a", "power_active_w", "energy_import_wh")
CHANNELS = 2 + len(ELECTRIC)
#: Rows of the self-test that must be good. The simulated meter sends one frame for each instant,
#: where a real one repeats it, and the rig's radio is no .mpy: both are beside the point here.
GOOD = ("flash", "clock", "broker", "heap")
_TIMEOUT_S = 300
_GIVE_UP_MS = 60_000


def night(fleet: Fleet, heap_kb: int) -> str:
    """Live four hours, a wake every ten minutes and a connection every hour.

    Parameters
    ----------
    fleet : Fleet
        What runs.
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
        meter, bus = _peers(directory)
        stack.callback(bus.stop)
        world = stack.enter_context(World(directory, [meter], 0))
        bus.play(0.2)
        lines = {"UART1": meter.sensor.path, "CONTROL": world.control.path}
        board = VirtualBoard(
            _settings(directory, tls), directory / "board", lines | {"UART2": bus.sensor.path},
            heap=f"{heap_kb}wk", firmware=fleet.app,
        )  # fmt: skip
        command = remote.seal("selftest", 1, f"{SITE}/{DEVICE}", b"", 60, None)
        station.publish(topics.build(SITE, DEVICE, "cmd"), command, retain=True)
        board.start(fleet.script)
        stack.callback(board.power_cut)
        code = board.wait(_TIMEOUT_S)
        station.last_health()  # all that was said has come
        return _wrong(code, board, station)


def _wrong(code: int, board: VirtualBoard, station: AckStation) -> str:
    said = [r for r in station.results if r.subject == "selftest"]
    detail = said[-1].detail if said else ""
    rows = {what: state for what, _, state in (row.partition("\t") for row in detail.split("\n"))}
    bad = [what for what in GOOD if not rows.get(what, "").startswith("ok")]
    got = len(station.readings())
    ended = sum(r.outcome in ("passed", "failed") for r in said)
    if code or bad or ended != 1 or got != CHANNELS * INSTANTS or station.missing():
        return f"exit {code}, {got} readings, {said}: {station.errors} {board.console()[-1500:]}"
    return ""


def _peers(directory: Path) -> tuple[TicPeer, ModbusPeer]:
    times_ms = [START_MS + i * PERIOD_MS for i in range(INSTANTS)]
    count = list(range(INSTANTS))
    meter = TicPeer("meter", directory, times_ms, {ENERGY: count, POWER: count})
    return meter, ModbusPeer("bus", directory, times_ms, dict.fromkeys(ELECTRIC, count))


def _settings(directory: Path, port: int) -> dict[str, Any]:
    """Return the configuration of the day, without the counter, which is blind asleep."""
    settings = small_heap.settings(directory, port)
    sensors = [sensor for sensor in settings["sensors"] if sensor["driver"] != "pulse"]
    sleep = {"power_uw": 55, "give_up_ms": _GIVE_UP_MS}
    return settings | {"sensors": sensors, "sleep": sleep, "pack_readings": PACK}
