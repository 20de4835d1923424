"""The node on Linux: the same software, a tty and a DS18B20 of the kernel's."""

import configparser
import json
import os
import subprocess
import termios
from pathlib import Path
from threading import Thread

import pytest

from cobenefit_hil.peers.tic import ENERGY, POWER, TicPeer
from cobenefit_hil.plugin import DEVICE, START_MS
from cobenefit_hil.virtual.board import interpreter

FIRMWARE = Path(__file__).parents[2]
ROM = "286fd44307000052"
#: Scratchpad of a DS18B20 without its CRC; 0x0191 are 25.0625 degC.
SCRATCH = bytes.fromhex("91014b467fff0c10")


def crc(data):
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x8C if value & 1 else 0)
    return value


@pytest.fixture
def folder(tmp_path, node_config):
    """Return a node's folder on Linux, with its sensor of the kernel's."""
    serial = bytes.fromhex(ROM)[:7]
    rom = (serial + bytes((crc(serial),))).hex()
    where = tmp_path / "node"
    sensor = where / "w1" / f"28-{int.from_bytes(serial[1:], 'little'):012x}"
    sensor.mkdir(parents=True)
    line = " ".join(f"{byte:02x}" for byte in (*SCRATCH, crc(SCRATCH)))
    # as Linux, Documentation/w1/slaves/w1_therm.rst
    (sensor / "w1_slave").write_text(f"{line} : crc={crc(SCRATCH):02x} YES\n{line} t=25062\n")
    sensors = [
        {"driver": "tic", "uart": 1, "period_ms": 1000},
        {"driver": "ds18b20", "pin": 4, "period_ms": 1000, "options": {"roms": [rom]}},
    ]
    config = node_config | {"board": "rpi_linux", "sensors": sensors, "pack_readings": 2}
    (where / "config.json").write_text(json.dumps(config))
    return where


def start(folder):
    paths = f"{FIRMWARE / 'linux'}:{FIRMWARE}:.frozen"
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [interpreter(), "-X", "heapsize=4m", str(FIRMWARE / "main.py")], cwd=folder,
            env={"PATH": os.environ["PATH"], "MICROPYPATH": paths}, stdin=subprocess.DEVNULL,
            stdout=log, stderr=log,
        )  # fmt: skip


def test_a_linux_computer_measures_and_publishes(folder, tmp_path, ack_station):
    times_ms = [START_MS + i * 1000 for i in range(600)]
    values = {ENERGY: [100 * i for i in range(600)], POWER: [10] * 600}
    with TicPeer(DEVICE, tmp_path, times_ms, values) as meter:
        (folder / "uart1").symlink_to(meter.sensor.path)
        Thread(target=meter.play, args=(0.2,), daemon=True).start()
        node = start(folder)
        try:
            wanted = {ENERGY, POWER, "soil_temperature_degc"}
            arrived = lambda: {row[0] for row in ack_station.readings()} >= wanted  # noqa: E731
            assert ack_station.wait(arrived, 110), (folder / "log").read_text()
            line = os.open(meter.sensor.path, os.O_RDWR | os.O_NOCTTY)
            speed = termios.tcgetattr(line)[5]
            os.close(line)
            assert speed in {termios.B1200, termios.B9600}  # historical, or standard mode
        finally:
            node.kill()
            node.wait()
    found = {v for (name, _), v in ack_station.readings().items() if "temperature" in name}
    assert found == {(251, 0)}  # 25.0625 degC in tenths, good


def test_what_linux_has_not_is_refused_by_name(folder):
    config = json.loads((folder / "config.json").read_text())
    config["sensors"] = [{"driver": "soil_adc", "pin": 0, "period_ms": 1000,
                          "options": {"dry": [5, 0], "wet": [2, 1000]}}]  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    node = start(folder)
    assert node.wait(110) == 73  # it ends, systemd starts it again
    assert "Linux has no analogue input" in (folder / "log").read_text()


def test_systemd_takes_the_unit(program, tmp_path):
    unit = FIRMWARE / "linux/cobenefit-node.service"
    raw = configparser.ConfigParser(strict=False, interpolation=None)
    raw.optionxform = str
    raw.read(unit)
    local = tmp_path / unit.name
    text = unit.read_text().replace("/usr/local/bin/micropython", "/bin/true")
    local.write_text(text.replace("User=cobenefit\n", ""))
    done = subprocess.run(
        [program("systemd-analyze"), "verify", str(local)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert raw["Service"]["NotifyAccess"] == "all"
    assert int(raw["Service"]["WatchdogSec"]) * 1000 >= 90_000  # STUCK_MS of the node
