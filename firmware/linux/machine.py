# mypy: ignore-errors
# ruff: noqa: A002, ANN001, ANN002, ANN003, ANN201, ARG001, ARG002, D102, D103, INP001, S605, SIM115
"""`machine` for a Linux computer as a node: MicroPython's unix port, found before the built-in.

UART n is the link `uart<n>` in the node's folder: `ln -s /dev/serial/by-id/… uart1`. The watchdog
is systemd's. What Linux has not – analogue inputs, counters, deep sleep – is refused by name.
"""

import io
import os
import select
import sys
import termios
import time

from umachine import *  # noqa: F403

_IFLAG, _OFLAG, _CFLAG, _LFLAG, _ISPEED, _OSPEED, _CC = range(7)
_VTIME, _VMIN = 5, 6
_GET_FILENO, _CLOSE = 10, 4
#: Linux, asm-generic/termbits.h: what MicroPython's `termios` does not name.
_SPEEDS = {300: 0o7, 600: 0o10, 1200: 0o11, 2400: 0o13, 4800: 0o14, 9600: 0o15, 19200: 0o16,
           38400: 0o17, 57600: 0o10001, 115200: 0o10002}  # fmt: skip
_BITS = {7: 0o40, 8: 0o60}
_STOP2, _READ, _PARITY, _ODD, _LOCAL = 0o100, 0o200, 0o400, 0o1000, 0o4000
_NOTIFY_MS = 10_000
_RESTART = 73


class UART(io.IOBase):
    """A serial port, raw, whose reads return at once with what is there."""

    def __init__(self, id, baudrate=9600, bits=8, parity=None, stop=1, **_):
        self._f = open("uart%d" % id, "r+b")
        self._settings = {"baudrate": baudrate, "bits": bits, "parity": parity, "stop": stop}
        self.init()

    def init(self, **changes):
        self._settings.update(changes)
        baud, parity = self._settings["baudrate"], self._settings["parity"]
        speed = _SPEEDS.get(baud)
        if speed is None:
            raise ValueError("baud is %d: allowed are %s" % (baud, sorted(_SPEEDS)))
        fd = self._f.fileno()
        termios.setraw(fd)
        found = termios.tcgetattr(fd)
        found[_CFLAG] = speed | _BITS[self._settings["bits"]] | _READ | _LOCAL
        if self._settings["stop"] == 2:
            found[_CFLAG] |= _STOP2
        if parity is not None:
            found[_CFLAG] |= _PARITY | (_ODD if parity else 0)
        found[_ISPEED] = found[_OSPEED] = speed
        found[_CC][_VMIN] = found[_CC][_VTIME] = 0
        termios.tcsetattr(fd, termios.TCSANOW, found)

    def read(self, n=256):
        return self._f.read(n) or None

    def readinto(self, buf):
        return self._f.readinto(buf) or None

    def write(self, data):
        return self._f.write(data)

    def any(self):
        poll = select.poll()
        poll.register(self._f, select.POLLIN)
        return 1 if poll.poll(0) else 0

    def flush(self):
        """Nothing is held back."""

    def ioctl(self, request, _):
        if request == _GET_FILENO:
            return self._f.fileno()
        if request == _CLOSE:
            self._f.close()
        return 0


class Pin:
    """A number: the kernel's drivers have the pins."""

    IN, OUT, PULL_UP = 0, 1, 1

    def __init__(self, id, *_, **__):
        self.id = id

    def value(self):
        raise OSError(19, "pins are the kernel's on Linux")


class WDT:
    """systemd's: `WatchdogSec` and `NotifyAccess=all` in the unit."""

    def __init__(self, id=0, timeout=5000):
        self._there = bool(os.getenv("NOTIFY_SOCKET"))
        self._fed = time.ticks_add(time.ticks_ms(), -_NOTIFY_MS)

    def feed(self):
        now = time.ticks_ms()
        if self._there and time.ticks_diff(now, self._fed) >= _NOTIFY_MS:
            self._fed = now
            os.system("systemd-notify WATCHDOG=1")


def ADC(id, **_):  # noqa: N802
    """Refuse: there is none."""
    raise ValueError("Linux has no analogue input: use a probe on RS-485 or 1-Wire")


def I2C(id, **_):  # noqa: N802
    """Refuse: the unix port can't reach it."""
    raise ValueError("MicroPython's unix port has no I2C: use a sensor on a serial line")


SoftI2C = I2C


def unique_id():
    with open("/etc/machine-id") as f:
        return bytes.fromhex(f.read(16))


def reset_cause():
    """Nobody knows."""
    return 0


def reset():
    """End; systemd starts it again."""
    sys.exit(_RESTART)


def deepsleep(ms=0):
    raise ValueError("a Linux node does not sleep: leave `sleep` out of its configuration")
