"""The peers speak their protocols, answer the control line and balance their ledgers."""

import csv
import json
import os
import select
import termios
import time

import pytest
from pymodbus.client import ModbusSerialClient
from pymodbus.exceptions import ModbusIOException

from cobenefit_hil.peers import counter, modbus, radar, tic
from cobenefit_hil.peers.base import Fault
from cobenefit_hil.peers.registers import SOIL_A

T_MS = [1_700_000_000_000 + 1_800_000 * k for k in range(4)]
INDEX = [1000, 1234, 1500, 2000]
POWER = [467, 468, 1020, 999]


class Node:
    """The node's side of a line: what the firmware's shim does, in Python."""

    def __init__(self, path):
        self.fd = os.open(path, os.O_RDWR | os.O_NOCTTY)

    def ask(self, line, timeout_s=60.0):
        os.write(self.fd, line + b"\n")
        answer = b""
        while not answer.endswith(b"\n"):
            assert select.select([self.fd], [], [], timeout_s)[0], f"no answer to {line}"
            answer += os.read(self.fd, 256)
        return answer.strip()

    def read_until(self, end):
        """Return what came up to its last byte, whenever the kernel brings it."""
        data = b""
        while not data.endswith(end):
            assert select.select([self.fd], [], [], 60)[0], data
            data += os.read(self.fd, 4096)
        return data

    def read_all(self):
        data = b""
        while select.select([self.fd], [], [], 0.02)[0]:
            data += os.read(self.fd, 4096)
        return data

    def silent(self, line):
        os.write(self.fd, line)
        return not select.select([self.fd], [], [], 0.3)[0]


def step(control):
    """Move a peer to its next instant; None at the end."""
    answer = control.ask(b"?")
    if answer == b"end":
        return None
    assert control.ask(answer) == b"ok"
    return int(answer)


def tic_peer(tmp_path, faults=(), **options):
    values = {tic.ENERGY: INDEX, tic.POWER: POWER}
    return tic.TicPeer("house", tmp_path, T_MS, values, faults, **options)


# Real groups as published: historical in the teleinfo tests of Yadoms and in a comment of the
# TeleInfo library's displayTeleInfo, standard in the tests of enedis-tic 0.2.0.
REAL = [
    ("historical", "OPTARIF BASE 0"),
    ("historical", "ISOUSC 30 9"),
    ("historical", "BASE 006238747 0"),
    ("historical", "PTEC TH.. $"),
    ("historical", "IINST 008 _"),
    ("historical", "IMAX 025 F"),
    ("historical", "PAPP 01940 /"),
    ("historical", "MOTDETAT 000000 B"),
    ("historical", "PTEC HP..  "),
    ("standard", "DATE\tH240107121638\t\tD"),
]


@pytest.mark.parametrize(("mode", "text"), REAL)
def test_groups_equal_real_ones(mode, text):
    fields = text[:-2].split(" " if mode == "historical" else "\t")
    assert tic.group(mode, *fields) == b"\n" + text.encode() + b"\r"


def test_checksum_excludes_or_includes_the_last_separator():
    assert tic.checksum(b"PTEC HP..") == 0x20
    assert tic.checksum(b"DATE\tH240107121638\t\t") == ord("D")


def test_even_parity_is_bit_7():
    assert tic.even_parity(b"\x02A\x03C") == b"\x82A\x03\xc3"


def test_horodate_follows_legal_time():
    assert tic.horodate(1_704_626_198_000) == "H240107121638"
    assert tic.horodate(1_720_000_000_000) == "E240703114640"


def split_frame(frame, mode):
    """Parse a frame strictly, by the rules of the standard."""
    assert frame[:1] == b"\x02"
    assert frame[-1:] == b"\x03"
    good, bad = {}, []
    for raw in frame[1:-1].split(b"\r")[:-1]:
        assert raw[:1] == b"\n"
        body, check = raw[1:-1], raw[-1]
        covered = body[:-1] if mode == "historical" else body
        separator = b" " if mode == "historical" else b"\t"
        label, *data = body[:-1].split(separator)
        if (sum(covered) & 0x3F) + 0x20 == check:
            good[label.decode()] = data
        else:
            bad.append(label.decode())
    return good, bad


