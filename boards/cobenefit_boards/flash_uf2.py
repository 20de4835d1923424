"""UF2 files for the boot ROM of a Pico: read, checked, and written with a file system appended.

A block says where its 256 bytes go, how many blocks its family has, and for which chip it is. The
ROM takes blocks of its own families, and starts the board when it has each of them: firmware and
file system in one file are all there, or the board stays in its boot loader.

Sources: Microsoft, "USB Flashing Format (UF2)", File format; RP2040 datasheet, section 2.8.4;
RP2350 datasheet, section 5.5 and erratum E10 (a first block of its own in the family `absolute`);
pico-sdk, pico_binary_info/structure.h.
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass

PAGE = 256
BLOCK = 512
XIP = 0x10000000
_FIRST, _SECOND, _LAST = 0x0A324655, 0x9E5D5157, 0x0AB16F30
_HAS_FAMILY, _NOT_FLASH = 0x2000, 0x0001
_HEAD = struct.Struct("<8I")
_END = struct.Struct("<I")
_ABSOLUTE = 0xE48BFF57
#: Families a chip runs. RP2350: Arm in secure mode, and RISC-V.
FAMILIES = {"rp2040": (0xE48BFF56,), "rp2350": (0xE48BFF59, 0xE48BFF5A)}
#: A row of pico-sdk's binary information: kind 7 is a block device; tag, name, address, bytes.
_DEVICE = struct.Struct("<H2sIII")
_DEVICE_MARK = struct.pack("<H2s", 7, b"MP")
_NAME = b"MicroPython\0"
_SECTOR = 4096


class Uf2Error(ValueError):
    """A UF2 file is damaged, or for another chip."""


@dataclass(frozen=True, slots=True)
class Firmware:
    """A firmware, ready to be written.

    Attributes
    ----------
    family : int
        Of the blocks that run. [1]
    ahead : bytes
        Blocks of the family `absolute` that come first on an RP2350.
    pages : dict of int to bytes
        Address to `PAGE` bytes.
    """

    family: int
    ahead: bytes
    pages: dict[int, bytes]

    def file_system(self) -> tuple[int, int] | None:
        """Return offset and size of the file system as the firmware itself says it.

        Returns
        -------
        tuple of int or None
            Both of the flash, None where it says nothing. [B]
        """
        image = self.image()
        at = image.find(_DEVICE_MARK)
        while at >= 0:
            if at + _DEVICE.size <= len(image):
                _, _, name, address, size = _DEVICE.unpack_from(image, at)
                if image[name - XIP : name - XIP + len(_NAME)] == _NAME and name > XIP:
                    return _region(address - XIP, size)
            at = image.find(_DEVICE_MARK, at + 1)
        return None

    def image(self) -> bytes:
        """Return the flash from its beginning to the last page, erased where nothing is written.

        Returns
        -------
        bytes
            As the chip would show it.
        """
        end = max(self.pages) - XIP + PAGE
        flash = bytearray(b"\xff" * end)
        for address, data in self.pages.items():
            flash[address - XIP : address - XIP + PAGE] = data
        return bytes(flash)


def _region(offset: int, size: int) -> tuple[int, int]:
    if offset % _SECTOR or size % _SECTOR or not size or offset < 0:
        raise Uf2Error(f"the firmware puts its file system at {offset:#x}, {size} bytes")
    return offset, size


def read(raw: bytes, chip: str) -> Firmware:
    """Read a firmware, every block checked.

    Parameters
    ----------
    raw : bytes
        The file.
    chip : str
        Which chip it must be for, `rp2040` or `rp2350`.

    Returns
    -------
    Firmware
        Its pages.

    Raises
    ------
    Uf2Error
        If a block is damaged or missing, or for another chip.
    """
    if not raw or len(raw) % BLOCK:
        raise Uf2Error(
            f"{len(raw)} bytes are no whole number of blocks of {BLOCK}: fetch it again"
        )
    ahead = b""
    pages: dict[int, bytes] = {}
    counts, families = set(), set()
    for number in range(len(raw) // BLOCK):
        block = raw[number * BLOCK : (number + 1) * BLOCK]
        family, address, total, data = _block(block, number)
        if family == _ABSOLUTE and not pages:
            ahead += block
            continue
        families.add(family)
        counts.add(total)
        pages[address] = data
    _check_families(families, chip)
    if counts != {len(pages)}:
        raise Uf2Error(f"holds {len(pages)} blocks, and says {sorted(counts)}: fetch it again")
    return Firmware(families.pop(), ahead, pages)


def _block(block: bytes, number: int) -> tuple[int, int, int, bytes]:
    """Return family, address, number of blocks and data."""
    first, second, flags, address, size, _, total, family = _HEAD.unpack_from(block)
    if (first, second, *_END.unpack_from(block, BLOCK - 4)) != (_FIRST, _SECOND, _LAST):
        raise Uf2Error(f"block {number} is damaged: fetch the file again")
    if size != PAGE or address % PAGE or not flags & _HAS_FAMILY or flags & _NOT_FLASH:
        raise Uf2Error(f"block {number} is not for the flash of a Pico")
    return family, address, total, block[_HEAD.size : _HEAD.size + PAGE]


def _check_families(families: set[int], chip: str) -> None:
    if len(families) != 1 or not families <= set(FAMILIES[chip]):
        known = {family: name for name, ids in FAMILIES.items() for family in ids}
        found = ", ".join(sorted(known.get(f, hex(f)) for f in families)) or "nothing"
        raise Uf2Error(f"is for {found}, not for an {chip}")


def with_file_system(firmware: Firmware, offset: int, data: bytes) -> bytes:
    """Return one file of a firmware and a file system, numbered as one.

    Parameters
    ----------
    firmware : Firmware
        From `read`.
    offset : int
        Where the file system is in the flash. [B]
    data : bytes
        The file system, a multiple of 4096.

    Returns
    -------
    bytes
        What is copied to the board's drive.

    Raises
    ------
    Uf2Error
        If the two overlap.
    """
    _region(offset, len(data))
    start = XIP + offset
    if max(firmware.pages) >= start:
        raise Uf2Error(f"the firmware reaches into its file system at {offset:#x}")
    pages = list(firmware.pages.items())
    pages += [(start + at, data[at : at + PAGE]) for at in range(0, len(data), PAGE)]
    return firmware.ahead + encode(pages, firmware.family)


def encode(pages: Iterable[tuple[int, bytes]], family: int) -> bytes:
    """Return blocks, numbered from 0.

    Parameters
    ----------
    pages : iterable of tuple of int and bytes
        Address and `PAGE` bytes.
    family : int
        Which chip. [1]

    Returns
    -------
    bytes
        `BLOCK` bytes for each.
    """
    rows = list(pages)
    return b"".join(
        _HEAD.pack(_FIRST, _SECOND, _HAS_FAMILY, address, PAGE, number, len(rows), family)
        + data.ljust(BLOCK - _HEAD.size - _END.size, b"\0")
        + _END.pack(_LAST)
        for number, (address, data) in enumerate(rows)
    )
