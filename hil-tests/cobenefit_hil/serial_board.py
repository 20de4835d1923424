"""A board with a console, of whatever rig: what the suite may ask of it, each with a hard end.

    board = SerialBoard(lambda: "/dev/serial/by-id/usb-bench-3")
    board.mpremote("exec", "print(1)").stdout

The time-out of a call kills the program and all it has started: a board that says nothing, or an
adapter that hangs, costs one test and not the run.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

CALL_S = 60.0
FLASH_S = 600.0
_ANSWER_S = 60.0
#: Leaves the prompt that runs `main.py` after a soft reset, which mpremote's own does not.
_RESTART = (
    "import sys; from cobenefit_boards import console\nwith console.opened(sys.argv[1]): pass\n"
)
_EMPTY = """
import os
def empty(folder):
    for name, kind, *_ in os.ilistdir(folder or "/"):
        path = folder + "/" + name
        if kind == 0x4000:
            if path in ("/rom", "/sd"):
                continue
            empty(path)
            os.rmdir(path)
        else:
            os.remove(path)
if "config.json" in os.listdir("/"):
    raise RuntimeError("it is a node: it has a config.json")
empty("")
"""
_VERSION = "import sys; print(sys.version.split('; ')[-1], sys.platform)"


class BoardError(OSError):
    """A board, or what switches it, did not do what it was asked; the message says what."""


class SerialBoard:
    """One board.

    Parameters
    ----------
    find : callable
        Returns the port at which it is now, as mpremote takes it.
    cycle : callable, optional
        Takes its power away and gives it back; None where the rig can't.
    """

    def __init__(self, find: Callable[[], str], cycle: Callable[[], object] | None = None) -> None:
        self._find, self._cycle = find, cycle

    @property
    def path(self) -> str:
        """Return where it is now: a port may change when it was off."""
        return self._find()

    def mpremote(
        self, *words: object, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run mpremote on it, for `CALL_S` at most.

        Parameters
        ----------
        *words : object
            What follows `mpremote connect PORT`.
        cwd : Path, optional
            Where to run it.

        Returns
        -------
        subprocess.CompletedProcess
            Exit code and texts.

        Raises
        ------
        BoardError
            If it took longer.
        """
        command = [sys.executable, "-m", "mpremote", "connect", self.path, *map(str, words)]
        return bounded(command, CALL_S, cwd=cwd)

    def reset(self) -> None:
        """Reset it softly, so that `main.py` runs.

        Raises
        ------
        BoardError
            If it does not answer.
        """
        checked([sys.executable, "-c", _RESTART, self.path], CALL_S)

    def power_cut(self) -> None:
        """Take its power away, give it back, and wait until it answers.

        Raises
        ------
        BoardError
            If the rig can't, or the board does not come back.
        """
        if self._cycle is None:
            raise BoardError("this rig can't switch the board's power")
        self._cycle()
        end = time.monotonic() + _ANSWER_S
        while (done := self.mpremote("resume", "eval", "1")).returncode:
            if time.monotonic() > end:
                raise BoardError(f"no answer after a power cut: {_end(done)}")

    def flash(self, command: Sequence[str]) -> None:
        """Run what puts the firmware on it.

        Parameters
        ----------
        command : sequence of str
            `{port}` in it is the board's port.

        Raises
        ------
        BoardError
            If it fails, or takes longer than `FLASH_S`.
        """
        checked([word.replace("{port}", self.path) for word in command], FLASH_S)

    def empty(self) -> None:
        """Remove every file on it, so that no test sees what another has left.

        Raises
        ------
        BoardError
            If it is a node, whose configuration would be lost, or does not answer.
        """
        self._exec(_EMPTY)

    def version(self) -> str:
        """Return its MicroPython.

        Returns
        -------
        str
            Version, date and port.

        Raises
        ------
        BoardError
            If it does not answer.
        """
        return self._exec(_VERSION)

    def _exec(self, script: str) -> str:
        done = self.mpremote("exec", script)
        if done.returncode:
            raise BoardError(f"the board at {self.path} does not take the test: {_end(done)}")
        return done.stdout.strip()


def checked(command: Sequence[str], limit_s: float, env: Mapping[str, str] | None = None) -> str:
    """Run a program that must succeed.

    Parameters
    ----------
    command : sequence of str
        Program and arguments.
    limit_s : float
        Longest time, > 0. [s]
    env : mapping, optional
        Its environment.

    Returns
    -------
    str
        What it printed.

    Raises
    ------
    BoardError
        If it is not there, fails, or takes longer.
    """
    done = bounded(command, limit_s, env=env)
    if done.returncode:
        raise BoardError(f"{Path(command[0]).name} ends with {done.returncode}: {_end(done)}")
    return done.stdout


def bounded(
    command: Sequence[str],
    limit_s: float,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a program and kill it, with all it has started, when its time is over.

    Parameters
    ----------
    command : sequence of str
        Program and arguments.
    limit_s : float
        Longest time, > 0. [s]
    cwd : Path, optional
        Where to run it.
    env : mapping, optional
        Its environment.

    Returns
    -------
    subprocess.CompletedProcess
        Exit code and texts.

    Raises
    ------
    BoardError
        If it is not there, or takes longer.
    """
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=cwd, env=env,
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise BoardError(f"{command[0]} can't be run: {error}") from error
        try:
            code = process.wait(limit_s)
        except subprocess.TimeoutExpired as error:
            raise BoardError(f"no end within {limit_s:g} s: {' '.join(command)[:200]}") from error
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(list(command), code, out.read(), err.read())


def _end(done: subprocess.CompletedProcess[str]) -> str:
    return (done.stderr or done.stdout).strip()[-300:]
