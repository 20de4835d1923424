"""A Pico in its boot loader: a drive, to which one file is copied.

The drive tells which chip it is (INFO_UF2.TXT) and nothing that is this board's alone, so a board
is known by its slot until it has started. What is on the drive is unfinished: a Pico that is done
shows none. The boot ROM goes away by itself when it has taken every block, and not before.

Sources: RP2040 datasheet, section 2.8.4; RP2350 datasheet, section 5.5.
"""

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

from cobenefit_boards.flash_esptool import SILENT, FlashError, Found
from cobenefit_boards.flash_rig import Slot

INFO = "INFO_UF2.TXT"
CHIPS = {"RPI-RP2": "rp2040", "RP2350": "rp2350"}
FILE = "node.uf2"
#: The ROM has written everything soon after the last block; erasing and writing is the slow part.
RESTART_S = 20.0
_CHUNK = 64 * 1024


def identify(slot: Slot) -> Found:
    """Return the chip behind a slot's drive; writes nothing.

    Parameters
    ----------
    slot : Slot
        With a `drive`.

    Returns
    -------
    Found
        Its chip; in place of a MAC the slot, as the boot loader has no number of its own.

    Raises
    ------
    FlashError
        If there is no drive, or it is not a Pico's.
    """
    info = Path(slot.drive, INFO)
    try:
        lines = info.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError as err:
        raise FlashError(
            f"no boot drive at {slot.drive}",
            "hold BOOTSEL while you plug the board in, and look where the drive is mounted",
        ) from err
    rows = dict(line.split(": ", 1) for line in lines if ": " in line)
    chip = CHIPS.get(rows.get("Board-ID", "").strip())
    if chip is None:
        raise FlashError(
            f"the drive {slot.drive} is of {rows.get('Board-ID', 'no board we know')!r}",
            "take the slot out, or plug a Pico in",
        )
    return Found(known_as(slot), chip)


def known_as(slot: Slot) -> str:
    """Return what stands for the MAC of a Pico in a slot's boot loader.

    Parameters
    ----------
    slot : Slot
        Where it is.

    Returns
    -------
    str
        Its name in the journal.
    """
    return f"drive-{slot.name}"


def copy(slot: Slot, data: bytes, tell: Callable[[float], None]) -> None:
    """Copy a file to the drive and wait until the board has gone to start it.

    Parameters
    ----------
    slot : Slot
        With a `drive`.
    data : bytes
        All blocks.
    tell : callable
        Takes the share that is written, 0 to 1.

    Raises
    ------
    FlashError
        If the drive goes before the last block, is full, or stays.
    """
    target = Path(slot.drive, FILE)
    try:
        _write(target, data, tell)
    except OSError as err:
        if err.errno in (27, 28):  # EFBIG, ENOSPC
            remedy = "unplug the board, plug it in with BOOTSEL held, run it again"
            raise FlashError(f"the drive {slot.drive} is full", remedy) from err
        raise FlashError(
            SILENT, "plug it in with BOOTSEL held, leave the hub out, run it again", repr(err)
        ) from err
    end = time.monotonic() + RESTART_S
    while Path(slot.drive, INFO).exists():
        if time.monotonic() > end:
            raise FlashError(
                "the boot loader still waits for blocks",
                "one was damaged on its way: use another cable or socket, run it again",
            )
        time.sleep(0.05)


def _write(target: Path, data: bytes, tell: Callable[[float], None]) -> None:
    """Write in pieces, each on the drive before the next, so that a loss is seen at once."""
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        for at in range(0, len(data), _CHUNK):
            piece = data[at : at + _CHUNK]
            last = at + _CHUNK >= len(data)
            if os.write(handle, piece) < len(piece):
                raise OSError(28, "the drive took less than it was given")
            # After the last block the ROM may be gone before it answers: the drive's end tells.
            with contextlib.suppress(OSError) if last else contextlib.nullcontext():
                os.fsync(handle)
            if not last and not target.exists():
                raise OSError(19, "the drive went away")
            tell((at + len(piece)) / len(data))
    finally:
        with contextlib.suppress(OSError):
            os.close(handle)
