"""Processes on loopback and what they cost: CPU time and peak memory of a whole session."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from cobenefit_hil.services import find_tool, free_port


class Cost(NamedTuple):
    """What a run took."""

    cpu_s: float
    rss_mb: float


class NotRunError(RuntimeError):
    """A peer can't be had here; the message says why."""


class Watched:
    """A process in a session of its own, so that its children are counted and ended with it."""

    def __init__(
        self, command: list[str], folder: Path, name: str, env: dict[str, str] | None = None
    ) -> None:
        self.log = folder / f"{name}.log"
        self._file = self.log.open("wb")
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            env=(os.environ | env) if env else None,
            stdin=subprocess.DEVNULL,
            stdout=self._file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._rss_mb = 0.0

    def cpu_s(self) -> float:
        """Return the CPU time of the session so far, ended children of its processes included."""
        ticks = sum(sum(map(int, fields[11:15])) for fields in self._stats())
        return ticks / os.sysconf("SC_CLK_TCK")

    def rss_mb(self) -> float:
        """Return the peak memory of the session's processes together."""
        return sum(_peak_mb(int(fields[-1])) for fields in self._stats())

    def _stats(self) -> Iterator[list[str]]:
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = path.read_text(encoding="ascii").rpartition(")")[2].split()
            except OSError:  # it ended between the listing and the reading
                continue
            if int(fields[3]) == self.process.pid:
                yield [*fields, path.parent.name]

    def ended(self, timeout_s: float) -> Cost:
        """Wait for the end by itself; return what it took from its start on."""
        until = time.monotonic() + timeout_s
        while time.monotonic() < until:
            pid, status, usage = os.wait4(self.process.pid, os.WNOHANG)
            if pid:
                self.process.returncode = os.waitstatus_to_exitcode(status)
                return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
            time.sleep(0.05)
        raise TimeoutError(f"{self.log}: still running after {timeout_s:g} s\n{self.tail()}")

    def tail(self) -> str:
        """Return the end of its log."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-2000:]

    def stop(self) -> None:
        """End it and everything it started."""
        if self.process.returncode is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        self._file.close()


@contextmanager
def watched(
    command: list[str], folder: Path, name: str, env: dict[str, str] | None = None
) -> Iterator[Watched]:
    """Run a command for the length of a block."""
    process = Watched(command, folder, name, env)
    try:
        yield process
    finally:
        process.stop()


class Broker:
    """A mosquitto that holds nothing back; its log says who subscribed."""

    def __init__(self, folder: Path, name: str = "broker") -> None:
        self.port = free_port()
        conf = folder / f"{name}.conf"
        conf.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n"
            "max_inflight_messages 0\nlog_type subscribe\nlog_type error\nlog_dest stderr\n"
        )
        self.process = Watched([find_tool("mosquitto"), "-c", str(conf)], folder, name)

    def wait_for_subscriber(self, topic: str, timeout_s: float = 90) -> None:
        """Wait until somebody has subscribed to a topic."""
        wait(lambda: topic in self.process.tail(), timeout_s, f"a subscription to {topic}")


@contextmanager
def broker(folder: Path, name: str = "broker") -> Iterator[Broker]:
    """Run a broker for the length of a block."""
    one = Broker(folder, name)
    try:
        wait(lambda: _answers(one.port), 20, "the broker")
        yield one
    finally:
        one.process.stop()


def wait(condition: Callable[[], bool], timeout_s: float, what: str) -> None:
    """Wait for a condition."""
    until = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError(f"waited {timeout_s:g} s for {what}")
        time.sleep(0.05)


def _answers(port: int) -> bool:
    import socket

    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def _peak_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    found = [x for x in status.splitlines() if x.startswith("VmHWM")]
    return int(found[0].split()[1]) / 1024 if found else 0.0
