"""Each driver under the real MicroPython against a sensor peer on a pseudo-terminal.

The peers keep a ledger of what they served; what the driver read must be that, value by value,
and every planned fault must come back as a flag with its reason.
"""

import json
import os
import pathlib
import random
import statistics
import subprocess
import sys

import pytest

from cobenefit_hil.peers.adc import AdcPeer
from cobenefit_hil.peers.base import Fault
from cobenefit_hil.peers.counter import CounterPeer
from cobenefit_hil.peers.ds18b20 import Ds18b20Peer, checked
from cobenefit_hil.peers.framed import Pms5003Peer, Sds011Peer, TfLunaPeer, UltrasonicPeer
from cobenefit_hil.peers.iec62056 import Iec62056Peer
from cobenefit_hil.peers.modbus import ModbusPeer
from cobenefit_hil.peers.p1 import P1Peer
from cobenefit_hil.peers.radar import RadarPeer
from cobenefit_hil.peers.registers import (
    PZEM004T,
    SDM72,
    SDM120,
    SDM230,
    SDM630,
    SOIL_A,
    SOIL_B,
    SOIL_C,
    RegisterMap,
)
from cobenefit_hil.peers.scd4x import Scd4xPeer
from cobenefit_hil.peers.sdi12 import Sdi12Peer
from cobenefit_hil.peers.tic import TicPeer
from cobenefit_wire import quality

HERE = pathlib.Path(__file__).parent
READINGS = 60
T_MS = [1_700_000_000_000 + 1_800_000 * i for i in range(READINGS)]


