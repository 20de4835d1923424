"""Compares the files on a board with those of the image it was given.

A Pico's boot ROM can't be read back by copying files, so the started board itself computes the
digests, before its software has run again.
"""

import hashlib
import json
from pathlib import PurePosixPath

import littlefs

from cobenefit_boards import console
from cobenefit_boards.flash_esptool import FlashError

_BLOCK = 4096
_ANSWER_S = 30.0
_SCRIPT = """
import binascii, hashlib, machine
def digest(path):
    total, part = hashlib.sha256(), bytearray(512)
    with open(path, "rb") as file:
        while True:
            size = file.readinto(part)
            if not size:
                return binascii.hexlify(total.digest()).decode()
            total.update(memoryview(part)[:size])
for path in %s:
    try:
        print(path, digest(path))
    except OSError:
        print(path, "-")
print("id", binascii.hexlify(machine.unique_id()).decode())
"""


def digests(image: bytes) -> dict[str, str]:
    """Return the files of a littlefs image.

    Parameters
    ----------
    image : bytes
        As `provision` makes it.

    Returns
    -------
    dict of str to str
        Path to SHA-256, hexadecimal.
    """
    disk = littlefs.LittleFS(
        block_size=_BLOCK, block_count=len(image) // _BLOCK, mount=False, disk_version=0x00020000
    )
    disk.context.buffer = bytearray(image)
    disk.mount()
    found = {}
    for folder, _, names in disk.walk("/"):
        for name in names:
            path = str(PurePosixPath(folder, name)).lstrip("/")
            with disk.open(path, "rb") as file:
                found[path] = hashlib.sha256(file.read()).hexdigest()
    return found


def compare(port: str, image: bytes, wait_s: float) -> str:
    """Compare the files on a started board with its image, and return its chip's number.

    Parameters
    ----------
    port : str
        Its console.
    image : bytes
        What it was given.
    wait_s : float
        How long to wait for the port to appear. [s]

    Returns
    -------
    str
        `machine.unique_id()`, hexadecimal.

    Raises
    ------
    FlashError
        If a file differs, or the board does not answer.
    """
    wanted = digests(image)
    try:
        with console.opened(port, wait_s) as board:
            said = board.run(_SCRIPT % json.dumps(sorted(wanted)), _ANSWER_S)
    except console.ConsoleError as err:
        raise FlashError(
            "the board took every block and its console can't be read",
            "look for its port (`python -m serial.tools.list_ports -v`), correct `console`",
            str(err),
        ) from err
    rows = dict(line.split(" ", 1) for line in said.splitlines() if " " in line)
    if wrong := sorted(path for path in wanted if rows.get(path) != wanted[path]):
        raise FlashError(
            f"the flash keeps other bytes than were written: {', '.join(wrong[:3])}",
            "plug it in with BOOTSEL held and run it again; if it comes back, throw it away",
        )
    return rows.get("id", "")
