"""`cobenefit boards flash` on mock boards: esptool is real, the chips are not."""

import csv
import hashlib
import json
import os
import signal
import struct
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cobenefit_boards import authority, board
from cobenefit_boards.commands import boards as app
from cobenefit_boards.flash_esptool import FlashError
from cobenefit_hil.virtual.board import VirtualBoard

HERE = Path(__file__).parent
VFS, VFS_BYTES = 0x200000, 0x100000
NVS, NVS_BYTES = 0x9000, 0x6000
KINDS = {"esp32": "esp32_generic", "esp32c3": "esp32_generic_c3",
         "esp32s3": "esp32_generic_s3", "esp32c6": "esp32_generic_c6"}  # fmt: skip


def mac(number):
    return f"24:0a:c4:00:00:{number:02x}"


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
        provision = ["provision", *common, "--authority", str(tmp_path / "fleet")]
        assert_ok(CliRunner().invoke(app, provision))
        return ["flash", *common, "--rig", str(tmp_path / "rig.toml"), "--json"]

    return make


def assert_ok(result):
    if result.exception:
        raise result.exception
    assert result.exit_code == 0, result.output


def slots(tmp_path, *ports):
    rows = [
        f'[[slot]]\nname = "{n}"\nport = "socket://127.0.0.1:{port}"\nreset = false\n'
        'console = "none"\n'
        for n, port in enumerate(ports, 1)
    ]
    (tmp_path / "rig.toml").write_text("\n".join(rows))


def run(options):
    """Return rows and exit: what `flash --json` printed, and whether it failed."""
    result = CliRunner().invoke(app, options)
    assert result.exception is None or isinstance(result.exception, FlashError), result.exception
    print(result.stdout)
    return json.loads(result.stdout), result.exception is not None


def assert_holds(mock, folder, offset=0x1000):
    """Compare the whole flash of a board with what it should be, NVS and file system included."""
    flash = mock.flash()
    assert flash[VFS : VFS + VFS_BYTES] == (folder / "vfs.bin").read_bytes()
    assert flash[NVS : NVS + NVS_BYTES] == (folder / "nvs.bin").read_bytes()
    image = firmware(offset)
    assert flash[offset:NVS] == image[: NVS - offset]
    end = NVS + NVS_BYTES
    assert flash[end : offset + len(image)] == image[end - offset :]


def test_four_kinds_in_parallel_then_nothing_is_left_to_do(mocks, bench, tmp_path):
    chips = list(KINDS)
    options = bench(chips)
    made = [mocks(chip, mac(n)) for n, chip in enumerate(chips)]
    slots(tmp_path, *(mock.port for mock in made))
    rows, failed = run(options)
    assert not failed, rows
    assert [(row["flashed"], row["booted"], row["tested"]) for row in rows] == [
        ("yes", "not tried", "not tried")
    ] * 4
    assert {row["mac"] for row in rows} == {mock.mac for mock in made}
    for row, chip, mock in zip(rows, chips, made, strict=True):
        folder = tmp_path / "out" / row["node"]
        assert_holds(mock, folder, board.load(KINDS[chip]).flash.offset)
        assert json.loads((folder / "record.json").read_text())["flash"]["mac"] == mock.mac
        assert mock.mac in (tmp_path / "out/labels.html").read_text()
    rows, failed = run(options)
    assert not failed
    assert [row["flashed"] for row in rows] == ["before"] * 4


def test_a_board_of_another_chip_is_not_touched(mocks, bench, tmp_path):
    options = bench(["esp32c3"])
    mock = mocks("esp32", mac(1))
    slots(tmp_path, mock.port)
    rows, failed = run(options)
    assert failed
    assert "nothing was written" in rows[0]["remedy"]
    assert set(mock.flash()) == {0xFF}


