"""Joules per day of a configured node on a board, and how long its cells last.

Two modes: `awake`, and `duty`, asleep between readings (`sleep` in the configuration). All
figures come from the board file and from `data/energy.toml`, each with its source. This file does
no output and knows nothing of the node's code: a configuration is the parsed `config.json`.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cobenefit_boards.board import Battery, Board, BoardError

if TYPE_CHECKING:
    from collections.abc import Mapping

Mode = Literal["awake", "duty"]
Link = Literal["wifi", "wifi_dhcp", "espnow"]
DAY_MS = 86_400_000
DAY_S = 86_400
DAYS_PER_YEAR = 365.25
_ASSUMED = "Assumption"


@dataclass(frozen=True, slots=True)
class Sensor:
    """How often a sensor is read and sent.

    Attributes
    ----------
    driver : str
        Name of the driver.
    reads_per_day : float
        Readings. [1/d]
    sends_per_day : float
        Packs of one channel, which is how often the link is needed. [1/d]
    awake_ms : int
        Time one reading takes. [ms]
    """

    driver: str
    reads_per_day: float
    sends_per_day: float
    awake_ms: int


@dataclass(frozen=True, slots=True)
class Duty:
    """How a node sleeps, from `sleep` of its configuration.

    Attributes
    ----------
    wakes_per_send : int
        It sends at every so-manieth wake; 0 only when a pack is full or old. [1]
    asleep_mw : float or None
        Power asleep, measured on this node; None for the board's. [mW]
    """

    wakes_per_send: int = 0
    asleep_mw: float | None = None


@dataclass(frozen=True, slots=True)
class Projection:
    """What a node costs.

    Attributes
    ----------
    mode : {'awake', 'duty'}
        Whether it sleeps.
    j_per_day : mapping of str to float
        Energy by what it is for. [J/d]
    wakes_per_day : float
        Times it wakes, 0 awake. [1/d]
    sends_per_day : float
        Times the link is brought up. [1/d]
    battery : Battery or None
        What it runs on; None on mains.
    life_years : float or None
        How long the cells last; None on mains. [year]
    cells_per_claim : float or None
        Cells used in the years claimed. [1]
    assumptions : tuple of str
        What was assumed because nobody published it.
    """

    mode: Mode
    j_per_day: Mapping[str, float]
    wakes_per_day: float
    sends_per_day: float
    battery: Battery | None
    life_years: float | None
    cells_per_claim: float | None
    assumptions: tuple[str, ...]

    @property
    def total_j_per_day(self) -> float:
        """Return the energy of a day [J]."""
        return sum(self.j_per_day.values())


@cache
def costs() -> dict[str, Any]:
    """Return the table `data/energy.toml`."""
    path = Path(__file__).parent / "data" / "energy.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


def sensors_of(config: Mapping[str, Any], file: str = "config.json") -> tuple[Sensor, ...]:
    """Return how often each sensor of a node's configuration is read and sent.

    Parameters
    ----------
    config : mapping
        The parsed `config.json`; docs/reference/node-config.md describes it.
    file : str
        Its name, for errors.

    Returns
    -------
    tuple of Sensor
        In the order of the file.

    Raises
    ------
    BoardError
        If a key that matters here is missing or wrong.
    """
    rows = config.get("sensors")
    if not isinstance(rows, list) or not rows:
        raise BoardError("give a list of 1 to 16 sensors", file=file, key="sensors")
    readings = _whole(config, "pack_readings", 60, file)
    age_ms = _whole(config, "pack_age_ms", 3_600_000, file)
    return tuple(_sensor(row, i, readings, age_ms, file) for i, row in enumerate(rows))


def duty_of(config: Mapping[str, Any], file: str = "config.json") -> Duty | None:
    """Return how a node's configuration lets it sleep.

    Parameters
    ----------
    config : mapping
        The parsed `config.json`.
    file : str
        Its name, for errors.

    Returns
    -------
    Duty or None
        None when it never sleeps.

    Raises
    ------
    BoardError
        If a key that matters here is wrong.
    """
    table = config.get("sleep")
    if table is None:
        return None
    if not isinstance(table, dict):
        raise BoardError("give an object", file=file, key="sleep")
    wakes = _whole(table, "wakes_per_send", 0, file, "sleep.", least=0)
    power_uw = _whole(table, "power_uw", 0, file, "sleep.", least=0)
    return Duty(wakes, power_uw / 1000 if power_uw else None)


def claim_of(config: Mapping[str, Any], file: str = "config.json") -> int | None:
    """Return the years a node's configuration claims.

    Parameters
    ----------
    config : mapping
        The parsed `config.json`.
    file : str
        Its name, for errors.

    Returns
    -------
    int or None
        `lifetime_claim_years`, None when it claims nothing. [year]

    Raises
    ------
    BoardError
        If it is no whole number above 0.
    """
    if "lifetime_claim_years" not in config:
        return None
    return _whole(config, "lifetime_claim_years", None, file)


def _sensor(row: Any, index: int, readings: int, age_ms: int, file: str) -> Sensor:
    key = f"sensors.{index}"
    if not isinstance(row, dict) or not isinstance(row.get("driver"), str):
        raise BoardError("name its driver", file=file, key=f"{key}.driver")
    period_ms = _whole(row, "period_ms", None, file, f"{key}.")
    # The sampler closes a run when it is full, or at the reading that finds it old enough.
    steps = min(readings, -(-age_ms // period_ms) + 1)
    read = costs()["read"]
    options = row.get("options")
    timeout_ms = options.get("timeout_ms") if isinstance(options, dict) else None
    known = read.get(row["driver"])
    awake_ms = known["awake_ms"] if known else timeout_ms or read["other"]["awake_ms"]
    return Sensor(row["driver"], DAY_MS / period_ms, DAY_MS / (period_ms * steps), awake_ms)


def _whole(
    table: Mapping[str, Any],
    key: str,
    default: int | None,
    file: str,
    at: str = "",
    *,
    least: int = 1,
) -> int:
    value = table.get(key, default)
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        text = f"is {value!r}; allowed: an integer from {least}"
        raise BoardError(text, file=file, key=at + key)
    return value


def project(
    board: Board,
    sensors: tuple[Sensor, ...],
    *,
    mode: Mode,
    link: Link,
    tls: bool,
    battery: Battery | None,
    claim_years: float,
    duty: Duty | None = None,
) -> Projection:
    """Return what a node costs on a board.

    Parameters
    ----------
    board : Board
        With its power per state.
    sensors : tuple of Sensor
        From `sensors_of`.
    mode : {'awake', 'duty'}
        Whether it sleeps between readings.
    link : {'wifi', 'wifi_dhcp', 'espnow'}
        How it sends.
    tls : bool
        Whether each connection pays for a handshake.
    battery : Battery or None
        What it runs on; None on mains.
    claim_years : float
        How long it is claimed to last, > 0. [year]
    duty : Duty, optional
        How it sleeps, for `duty`; as the firmware does by default.

    Returns
    -------
    Projection
        Energy by purpose and the life of the cells.

    Raises
    ------
    BoardError
        If the board's file lacks a figure this needs, or a sensor can't sleep.
    """
    wakes, sends = (0.0, 0.0) if mode == "awake" else _rates(sensors, duty or Duty())
    if mode == "awake":
        used, assumed = _awake(board)
    else:
        used = _asleep_between(
            board, sensors, link, tls=tls, wakes=wakes, sends=sends, duty=duty or Duty()
        )
        assumed = _assumptions(sensors, tls, board)
    life = cells = None
    if battery is not None:
        total_j = sum(used.values())
        life = battery.cells * usable_j(battery.kind) / total_j / DAYS_PER_YEAR
        cells = total_j * DAYS_PER_YEAR * claim_years / usable_j(battery.kind)
    return Projection(mode, used, wakes, sends, battery, life, cells, assumed)


def usable_j(kind: str) -> float:
    """Return the energy one cell gives.

    Parameters
    ----------
    kind : str
        A table `cell` of `data/energy.toml`.

    Returns
    -------
    float
        Usable energy. [J]

    Raises
    ------
    BoardError
        If the kind is unknown.
    """
    cells = costs()["cell"]
    if kind not in cells:
        raise BoardError(f"no such cell, choose {', '.join(sorted(cells))}", file="battery")
    return float(cells[kind]["usable_j"])


def _awake(board: Board) -> tuple[dict[str, float], tuple[str, ...]]:
    # The radio's share of a second now and then is inside a board's measured mean current.
    return {"awake": _mw(board, "active") / 1000 * DAY_S}, ()


def _rates(sensors: tuple[Sensor, ...], duty: Duty) -> tuple[float, float]:
    """Return wakes and sends [1/d]."""
    sends = _distinct([s.sends_per_day for s in sensors])
    wakes = max(sends, _distinct([s.reads_per_day for s in sensors]))
    return wakes, max(sends, wakes / duty.wakes_per_send) if duty.wakes_per_send else sends


def _asleep_between(
    board: Board, sensors: tuple[Sensor, ...], link: Link, *, tls: bool,
    wakes: float, sends: float, duty: Duty,
) -> dict[str, float]:  # fmt: skip
    table = costs()
    for sensor in sensors:
        if why := table["always_awake"].get(sensor.driver):
            text = f"`{sensor.driver}` can't sleep: {why['source']}; use mains and mode `awake`"
            raise BoardError(text, file=f"{board.name}.toml")
    if not board.flash.chip.startswith("esp32"):
        text = f"nobody published the energy of a message of a {board.flash.chip}; measure it"
        raise BoardError(text, file=f"{board.name}.toml", key="footprint.power_mw")
    asleep_mw = duty.asleep_mw or _mw(board, "deep_sleep")
    awake_s = sum(s.reads_per_day * s.awake_ms for s in sensors) / 1000
    used = {
        "sends": sends * table["link"][link]["message_mj"] / 1000,
        "handshakes": sends * table["tls"]["message_mj"] / 1000 if tls else 0.0,
        "wakes": (wakes - sends) * table["wake"]["energy_mj"] / 1000,
        "file system": wakes * table["filesystem"]["energy_mj"] / 1000,
        "reading": awake_s * _mw(board, "active") / 1000,
        "asleep": asleep_mw / 1000 * (DAY_S - awake_s),
    }
    if awake_s > DAY_S:
        raise BoardError("reads longer than its period: it never sleeps", file="config.json")
    return used


def _distinct(rates: list[float]) -> float:
    """Return how often something happens when equal rates happen together [1/d]."""
    return sum(set(rates))


def _assumptions(sensors: tuple[Sensor, ...], tls: bool, board: Board) -> tuple[str, ...]:
    table = costs()
    used = [("tls", table["tls"]["source"])] if tls else []
    for sensor in sensors:
        source = table["read"].get(sensor.driver, table["read"]["other"])["source"]
        used.append((f"read.{sensor.driver}", source))
    found = [f"{key}: {source}" for key, source in used if source.startswith(_ASSUMED)]
    if board.footprint.power_of == "chip":
        found.append("power_mw: of the chip alone; a development board draws far more asleep")
    return tuple(dict.fromkeys(found))


def _mw(board: Board, state: str) -> float:
    if state not in board.footprint.power_mw:
        key = f"footprint.power_mw.{state}"
        text = f"nobody published this for {board.title}; measure it and add it with its source"
        raise BoardError(text, file=f"{board.name}.toml", key=key)
    return board.footprint.power_mw[state]
