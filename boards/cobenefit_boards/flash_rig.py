"""Where boards hang: by the USB socket or the serial number of the adapter, never by port number.

A port number changes with the order of plugging; two adapters of one make may carry the same
serial number. The board itself is known by its MAC, which is read before anything is written.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from serial.tools import list_ports

_KEYS = ("port", "usb_location", "usb_serial", "drive")


class RigError(ValueError):
    """The rig's file is wrong; the message says file, slot, key and what is allowed."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One place for a board.

    Attributes
    ----------
    name : str
        What is written next to the socket.
    port : str
        Serial port or URL; empty when nothing is plugged in.
    drive : str
        Where a Pico in boot mode shows up as a drive.
    reset : bool
        Whether the line can reset the board; a mock's can not.
    console : str
        Where the board speaks after its start: a port, `same`, or `none` to leave that out.
    """

    name: str
    port: str
    drive: str = ""
    reset: bool = True
    console: str = "same"


def load(path: Path) -> list[Slot]:
    """Read a rig and look where its slots are now.

    Parameters
    ----------
    path : Path
        TOML with one `[[slot]]` per place.

    Returns
    -------
    list of Slot
        As in the file.

    Raises
    ------
    RigError
        If a key is wrong.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as err:
        raise RigError(f"{path}: {err}") from err
    rows = raw.get("slot")
    if set(raw) != {"slot"} or not isinstance(rows, list):
        raise RigError(f"{path}: takes [[slot]] tables and nothing else")
    slots = [_slot(f"{path}: slot {n}", row) for n, row in enumerate(rows, 1)]
    if len({slot.name for slot in slots}) < len(slots):
        raise RigError(f"{path}: two slots have the same name")
    return slots


def plugged() -> list[Slot]:
    """Return one slot for each USB serial adapter that is plugged in.

    Returns
    -------
    list of Slot
        Named by USB socket.
    """
    found = [port for port in list_ports.comports() if port.vid is not None]
    return [Slot(p.location or p.device, p.device) for p in sorted(found, key=lambda p: p.device)]


def _slot(where: str, row: dict[str, Any]) -> Slot:
    known = {"name", "reset", "console", *_KEYS}
    if unknown := sorted(set(row) - known):
        raise RigError(f"{where}: {unknown[0]} is no key; allowed: {', '.join(sorted(known))}")
    chosen = [key for key in _KEYS if key in row]
    if len(chosen) != 1 or not isinstance(row.get("name"), str):
        raise RigError(f"{where}: needs a name and exactly one of {', '.join(_KEYS)}")
    value = str(row[chosen[0]])
    console, reset = row.get("console", "same"), row.get("reset", True)
    if chosen[0] == "drive":
        return Slot(row["name"], "", value, reset, row.get("console", "none"))
    port = value if chosen[0] == "port" else port_of(chosen[0], value)
    return Slot(row["name"], port, "", reset, console)


def port_of(key: str, value: str) -> str:
    """Return where an adapter is plugged in now.

    Parameters
    ----------
    key : {'usb_location', 'usb_serial'}
        What it is known by.
    value : str
        Which of these.

    Returns
    -------
    str
        Its port, empty when it is not there.

    Raises
    ------
    RigError
        If several adapters say so.
    """
    attribute = {"usb_location": "location", "usb_serial": "serial_number"}[key]
    found = [p.device for p in list_ports.comports() if getattr(p, attribute) == value]
    if len(found) > 1:
        raise RigError(f"{key} = {value!r}: {len(found)} adapters say so; use usb_location")
    return found[0] if found else ""
