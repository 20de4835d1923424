"""Broker, backend, gateway and generator as processes, each in a session of its own.

So a Ctrl-C reaches the soak alone, which then ends them in order.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from cobenefit_hil.services import Service, ServiceError, broker_command, free_port

TENANT = "soak"
_GATEWAY = """\
tenant = "{tenant}"
checkpoint_s = {checkpoint_s}

[broker]
port = {broker}

[windows]
timezone = "Europe/Paris"

[[channel]]
period_s = 10.0
max_rate_per_s = 0.0

[backend]
url = "http://127.0.0.1:{backend}"
drain_s = 300.0
"""
_BACKEND = '[database]\nurl = "sqlite:///{file}"\n[server]\nport = {port}\n'


class Use(NamedTuple):
    """What a process takes."""

    cpu_s: float
    rss_mb: float


class Stack:
    """The whole way from devices to store, in one folder.

    Parameters
    ----------
    folder : Path
        Configuration, logs and data; what is there from an earlier run is gone on with.
    devices : int
        How many the generator plays. [device]
    rate : float
        Readings they make together in a second, 0 for as many as are taken. [reading/s]
    checkpoint_s : float
        How often the gateway saves its state. [s]
    again_s : float
        How long a device waits for an ack before it sends again. [s]
    """

    def __init__(
        self, folder: Path, devices: int, rate: float, checkpoint_s: float = 2.0,
        again_s: float = 30.0,
    ) -> None:  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.store = folder, folder / "backend.sqlite3"
        mqtt, http = free_port(), free_port()
        backend = folder / "backend.toml"
        backend.write_text(_BACKEND.format(file=self.store, port=http))
        gateway = folder / "gateway.toml"
        gateway.write_text(
            _GATEWAY.format(tenant=TENANT, checkpoint_s=checkpoint_s, broker=mqtt, backend=http)
        )
        feed = [str(Path(__file__).with_name("feed.py")), "--port", str(mqtt)]
        feed += ["--devices", str(devices), "--rate", str(rate), "--folder", str(folder)]
        key = {"COBENEFIT_GATEWAY_KEY": _key(folder / "key", backend)}
        run = ["-m", "cobenefit_gateway", "run", str(gateway), "--verbose"]
        serve = ["-m", "cobenefit_backend", "serve", "--config", str(backend)]
        self.broker = self._service("broker", broker_command(mqtt, folder), port=mqtt)
        self.backend = self._service("backend", [sys.executable, *serve], port=http)
        self.gateway = self._service("gateway", [sys.executable, *run], env=key)
        self.feed = self._service("feed", [sys.executable, *feed, "--again-s", str(again_s)])
        (folder / "progress.json").unlink(missing_ok=True)

    def _service(self, name: str, command: list[str], **more: Any) -> Service:
        return Service(name, command, self.folder / f"{name}.log", apart=True, **more)

    @property
    def services(self) -> tuple[Service, ...]:
        """In the order of their start."""
        return self.broker, self.backend, self.gateway, self.feed

    def start(self) -> None:
        """Start all; the generator once the gateway has subscribed."""
        log = self.gateway.log
        before = log.stat().st_size if log.exists() else 0
        for service in self.services[:3]:
            service.start()
        self.await_gateway(before)
        self.feed.start()

    def await_gateway(self, since: int) -> None:
        """Wait until the gateway says, after so many bytes of its log, that it has subscribed."""
        import time

        until = time.monotonic() + 120
        while "subscribed at broker" not in self.gateway.log.read_text()[since:]:
            if not self.gateway.running() or time.monotonic() > until:
                raise ServiceError(f"the gateway did not subscribe:\n{self.gateway.tail()}")
            time.sleep(0.05)

    def check(self) -> None:
        """Raise ServiceError when one of them has died."""
        for service in self.services:
            if not service.running():
                raise ServiceError(f"{service.name} died:\n{service.tail()}")

    def progress(self) -> dict[str, Any]:
        """Return what the generator last said of itself, {} before its first word."""
        file = self.folder / "progress.json"
        return dict(json.loads(file.read_text())) if file.exists() else {}

    def finish(self) -> None:
        """End in order: nothing more is made, all is acknowledged, all is at the backend."""
        for service, timeout_s in ((self.feed, 700.0), (self.gateway, 400.0)):
            if code := service.stop(timeout_s):
                raise ServiceError(f"{service.name} ended with {code}:\n{service.tail()}")

    def __enter__(self) -> Self:
        """Start them."""
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End whatever still runs."""
        self.stop()

    def stop(self) -> None:
        """End whatever still runs, the generator first."""
        for service in reversed(self.services):
            service.stop(20.0)


def use(service: Service) -> Use:
    """Return CPU time since its start and memory now of a process, zeros when it has ended."""
    if service.process is None:
        return Use(0.0, 0.0)
    folder = Path(f"/proc/{service.process.pid}")
    try:
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return Use(0.0, 0.0)
    cpu_s = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return Use(cpu_s, int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 2**20)


def _key(file: Path, backend: Path) -> str:
    if not file.exists():
        command = [sys.executable, "-m", "cobenefit_backend", "key", "create", TENANT, "--quiet"]
        done = subprocess.run(
            [*command, "--config", str(backend)], capture_output=True, text=True, check=True
        )
        file.write_text(done.stdout.strip())
    return file.read_text()
