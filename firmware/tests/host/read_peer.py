r"""MicroPython: step a peer through its world and print what a driver reads at each instant.

    micropython read_peer.py <firmware folder> <path of the peer's lines> <driver> \
        <options, JSON> <instants with a fault, JSON>

A time-out among the options is for those instants: at all others the peer does answer, however
busy the machine is.

One JSON line an instant: [t_ms, microseconds in read(), [[channel, value, exponent, quality], …]].
"""

import asyncio
import json
import sys
import termios
import time

sys.path.insert(0, sys.argv[1])
sys.path.insert(0, sys.argv[1] + "/../hil-tests/cobenefit_hil/virtual")

from cobenefit_node import board, drivers

PATIENT_MS = 20_000
_LFLAG, _CC, _VTIME, _VMIN = 3, 6, 5, 6


def opened(path):
    """Return a line that never blocks the loop: reads give what is there."""
    line = open(path, "r+b", buffering=0)  # noqa: SIM115
    fd = line.fileno()
    termios.setraw(fd)
    attributes = termios.tcgetattr(fd)
    attributes[_CC][_VTIME] = attributes[_CC][_VMIN] = 0
    termios.tcsetattr(fd, termios.TCSANOW, attributes)
    return line


class Counter:
    """The rig's counter: asks the peer on the sensor line."""

    patient = True

    def __init__(self, line):
        self.line = line

    def value(self):
        self.line.write(b"c\n")
        for _ in range(PATIENT_MS if self.patient else 100):
            text = self.line.read(32)
            if text:
                return int(text)
            time.sleep_ms(1)
        raise OSError(110)


class Board(board.Board):
    """The node's own, on the rig's `machine`; UART and counter are the peer's line."""

    stepped = True

    def __init__(self, path):
        self.path = path

    def uart(self, *_):
        return asyncio.StreamReader(opened(self.path + ".sensor"))

    def rebaud(self, *_):
        """A pseudo-terminal has no rate."""

    def counter(self, _):
        return Counter(opened(self.path + ".sensor"))


def be_patient(driver, options, patient):
    """Give a driver all the time it takes, or what its options say."""
    Counter.patient = patient
    if "timeout_ms" in options:
        part = getattr(driver, "line", driver)
        assert hasattr(part, "_timeout_ms")
        part._timeout_ms = PATIENT_MS if patient else options["timeout_ms"]


async def main(path, name, options, faults):
    control = asyncio.StreamReader(opened(path + ".control"))
    driver = drivers.make(name, Board(path), options)
    while True:
        control.write(b"?\n")
        await control.drain()
        t_ms = (await control.readline()).strip()
        if t_ms == b"end":
            return
        control.write(t_ms + b"\n")
        await control.drain()
        assert (await control.readline()).strip() == b"ok"
        be_patient(driver, options, int(t_ms) not in faults)
        started = time.ticks_us()
        values = await driver.read()
        took = time.ticks_diff(time.ticks_us(), started)
        print(json.dumps([int(t_ms), took, [list(value) for value in values]]))


asyncio.run(main(sys.argv[2], sys.argv[3], *map(json.loads, sys.argv[4:6])))
