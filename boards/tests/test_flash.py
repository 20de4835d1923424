"""`cobenefit boards flash` on mock boards: esptool is real, the chips are not."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cobenefit_boards import board, flash_image, flash_journal, labels
from cobenefit_boards.commands import boards as app
from cobenefit_boards.flash import Batch
from cobenefit_boards.flash_esptool import FlashError, Found
from cobenefit_boards.flash_rig import Slot
from cobenefit_boards.provision import Order
from cobenefit_hil.virtual.board import VirtualBoard

HERE = Path(__file__).parent
VFS, VFS_BYTES = 0x200000, 0x100000
NVS, NVS_BYTES = 0x9000, 0x6000
KINDS = {"esp32": "esp32_generic", "esp32c3": "esp32_generic_c3",
         "esp32s3": "esp32_generic_s3", "esp32c6": "esp32_generic_c6"}  # fmt: skip

FAULTS = ["none", "cut", "hang", "flip"]


def mac(number):
    return f"24:0a:c4:00:00:{number:02x}"


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
    images = folder.parents[2] / "images"
    name = next(name for name in KINDS.values() if board.load(name).flash.offset == offset)
    image = flash_image.find(board.load(name), images).read_bytes()
    assert flash[offset:NVS] == image[: NVS - offset]
    end = NVS + NVS_BYTES
    assert flash[end : offset + len(image)] == image[end - offset :]


@pytest.mark.timeout(900)
def test_kinds_in_parallel_then_nothing_is_left_to_do(mocks, bench, tmp_path, long_run):
    chips = list(KINDS) * 2 if long_run else ["esp32", "esp32c6"]
    options = bench(chips)
    made = [mocks(chip, mac(n)) for n, chip in enumerate(chips)]
    slots(tmp_path, *(mock.port for mock in made))
    rows, failed = run(options)
    assert not failed, rows
    assert [(row["flashed"], row["booted"], row["tested"]) for row in rows] == [
        ("yes", "not tried", "not tried")
    ] * len(chips)
    assert {row["mac"] for row in rows} == {mock.mac for mock in made}
    for row, chip, mock in zip(rows, chips, made, strict=True):
        folder = tmp_path / "out" / row["node"]
        assert_holds(mock, folder, board.load(KINDS[chip]).flash.offset)
        record = json.loads((folder / "record.json").read_text())
        assert record["flash"]["mac"] == mock.mac
        assert labels.text(record).split()[2] == mock.mac
    assert (tmp_path / "out/labels.pdf").read_bytes().startswith(b"%PDF")
    rows, failed = run(options)
    assert not failed
    assert [row["flashed"] for row in rows] == ["before"] * len(chips)


def test_a_board_of_another_chip_is_not_touched(mocks, bench, tmp_path, long_run):
    options = bench(["esp32"])
    for number, chip in enumerate(list(KINDS)[1 : None if long_run else 2]):
        mock = mocks(chip, mac(number))
        slots(tmp_path, mock.port)
        rows, failed = run(options)
        assert failed
        assert "nothing was written" in rows[0]["remedy"]
        assert set(mock.flash()) == {0xFF}


def test_two_boards_with_one_mac_do_not_become_one_node(tmp_path):
    orders = [Order("lille-01", f"meter-{n}", "esp32_generic", tmp_path) for n in range(2)]
    with flash_journal.opened(tmp_path) as journal:
        batch = Batch(orders, tmp_path, tmp_path, journal)
        first = batch.bind(Slot("1", "x"), Found(mac(1), "esp32"))
        with pytest.raises(FlashError, match="slot 1 has a board with the same MAC"):
            batch.bind(Slot("2", "y"), Found(mac(1), "esp32"))
        assert batch.bind(Slot("2", "y"), Found(mac(2), "esp32")) != first
        with pytest.raises(FlashError, match="no free row"):
            batch.bind(Slot("3", "z"), Found(mac(3), "esp32"))
        again = Batch(orders, tmp_path, tmp_path, journal)
        assert again.bind(Slot("9", "x"), Found(mac(1), "esp32")) == first


@pytest.mark.timeout(900)
def test_lines_that_fail_cost_their_board_only_and_are_made_good(mocks, bench, tmp_path, long_run):
    """Four in parallel, a kind each; with --long every fault meets every kind."""
    kinds = list(KINDS)
    options = bench(kinds * (len(FAULTS) if long_run else 1))
    for turn in range(len(FAULTS) if long_run else 1):
        faults = FAULTS[turn:] + FAULTS[:turn]
        made = [mocks(chip, mac(10 * turn + n)) for n, chip in enumerate(kinds)]
        lines = [mocks.line(mock) for mock in made]
        for line, fault in zip(lines, faults, strict=True):
            line.arm(fault, 60_000)
        slots(tmp_path, *(line.port for line in lines))
        rows, failed = run(options)
        assert failed
        wanted = {fault: "no" if fault in {"cut", "hang"} else "yes" for fault in FAULTS}
        assert [row["flashed"] for row in rows] == [wanted[fault] for fault in faults]
        assert lines[faults.index("flip")].fault == "none"  # it was sent again
        for row in (rows[faults.index("cut")], rows[faults.index("hang")]):
            assert row["cause"] == "the board went away or fell silent while it was written"
        for line in lines:
            line.arm("none", 0)
        again, failed = run(options)
        assert not failed
        assert [r["flashed"] for r in again] == [
            "before" if row["flashed"] == "yes" else "yes" for row in rows
        ]
        for row, chip, mock in zip(again, kinds, made, strict=True):
            offset = board.load(KINDS[chip]).flash.offset
            assert_holds(mock, tmp_path / "out" / row["node"], offset)


def test_a_bad_cell_is_found_and_never_called_done(mocks, bench, tmp_path, long_run):
    kinds = list(KINDS)[: None if long_run else 1]
    options = bench(kinds)
    made = [mocks(chip, mac(n), "bad-cell") for n, chip in enumerate(kinds)]
    slots(tmp_path, *(mock.port for mock in made))
    rows, failed = run(options)
    assert failed
    for row in rows:
        assert row["flashed"] == "no"
        assert row["cause"] == "the flash keeps other bytes than were written"
    assert '"flashed"' not in (tmp_path / "out/journal.jsonl").read_text()


def test_the_virtual_board_boots_what_is_read_back(  # noqa: PLR0917
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