def test_two_boards_with_one_mac_do_not_become_one_node(mocks, bench, tmp_path):
    options = bench(["esp32", "esp32"])
    slots(tmp_path, mocks("esp32", mac(1)).port, mocks("esp32", mac(1)).port)
    rows, failed = run(options)
    assert failed
    assert sorted(row["flashed"] for row in rows) == ["no", "yes"]
    assert any("the same MAC" in row["cause"] for row in rows)


@pytest.mark.parametrize("fault", ["cut", "hang"])
def test_a_line_that_dies_costs_one_board_and_is_made_good(mocks, bench, tmp_path, fault):
    options = bench(["esp32", "esp32"])
    good, other = mocks("esp32", mac(1)), mocks("esp32", mac(2))
    line = mocks.line(other)
    line.arm(fault, 60_000)
    slots(tmp_path, good.port, line.port)
    rows, failed = run(options)
    assert failed
    assert [row["flashed"] for row in rows] == ["yes", "no"]
    assert rows[1]["cause"] == "the board went away or fell silent while it was written", rows[1]
    line.arm("none", 0)
    rows, failed = run(options)
    assert not failed, rows
    assert [row["flashed"] for row in rows] == ["before", "yes"]
    assert_holds(other, tmp_path / "out" / rows[1]["node"])


def test_a_flipped_byte_on_the_line_is_sent_again(mocks, bench, tmp_path):
    options = bench(["esp32"])
    mock = mocks("esp32", mac(1))
    line = mocks.line(mock)
    line.arm("flip", 60_000)
    slots(tmp_path, line.port)
    rows, failed = run(options)
    assert line.fault == "none"
    assert not failed, rows
    assert_holds(mock, tmp_path / "out" / rows[0]["node"])


def test_a_bad_cell_is_found_and_never_called_done(mocks, bench, tmp_path):
    options = bench(["esp32"])
    slots(tmp_path, mocks("esp32", mac(1), "bad-cell").port)
    for _ in range(2):
        rows, failed = run(options)
        assert failed
        assert rows[0]["flashed"] == "no"
        assert rows[0]["cause"] == "the flash keeps other bytes than were written"


@pytest.mark.parametrize("after", ["begun", "firmware"])
def test_a_killed_flasher_leaves_nothing_half_done(mocks, bench, tmp_path, cobenefit, wait_for, after):
    options = bench(["esp32"])
    mock = mocks("esp32", mac(1))
    slots(tmp_path, mock.port)
    command, environment = cobenefit
    journal = tmp_path / "out/journal.jsonl"
    with (tmp_path / "log").open("wb") as log:
        flasher = subprocess.Popen(
            [*command, "boards", *options], env=environment, stdout=log, stderr=log
        )
        wait_for(lambda: journal.exists() and f'"{after}"' in journal.read_text(), after)
        os.kill(flasher.pid, signal.SIGKILL)
        flasher.wait()
    assert '"flashed"' not in journal.read_text()
    rows, failed = run(options)
    assert not failed, rows
    assert rows[0]["flashed"] == "yes"
    assert_holds(mock, tmp_path / "out" / rows[0]["node"])


def test_the_virtual_board_boots_what_is_read_back(
    mocks, bench, tmp_path, node_config, peer, ack_station
):
    options = bench(["esp32"], {**node_config, "board": "esp32_generic"})
    mock = mocks("esp32", mac(1))
    slots(tmp_path, mock.port)
    rows, failed = run(options)
    assert not failed, rows
    flash = mock.flash()
    lines = {"UART1": peer.sensor.path, "CONTROL": peer.control.path}
    virtual = VirtualBoard({}, tmp_path / "virtual", lines, heap="256wk")
    (virtual.workdir / "config.json").unlink()  # only what the flash holds
    (virtual.workdir / "vfs.bin").write_bytes(flash[VFS : VFS + VFS_BYTES])
    virtual.start(HERE / "boot_image.py")
    try:
        assert virtual.wait(110) == 0, virtual.console()
    finally:
        virtual.power_cut()
    assert "software from /board/cobenefit_node" in virtual.console()
    assert ack_station.packs
