"""`cobenefit boards wifi`: tells a node on a serial port its access point, by Improv.

The node tries it before it keeps it. The protocol's packets are the firmware's own
(`cobenefit_node.improv`), and any other Improv client may take this one's place.
"""

import os
import time
from collections.abc import Iterator
from typing import Annotated

import typer
from rich.console import Console as Screen

from cobenefit_boards import console
from cobenefit_boards.doctor_commands import Port
from cobenefit_node import improv

SETTING = "COBENEFIT_WIFI_PASSWORD"
_ANSWER_S = 10.0
#: A node gives an access point 15 s or so; and MicroPython's Wi-Fi takes its time to start.
_JOIN_S = 60.0
_SERVE = "from cobenefit_node import improv\nimprov.serve()\n"
_STATE, _ERROR, _COMMAND, _RESULT = 1, 2, 3, 4
_JOINED = 4
_SETTINGS, _ASK_DEVICE = 1, 3


def wifi(
    port: Port, ssid: Annotated[str, typer.Option(help="Name of the access point, 2.4 GHz.")]
) -> None:
    """Tell a node its Wi-Fi; it joins before it keeps it, then starts again.

    The password is asked for, or read from COBENEFIT_WIFI_PASSWORD; an empty one is an open
    network. For example `cobenefit boards wifi /dev/ttyUSB0 --ssid barn`.
    """
    password = os.environ.get(SETTING)
    if password is None:
        password = typer.prompt("Password", hide_input=True, default="", show_default=False)
    name = tell(port, ssid, password)
    Screen().print(f"{port}: {name} has joined {ssid} and keeps it", highlight=False)


def tell(port: str, ssid: str, password: str) -> str:
    """Tell a node its access point and wait until it has joined.

    Parameters
    ----------
    port : str
        Its serial port.
    ssid : str
        The access point, 1 to 32 bytes.
    password : str
        Its password, empty for none.

    Returns
    -------
    str
        Name, version and chip as the node tells them.

    Raises
    ------
    ConsoleError
        If it does not answer, or can't join; it then has what it had before.
    """
    with console.opened(port) as board:
        board.start(_SERVE)
        try:
            _send(board, bytes((_ASK_DEVICE, 0)))
            name = " ".join(improv.strings(_result(board, _ASK_DEVICE, _ANSWER_S))[:3])
            texts = b"".join(bytes((len(t.encode()),)) + t.encode() for t in (ssid, password))
            _send(board, bytes((_SETTINGS, len(texts))) + texts)
            _result(board, _SETTINGS, _JOIN_S)
        finally:
            board.line.write(b"\x03")  # between packets it ends what serves
    return name


def _send(board: console.Console, data: bytes) -> None:
    board.line.write(improv.packet(_COMMAND, data))


def _result(board: console.Console, command: int, limit_s: float) -> bytes:
    """Return the result of a command."""
    for kind, data in _packets(board, limit_s):
        if kind == _RESULT and data[:1] == bytes((command,)):
            return data[2:]
        if kind == _ERROR and data != b"\0":
            if command == _SETTINGS:
                raise console.ConsoleError(
                    "the node can't join: check name and password, 2.4 GHz, and the distance; "
                    "it keeps what it had"
                )
            raise console.ConsoleError(f"the node answers error {data.hex()}")
    raise console.ConsoleError(
        "the node does not speak Improv: it has no Wi-Fi, or its software is too old; see "
        "`cobenefit boards doctor`"
    )


def _packets(board: console.Console, limit_s: float) -> Iterator[tuple[int, bytes]]:
    """Yield packets as they come, until the time is over."""
    parser, end = improv.Parser(), time.monotonic() + limit_s
    while time.monotonic() < end:
        waiting = board.line.in_waiting
        if not waiting:
            time.sleep(0.02)
        for byte in board.line.read(waiting) if waiting else b"":
            found = parser.feed(byte)
            if found is not None:
                yield found
