"""`cobenefit boards wifi` and a foreign Improv client, with real MicroPython on the line."""

import json
import time
from pathlib import Path

import pytest
import serial
from typer.testing import CliRunner

from cobenefit_boards.commands import boards as app
from cobenefit_boards.console import ConsoleError
from cobenefit_hil.access_point import AccessPoint

MAIN = Path(__file__).parents[2] / "firmware/main.py"
SSID, PASSWORD = "barn", "correct horse"
#: What a page in a browser sends: device information, then the specification's own example.
ASK_DEVICE = b"IMPROV\x01\x03\x02\x03\x00\xe6"


@pytest.fixture
def point(tmp_path):
    return AccessPoint(tmp_path / "ap", SSID, PASSWORD)


@pytest.fixture
def node(pty_board, tmp_path, point):
    """A node that was told all but its Wi-Fi; `node(main=True)` runs `main.py` at power on."""

    def make(main=False):
        folder = tmp_path / "node"
        folder.mkdir()
        config = {
            "site": "lille-01", "device": "meter-1",
            "broker": {"host": "127.0.0.1", "password": "hunter2-hunter2", "user": "x"},
            "sensors": [{"driver": "tic", "uart": 1, "period_ms": 60_000}],
        }  # fmt: skip
        (folder / "config.json").write_text(json.dumps(config))
        if main:
            (folder / "run").touch()
        ap = {f"COBENEFIT_{key}": value for key, value in point.lines().items()}
        return pty_board(folder, {**ap, "COBENEFIT_MAIN": str(MAIN) if main else ""})

    return make


def configured(board):
    return json.loads((board.folder / "config.json").read_text()).get("wifi")


def tell(board, monkeypatch, password):
    monkeypatch.setenv("COBENEFIT_WIFI_PASSWORD", password)
    result = CliRunner().invoke(app, ["wifi", str(board.port), "--ssid", SSID])
    assert password not in result.output
    assert password not in str(result.exception)
    return result


def test_a_node_joins_before_it_keeps_what_it_was_told(node, point, monkeypatch):
    board = node()
    refused = tell(board, monkeypatch, "another horse")
    assert isinstance(refused.exception, ConsoleError)
    assert "check name and password" in str(refused.exception)
    assert configured(board) is None
    assert point.count("refused") == 1
    result = tell(board, monkeypatch, PASSWORD)
    assert result.exception is None, result.exception
    assert "cobenefit 0.1.0" in result.stdout
    assert configured(board) == {"ssid": SSID, "password": PASSWORD}
    assert point.count("joined") == 1


def test_a_node_without_wi_fi_waits_for_any_improv_client(node, point, wait_for):
    board = node(main=True)
    with serial.Serial(str(board.port), timeout=0.2) as line:
        heard = b""

        def answered(request, wanted, within_s=5):
            nonlocal heard
            line.write(request)
            heard = b""
            end = time.monotonic() + within_s
            while wanted not in heard and time.monotonic() < end:
                heard += line.read(256)
            return wanted in heard

        wait_for(lambda: answered(ASK_DEVICE, b"\x09cobenefit\x050.1.0"), "its name")
        data = b"\x04barn\x0dcorrect horse"
        raw = b"IMPROV\x01\x03" + bytes((len(data) + 2, 1, len(data))) + data
        joined = b"IMPROV\x01\x01\x01\x04\xe4"
        assert answered(raw + bytes((sum(raw) & 0xFF,)), joined, 90), heard
    wait_for(lambda: configured(board), "its configuration")
    assert configured(board)["ssid"] == SSID
    wait_for(lambda: board.starts > 1, "its restart")


def test_an_old_or_silent_node_is_said(pty_board, tmp_path, monkeypatch):
    monkeypatch.setattr("cobenefit_boards.wifi_commands._ANSWER_S", 0.5)
    monkeypatch.setattr("cobenefit_boards.wifi_commands._SERVE", "pass")
    result = tell(pty_board(tmp_path / "old"), monkeypatch, PASSWORD)
    assert isinstance(result.exception, ConsoleError)
    assert "does not speak Improv" in str(result.exception)
