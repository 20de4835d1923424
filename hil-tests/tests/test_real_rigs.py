"""Rigs with a real board: a console on a pseudo-terminal stands for the USB adapter."""

import os
import re
import sys
import threading
import time
from pathlib import Path

import pytest
from serial.tools import list_ports
from serial.tools.list_ports_common import ListPortInfo

from cobenefit_hil import matrix, serial_board, usb
from cobenefit_hil.peers.pty import Line
from cobenefit_hil.rig import RigError, load
from cobenefit_hil.serial_board import BoardError, SerialBoard, bounded
from cobenefit_hil.virtual.console import ConsoleBoard

TESTS = ("a_main_that_never_ends", "files_live_through")


@pytest.fixture
def console(tmp_path):
    with ConsoleBoard(tmp_path / "console") as board:
        yield board


@pytest.fixture
def switch(console, tmp_path):
    """A command that takes the power of the board, as one for a switchable hub does."""
    asked, over = tmp_path / "off", threading.Event()

    def watch():
        while not over.wait(0.05):
            if asked.exists():
                console.power_cut()
                asked.unlink()

    thread = threading.Thread(target=watch)
    thread.start()
    yield ["sh", "-c", f": >'{asked}'; while [ -e '{asked}' ]; do sleep 0.1; done"]
    over.set()
    thread.join()


@pytest.mark.timeout(420)
def test_the_suite_runs_on_a_serial_board_and_says_what_it_could_not(
    console, switch, run_suite, tmp_path
):
    flashed = tmp_path / "flashed"
    lines = ['board = "console_board"', 'kind = "usb"', f'link = "{console.path}"',
             f'flash = ["sh", "-c", "echo $0 >>{flashed}", "{{port}}"]',
             'features = ["console", "power"]', f"power = {switch!r}"]  # fmt: skip
    made = run_suite(lines, TESTS)
    assert flashed.read_text().split() == [str(console.path)]  # once for all tests
    passed = {row.test.rpartition("::")[2] for row in made.rows if row.outcome == "passed"}
    assert len(passed) == made.count("passed") == len(TESTS)
    assert all(any(name in test for name in TESTS) for test in passed)
    skipped = [row for row in made.rows if row.outcome == "skipped"]
    assert len(skipped) > 80
    reason = re.compile("the rig is not wired for: |it asks nothing of a board")
    assert all(reason.match(row.reason) for row in skipped)
    assert made.interpreter.split()[-1] == "linux"
    assert f"{len(TESTS)} of {len(made.rows)} tests passed" in matrix.sentence([made])
    assert f"{len(skipped)} were skipped" in matrix.sentence([made])


def test_a_board_is_emptied_unless_it_is_a_node(console):
    board = SerialBoard(lambda: str(console.path))
    make = "import os; os.mkdir('lib'); open('lib/a.py', 'w').close()"
    made = board.mpremote("exec", f"{make}; open('config.json', 'w').close()")
    assert made.returncode == 0, made.stdout + made.stderr
    with pytest.raises(BoardError, match="it is a node"):
        board.empty()
    listed = "__import__('os').listdir('/')"
    assert "config.json" in board.mpremote("eval", listed, "+", "fs", "rm", ":config.json").stdout
    board.empty()
    assert board.mpremote("eval", listed).stdout.strip() == "[]"


def test_a_silent_board_costs_its_time_out_and_no_more(tmp_path, monkeypatch):
    line = Line(tmp_path / "silent")
    monkeypatch.setattr(serial_board, "CALL_S", 1.0)
    with pytest.raises(BoardError, match="no end within 1 s"):
        SerialBoard(lambda: str(line.path)).version()
    line.close()


def test_a_time_out_ends_what_the_program_has_started(tmp_path):
    child = tmp_path / "child"
    script = f"sleep 600 & echo $! >'{child}.new'; mv '{child}.new' '{child}'; wait"
    with pytest.raises(BoardError, match="no end within"):
        bounded(["sh", "-c", script], 3)
    pid, end = int(child.read_text()), time.monotonic() + 30
    while is_alive(pid) and time.monotonic() < end:
        time.sleep(0.05)
    assert not is_alive(pid)


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_board_is_found_by_what_does_not_change(console, tmp_path, monkeypatch):
    assert usb.find("link", str(console.path)) == str(console.path)
    with pytest.raises(BoardError, match="changes with the order of plugging"):
        usb.find("link", os.path.realpath(console.path))
    with pytest.raises(BoardError, match=r"no board with link = .*within 0.2 s"):
        usb.find("link", str(tmp_path / "absent"), 0.2)
    ports = []
    for n in range(3):
        port = ListPortInfo(f"/dev/ttyUSB{n}")
        port.location, port.serial_number = f"1-1.{n}", "twin" if n else "one"
        ports.append(port)
    monkeypatch.setattr(list_ports, "comports", lambda: ports)
    assert usb.find("usb_serial", "one") == "/dev/ttyUSB0"
    assert usb.find("usb_location", "1-1.2") == "/dev/ttyUSB2"
    with pytest.raises(BoardError, match="2 adapters say so; use usb_location"):
        usb.find("usb_serial", "twin")


def test_a_power_command_that_fails_is_quoted(tmp_path):
    path = tmp_path / "rig.toml"
    fails = [sys.executable, "-c", "raise SystemExit('hub 1-1 is gone')"]
    path.write_text(
        'board = "esp32_generic"\nkind = "usb"\nusb_location = "1-1.2"\n'
        f'features = ["console", "power"]\npower = {fails!r}\n'
    )
    with usb.opened(load(path)) as board, pytest.raises(BoardError, match="hub 1-1 is gone"):
        board.power_cut()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('board = "esp32"', "board is 'esp32'; allowed: unix"),
        ('board = "x"\nkind = "cloud"', "kind is 'cloud'; allowed: virtual, usb, labgrid"),
        ('board = "x"\nkind = "usb"', "exactly one of usb_serial, usb_location, link"),
        ('board = "x"\nkind = "usb"\nlink = "a"\nusb_serial = "b"', "exactly one of"),
        ('board = "x"\nkind = "usb"\nlink = "a"\nport = "/dev/ttyUSB0"', "port is no key"),
        ('board = "x"\nkind = "usb"\nlink = "a"\nfeatures = ["uart"]', "features has 'uart'"),
        ('board = "x"\nkind = "usb"\nlink = "a"\nfeatures = ["power"]', "belong together"),
        ('board = "x"\nkind = "usb"\nlink = "a"\nflash = "esptool"', "a command as a list"),
        ('board = "x"\nkind = "labgrid"\nplace = "a"', "needs coordinator and place"),
        ('board = "unix"\nplace = "a"', "place is no key of a rig"),
        ("board = ", "Invalid value"),
    ],
)
def test_a_wrong_rig_is_refused_by_key(tmp_path, text, said):
    path = tmp_path / "rig.toml"
    path.write_text(text)
    with pytest.raises(RigError, match=re.escape(said)) as raised:
        load(path)
    assert str(path) in str(raised.value)
