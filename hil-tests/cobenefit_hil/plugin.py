"""The pytest plugin of the rigs: `pytest hil-tests/suite --board unix --rig unix`.

The same tests run on a virtual and on a real board; what a test needs of the rig it says by
`@pytest.mark.needs("power", "uart")`, and is skipped, with the reason, where that is missing.

Fixtures: `rig`, `broker` (a real one on loopback, restartable), `peer` (a TIC meter on a
pseudo-terminal), `board` (off, flashed, wired to both), `console` (on and empty, of every kind of
rig), `ack_station` (acknowledges as a gateway does), `program` (a tool of the system), `measured`
(notes a figure in the record).
"""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cobenefit_hil import labgrid, record, usb
from cobenefit_hil.peers.tic import ENERGY, POWER, TicPeer
from cobenefit_hil.record import measured
from cobenefit_hil.rig import VIRTUAL, Rig, RigError, load
from cobenefit_hil.serial_board import SerialBoard
from cobenefit_hil.services import (
    Service,
    ServiceError,
    broker_command,
    find_tool,
    free_port,
)
from cobenefit_hil.station import AckStation
from cobenefit_hil.virtual.board import VirtualBoard
from cobenefit_hil.virtual.console import ConsoleBoard

SITE, DEVICE = "rig", "meter"
PERIOD_MS = 600_000
START_MS = 1_700_000_400_000  # a multiple of the period
INSTANTS = 600
SEED = 20_261_122
RECORDER = "cobenefit_hil_recorder"
OPENED = {"usb": usb.opened, "labgrid": labgrid.opened}
WORKERS_PER_CORE = 2
__all__ = ["measured"]  # a fixture of this plugin


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--board`, `--rig` and `--long`."""
    group = parser.getgroup("cobenefit", "boards and rigs")
    group.addoption("--board", default="", help="refuse to run on any other board than this")
    group.addoption("--rig", default="unix", help="a name in hil-tests/rigs, or a TOML file")
    group.addoption("--long", action="store_true", help="10,000 power cuts, every bit; minutes")
    group.addoption("--record", type=Path, help="folder for the run's JSON record and JUnit file")
    group.addoption("--seed", type=int, default=SEED, help="of the faults that come at random")


def pytest_report_header(config: pytest.Config) -> str:
    """Say with which seed a run can be repeated."""
    return f"cobenefit: faults at random with --seed {config.getoption('--seed')}"


@pytest.hookimpl(tryfirst=True)  # JUnit's own plugin looks at its path after us
def pytest_configure(config: pytest.Config) -> None:
    """Register the marks, for projects that use the plugin alone, and what writes the record."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # As in the background of a shell: what the tests start would inherit it and never stop.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    folder = config.getoption("--record")
    if folder is not None and not hasattr(config, "workerinput"):  # workers report to this process
        name = Path(str(config.getoption("--rig"))).stem
        recorder = record.Recorder(_rig(config), name, folder, int(config.getoption("--seed")))
        config.pluginmanager.register(recorder, RECORDER)
        config.option.xmlpath = config.option.xmlpath or str(folder / f"{name}.xml")
    config.addinivalue_line("markers", "needs(*features): the rig features a test requires")
    config.addinivalue_line("markers", "hil: runs on a board, virtual or real")


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return the worker processes that `-n auto` means: a real board can do one thing at a time.

    Tests of a virtual board wait more than they compute, so there are more of them than cores.

    Parameters
    ----------
    config : pytest.Config
        Holds `--rig`.

    Returns
    -------
    int
        The processes; 0 is this one alone. [1]
    """
    return WORKERS_PER_CORE * (os.cpu_count() or 1) if _rig(config).kind == VIRTUAL else 0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put first what may take long, so that it does not run alone at the end."""
    items.sort(key=lambda item: -_limit_s(item))


def _limit_s(item: pytest.Item) -> int:
    mark = item.get_closest_marker("timeout")
    return int(mark.args[0]) if mark and mark.args else 0


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what the rig is not wired for, and say so."""
    needs = {feature for mark in item.iter_markers("needs") for feature in mark.args}
    if needs:
        missing = sorted(needs - _rig(item.config).features)
        if missing:
            pytest.skip(f"the rig is not wired for: {', '.join(missing)}")
    elif item.get_closest_marker("hil") and _rig(item.config).kind != VIRTUAL:
        pytest.skip("it asks nothing of a board")


def _rig(config: pytest.Config) -> Rig:
    name = str(config.getoption("--rig"))
    known = config.rootpath / f"hil-tests/rigs/{name}.toml"
    path = Path(name) if name.endswith(".toml") else known
    try:
        rig = load(path)
    except RigError as error:
        raise pytest.UsageError(str(error)) from error
    board = config.getoption("--board")
    if board and board != rig.board:
        raise pytest.UsageError(f"--board {board}: the rig {path} has the board {rig.board}")
    return rig


@pytest.fixture
def program() -> Callable[[str], str]:
    """Return what finds a program, and skips where it is missing – or fails, in CI.

    Returns
    -------
    callable
        Takes the program's name and returns its path.
    """

    def find(name: str) -> str:
        try:
            return find_tool(name)
        except ServiceError as error:
            (pytest.fail if os.environ.get("CI") else pytest.skip)(str(error))

    return find


@pytest.fixture
def rig(pytestconfig: pytest.Config) -> Rig:
    """Return what the tests run on."""
    return _rig(pytestconfig)


@pytest.fixture
def long_run(pytestconfig: pytest.Config) -> bool:
    """Return whether `--long` asks for everything."""
    return bool(pytestconfig.getoption("--long"))


@pytest.fixture
def seed(pytestconfig: pytest.Config) -> int:
    """Return the seed of the faults that come at random.

    Parameters
    ----------
    pytestconfig : pytest.Config
        Holds `--seed`.

    Returns
    -------
    int
        The seed. [1]
    """
    return int(pytestconfig.getoption("--seed"))


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Service]:
    """Run a real broker on a free loopback port; `kill()` and `start()` restart it there."""
    port = free_port()
    service = Service("broker", broker_command(port, tmp_path), tmp_path / "broker.log", port=port)
    with service:
        yield service


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[TicPeer]:
    """Serve a meter with `INSTANTS` frames: its index rises by 100 W.h each time."""
    times_ms = [START_MS + i * PERIOD_MS for i in range(INSTANTS)]
    energy_wh = [100 * i for i in range(INSTANTS)]
    power_va = [10 * (i % 900) for i in range(INSTANTS)]
    with TicPeer(DEVICE, tmp_path, times_ms, {ENERGY: energy_wh, POWER: power_va}) as meter:
        yield meter


@pytest.fixture
def ack_station(broker: Service) -> Iterator[AckStation]:
    """Receive packs on a real connection and acknowledge them."""
    with AckStation(broker.port) as station:
        yield station


@pytest.fixture
def node_config(broker: Service) -> dict[str, Any]:
    """Return the `config.json` of the node under test; small packs, so that there are many."""
    return {
        "site": SITE,
        "device": DEVICE,
        "board": "unix",
        "broker": {"host": "127.0.0.1", "port": broker.port},
        "sensors": [{"driver": "tic", "uart": 1, "period_ms": PERIOD_MS}],
        "pack_readings": 10,
        "pack_age_ms": 86_400_000,
    }


@pytest.fixture(scope="session")
def real_board(pytestconfig: pytest.Config) -> Iterator[SerialBoard | None]:
    """Reserve and flash the real board of the rig, once; None where it is virtual.

    Parameters
    ----------
    pytestconfig : pytest.Config
        Holds `--rig`.

    Yields
    ------
    SerialBoard or None
        The board.
    """
    rig = _rig(pytestconfig)
    if rig.kind == VIRTUAL:
        yield None
        return
    with OPENED[rig.kind](rig) as found:
        if "flash" in rig.settings:
            found.flash(rig.settings["flash"])
        version, recorder = found.version(), pytestconfig.pluginmanager.get_plugin(RECORDER)
        if recorder is not None:
            recorder.interpreter = version
        yield found


@pytest.fixture
def console(real_board: SerialBoard | None, tmp_path: Path) -> Iterator[SerialBoard]:
    """Return a board that is on, with a console and no files.

    Parameters
    ----------
    real_board : SerialBoard, optional
        That of the rig.
    tmp_path : Path
        Where a virtual one has its flash.

    Yields
    ------
    SerialBoard
        The board.
    """
    if real_board is not None:
        real_board.empty()
        yield real_board
        return
    with ConsoleBoard(tmp_path / "console") as virtual:
        yield SerialBoard(lambda: str(virtual.path), virtual.power_cut)


@pytest.fixture
def board(
    rig: Rig, node_config: dict[str, Any], peer: TicPeer, tmp_path: Path
) -> Iterator[VirtualBoard]:
    """Return the board, flashed and switched off.

    Parameters
    ----------
    rig : Rig
        What the tests run on.
    node_config : dict
        Its `config.json`.
    peer : TicPeer
        The meter it reads.
    tmp_path : Path
        Where its flash is.

    Yields
    ------
    VirtualBoard
        The board.
    """
    assert rig.kind == VIRTUAL
    lines = {"UART1": peer.sensor.path, "CONTROL": peer.control.path}
    virtual = VirtualBoard(node_config, tmp_path / "board", lines)
    yield virtual
    virtual.power_cut()
