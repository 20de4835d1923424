"""A rig with a board on a USB socket of this machine.

The board is known by what does not change with the order of plugging: its adapter's serial
number, its socket, or a link that the system keeps by either (`/dev/serial/by-id/…`).
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from cobenefit_boards import flash_rig
from cobenefit_hil.rig import Rig
from cobenefit_hil.serial_board import CALL_S, BoardError, SerialBoard, checked

APPEAR_S = 30.0


@contextmanager
def opened(rig: Rig) -> Iterator[SerialBoard]:
    """Give the board of a rig.

    Parameters
    ----------
    rig : Rig
        Of the kind `usb`.

    Yields
    ------
    SerialBoard
        The board, whether it is plugged in or not.
    """
    (key,) = rig.settings.keys() - {"flash", "power"}
    power = rig.settings.get("power")
    cycle = partial(checked, power, CALL_S) if power else None
    yield SerialBoard(partial(find, key, rig.settings[key]), cycle)


def find(key: str, value: str, wait_s: float = APPEAR_S) -> str:
    """Return the port of a board as soon as it is there.

    Parameters
    ----------
    key : {'usb_serial', 'usb_location', 'link'}
        What it is known by.
    value : str
        Which of these.
    wait_s : float
        Longest wait, >= 0. [s]

    Returns
    -------
    str
        The port.

    Raises
    ------
    BoardError
        If it does not appear, or its name is one that changes or that two adapters have.
    """
    end = time.monotonic() + wait_s
    while True:
        port = _link(value) if key == "link" else _adapter(key, value)
        if port:
            return port
        if time.monotonic() >= end:
            raise BoardError(
                f"no board with {key} = {value!r} within {wait_s:g} s; "
                "compare with `python -m serial.tools.list_ports -v`"
            )
        time.sleep(0.05)


def _link(value: str) -> str:
    path = Path(value)
    if path.exists() and not path.is_symlink():
        raise BoardError(
            f"link = {value!r} is a port's number, which changes with the order of plugging; "
            "give its link in /dev/serial/by-id or by-path, its usb_serial or usb_location"
        )
    return value if path.exists() else ""


def _adapter(key: str, value: str) -> str:
    try:
        return flash_rig.port_of(key, value)
    except flash_rig.RigError as error:
        raise BoardError(str(error)) from error
