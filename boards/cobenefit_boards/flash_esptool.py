"""Runs Espressif's esptool, as a program of its own: its licence (GPL-2.0-or-later) is not ours.

Each call is one connection and has a hard time limit. What esptool prints is read for the MAC,
the chip and how far it is; of a failure a person gets the cause and what to do.
"""

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cobenefit_boards.flash_rig import Slot

SETTING = "COBENEFIT_ESPTOOL"
CALL_S = 300.0
_PERCENT = re.compile(r"Writing at 0x[0-9a-f]+ .*?(\d+(?:\.\d+)?)%")
#: With an EUI-64 on `MAC:`, as of the C6, the address of 48 bits is the `BASE MAC:`.
_MAC = re.compile(
    r"^(?:BASE )?MAC:\s+((?:[0-9a-f]{2}:){5}[0-9a-f]{2})\s*$", re.MULTILINE | re.IGNORECASE
)
_CHIP = re.compile(r"^Connected to (\S+) on", re.MULTILINE)
SILENT = "the board went away or fell silent while it was written"
_CAUSES = (
    (r"Wrong boot mode", "the board did not enter its boot loader",
     "hold BOOT, press RESET once, let BOOT go, run it again"),
    (r"This chip is \S+, not", "the board has another chip than its row says",
     "put it in the right slot, or correct the column `board`"),
    (r"(Permission|Access).*denied", "the serial port may not be opened",
     "add yourself to the group dialout, log out and in"),
    (r"Connection refused|No such file", "nothing is there",
     "plug the board in; check the slot in the rig's file"),
    (r"Resource busy|port is busy|exclusively lock|multiple access", "the serial port is busy",
     "close the serial monitor or other program that has it open"),
    (r"MD5 of file does not match|digest mismatch|Verification failed",
     "the flash keeps other bytes than were written",
     "run it again; if it comes back, throw the board away"),
    (r"not a .* image|Unexpected chip id|is not an .* image", "the image is for another chip",
     "check the column `board` and the file in the image folder"),
    (r"No space left", "this computer's disk is full", "make room, run it again"),
    (r"No serial data received|Failed to connect", "the board does not answer",
     "use a cable that carries data, hold BOOT while it connects, try another USB socket"),
    (r"[Cc]ould not open|Could not connect", "nothing is there",
     "plug the board in; check the slot in the rig's file"),
    (r"disconnected|serial exception|data stream stopped|No more data|[Tt]imed? ?out|corrupt",
     SILENT,
     "push the plug home, take the hub out, run it again"),
)  # fmt: skip


class FlashError(OSError):
    """A board could not be flashed; `cause` says why, `remedy` what to do."""

    def __init__(self, cause: str, remedy: str, detail: str = "") -> None:
        super().__init__(f"{cause}: {remedy}")
        self.cause, self.remedy, self.detail = cause, remedy, detail


@dataclass(frozen=True, slots=True)
class Found:
    """The board in a slot.

    Attributes
    ----------
    mac : str
        Its address, lower case.
    chip : str
        As board files spell it.
    """

    mac: str
    chip: str


def program() -> str:
    """Return the esptool to run.

    Returns
    -------
    str
        Its path.

    Raises
    ------
    FlashError
        If there is none.
    """
    wanted = os.environ.get(SETTING, "esptool")
    found = shutil.which(wanted)
    if found is None:
        raise FlashError(
            f"no program {wanted}",
            f"install esptool in an environment of its own, put it on PATH or set {SETTING}",
        )
    return found


