"""Rigs name sockets, not ports; a wrong file says where."""

import signal
import subprocess
from pathlib import Path

import pytest

from cobenefit_boards import flash_esptool, flash_rig
from cobenefit_hil.services import free_port

RIGS = Path(__file__).parents[1] / "rigs"


def test_the_rigs_we_ship_load():
    mock = flash_rig.load(RIGS / "mock.toml")
    assert [slot.name for slot in mock] == [str(n) for n in range(1, 9)]
    assert len({slot.port for slot in mock}) == 8
    assert not any(slot.reset for slot in mock)
    assert len(flash_rig.load(RIGS / "bench.toml")) == 2


def test_the_mock_rig_is_started_as_its_file_says(flash_tools, tmp_path, wait_for, monkeypatch):
    monkeypatch.setenv("COBENEFIT_ESPTOOL", str(flash_tools / "esptool"))
    rig = tmp_path / "rig.toml"
    slot = f'[[slot]]\nname = "1"\nport = "socket://127.0.0.1:{free_port()}"\nreset = false\n'
    rig.write_text(slot)
    command = [flash_tools / "python", RIGS / "mock_rig.py", rig]
    with (tmp_path / "log").open("wb") as log:
        mocks = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        wait_for(lambda: b"isten" in (tmp_path / "log").read_bytes(), "the mock")
        assert flash_esptool.identify(flash_rig.load(rig)[0]).mac == "24:0a:c4:00:00:01"
    finally:
        mocks.send_signal(signal.SIGINT)
        assert mocks.wait(100) == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("slot = 1", r"\[\[slot\]\] tables"),
        ('[[slot]]\nname = "1"', "exactly one of"),
        ('[[slot]]\nname = "1"\nport = "a"\nusb_serial = "b"', "exactly one of"),
        ('[[slot]]\nname = "1"\nport = "a"\ncolour = 1', "colour is no key"),
        ('[[slot]]\nname = "1"\nport = "a"\n[[slot]]\nname = "1"\nport = "b"', "same name"),
        ("[[slot", "rig.toml"),
    ],
)
def test_a_wrong_rig_says_where(tmp_path, text, said):
    path = tmp_path / "rig.toml"
    path.write_text(text)
    with pytest.raises(flash_rig.RigError, match=said):
        flash_rig.load(path)
