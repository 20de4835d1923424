"""A board, its sensors, a link that can fail, and the station at its end, with one account of all.

Several trials run beside each other on one broker, each under a device name of its own. Example:

    with Trial(tmp_path, broker.port, "far") as trial:
        trial.board.boot()
        trial.link.cut()
        assert trial.board.wait(60) == 0
        assert trial.balance() == Balance(served=1200, arrived=1200)
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from cobenefit_hil.peers.base import Peer
from cobenefit_hil.peers.counter import CounterPeer
from cobenefit_hil.peers.modbus import ModbusPeer
from cobenefit_hil.peers.registers import SOIL_A
from cobenefit_hil.peers.tic import ENERGY, POWER, TicPeer
from cobenefit_hil.peers.world import World
from cobenefit_hil.proxy import Proxy
from cobenefit_hil.station import AckStation
from cobenefit_hil.virtual.board import VirtualBoard

START_MS = 1_700_000_400_000
SITE = "rig"


@dataclass(frozen=True, slots=True)
class Balance:
    """What became of the readings; a balance without fault has `served == arrived + lost`.

    Parameters
    ----------
    served, arrived, lost : int
        By the sensors, at the station, and counted by the node as lost. [1]
    unexplained : int
        Missing though the node counts none of that channel as lost, or too few or too many. [1]
    changed : int
        Arrived with another value or quality than was served, or never served. [1]
    """

    served: int
    arrived: int
    lost: int = 0
    unexplained: int = 0
    changed: int = 0


def meter(device: str, directory: Path, times_ms: Sequence[int]) -> TicPeer:
    """Return a TIC meter whose index rises by 100 W.h each time.

    Parameters
    ----------
    device : str
        Its name.
    directory : Path
        Where its lines are.
    times_ms : sequence of int
        Its instants, Unix time. [ms]

    Returns
    -------
    TicPeer
        The meter, not started.
    """
    rows = range(len(times_ms))
    values = {ENERGY: [100 * i for i in rows], POWER: [10 * (i % 900) for i in rows]}
    return TicPeer(device, directory, times_ms, values)


def three_sensors(device: str, directory: Path, times_ms: Sequence[int]) -> list[Peer]:
    """Return a TIC meter, a pulse counter and a Modbus soil probe: ten readings an instant.

    Parameters
    ----------
    device : str
        Start of their names.
    directory : Path
        Where their lines are.
    times_ms : sequence of int
        Their instants, Unix time. [ms]

    Returns
    -------
    list of Peer
        The sensors, not started.
    """
    rows = range(len(times_ms))
    # Plausible: pH 3.0 to 7.9, and from 30 to 79 of the last digit of everything else.
    soil = {row.channel: [30 + i % 50 for i in rows] for row in SOIL_A.registers}
    return [
        meter(f"{device}-tic", directory, times_ms),
        CounterPeer(
            f"{device}-pulse", directory, times_ms, {"pulse_count": [7 * i for i in rows]}
        ),
        ModbusPeer(f"{device}-soil", directory, times_ms, soil, register_map=SOIL_A),
    ]


def served(peers: Iterable[Peer]) -> dict[tuple[str, int], tuple[int, int]]:
    """Return what sensors without planned faults have served.

    Parameters
    ----------
    peers : iterable of Peer
        The sensors.

    Returns
    -------
    dict
        (channel, Unix time [ms]) to (value [channel's own unit], quality code 0).
    """
    return {
        (channel, t_ms): (value, 0)
        for peer in peers
        for channel, column in peer.values.items()
        for t_ms, value in zip(peer.times_ms[: peer.served], column, strict=False)
    }


class Trial:
    """One device under test; starts everything but the board.

    Parameters
    ----------
    directory : Path
        Gets a directory for this device.
    broker_port : int
        Where the broker listens on loopback. [1]
    device : str
        Its name.
    instants : int
        Length of its time. [1]
    period_ms : int
        Between two instants, > 0. [ms]
    three : bool
        Whether it has three sensors, or a meter alone.
    pace_s : float
        Real time that an instant takes at least. [s]
    station : AckStation, optional
        The station; one that hears this device alone, on the broker's port, by default.
    through_link : bool
        Whether the board reaches the broker through `link`, or by itself.
    config : dict
        Further keys of `config.json`.
    board : dict
        Further arguments of `VirtualBoard`.
    """

    def __init__(
        self,
        directory: Path,
        broker_port: int,
        device: str,
        *,
        instants: int = 600,
        period_ms: int = 600_000,
        three: bool = False,
        pace_s: float = 0.0,
        station: AckStation | None = None,
        through_link: bool = True,
        config: dict[str, Any] | None = None,
        board: dict[str, Any] | None = None,
    ) -> None:
        where = directory / device
        where.mkdir()
        times_ms = [START_MS + i * period_ms for i in range(instants)]
        make = three_sensors if three else lambda *given: [meter(*given)]
        self.world = World(where, make(device, where, times_ms), pace_s)
        self.link = Proxy(broker_port)
        self._own_station = station is None
        self.station = station or AckStation(broker_port, device)
        self._broker_port = 0 if through_link else broker_port
        self._stack = ExitStack()
        self._settings = board or {}
        self._config = {
            "site": SITE,
            "device": device,
            "sensors": _sensors(period_ms)[: len(self.world.peers)],
            "pack_readings": 10,
            "pack_age_ms": 366 * 86_400_000,
            **(config or {}),
        }
        self._where = where

    def __enter__(self) -> Self:
        """Start sensors, link and station, and flash the board."""
        self._stack.enter_context(self.world)
        self._stack.enter_context(self.link)
        if self._own_station:
            self._stack.enter_context(self.station)
        broker = {
            "host": "127.0.0.1",
            "port": self._broker_port or self.link.port,
            **self._config.get("broker", {}),
        }
        lines = dict(zip(("UART1", "COUNTER1", "UART2"), self.world.peers, strict=False))
        wires = {name: peer.sensor.path for name, peer in lines.items()}
        self.board = VirtualBoard(
            {**self._config, "broker": broker},
            self._where / "board",
            wires | {"CONTROL": self.world.control.path},
            **self._settings,
        )
        self._stack.callback(self.board.power_cut)
        return self

    def __exit__(self, *_: object) -> None:
        """Take the board's power and stop the rest."""
        self._stack.close()

    def balance(self) -> Balance:
        """Return the account of every reading, channel by channel.

        Returns
        -------
        Balance
            The account.
        """
        wanted, got = served(self.world.peers), self.station.readings()
        missing = Counter(channel for channel, _ in wanted.keys() - got.keys())
        lost = lost_by_channel(self.station)
        return Balance(
            served=len(wanted),
            arrived=len(got),
            lost=lost.total(),
            unexplained=sum(abs(missing[c] - lost[c]) for c in missing.keys() | lost.keys()),
            changed=sum(wanted.get(key) != value for key, value in got.items()),
        )


def lost_by_channel(station: AckStation) -> Counter[str]:
    """Return the readings a node has declared lost, over all its boots.

    Parameters
    ----------
    station : AckStation
        Has heard the node's health.

    Returns
    -------
    Counter
        Readings by channel. [1]
    """
    by_boot = {boot: counts for health in station.healths for boot, _, counts in health.lost}
    total: Counter[str] = Counter()
    for counts in by_boot.values():
        total.update(dict(counts))
    return total


def _sensors(period_ms: int) -> list[dict[str, Any]]:
    patient = {"timeout_ms": 20_000}  # a busy machine makes no sensor silent
    return [
        {"driver": "tic", "uart": 1, "period_ms": period_ms, "options": patient},
        {"driver": "pulse", "counter": 1, "period_ms": period_ms},
        {"driver": "modbus", "uart": 2, "period_ms": period_ms,
         "options": {"map": "soil_a", **patient}},
    ]  # fmt: skip
