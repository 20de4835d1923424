"""Real services on loopback: start a process, wait until its port answers, stop it.

Used by the demo and by the rig. A service writes its output to a log file and is always stopped,
also when the caller fails. Example:

    with Service("broker", broker_command(1883), log, port=1883) as broker:
        broker.kill()
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

#: Below 32768, where /proc/sys/net/ipv4/ip_local_port_range begins.
_SERVICE_PORTS = range(10_000, 32_000)
BROKERS = ("iotcore", "mosquitto", "nats-server")


class ServiceError(RuntimeError):
    """A service did not start or stop; the message names its log."""


def free_port() -> int:
    """Return a TCP port on loopback that nothing listens on.

    It is drawn from below the range out of which Linux gives ports to outgoing connections: a
    service that is down for a moment finds it free again, and tests beside each other draw apart.

    Returns
    -------
    int
        The port. [-]

    Raises
    ------
    ServiceError
        If none of many was free.
    """
    for _ in range(100):
        port = secrets.choice(_SERVICE_PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue  # somebody has it: draw again
            return port
    raise ServiceError("100 ports drawn from 10000 to 32000 are all taken: what listens there?")


def find_tool(name: str) -> str:
    """Return the path of an executable beside this interpreter or on PATH.

    Parameters
    ----------
    name : str
        The executable's name.

    Returns
    -------
    str
        Its path.

    Raises
    ------
    ServiceError
        If it is nowhere to be found.
    """
    beside = Path(sys.executable).parent / name
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"  # where Debian puts servers
    found = str(beside) if beside.exists() else shutil.which(name, path=path)
    if not found:
        raise ServiceError(f"{name} not found: install it, or name another one by its setting")
    return found


def broker_command(port: int, workdir: Path) -> list[str]:
    """Return the command that runs an MQTT broker on loopback.

    The setting `COBENEFIT_BROKER` picks `iotcore` (the default), `mosquitto` or `nats-server`.

    Parameters
    ----------
    port : int
        Port to listen on. [-]
    workdir : Path
        Where a broker that needs a configuration file may put it.

    Returns
    -------
    list of str
        The command.

    Raises
    ------
    ServiceError
        If the setting names no known broker, or the broker is not installed.
    """
    name = os.environ.get("COBENEFIT_BROKER", "iotcore")
    if name not in BROKERS:
        raise ServiceError(f"COBENEFIT_BROKER is {name!r}: choose one of {', '.join(BROKERS)}")
    if name == "iotcore":
        return [sys.executable, "-m", "iotcore", "--listen", "127.0.0.1", "--port", str(port)]
    config = workdir / f"{name}.conf"
    if name == "mosquitto":
        config.write_text(
            f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_inflight_messages 0\n"
            "max_queued_messages 0\n"
        )
        return [find_tool(name), "-c", str(config)]
    store = workdir / "jetstream"
    config.write_text(
        f'server_name: local\nhost: "127.0.0.1"\nport: {free_port()}\n'
        f'jetstream {{ store_dir: "{store}" }}\nmqtt {{ host: "127.0.0.1", port: {port}, '
        'ack_wait: "3s" }}\n'
    )
    return [find_tool(name), "-c", str(config)]


class Service:
    """One child process with a log and, optionally, a port that tells when it is ready.

    Parameters
    ----------
    name : str
        What to call it in messages.
    command : sequence of str
        The command line.
    log : Path
        File for its output; appended to.
    port : int
        Loopback port to wait for, 0 = do not wait. [-]
    env : mapping
        Environment added to this process's own.
    socket_path : Path, optional
        Unix socket to wait for, instead of a port.
    apart : bool
        Whether a Ctrl-C at this program's terminal does not reach it.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        *,
        port: int = 0,
        env: Mapping[str, str] | None = None,
        socket_path: Path | None = None,
        apart: bool = False,
    ) -> None:
        self.name = name
        self.command = list(command)
        self.log = log
        self.port = port
        self.env = dict(env or {})
        self.socket_path = socket_path
        self.apart = apart
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, timeout_s: float = 120.0) -> None:
        """Start the process and wait until its port answers.

        Parameters
        ----------
        timeout_s : float
            Longest wait. [s]

        Raises
        ------
        ServiceError
            If it ended or did not answer in time.
        """
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                self.command,
                stdout=out,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **self.env},
                start_new_session=self.apart,
            )
        deadline_s = time.monotonic() + timeout_s
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > deadline_s:
                self.kill()
                raise ServiceError(f"{self.name} did not start; see {self.log}:\n{self.tail()}")
            time.sleep(0.05)

    def stop(self, timeout_s: float = 60.0) -> int:
        """Ask the process to end, wait for it, and return its exit code.

        Parameters
        ----------
        timeout_s : float
            Longest wait before it is killed. [s]

        Returns
        -------
        int
            The exit code; negative when it had to be killed. [-]
        """
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            return -int(signal.SIGKILL)

    def kill(self) -> None:
        """Cut the process off, as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def running(self) -> bool:
        """Return whether the process is alive."""
        return self.process is not None and self.process.poll() is None

    def tail(self, lines: int = 15) -> str:
        """Return the last lines of the log.

        Parameters
        ----------
        lines : int
            How many lines, > 0. [-]

        Returns
        -------
        str
            The lines.
        """
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _answers(self) -> bool:
        if self.socket_path is not None:
            with socket.socket(socket.AF_UNIX) as probe:
                return probe.connect_ex(str(self.socket_path)) == 0
        return not self.port or _answers(self.port)

    def __enter__(self) -> Self:
        """Start it."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it."""
        self.stop(5.0 if error else 60.0)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", port)) == 0
