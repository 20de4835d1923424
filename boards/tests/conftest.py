"""Mock boards with esptool, in an environment of their own; and a line that can be cut."""

import contextlib
import csv
import fcntl
import hashlib
import importlib.util
import json
import os
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import tty
import venv
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cobenefit_boards import authority, board
from cobenefit_boards.commands import boards as app
from cobenefit_hil.virtual import board as virtual

TOOLS = ("esptool==5.6.0", "esp32-mock-bootloader==0.3.0")
HERE = Path(__file__).parent
VFS, VFS_BYTES = 0x200000, 0x100000
NVS, NVS_BYTES = 0x9000, 0x6000
KINDS = {"esp32": "esp32_generic", "esp32c3": "esp32_generic_c3",
         "esp32s3": "esp32_generic_s3", "esp32c6": "esp32_generic_c6"}  # fmt: skip


def wait_for(condition, what, timeout_s=100):
    end = time.monotonic() + timeout_s
    while not (found := condition()):
        assert time.monotonic() < end, f"{what} did not come in {timeout_s} s"
        time.sleep(0.02)
    return found


@pytest.fixture(scope="session")
def flash_tools(pytestconfig):
    """Return the folder with esptool and the mock; made once, and apart: esptool is GPL."""
    chosen = os.environ.get("COBENEFIT_ESPTOOL")
    if chosen:
        return Path(chosen).parent
    folder = Path(pytestconfig.cache.mkdir("flash-tools"))
    with (folder.parent / "flash-tools.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of tests that run at once, one makes them
        if not (folder / "whole").exists():
            _make_tools(folder)
    return folder / "bin"


def _make_tools(folder):
    venv.create(folder, with_pip=True, clear=True)
    pip = [str(folder / "bin/python"), "-m", "pip", "install", "-q", *TOOLS]
    made = subprocess.run(pip, capture_output=True, text=True)
    if made.returncode:
        reason = f"esptool and its mock could not be installed: {made.stderr[-300:]}"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    (folder / "whole").touch()


class Mock:
    """One mock board: a process with its own flash."""

    def __init__(self, tools, folder, chip, mac, fault="none"):
        folder.mkdir(parents=True)
        self.mac, self._dump = mac, folder / "flash.bin"
        port = folder / "port"
        python = tools / "python"
        self._log = (folder / "log").open("wb")
        self._process = subprocess.Popen(
            [python, HERE / "mock_boards.py", chip, mac, port, self._dump, fault],
            stdin=subprocess.PIPE, stdout=self._log, stderr=self._log,
        )  # fmt: skip
        wait_for(lambda: port.exists() and port.read_text(), f"the mock {chip}")
        self.port = int(port.read_text())

    def flash(self):
        self._dump.unlink(missing_ok=True)
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()
        wait_for(self._dump.exists, "the dump")
        return self._dump.read_bytes()

    def close(self):
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._process.stdin.close()
        self._log.close()


class Line:
    """Between flasher and board, towards the board: spoils, cuts or swallows bytes."""

    def __init__(self, port):
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.fault, self.after, self.broken = "none", 0, 0
        self._open = []
        threading.Thread(target=self._serve, daemon=True).start()

    def arm(self, fault, after):
        self.fault, self.after = fault, after

    def _serve(self):
        while True:
            try:
                near = self._listener.accept()[0]
                far = socket.create_connection(("127.0.0.1", self._target))
            except OSError:
                return
            self._open += [near, far]
            for pair in ((near, far, True), (far, near, False)):
                threading.Thread(target=self._carry, args=pair, daemon=True).start()

    def _carry(self, source, sink, outward):
        try:
            while data := source.recv(4096):
                if outward:
                    data = self._spoilt(data)
                sink.sendall(data)
        except OSError:
            self.broken += 1  # cut by the test, or closed by a side: the other learns it now
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _spoilt(self, data):
        self.after -= len(data)
        if self.fault == "none" or self.after > 0:
            return data
        if self.fault == "cut":
            raise OSError("cut")
        if self.fault == "hang":
            return b""
        self.fault = "none"
        return data[:-1] + bytes([data[-1] ^ 0x10])

    def close(self):
        self._listener.close()
        for end in self._open:
            end.close()


@pytest.fixture
def mocks(flash_tools, tmp_path, monkeypatch):
    # makes mock boards and lines; sets which esptool is run
    monkeypatch.setenv("COBENEFIT_ESPTOOL", str(flash_tools / "esptool"))
    made = []

    def make(chip, mac, fault="none"):
        mock = Mock(flash_tools, tmp_path / f"mock-{len(made)}", chip, mac, fault)
        made.append(mock)
        return mock

    def line(mock):
        made.append(Line(mock.port))
        return made[-1]

    make.line = line
    yield make
    for each in made:
        each.close()


@pytest.fixture(scope="session", name="wait_for")
def _wait_for():
    return wait_for


@pytest.fixture(scope="session")
def cobenefit(flash_tools):
    """Return how to run our command as a process."""
    paths = os.pathsep.join(p for p in sys.path if p)
    esptool = str(flash_tools / "esptool")
    environment = {**os.environ, "PYTHONPATH": paths, "COBENEFIT_ESPTOOL": esptool}
    return [sys.executable, "-m", "cobenefit_cli.app"], environment


def firmware(offset):
    """Return an image with a partition table, whose code is noise that does not compress."""
    noise = b"".join(hashlib.sha256(bytes([n % 251, n // 251])).digest() for n in range(1024))
    rows = [(1, 2, NVS, NVS_BYTES, b"nvs"), (0, 0, 0x10000, 0x180000, b"factory"),
            (1, 0x81, VFS, VFS_BYTES, b"vfs")]  # fmt: skip
    table = b"".join(struct.pack("<HBBII16sI", 0x50AA, *row, 0) for row in rows)
    boot = noise.ljust(0x8000 - offset, b"\xff")[: 0x8000 - offset]
    return (boot + table).ljust(0x10000 - offset, b"\xff") + noise


@pytest.fixture
def bench(tmp_path):
    """A batch of nodes, provisioned; `bench(["esp32", …])` returns the options of `flash`."""
    authority.create(tmp_path / "fleet")
    images = tmp_path / "images"
    images.mkdir()
    sums = []
    for name in KINDS.values():
        facts = board.load(name).flash
        path = images / facts.image_pattern.replace("*", "20260406-v1.28.0")
        path.write_bytes(firmware(facts.offset))
        sums.append(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n")
    (images / "SHA256SUMS").write_text("".join(sums))

    def make(chips, config=None):
        raw = config or {
            "broker": {"host": "127.0.0.1"},
            "sensors": [{"driver": "tic", "uart": 1, "period_ms": 60_000}],
        }
        (tmp_path / "node.json").write_text(json.dumps(raw))
        with (tmp_path / "batch.csv").open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["site", "device", "board", "config"])
            for number, chip in enumerate(chips):
                table.writerow(["lille-01", f"meter-{number}", KINDS[chip], "node.json"])
        common = ["--batch", str(tmp_path / "batch.csv"), "--out", str(tmp_path / "out"),
                  "--images", str(images)]  # fmt: skip
        fleet, laptop = str(tmp_path / "fleet"), str(tmp_path / "laptop")
        made = ["authority", *common[:2], "--authority", fleet, "--out", laptop]
        for command in (made, ["provision", *common, "--authority", laptop]):
            result = CliRunner().invoke(app, command)
            if result.exception:
                raise result.exception
        return ["flash", *common, "--rig", str(tmp_path / "rig.toml"), "--json"]

    return make


class PtyBoard:
    """A board with a console: real MicroPython on pseudo-terminals, started again when it ends.

    As a board does, it ends lines with CR LF, and a Ctrl-C stops what runs. `port` is a link:
    mpremote reads a path in /dev/pts without an end.
    """

    def __init__(self, folder, port, environment=None, heap="256wk"):
        self.folder, self.port = folder, port
        self._heap = heap
        self._main = bool((environment or {}).get("COBENEFIT_MAIN"))  # it reads what is typed
        roots = [Path(virtual.__file__).parent]
        roots += [Path(importlib.util.find_spec(name).origin).parents[1]
                  for name in ("cobenefit_node", "cobenefit_wire")]  # fmt: skip
        path = ":".join(map(str, [*dict.fromkeys(roots), ".frozen"]))
        self.environment = {**os.environ, "MICROPYPATH": path, **(environment or {})}
        self._near, self._far = os.openpty(), None
        tty.setraw(self._near[1])
        port.symlink_to(os.ttyname(self._near[1]))
        self.starts, self._process, self._raw = 0, None, False
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._live, daemon=True)
        self._thread.start()

    def _live(self):
        while not self._over.is_set():
            self._far = os.openpty()
            tty.setraw(self._far[1])
            self._running = not self._raw and (self.folder / "run").exists()
            self.environment["COBENEFIT_RUN"] = "1" if self._running else ""
            self.starts += 1
            self._process = subprocess.Popen(
                [virtual.interpreter(), "-X", f"heapsize={self._heap}",
                 *([] if self._main else ["-i"]), str(HERE / "pty_board.py")],
                cwd=self.folder, env=self.environment, stdin=self._far[1], stdout=self._far[1],
                stderr=self._far[1], start_new_session=True,
            )  # fmt: skip
            os.close(self._far[1])
            self._pump()
            self._process.kill()
            self._process.wait()
            os.close(self._far[0])

    def _pump(self):
        """Carry bytes; as a board does, come back to a raw prompt after a soft reset there."""
        near, far = self._near[0], self._far[0]
        if self._raw:
            os.write(far, b"\x01")
        while not self._over.is_set():
            for end in select.select([near, far], [], [], 0.1)[0]:
                try:
                    data = os.read(end, 4096)
                except OSError:
                    data = b""
                if not data and end == far:
                    if self._raw:
                        os.write(near, b"MPY: soft reboot\r\n")
                    return
                if end == near:
                    self._raw = (self._raw or b"\x01" in data) and b"\x02" not in data
                if end == near and self._running and not self._main and b"\x03" in data:
                    self._running = False
                    self._process.send_signal(signal.SIGINT)
                    data = data.replace(b"\x03", b"")
                if end == far and b"IMPROV" not in data:  # text, and not a packet
                    data = re.sub(rb"(?<!\r)\n", b"\r\n", data)
                os.write(far if end == near else near, data)

    def close(self):
        self._over.set()
        self._thread.join()
        for end in self._near:
            os.close(end)


@pytest.fixture
def pty_board(tmp_path):
    """Return what makes a board with a console: `pty_board(folder, environment)`."""
    made = []

    def make(folder, environment=None):
        folder.mkdir(exist_ok=True)
        made.append(PtyBoard(folder, tmp_path / f"tty-{len(made)}", environment))
        return made[-1]

    yield make
    for each in made:
        each.close()
