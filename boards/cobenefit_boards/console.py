"""The console of a board over a serial port: runs a script on it, by mpremote's transport.

Every wait has an end. What a board prints is the caller's; nothing of it is shown or logged here.
"""

import contextlib
import io
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import serial
from mpremote.transport import TransportError
from mpremote.transport_serial import SerialTransport

_STALL_S = 5.0
_ENTER_S = 30.0
_TRIES = 3
#: mpremote prints what it did not understand.
_ABSORBED = io.StringIO


class ConsoleError(OSError):
    """A board's console did not answer, or what ran on it failed."""


class Console:
    """A board that waits for a script; from `opened`.

    Parameters
    ----------
    transport : SerialTransport
        In raw REPL.
    """

    def __init__(self, transport: SerialTransport) -> None:
        self._transport = transport

    @property
    def line(self) -> serial.SerialBase:
        """Return the serial line itself, for a script that speaks a protocol of its own."""
        line: serial.SerialBase = self._transport.serial
        return line

    def run(self, script: str, limit_s: float) -> str:
        """Run a script and return what it prints.

        Parameters
        ----------
        script : str
            MicroPython.
        limit_s : float
            Longest silence, > 0. [s]

        Returns
        -------
        str
            Its output, with plain line ends.

        Raises
        ------
        ConsoleError
            If it raises, or the board falls silent.
        """
        with _translated():
            out, err = self._transport.exec_raw(script, timeout=limit_s)
        if err:
            raise ConsoleError(f"the board says: {err.decode(errors='replace').strip()[-300:]}")
        return str(out.decode(errors="replace")).replace("\r\n", "\n")

    def clean(self) -> None:
        """Give it its whole memory again, by a soft reset after which its software stays off.

        Raises
        ------
        ConsoleError
            If it does not come back.
        """
        with _translated():
            self._transport.enter_raw_repl(soft_reset=True, timeout_overall=_ENTER_S)

    def start(self, script: str) -> None:
        """Start a script that speaks on `line` until it ends.

        Parameters
        ----------
        script : str
            MicroPython.

        Raises
        ------
        ConsoleError
            If the board does not take it.
        """
        with _translated():
            self._transport.exec_raw_no_follow(script)

    def restart(self) -> None:
        """Let the board go back to its work, by a soft reset."""
        with contextlib.suppress(OSError):
            self.line.write(b"\r\x02\x04")
            self.line.flush()


@contextlib.contextmanager
def opened(port: str, wait_s: float = 0.0) -> Iterator[Console]:
    """Stop what runs on a board and give its console; a soft reset at the end starts it again.

    Parameters
    ----------
    port : str
        Serial port.
    wait_s : float
        How long to wait for the port to appear. [s]

    Yields
    ------
    Console
        Its console.

    Raises
    ------
    ConsoleError
        If the port can't be opened, or nothing that speaks MicroPython answers.
    """
    end = time.monotonic() + wait_s
    while not Path(port).exists() and time.monotonic() < end:
        time.sleep(0.05)
    with _translated():
        transport = SerialTransport(port, timeout=_STALL_S)
    console = Console(transport)
    try:
        _enter(transport)
        yield console
    finally:
        console.restart()
        with contextlib.suppress(OSError):
            transport.close()


def _enter(transport: SerialTransport) -> None:
    """Stop what runs; once more where a board that is just starting has swallowed that."""
    for left in range(_TRIES - 1, -1, -1):
        try:
            with _translated():
                transport.enter_raw_repl(soft_reset=False, timeout_overall=_ENTER_S / _TRIES)
        except ConsoleError:
            if not left:
                raise
        else:
            return


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """Keep mpremote silent, and say its failures in our words."""
    try:
        with contextlib.redirect_stdout(_ABSORBED()):
            yield
    except (TransportError, serial.SerialException, struct.error, OSError) as err:
        raise ConsoleError(f"the board's console does not answer: {err}") from err
