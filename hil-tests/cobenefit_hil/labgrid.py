"""A rig with a board at a place of a labgrid lab, which may be in another town.

labgrid is LGPL and brings a pyserial of its own: it stays in an environment of its own and is run
as a program, `labgrid-client`. It reserves the place, says where the console is and switches the
power; the console itself is a plain connection, to the ser2net that labgrid's exporter starts.
"""

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cobenefit_hil.rig import Rig
from cobenefit_hil.serial_board import CALL_S, BoardError, SerialBoard, checked

SETTING = "COBENEFIT_LABGRID"
_POLL_S, _END_S = 0.05, 10.0
#: ser2net has no modem lines to set where the port has none; the board needs none.
_RFC2217 = "rfc2217://{}:{}?ign_set_control"
_ENVIRONMENT = """\
targets:
  main:
    resources:
      RemotePlace:
        name: {}
    drivers:
      SerialDriver: {{}}
"""


class Place:
    """A place that is reserved for us.

    Parameters
    ----------
    coordinator : str
        Host and port.
    name : str
        The place.
    folder : Path
        For what labgrid reads and writes.
    """

    def __init__(self, coordinator: str, name: str, folder: Path) -> None:
        self.port = ""
        self._name = name
        self._command = [os.environ.get(SETTING) or "labgrid-client", "-x", coordinator]
        self._env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        self._folder = folder
        (folder / "env.yaml").write_text(_ENVIRONMENT.format(json.dumps(name)), encoding="utf-8")

    def ask(self, *words: str) -> str:
        """Run `labgrid-client` on the place.

        Parameters
        ----------
        *words : str
            What to do.

        Returns
        -------
        str
            What it printed.

        Raises
        ------
        BoardError
            With its words, if it fails or takes longer than `CALL_S`.
        """
        return checked([*self._command, "-p", self._name, *words], CALL_S, env=self._env)

    def locate(self) -> None:
        """Learn where the console is, and note it in `port`.

        Raises
        ------
        BoardError
            If the place has no serial port, or labgrid does not answer.
        """
        path = self._folder / "port.json"
        path.unlink(missing_ok=True)
        words = ["-c", "env.yaml", "export", "--format", "json", path.name]
        with (self._folder / "export.log").open("w+") as log:
            process = subprocess.Popen(
                [*self._command, *words], cwd=self._folder, env=self._env, stdout=log, stderr=log
            )
            try:
                _await(process, path)
            finally:  # it would wait for a signal
                _end(process)
            if not path.exists():
                log.seek(0)
                raise BoardError(f"labgrid has no console of {self._name}: {log.read()[-300:]}")
        self.port = address(json.loads(path.read_text(encoding="utf-8")))

    def cycle(self) -> None:
        """Take the board's power away and give it back; its console may be elsewhere then."""
        self.ask("power", "cycle")
        self.locate()


@contextmanager
def opened(rig: Rig) -> Iterator[SerialBoard]:
    """Reserve the place of a rig, and release it in the end.

    Parameters
    ----------
    rig : Rig
        Of the kind `labgrid`.

    Yields
    ------
    SerialBoard
        The board.

    Raises
    ------
    BoardError
        If somebody else has it, or the coordinator does not answer.
    """
    with tempfile.TemporaryDirectory() as folder:
        place = Place(rig.settings["coordinator"], rig.settings["place"], Path(folder))
        place.ask("acquire")
        try:
            place.locate()
            cycle = place.cycle if "power" in rig.features else None
            yield SerialBoard(lambda: place.port, cycle)
        finally:
            place.ask("release")


def address(exported: dict[str, str]) -> str:
    """Return a serial port as mpremote takes it.

    Parameters
    ----------
    exported : dict
        What labgrid says of its `SerialDriver`.

    Returns
    -------
    str
        A path on this machine, or a URL.
    """
    said = {key.removeprefix("LG__SERIALDRIVER_"): text for key, text in exported.items()}
    if "HOST" not in said:
        return said["PORT"]
    form = _RFC2217 if said["PROTOCOL"] == "rfc2217" else "socket://{}:{}"
    return form.format(said["HOST"], said["PORT"])


def _await(process: subprocess.Popen[bytes], path: Path) -> None:
    end = time.monotonic() + CALL_S
    while process.poll() is None and not path.exists() and time.monotonic() < end:
        time.sleep(_POLL_S)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