@pytest.mark.parametrize(
    ("mode", "index", "power"),
    [
        ("historical", "BASE", "PAPP"),
        ("standard", "EAST", "SINSTS"),
    ],
)
def test_tic_serves_each_instant_once(tmp_path, mode, index, power):
    with tic_peer(tmp_path, mode=mode) as peer:
        control, sensor = Node(peer.control.path), Node(peer.sensor.path)
        seen = []
        while (t_ms := step(control)) is not None:
            good, bad = split_frame(sensor.read_until(b"\x03"), mode)
            assert not bad
            seen.append((t_ms, int(good[index][-1]), int(good[power][-1])))
        assert control.ask(b"?") == b"end"
    grain = 10 if mode == "historical" else 1
    assert seen == [(t, i, p // grain * grain) for t, i, p in zip(T_MS, INDEX, POWER, strict=True)]
    totals = peer.ledger.summary()[tic.ENERGY]
    assert totals == {"count": 4, "sum": sum(INDEX), "first": 1000, "last": 2000, "faults": {}}
    assert peer.done.is_set()


def test_tic_faults_are_booked_under_their_reason(tmp_path):
    faults = [Fault(0, "corrupt"), Fault(1, "silence"), Fault(2, "step_back", 600)]
    with tic_peer(tmp_path, faults) as peer:
        control, sensor = Node(peer.control.path), Node(peer.sensor.path)
        step(control)
        good, bad = split_frame(sensor.read_until(b"\x03"), "historical")
        assert bad == ["BASE"]
        assert good["PAPP"] == [b"00460"]
        step(control)
        assert sensor.read_all() == b""
        step(control)
        assert split_frame(sensor.read_until(b"\x03"), "historical")[0]["BASE"] == [b"000000900"]
        step(control)
    energy = peer.ledger.summary()[tic.ENERGY]
    assert energy["faults"] == {"checksum": 1, "timeout": 1, "counter_went_back": 1}
    assert (energy["count"], energy["sum"]) == (1, 2000)
    power = peer.ledger.summary()[tic.POWER]
    assert power["faults"] == {"timeout": 1}
    assert power["count"] == 3


def test_control_line_refuses_nonsense_and_survives_a_repeat(tmp_path):
    with tic_peer(tmp_path) as peer:
        control, sensor = Node(peer.control.path), Node(peer.sensor.path)
        assert control.ask(b"hello").startswith(b"error")
        assert control.ask(b"?") == control.ask(b"?") == b"%d" % T_MS[0]
        for _ in range(2):  # the same instant twice: shown again, booked once
            assert control.ask(b"%d" % T_MS[0]) == b"ok"
            assert b"BASE 000001000" in sensor.read_until(b"\x03")
        assert control.ask(b"%d" % (T_MS[0] - 1)) == b"ok"  # before the world: nothing to say
        assert sensor.read_all() == b""
        os.write(control.fd, b"x" * 3000)  # a line that never ends is bounded
        assert control.ask(b"").startswith(b"error")
        assert control.ask(b"?") == b"%d" % T_MS[1]
    assert peer.ledger.summary()[tic.ENERGY]["count"] == 1


def test_clock_fault_proposes_a_wrong_year_and_books_it(tmp_path):
    year_2000, year_2100 = 946_684_800_000, 4_102_444_800_000
    faults = [Fault(1, "clock", year_2000), Fault(2, "clock", year_2100)]
    with tic_peer(tmp_path, faults) as peer:
        control = Node(peer.control.path)
        assert [step(control) for _ in range(5)] == [T_MS[0], year_2000, year_2100, T_MS[3], None]
    reasons = peer.ledger.summary()[tic.ENERGY]["faults"]
    assert reasons == {"time_before_earliest": 1, "time_in_future": 1}


def test_unread_frames_do_not_pile_up(tmp_path):
    with tic_peer(tmp_path, mode="standard") as peer:
        control, sensor = Node(peer.control.path), Node(peer.sensor.path)
        while step(control) is not None:
            pass
        frame = sensor.read_until(b"\x03")
        assert frame.count(b"\x02") == 1
        assert b"EAST\t000002000" in frame
        assert peer.sensor.dropped_bytes == 0


def test_tic_streams_at_the_pace_of_its_baud_rate(tmp_path):
    peer = tic_peer(tmp_path, mode="standard")
    sensor = Node(peer.sensor.path)
    started = time.monotonic()
    peer.play(0.02)
    data = b""
    while not peer.done.is_set() or select.select([sensor.fd], [], [], 0.02)[0]:
        data += sensor.read_all()
    elapsed_s = time.monotonic() - started
    peer.stop()
    assert elapsed_s >= len(data) * 10 / 9600
    assert data.count(b"\x03") >= 1
    assert peer.ledger.summary()[tic.ENERGY]["count"] == 4


def test_ledger_file_agrees_with_its_totals(tmp_path):
    with tic_peer(tmp_path, [Fault(2, "corrupt")]) as peer:
        control = Node(peer.control.path)
        while step(control) is not None:
            pass
    with (tmp_path / "house.ledger.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["channel"] == tic.ENERGY]
    totals = json.loads((tmp_path / "house.ledger.json").read_text())[tic.ENERGY]
    good = [int(row["value"]) for row in rows if not row["reason"]]
    assert (len(good), sum(good)) == (totals["count"], totals["sum"])
    assert [row["reason"] for row in rows] == ["", "", "checksum", ""]
    assert not (tmp_path / "house.sensor").is_symlink()


SDM_VALUES = {
    "voltage_v": [2301, 2310, 2299, 2305],
    "current_a": [1500, 2100, 0, 12_345],
    "power_active_w": [345, 480, 0, 2800],
    "energy_import_wh": [1000, 1234, 20_000_001, 20_000_003],
}


def client_of(peer):
    client = ModbusSerialClient(port=str(peer.sensor.path), baudrate=9600, timeout=3, retries=0)
    assert client.connect()
    return client


def as_float(client, registers):
    return client.convert_from_registers(registers, client.DATATYPE.FLOAT32)


def test_sdm120_answers_a_pymodbus_client(tmp_path):
    with modbus.ModbusPeer("meter", tmp_path, T_MS, SDM_VALUES) as peer:
        control, client = Node(peer.control.path), client_of(peer)
        step(control)
        block = client.read_input_registers(0, count=14, device_id=1).registers
        assert as_float(client, block[0:2]) == pytest.approx(230.1, abs=1e-5)
        assert as_float(client, block[6:8]) == 1.5
        assert as_float(client, block[12:14]) == 345
        for address in (0x0048, 0x0156):
            energy = client.read_input_registers(address, count=2, device_id=1).registers
            assert as_float(client, energy) == 1.0
        assert client.read_holding_registers(0, count=2, device_id=1).isError()
        for _ in range(3):
            step(control)
        energy = client.read_input_registers(0x0048, count=2, device_id=1).registers
        shown = as_float(client, energy) * 1000
        client.close()
    totals = peer.ledger.summary()["energy_import_wh"]
    assert totals["last"] == int(shown + 0.5)
    assert abs(totals["last"] - 20_000_003) <= 1  # float32 at 20,000 kWh steps by 1.95 W.h


def test_modbus_faults(tmp_path):
    faults = [Fault(0, "silence"), Fault(1, "crc"), Fault(2, "nan", 2)]
    with modbus.ModbusPeer("meter", tmp_path, T_MS, SDM_VALUES, faults) as peer:
        control, client = Node(peer.control.path), client_of(peer)
        for _ in range(2):
            step(control)
            with pytest.raises(ModbusIOException):
                client.read_input_registers(0, count=2, device_id=1)
        step(control)
        power = client.read_input_registers(12, count=2, device_id=1).registers
        assert as_float(client, power) != as_float(client, power)  # NaN
        step(control)
        volts = client.read_input_registers(0, count=2, device_id=1).registers
        assert as_float(client, volts) == pytest.approx(230.5, abs=1e-5)
        client.close()
    summary = peer.ledger.summary()
    assert summary["voltage_v"]["faults"] == {"timeout": 1, "checksum": 1}
    assert summary["power_active_w"]["faults"] == {"timeout": 1, "checksum": 1, "not_finite": 1}
    for totals in summary.values():
        assert totals["count"] + sum(totals["faults"].values()) == len(T_MS)


def test_soil_probe_shows_its_integers(tmp_path):
    columns = [
        [310, 311, 312, 313],
        [-15, 0, 52, 104],
        *[[k, k + 1, k + 2, k + 3] for k in range(5)],
    ]
    names = [row.channel for row in SOIL_A.registers]
    values = dict(zip(names, columns, strict=True))
    options = {"register_map": SOIL_A, "unit": 2}
    with modbus.ModbusPeer("field", tmp_path, T_MS, values, **options) as peer:
        control, client = Node(peer.control.path), client_of(peer)
        step(control)
        registers = client.read_holding_registers(0, count=7, device_id=2).registers
        assert registers == [310, 0x10000 - 15, 0, 1, 2, 3, 4]
        with pytest.raises(ModbusIOException):  # nobody else on the bus
            client.read_holding_registers(0, count=7, device_id=1)
        client.close()
    assert peer.ledger.summary()["soil_temperature_degc"]["first"] == -15


def test_radar_frame_bytes():
    assert radar.frame(((-3, 52, 49),)).hex(" ") == (
        "f4 f3 f2 f1 07 00 01 01 7d 34 01 31 28 f8 f7 f6 f5"
    )
    assert radar.frame(()).hex(" ") == "f4 f3 f2 f1 02 00 00 00 f8 f7 f6 f5"


def count_passages(data):
    """Count runs of frames with a target, each ended by an empty frame."""
    speeds, run = [], []
    for part in data.split(radar.HEADER)[1:]:
        if not part.endswith(radar.TAIL) or len(part) != 6 + int.from_bytes(part[:2], "little"):
            continue
        if part[2]:
            run.append(part[7])
            continue
        if run:
            speeds.append(max(run))
        run = []
    return speeds


def test_radar_passages_are_countable_once(tmp_path):
    speeds = [50, 33, 61, 48]
    faults = [Fault(1, "corrupt")]
    with radar.RadarPeer("road", tmp_path, T_MS, {radar.SPEED: speeds}, faults) as peer:
        control, sensor = Node(peer.control.path), Node(peer.sensor.path)
        seen = []
        while step(control) is not None:
            data = sensor.read_until(radar.frame(()))
            distances = [part[5] for part in data.split(radar.HEADER)[1:] if part[2]]
            assert distances[0] > distances[-1]
            seen += count_passages(data)
    assert seen == speeds
    assert peer.ledger.summary()[radar.SPEED]["count"] == 4


def test_counter_answers_the_shim(tmp_path):
    values = {"vehicle_count": [5, 900, (1 << 32) + 7, 2000]}
    with counter.CounterPeer("loop", tmp_path, T_MS, values, [Fault(1, "silence")]) as peer:
        control, sensor = Node(peer.control.path), Node(peer.sensor.path)
        step(control)
        assert sensor.ask(b"c") == b"5"
        step(control)
        assert sensor.silent(b"c\n")
        step(control)
        assert sensor.ask(b"c") == b"7"
    assert peer.ledger.summary()["vehicle_count"]["faults"] == {"timeout": 1}


def test_unknown_fault_and_ragged_world_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no fault 'nan'"):
        tic_peer(tmp_path, [Fault(0, "nan")])
    with pytest.raises(ValueError, match="not as long"):
        counter.CounterPeer("loop", tmp_path, T_MS, {"vehicle_count": [1]})
    with pytest.raises(ValueError, match="ascend"):
        counter.CounterPeer("loop", tmp_path, [2, 1], {"vehicle_count": [1, 2]})


def test_lines_are_raw(tmp_path):
    with tic_peer(tmp_path) as peer:
        fd = os.open(peer.sensor.path, os.O_RDWR | os.O_NOCTTY)
        flags = termios.tcgetattr(fd)[3]
        os.close(fd)
    assert not flags & (termios.ECHO | termios.ICANON)