def read_all(peer, driver: str, **options: object) -> list[tuple[int, dict]]:
    """Step the peer to its end; return (t_ms, {channel: (value, quality)}) per instant."""
    command = [
        os.environ.get("COBENEFIT_MICROPYTHON", "micropython"), str(HERE / "read_peer.py"),
        str(HERE.parent.parent), str(peer.sensor.path)[: -len(".sensor")], driver,
        json.dumps(options), json.dumps([peer.times_ms[row] for row in peer.faults]),
    ]  # fmt: skip
    lines = {"I2C0": peer.sensor.path, "ONEWIRE4": peer.sensor.path,
             "ADC4": peer.sensor.path.with_suffix(".adc")}  # fmt: skip
    env = os.environ | {f"COBENEFIT_{name}": str(path) for name, path in lines.items()}
    with peer:
        done = subprocess.run(command, capture_output=True, text=True, timeout=110, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    took_us = statistics.median(row[1] for row in rows)
    print(f"{peer.device}: median read() {took_us} us", file=sys.stderr)
    return [(row[0], {v[0]: (v[1], v[3]) for v in row[2]}) for row in rows]


def served(peer) -> list[tuple[int, dict]]:
    """Return the same from the peer's ledger; a flagged value reads as 0."""
    codes = {name: code for code, name in quality.NAMES.items()}
    rows: dict[int, dict] = {}
    for line in peer.ledger.path.read_text().splitlines()[1:]:
        t_ms, channel, value, reason = line.split(",")
        code = codes[reason] if reason else quality.GOOD
        if code >= 64:  # time and order are the gateway's to judge
            code = quality.GOOD
        shown = int(value) if code == quality.GOOD else 0
        rows.setdefault(int(t_ms), {})[channel] = (shown, code)
    return list(rows.items())


def walk(seed: int, start: int, most: int) -> list[int]:
    """Return an ascending index."""
    steps = random.Random(seed)
    values = [start]
    while len(values) < READINGS:
        values.append(values[-1] + steps.randrange(most))
    return values


def spread(seed: int, low: int, high: int) -> list[int]:
    """Return values anywhere between two limits."""
    values = random.Random(seed)
    return [values.randrange(low, high) for _ in range(READINGS)]


def meter(t_ms: list[int] | None = None) -> dict[str, list[int]]:
    """Return a meter's world; the index crosses the 9-digit wrap."""
    return {
        "energy_import_wh": walk(1, 999_990_000, 1000),
        "power_apparent_va": spread(2, 0, 9000),
    }


@pytest.mark.parametrize("mode", ["historical", "standard"])
@pytest.mark.parametrize("parity_bit", [False, True])
def test_tic(tmp_path: pathlib.Path, mode: str, parity_bit: bool) -> None:
    faults = [Fault(7, "corrupt"), Fault(8, "corrupt"), Fault(20, "silence"), Fault(59, "corrupt")]
    peer = TicPeer("house", tmp_path, T_MS, meter(), faults, mode=mode, parity_bit=parity_bit)
    read = read_all(peer, "tic", timeout_ms=600)
    assert read == served(peer)
    assert read[7][1]["energy_import_wh"] == (0, quality.CHECKSUM)
    assert read[7][1]["power_apparent_va"][1] == quality.GOOD
    assert read[20][1]["power_apparent_va"] == (0, quality.TIMEOUT)


def test_sdm120(tmp_path: pathlib.Path) -> None:
    world = {
        "voltage_v": spread(3, 2100, 2500),
        "current_a": spread(4, 0, 40_000),
        "power_active_w": spread(5, -3000, 9000),
        "energy_import_wh": walk(6, 123_456_789, 2000),
    }
    faults = [Fault(5, "crc"), Fault(11, "nan", 0), Fault(12, "nan", 3), Fault(30, "silence")]
    peer = ModbusPeer("pump", tmp_path, T_MS, world, faults, register_map=SDM120, unit=17)
    read = read_all(peer, "modbus", map="sdm120", unit=17, timeout_ms=300)
    assert read == served(peer)
    codes = {code for _, values in read for _, code in values.values()}
    assert codes == {quality.GOOD, quality.CHECKSUM, quality.NOT_FINITE, quality.TIMEOUT}


def test_soil_probe(tmp_path: pathlib.Path) -> None:
    limits = ((0, 1000), (-150, 450), (0, 5000), (40, 90), (0, 300), (0, 200), (0, 400))
    world = {
        register.channel: spread(i, *limits[i]) for i, register in enumerate(SOIL_A.registers)
    }
    faults = [Fault(3, "silence"), Fault(4, "crc")]
    peer = ModbusPeer("field", tmp_path, T_MS, world, faults, register_map=SOIL_A)
    assert read_all(peer, "modbus", map="soil_a", timeout_ms=300) == served(peer)


LIMITS = {
    "voltage_v": (2100, 2500),
    "current_a": (0, 99_000),
    "power_active_w": (0, 23_000),
    "soil_temperature_degc": (-150, 450),
    "soil_moisture_ratio": (0, 1000),
    "soil_conductivity_s_m": (0, 5000),
    "soil_nitrogen_ratio": (0, 300),
    "soil_phosphorus_ratio": (0, 200),
    "soil_potassium_ratio": (0, 400),
}


@pytest.mark.parametrize(
    ("name", "register_map"),
    [
        ("sdm72", SDM72), ("sdm230", SDM230), ("sdm630", SDM630),
        ("pzem004t", PZEM004T), ("soil_b", SOIL_B), ("soil_c", SOIL_C),
    ],
)  # fmt: skip
def test_further_maps(tmp_path: pathlib.Path, name: str, register_map: RegisterMap) -> None:
    world = {
        row.channel: walk(i, 77_654_321 * (i + 1), 2000)
        if row.channel.startswith("energy")
        else spread(i, *LIMITS[row.channel])
        for i, row in enumerate(register_map.registers)
    }
    faults = [Fault(5, "crc"), Fault(30, "silence")]
    peer = ModbusPeer("bus", tmp_path, T_MS, world, faults, register_map=register_map, unit=3)
    read = read_all(peer, "modbus", map=name, unit=3, timeout_ms=300)
    assert len(read) == READINGS
    assert read == served(peer)
    codes = {code for _, values in read for _, code in values.values()}
    assert codes == {quality.GOOD, quality.CHECKSUM, quality.TIMEOUT}


def two_ways() -> dict[str, list[int]]:
    """Return the world of a meter that also feeds in."""
    return {
        "energy_import_wh": walk(11, 12_345_678, 2000),
        "energy_export_wh": walk(12, 987_654, 900),
        "power_active_w": spread(13, -5000, 9000),
    }


@pytest.mark.parametrize("version", [2, 5])
def test_p1(tmp_path: pathlib.Path, version: int) -> None:
    faults = [Fault(row, "corrupt", 8 * 90 + row) for row in range(7, 15)]
    faults.append(Fault(20, "silence"))
    peer = P1Peer("house", tmp_path, T_MS, two_ways(), faults, version=version)
    read = read_all(peer, "p1", timeout_ms=500, export=True)
    assert len(read) == READINGS
    assert read == served(peer)
    flagged = [row for row, (_, values) in enumerate(read) if values["power_active_w"][1]]
    assert flagged == [*range(7, 15), 20]


@pytest.mark.parametrize("parity_bit", [False, True])
def test_optical_head(tmp_path: pathlib.Path, parity_bit: bool) -> None:
    world = two_ways()
    del world["power_active_w"]
    faults = [Fault(7, "corrupt", 8 * 50 + 1), Fault(8, "corrupt", 8 * 60), Fault(20, "silence")]
    peer = Iec62056Peer("cellar", tmp_path, T_MS, world, faults, parity_bit=parity_bit)
    read = read_all(peer, "iec62056", timeout_ms=1000, export=True)
    assert len(read) == READINGS
    assert read == served(peer)
    assert read[7][1]["energy_import_wh"] == (0, quality.CHECKSUM)
    assert read[20][1]["energy_export_wh"] == (0, quality.TIMEOUT)
    assert peer.rates["5"] == READINGS - 1


def test_radar(tmp_path: pathlib.Path) -> None:
    world = {"vehicle_speed_km_h": spread(7, 5, 130)}
    peer = RadarPeer("road", tmp_path, T_MS, world, [Fault(9, "corrupt"), Fault(10, "corrupt")])
    assert read_all(peer, "ld2451") == served(peer)


def test_pulse_counter(tmp_path: pathlib.Path) -> None:
    total = walk(8, 0, 1 << 30)  # wraps the 32-bit register several times
    peer = CounterPeer("loop", tmp_path, T_MS, {"vehicle_count": total}, [Fault(4, "silence")])
    read = read_all(peer, "pulse", channel="vehicle_count")
    assert total[-1] > 3 << 32
    for row, (t_ms, values) in enumerate(read):
        value, code = values["vehicle_count"]
        if row == 4:
            assert (value, code) == (0, quality.TIMEOUT)
            continue
        assert (t_ms, value) == (T_MS[row], total[row])
        assert code == (quality.GOOD if total[row] < 1 << 32 else quality.RANGE)
    assert len(read) == READINGS


DUST = {"pms5003": (Pms5003Peer, 10, 1), "sds011": (Sds011Peer, 1, 1)}


@pytest.mark.parametrize("name", DUST)
def test_dust(tmp_path: pathlib.Path, name: str) -> None:
    kind, step, seed = DUST[name]
    world = {
        "pm2_5_kg_m3": [step * v for v in spread(seed, 0, 5000 // step)],
        "pm10_kg_m3": [step * v for v in spread(seed + 1, 0, 9999 // step)],
    }
    faults = [Fault(3, "corrupt"), Fault(4, "cut"), Fault(20, "silence"), Fault(59, "corrupt")]
    peer = kind("air", tmp_path, T_MS, world, faults)
    read = read_all(peer, name, timeout_ms=150)
    assert read == served(peer)
    codes = {code for _, values in read for _, code in values.values()}
    assert codes == {quality.GOOD, quality.CHECKSUM, quality.TIMEOUT}


@pytest.mark.parametrize("model", ["a02yyuw", "jsn_sr04t", "aj_sr04m"])
def test_water_level(tmp_path: pathlib.Path, model: str) -> None:
    faults = [Fault(3, "corrupt"), Fault(4, "cut"), Fault(20, "silence")]
    asked = model != "a02yyuw"
    peer = UltrasonicPeer(
        "weir", tmp_path, T_MS, {"water_level_m": spread(9, -400, 3700)}, faults,
        height_mm=4000, asked=asked, header_in_sum=model != "aj_sr04m",
    )  # fmt: skip
    read = read_all(peer, "ultrasonic", model=model, height_mm=4000, timeout_ms=150)
    assert read == served(peer)


def test_laser_gate(tmp_path: pathlib.Path) -> None:
    world = {"vehicle_count": list(range(READINGS))}
    peer = TfLunaPeer("gate", tmp_path, T_MS, world, [Fault(9, "corrupt"), Fault(10, "corrupt")])
    read = read_all(peer, "tfluna", road_cm=600)
    assert read[59][1]["vehicle_count"] == (59, quality.GOOD)
    assert read == served(peer)


SDI12_VALUES = [
    {"channel": "soil_moisture_ratio", "power": 1},  # shown in %
    {"channel": "soil_temperature_degc", "power": 1},
    {"channel": "soil_conductivity_s_m", "power": 4},
    {"channel": "water_level_m", "power": 3},
]


@pytest.mark.parametrize("command", ["M", "MC", "C", "CC"])
@pytest.mark.parametrize("echo", [False, True])
def test_sdi12(tmp_path: pathlib.Path, command: str, echo: bool) -> None:
    n, places = 12, (1, 1, 4, 3)
    limits = ((0, 1000), (-150, 450), (0, 5000), (-900, 5000))
    names = [str(value["channel"]) for value in SDI12_VALUES]
    world = {name: spread(i, *limits[i])[:n] for i, name in enumerate(names)}
    faults = [Fault(3, "silence"), Fault(5, "few")]
    if "C" in command[1:]:
        faults.append(Fault(4, "corrupt"))
    decimals = dict(zip(names, places, strict=True))
    peer = Sdi12Peer(
        "field", tmp_path, T_MS[:n], world, faults, decimals=decimals, address=b"b", echo=echo
    )
    read = read_all(
        peer, "sdi12", values=SDI12_VALUES, address="b", command=command, timeout_ms=60
    )
    assert [row[1] for row in read if row[0] != T_MS[3]] == [
        row[1] for row in served(peer) if row[0] != T_MS[3]
    ]
    silent = {code for _, code in read[3][1].values()}
    # With an echo something was heard: a damaged reply, as far as the driver can tell.
    assert silent == {quality.CHECKSUM if echo else quality.TIMEOUT}


def test_soil_probe_on_an_analogue_input(tmp_path: pathlib.Path) -> None:
    dry, wet = (52_000, 0), (21_000, 600)
    world = {"soil_moisture_ratio": spread(4, 0, 700)}
    peer = AdcPeer("bed", tmp_path, T_MS, world, [Fault(5, "silence"), Fault(6, "cut")],
                   dry=dry, wet=wet)  # fmt: skip
    read = read_all(peer, "soil_adc", pin=4, dry=dry, wet=wet)
    assert read[6][1]["soil_moisture_ratio"] == (1006, quality.RANGE)  # keeps what was read
    assert read[:6] + read[7:] == [row for row in served(peer) if row[0] != T_MS[6]]


def test_air_on_i2c(tmp_path: pathlib.Path) -> None:
    world = {
        "co2_ratio": spread(1, 400, 5000),
        "air_temperature_degc": spread(2, -1000, 5900),
        "relative_humidity_ratio": spread(3, 0, 1001),
    }
    peer = Scd4xPeer("room", tmp_path, T_MS, world, [Fault(5, "crc"), Fault(20, "silence")])
    assert read_all(peer, "scd4x", timeout_ms=1500) == served(peer)


def test_thermometers_on_one_wire(tmp_path: pathlib.Path) -> None:
    roms = [checked(bytes((0x28, n, 0x64, 0x1E, 0x0A, 0, 0))) for n in (1, 2)]
    world = {
        "soil_temperature_degc": spread(1, -400, 801),
        "soil_temperature_degc_2": spread(2, -400, 801),
    }
    faults = [Fault(5, "crc"), Fault(6, "power_on"), Fault(20, "silence")]
    peer = Ds18b20Peer("bed", tmp_path, T_MS, world, faults, roms=roms)
    read = read_all(peer, "ds18b20", pin=4, roms=[rom.hex() for rom in roms])
    assert read == served(peer)


def test_the_same_interpreter_runs_here_and_on_boards() -> None:
    """The rig is worth something only if this is MicroPython, not CPython by another name."""
    done = subprocess.run(
        [os.environ.get("COBENEFIT_MICROPYTHON", "micropython"), "-c",
         "import sys; print(sys.implementation[0])"],
        capture_output=True, text=True, timeout=110,
    )  # fmt: skip
    assert done.stdout.strip() == "micropython"
