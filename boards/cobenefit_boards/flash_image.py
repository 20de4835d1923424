"""A MicroPython image, pinned by SHA256SUMS; that of an ESP32 is cut so that NVS is spared.

Its published file covers everything from the boot loader to the application, with the NVS
partition in the middle, as erased bytes. Written whole, it would erase what a board was given;
cut in two pieces around NVS it does not, and can be compared with the flash at any time.
"""

import hashlib
import struct
from dataclasses import dataclass
from pathlib import Path

from cobenefit_boards import flash_uf2
from cobenefit_boards.board import Board

SUMS = "SHA256SUMS"
_TABLE = 0x8000
#: ESP-IDF, "Partition Tables", binary form: magic, type, subtype, offset, size, label, flags.
_ROW = struct.Struct("<HBBII16sI")
_MAGIC = 0x50AA
_CHIP_FLASH = 0x400000


class ImageError(ValueError):
    """An image is missing, is not the one that was pinned, or can't be used."""


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes that belong at one place of the flash.

    Attributes
    ----------
    offset : int
        Where they go. [B]
    data : bytes
        What goes there.
    """

    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Image:
    """One firmware for one kind of board.

    Attributes
    ----------
    path : Path
        The file.
    sha256 : str
        Of the file.
    parts : tuple of Part
        What is written, NVS left out; of a Pico none, its file is copied whole.
    nvs : tuple of int
        Offset and size of the NVS partition; 0 bytes where there is none. [B]
    vfs : tuple of int
        Offset and size of the file system. [B]
    """

    path: Path
    sha256: str
    parts: tuple[Part, ...]
    nvs: tuple[int, int]
    vfs: tuple[int, int]


def pinned(path: Path) -> str:
    """Return the digest of a file after comparing it with the one pinned beside it.

    Parameters
    ----------
    path : Path
        A file in a folder with `SHA256SUMS`, as `sha256sum` writes it.

    Returns
    -------
    str
        SHA-256, hexadecimal.

    Raises
    ------
    ImageError
        If it is not pinned or differs.
    """
    sums = path.parent / SUMS
    lines = sums.read_text(encoding="utf-8").splitlines() if sums.exists() else []
    known = {name.strip(" *"): digest for digest, _, name in (x.partition(" ") for x in lines)}
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if path.name not in known:
        raise ImageError(
            f"{sums}: says nothing of {path.name}: get it with `cobenefit boards fetch`, or check "
            "it and add the line of sha256sum"
        )
    if known[path.name] != digest:
        raise ImageError(f"{path}: is not the file {SUMS} pins: delete it and fetch it again")
    return digest


def find(board: Board, folder: Path) -> Path:
    """Return the one image of a board in the cache.

    Parameters
    ----------
    board : Board
        What it is for.
    folder : Path
        The cache.

    Returns
    -------
    Path
        The file; the newest by name when there are several.

    Raises
    ------
    ImageError
        If there is none.
    """
    found = sorted(folder.glob(board.flash.image_pattern))
    if not found:
        raise ImageError(
            f"{folder}: no file {board.flash.image_pattern} for {board.name}: fill it with "
            "`cobenefit boards fetch` while there is a network"
        )
    return found[-1]


def load(board: Board, folder: Path) -> Image:
    """Read the image of a board.

    Parameters
    ----------
    board : Board
        An ESP32 or a Pico.
    folder : Path
        The cache.

    Returns
    -------
    Image
        Of an ESP32 cut around NVS.

    Raises
    ------
    ImageError
        If it is missing, not pinned, of another chip, or has no partition table.
    """
    path = find(board, folder)
    digest = pinned(path)
    data = path.read_bytes()
    if board.flash.method == "uf2":
        return _of_a_pico(board, path, digest, data)
    offset = board.flash.offset
    if board.flash.method != "serial" or offset is None:
        raise ImageError(f"{board.name} is not flashed: see `boards show`")
    rows = partitions(data[_TABLE - offset :])
    if "nvs" not in rows:
        raise ImageError(f"{path}: no NVS in a partition table at {_TABLE:#x}: not an image?")
    start, size = rows["nvs"]
    _check_erased(path, data[start - offset : start - offset + size])
    first, rest = data[: start - offset], data[start + size - offset :]
    vfs_offset = board.flash.vfs_offset or 0
    # Without a row of its own the file system takes what is left of a 4 MiB flash.
    vfs = rows.get("vfs", (vfs_offset, _CHIP_FLASH - vfs_offset))
    parts = (Part(offset, first), Part(start + size, rest))
    return Image(path, digest, parts, (start, size), vfs)


def _of_a_pico(board: Board, path: Path, digest: str, data: bytes) -> Image:
    """Return it with the file system where the firmware says it is, else where the board file."""
    try:
        said = flash_uf2.read(data, board.flash.chip).file_system()
    except flash_uf2.Uf2Error as err:
        raise ImageError(f"{path}: {err}") from err
    vfs = said or (board.flash.vfs_offset or 0, board.flash.vfs_bytes or 0)
    return Image(path, digest, (), (0, 0), vfs)


def partitions(table: bytes) -> dict[str, tuple[int, int]]:
    """Read a partition table.

    Parameters
    ----------
    table : bytes
        Begins with its first row.

    Returns
    -------
    dict of str to tuple of int
        Label to offset and size, in bytes.
    """
    rows = {}
    for at in range(0, len(table) - _ROW.size + 1, _ROW.size):
        magic, _, _, offset, size, label, _ = _ROW.unpack_from(table, at)
        if magic != _MAGIC:
            break
        rows[label.rstrip(b"\0").decode("ascii", "replace")] = (offset, size)
    return rows


def _check_erased(path: Path, data: bytes) -> None:
    if data.strip(b"\xff"):
        raise ImageError(f"{path}: holds an NVS of its own: take the image as it is published")
