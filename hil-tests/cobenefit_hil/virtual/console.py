r"""A virtual board with a console: a serial line that MicroPython's own tools can talk to.

The unix port has a REPL, but not what a board has around it. This adds it: soft reboot instead of
an end, `\r\n`, a littlefs as root, a bounded heap, and why it started. Example:

    with ConsoleBoard(workdir) as board:
        subprocess.run(["mpremote", "connect", str(board.path), "exec", "print(1)"], timeout=60)
"""

import os
import select
import subprocess
import termios
import threading
import tty
from collections.abc import Generator
from pathlib import Path
from typing import Self

from cobenefit_hil.peers.pty import Line
from cobenefit_hil.virtual.board import CAUSES, POWER_ON, SOFT, interpreter

_HERE = Path(__file__).parent
_POLL_S = 0.1
_CTRL_A, _CTRL_B = b"\x01", b"\x02"
_RAW, _FRIENDLY = b"raw REPL; CTRL-B to exit", b"\r\n>>> "
_BANNER = b"MicroPython v"
#: The arguments a board sends with each command of `mpremote mount`: s a text, 4 and 1 integers of
#: so many bytes. They are no text, so `\n` in them stays as it is.
_ARGUMENTS = {
    1: "s", 2: "s", 4: "ss", 5: "1", 6: "14", 7: "1", 8: "1s", 9: "141", 10: "s", 11: "ss",
    12: "s", 13: "s",
}  # fmt: skip


class ConsoleBoard:
    """One board; its flash is the file `flash.img` of its directory.

    Parameters
    ----------
    workdir : Path
        Its directory.
    heap : str
        Size of its heap as `-X heapsize` takes it.
    """

    def __init__(self, workdir: Path, heap: str = "256k") -> None:
        workdir.mkdir(parents=True, exist_ok=True)
        self.workdir = workdir
        self._heap = heap
        self._line = Line(workdir / "tty")
        self.path = self._line.path
        self._process: subprocess.Popen[bytes] | None = None
        self._terminal = -1
        self._text = Text()
        self._said = b""
        self._raw = self._cut = False
        self._off = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        """Switch it on; the line is there at once, the prompt a moment later."""
        self._boot(POWER_ON)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take its power away."""
        self._off.set()
        self._thread.join()
        self._end()
        self._line.close()

    def power_cut(self) -> None:
        """Take its power away, in the middle of whatever it does, and give it back."""
        if self._process is not None:
            self._cut = True
            self._process.kill()

    def _boot(self, cause: int) -> None:
        """Start MicroPython on a terminal of its own, which Ctrl-C interrupts."""
        self._terminal, board = os.openpty()
        tty.setraw(board)
        attributes = termios.tcgetattr(board)
        attributes[3] |= termios.ISIG
        termios.tcsetattr(board, termios.TCSANOW, attributes)
        command = [interpreter(), "-X", f"heapsize={self._heap}", "-i", str(_HERE / "repl.py")]
        self._process = subprocess.Popen(
            ["setsid", "--ctty", *command, *(["raw"] if self._raw else [])],
            cwd=self.workdir,
            env={"MICROPYPATH": f"{_HERE}:.frozen", "COBENEFIT_RESET_CAUSE": str(cause),
                 "PATH": os.environ.get("PATH", os.defpath)},
            stdin=board, stdout=board, stderr=board,
        )  # fmt: skip
        os.close(board)
        self._said = b""

    def _end(self) -> int:
        if self._process is None:
            return 0
        self._process.kill()
        code = self._process.wait()
        os.close(self._terminal)
        return code

    def _run(self) -> None:
        while not self._off.is_set():
            ready, _, _ = select.select([self._line.fileno(), self._terminal], [], [], _POLL_S)
            if self._line.fileno() in ready:
                self._type(self._line.read())
            if self._terminal in ready and not self._show():
                self._restart()

    def _type(self, data: bytes) -> None:
        """Pass on what the host typed; the terminal may be gone meanwhile."""
        try:
            _write_all(self._terminal, data)
        except OSError:
            return  # it reboots: what was typed is lost, as on a board
        if self._raw and data.endswith(_CTRL_B):
            self._raw = False

    def _show(self) -> bool:
        """Pass on what the board printed; return whether it still runs."""
        try:
            data = os.read(self._terminal, 4096)
        except OSError:
            return False
        self._said = (self._said + data)[-64:]
        at_raw, at_friendly = self._said.rfind(_RAW), self._said.rfind(_FRIENDLY)
        if max(at_raw, at_friendly) >= 0:
            self._raw = at_raw > at_friendly
        _write_all(self._line.fileno(), self._text.cooked(data))
        return bool(data)

    def _restart(self) -> None:
        """Start again, as a board does; in the raw REPL it was in, if it only rebooted softly."""
        assert self._process is not None
        try:
            code = self._process.wait(5)
        except subprocess.TimeoutExpired:
            code = -9
        self._end()
        soft = code == 0
        cause = POWER_ON if self._cut else SOFT if soft else CAUSES.get(code, POWER_ON)
        self._cut = False
        self._raw = self._raw and soft
        if soft:
            _write_all(self._line.fileno(), b"MPY: soft reboot\r\n")
        self._boot(cause)
        if self._raw:
            self._enter_raw()

    def _enter_raw(self) -> None:
        """Show what `boot.py` prints, but not the banner of the prompt the raw REPL is behind."""
        seen = b""
        while not seen.endswith(b">>> ") and not self._off.is_set():
            seen += self._awaited()
        before, _, _ = seen.partition(_BANNER)
        _write_all(self._line.fileno(), self._text.cooked(before))
        _write_all(self._terminal, _CTRL_A)
        seen = b""
        while not seen.endswith(_RAW + b"\r\n>") and not self._off.is_set():
            seen += self._awaited()
        _write_all(self._line.fileno(), _RAW + b"\r\n>")

    def _awaited(self) -> bytes:
        if not select.select([self._terminal], [], [], _POLL_S)[0]:
            return b""
        return os.read(self._terminal, 4096)


class Text:
    r"""What a board prints: `\n` becomes `\r\n`, except in the frames of `mpremote mount`."""

    def __init__(self) -> None:
        self._last = 0
        self._frames = _frames()
        next(self._frames)

    def cooked(self, data: bytes) -> bytes:
        r"""Return bytes as they go over the line.

        Parameters
        ----------
        data : bytes
            As MicroPython has written them.

        Returns
        -------
        bytes
            With `\r` where a board has it.
        """
        out = bytearray()
        for byte in data:
            if self._frames.send(byte) and byte == 0x0A and self._last != 0x0D:
                out.append(0x0D)
            out.append(byte)
            self._last = byte
        return bytes(out)


def _frames() -> Generator[bool, int]:
    """Take one byte after the other, and tell of each whether it is text."""
    byte = yield True
    while True:
        if byte != 0x18:
            byte = yield True
            continue
        kind = yield False
        for argument in _ARGUMENTS.get(kind, ""):
            count = 4 if argument in "4s" else 1
            number = 0
            for i in range(count):
                byte = yield False
                number |= byte << 8 * i
            for _ in range(number if argument == "s" else 0):
                yield False
        byte = yield False


def _write_all(fd: int, data: bytes) -> None:
    while data:
        select.select([], [fd], [], _POLL_S)
        try:
            data = data[os.write(fd, data) :]
        except BlockingIOError:
            continue
