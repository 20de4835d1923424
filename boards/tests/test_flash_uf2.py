"""UF2: every block is checked, and firmware and file system are numbered as one."""

import struct

import pytest

from cobenefit_boards import flash_uf2

RP2040 = flash_uf2.FAMILIES["rp2040"][0]
PAGES = [(flash_uf2.XIP + at, bytes([at // 256]) * 256) for at in range(0, 4096, 256)]
RAW = flash_uf2.encode(PAGES, RP2040)


def test_a_block_is_laid_out_as_the_specification_says():
    block = flash_uf2.encode([(0x10002000, b"\xaa" * 256)], RP2040)
    assert len(block) == 512
    # Microsoft, "USB Flashing Format (UF2)": "UF2\n", second and final magic, little-endian.
    assert block[:4] == b"UF2\n"
    assert block[4:8] == b"\x57\x51\x5d\x9e"
    assert block[508:] == b"\x30\x6f\xb1\x0a"
    assert struct.unpack_from("<6I", block, 8) == (0x2000, 0x10002000, 256, 0, 1, 0xE48BFF56)
    assert block[32:288] == b"\xaa" * 256
    assert not any(block[288:508])


def test_what_is_written_is_read_again():
    found = flash_uf2.read(RAW, "rp2040")
    assert dict(PAGES) == found.pages
    assert found.image() == b"".join(data for _, data in PAGES)
    assert found.file_system() is None


def spoilt(at, value):
    raw = bytearray(RAW)
    struct.pack_into("<I", raw, at, value)
    return bytes(raw)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "no whole number"),
        (RAW[:-1], "no whole number"),
        (RAW[:-512], "holds 15 blocks"),
        (RAW + RAW[:512], None),  # a block that comes twice does no harm
        (spoilt(512 * 3, 0), "block 3 is damaged"),
        (spoilt(512 * 3 + 508, 0), "block 3 is damaged"),
        (spoilt(8, 0), "not for the flash"),
        (spoilt(8, 0x2001), "not for the flash"),
        (spoilt(16, 476), "not for the flash"),
        (spoilt(28, 0xE48BFF59), "is for rp2040, rp2350, not for an rp2040"),
        (flash_uf2.encode(PAGES, 0x12345678), "is for 0x12345678"),
    ],
)
def test_every_block_is_checked(raw, said):
    if said is None:
        assert flash_uf2.read(raw, "rp2040").pages == dict(PAGES)
        return
    with pytest.raises(flash_uf2.Uf2Error, match=said):
        flash_uf2.read(raw, "rp2040")


def test_firmware_and_file_system_are_one_file_without_overlap():
    firmware = flash_uf2.read(RAW, "rp2040")
    whole = flash_uf2.with_file_system(firmware, 0x2000, b"\x55" * 8192)
    found = flash_uf2.read(whole, "rp2040")
    assert len(found.pages) == 16 + 32
    assert found.image()[0x2000:] == b"\x55" * 8192
    with pytest.raises(flash_uf2.Uf2Error, match="reaches into"):
        flash_uf2.with_file_system(firmware, 0, b"\x55" * 4096)
    with pytest.raises(flash_uf2.Uf2Error, match="puts its file system"):
        flash_uf2.with_file_system(firmware, 0x2100, b"\x55" * 4096)
