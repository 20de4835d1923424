"""What a board says after its start: whether it has booted, and passed its self-test.

Flashing says nothing of either: a board with a bad supply takes every byte and never starts.
"""

import contextlib
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import serial

from cobenefit_boards.flash_rig import Slot

BOOT_S = 30.0
TEST_S = 90.0
BAUD = 115_200
_ALIVE = re.compile(rb"^(\d{10,} \S|MicroPython v|>>> )", re.MULTILINE)
_ROW = re.compile(rb"^(\S+)[ \t]+(ok|bad|-)[ \t]+(.*?)\s*$", re.MULTILINE)
_BENCH = b"\r\x03\x03from cobenefit_node import selftest\r\nselftest.bench()\r\n"
_END = re.compile(rb"^heap\s+(ok|bad|-)\s", re.MULTILINE)
_FAULTS = (
    (rb"DOWNLOAD_BOOT|waiting for download", "the board waits in its boot loader",
     "let BOOT go, press RESET"),
    (rb"invalid header|No bootable app", "the board finds no firmware", "flash it again"),
    (rb"[Bb]rownout", "the supply is too weak", "use another cable, hub or supply"),
    (rb"Guru Meditation|rst:0x\w+ \(\w*WDT", "the firmware crashes", "take another image"),
    (rb"Traceback", "the node's software stopped", "read the console with `mpremote repl`"),
)  # fmt: skip


class Judged(NamedTuple):
    """What a console said: states, cause and remedy of what failed first, and the measurements."""

    booted: str
    tested: str
    cause: str = ""
    remedy: str = ""
    measured: dict[str, str] = {}  # noqa: RUF012  never changed


def judge(slot: Slot, chip: str, reached: set[str], tell: Callable[[str], None]) -> Judged:
    """Wait for the node's first line, then run its self-test.

    Parameters
    ----------
    slot : Slot
        Where it is.
    chip : str
        Which chip, for the messages.
    reached : set of str
        Steps of earlier runs.
    tell : callable
        Is told each step.

    Returns
    -------
    Judged
        With what the self-test measured, by its rows.
    """
    if {"booted", "tested"} <= reached:
        return Judged("before", "before")
    if slot.console == "none":
        return Judged("not tried", "not tried")
    try:
        port = slot.port if slot.console == "same" else slot.console
        _await(slot, port)
        with serial.serial_for_url(port, BAUD, timeout=0.2) as line:
            if slot.reset:
                _reset(line)
            return _listen(line, chip, tell)
    except serial.SerialException as err:
        why = f"its console can't be read: {err}"
        return Judged("no", "not tried", why, "plug it in again, run again")


def _await(slot: Slot, port: str) -> None:
    """Wait for the port of a Pico, which is there only while its firmware runs."""
    end = time.monotonic() + BOOT_S
    while slot.drive and not Path(port).exists() and time.monotonic() < end:
        time.sleep(0.05)


def _reset(line: serial.SerialBase) -> None:
    """Pull the reset line, so that the start is heard from its beginning."""
    with contextlib.suppress(OSError):  # a pseudo-terminal has no such line
        line.dtr, line.rts = False, True
        time.sleep(0.1)
        line.rts = False


def _listen(line: serial.SerialBase, chip: str, tell: Callable[[str], None]) -> Judged:
    tell("boot")
    heard = _until(line, _ALIVE, BOOT_S)
    if not _ALIVE.search(heard):
        return Judged("no", "not tried", *_fault(heard, chip))
    tell("self-test")
    line.write(_BENCH)
    heard = _until(line, _END, TEST_S)
    rows = [[cell.decode(errors="replace") for cell in row] for row in _ROW.findall(heard)]
    measured = {name: f"{state} {value}" for name, state, value in rows}
    bad = dict.fromkeys(name for name, state, _ in rows if state == "bad")
    if not _END.search(heard):
        why = "its self-test did not end"
        return Judged("yes", "no", why, "run `mpremote repl` and look why", measured)
    if bad:
        advice = "see the table in docs/howto/configure-nodes.md"
        why = f"its self-test finds bad: {', '.join(bad)}"
        return Judged("yes", "no", why, advice, measured)
    return Judged("yes", "yes", measured=measured)


def _until(line: serial.SerialBase, wanted: re.Pattern[bytes], limit_s: float) -> bytes:
    heard, end = b"", time.monotonic() + limit_s
    while time.monotonic() < end and not wanted.search(heard):
        heard = (heard + line.read(4096))[-65_536:]
    return heard


def _fault(heard: bytes, chip: str) -> tuple[str, str]:
    for pattern, cause, remedy in _FAULTS:
        if re.search(pattern, heard):
            return cause, remedy
    if heard:
        return f"the {chip} speaks, and not as a node does", "flash it again"
    return f"the {chip} says nothing in {BOOT_S:g} s", "press RESET, try another cable and socket"
