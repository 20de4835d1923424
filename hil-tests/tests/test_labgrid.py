"""A place of a real labgrid: coordinator, exporter and ser2net on loopback, our console behind."""

import http.server
import os
import subprocess
import threading
import time
from pathlib import Path

import pytest

from cobenefit_hil import labgrid
from cobenefit_hil.rig import Rig
from cobenefit_hil.serial_board import BoardError
from cobenefit_hil.services import Service, find_tool, free_port
from cobenefit_hil.virtual.console import ConsoleBoard

CLIENT = os.environ.get(labgrid.SETTING, "")
TESTS = (
    "exec_and_eval", "a_main_that_never_ends", "files_live_through", "a_file_goes_to_the_board",
)  # fmt: skip
needs_labgrid = pytest.mark.skipif(
    not CLIENT, reason=f"{labgrid.SETTING} names no labgrid-client of an environment of its own"
)


@pytest.mark.parametrize(
    ("said", "port"),
    [
        ({"HOST": "lab", "PORT": "4001", "PROTOCOL": "raw"}, "socket://lab:4001"),
        ({"HOST": "lab", "PORT": "1", "PROTOCOL": "rfc2217"}, "rfc2217://lab:1?ign_set_control"),
        ({"PORT": "/dev/serial/by-id/x", "SPEED": "115200"}, "/dev/serial/by-id/x"),
    ],
)
def test_a_console_is_reached_as_labgrid_says(said, port):
    assert labgrid.address({f"LG__SERIALDRIVER_{k}": v for k, v in said.items()}) == port


def test_a_missing_labgrid_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv(labgrid.SETTING, str(tmp_path / "labgrid-client"))
    lab = {"coordinator": "127.0.0.1:1", "place": "bench"}
    rig = Rig("x", frozenset(), "labgrid", lab)
    with pytest.raises(BoardError, match="labgrid-client can't be run"), labgrid.opened(rig):
        pass


@pytest.fixture
def console(tmp_path):
    with ConsoleBoard(tmp_path / "console") as board:
        yield board


@pytest.fixture
def plug(console):
    """A switched socket that is asked over HTTP, as labgrid's `simplerest` does; its requests."""
    asked = []

    class Plug(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            if self.path.endswith("/0"):
                console.power_cut()
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            return

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Plug) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server.server_port, asked
        server.shutdown()
        thread.join()


@pytest.fixture
def lab(console, plug, tmp_path, monkeypatch):
    """A coordinator with one place; its address."""
    port, tools = free_port(), Path(CLIENT).parent
    at = f"127.0.0.1:{port}"
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.setenv("PATH", f"{Path(find_tool('ser2net')).parent}:{os.environ['PATH']}")
    resources = tmp_path / "exporter.yaml"
    resources.write_text(
        f"bench:\n  RawSerialPort:\n    port: {os.path.realpath(console.path)}\n"
        "  NetworkPowerPort:\n    model: simplerest\n    index: 0\n"
        f"    host: 'http://127.0.0.1:{plug[0]}/{{index}}/{{value}}'\n"
    )
    coordinator = [str(tools / "labgrid-coordinator"), "-l", at]
    exporter = [str(tools / "labgrid-exporter"), "-c", at, "-n", "shelf", "--hostname",
                "127.0.0.1", str(resources)]  # fmt: skip
    monkeypatch.chdir(tmp_path)  # where the coordinator keeps its places
    with (
        Service("coordinator", coordinator, tmp_path / "coordinator.log", port=port),
        Service("exporter", exporter, tmp_path / "exporter.log"),
    ):
        await_board(at)
        ask(at, "create")
        ask(at, "add-match", "shelf/bench/*")
        yield at


def await_board(at):
    end = time.monotonic() + 60
    while "NetworkPowerPort" not in ask(at, "-v", "resources") and time.monotonic() < end:
        time.sleep(0.2)


def ask(at, *words):
    done = subprocess.run(
        [CLIENT, "-x", at, "-p", "bench-1", *words], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@needs_labgrid
@pytest.mark.timeout(420)
def test_the_suite_runs_at_a_place_and_gives_it_back(lab, plug, run_suite, monkeypatch):
    root = Path(__file__).parents[2]
    parts = ("firmware", "gateway", "backend", "hil-tests", "boards", "cli")
    monkeypatch.setenv("PYTHONPATH", ":".join(str(root / part) for part in parts))
    lines = ['board = "console_board"', 'kind = "labgrid"', f'coordinator = "{lab}"',
             'place = "bench-1"', 'features = ["console", "power"]']  # fmt: skip
    made = run_suite(lines, TESTS, suite="hil-tests/suite/test_mpremote.py")
    assert made.count("passed") == len(TESTS), made.rows
    assert made.count("failed") == 0
    assert plug[1] == ["/0/0", "/0/1"]
    assert "acquired: None" in ask(lab, "show")


@needs_labgrid
@pytest.mark.timeout(300)
def test_a_place_that_is_taken_stays_with_whom_has_it(lab):
    ask(lab, "acquire")
    settings = {"coordinator": lab, "place": "bench-1"}
    rig = Rig("x", frozenset({"console"}), "labgrid", settings)
    with pytest.raises(BoardError, match="already acquired"), labgrid.opened(rig):
        pass
    assert "acquired: None" not in ask(lab, "show")