def identify(slot: Slot) -> Found:
    """Ask the board in a slot who it is; writes nothing.

    Parameters
    ----------
    slot : Slot
        Where it is.

    Returns
    -------
    Found
        MAC and chip.

    Raises
    ------
    FlashError
        If it does not answer.
    """
    if not slot.port:
        raise FlashError("nothing is plugged in", "plug a board in, or take the slot out")
    text = _run(slot, [], ["read-mac"], lambda _: None, 60)
    mac, chip = _MAC.search(text), _CHIP.search(text)
    if mac is None:
        raise FlashError("esptool named no MAC", "install esptool 5.6 or later", text[-400:])
    named = (
        chip.group(1) if chip else (re.findall(r"Detecting chip type\W*(\S+)", text) or [""])[0]
    )
    return Found(mac.group(1).lower(), named.lower().replace("-", ""))


def write(
    slot: Slot, chip: str, parts: Sequence[tuple[int, Path]], tell: Callable[[float], None]
) -> None:
    """Write what is not there already, and let the chip compute the digest of what is there.

    Parameters
    ----------
    slot : Slot
        Where the board is.
    chip : str
        Which it must be.
    parts : sequence of tuple of int and Path
        Offset in the flash [B] and file.
    tell : callable
        Takes the share of the present part that is written, 0 to 1.

    Raises
    ------
    FlashError
        If it failed; the flash is then neither old nor new.
    """
    _run(slot, ["--chip", chip], ["write-flash", "--skip-flashed", *_pairs(parts)], tell, CALL_S)


def verify(slot: Slot, chip: str, parts: Sequence[tuple[int, Path]], *, reset: bool) -> None:
    """Compare all of the flash that matters with the files, by digests the chip computes.

    Parameters
    ----------
    slot, chip, parts
        As `write`.
    reset : bool
        Start the board afterwards.

    Raises
    ------
    FlashError
        If anything differs.
    """
    after = [] if reset and slot.reset else ["--after", "no-reset"]
    _run(slot, ["--chip", chip, *after], ["verify-flash", *_pairs(parts)], lambda _: None, CALL_S)


def _pairs(parts: Sequence[tuple[int, Path]]) -> list[str]:
    return [text for offset, path in parts for text in (hex(offset), str(path))]


def _run(
    slot: Slot,
    options: list[str],
    command: list[str],
    tell: Callable[[float], None],
    limit_s: float,
) -> str:
    """Run it, and once more when the line failed: a busy computer or a bad contact does that."""
    try:
        return _once(slot, options, command, tell, limit_s)
    except FlashError as err:
        if err.cause != SILENT:
            raise
        first = err
    try:
        return _once(slot, options, command, tell, limit_s)
    except FlashError as err:
        raise first from err


def _once(
    slot: Slot,
    options: list[str],
    command: list[str],
    tell: Callable[[float], None],
    limit_s: float,
) -> str:
    """Run it once; its output is a pipe, so that it ends soon after we were killed."""
    line = [] if slot.reset else ["--before", "no-reset"]
    if "--after" not in options:
        last = command[0] == "verify-flash" and slot.reset
        options = [*options, "--after", "hard-reset" if last else "no-reset"]
    whole = [program(), "--port", slot.port, *line, *options, *command]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "NO_COLOR": "1", "COLUMNS": "120"}
    process = subprocess.Popen(
        whole, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        env=environment, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    timer = threading.Timer(limit_s, process.kill)
    timer.start()
    kept: list[str] = []
    try:
        for text in process.stdout or ():
            if share := _PERCENT.search(text):
                tell(float(share.group(1)) / 100)
            else:
                kept.append(text)
        code = process.wait()
    finally:
        timer.cancel()
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()
    if code:
        raise _failure("".join(kept), limit_s if code < 0 else 0)
    return "".join(kept)


def _failure(text: str, limit_s: float) -> FlashError:
    if limit_s:
        return FlashError(
            f"esptool took more than {limit_s:g} s", "unplug the board, plug it in, run it again"
        )
    _, _, end = text.rpartition("fatal error occurred:")
    end = end or text
    for pattern, cause, remedy in _CAUSES:
        if re.search(pattern, end):
            return FlashError(cause, remedy, end.strip()[-400:])
    return FlashError(f"esptool failed: {end.strip()[-200:]}", "run it again", end.strip()[-400:])
