# MicroPython, like the firmware: neither its modules nor its habits are the host's.
# mypy: ignore-errors
# ruff: noqa: A002, ANN001, ANN002, ANN003, ANN201, ANN202, ARG002, D102, D103, S605, SIM115
"""`machine` for a virtual board: runs on MicroPython's unix port, found before the built-in.

Firmware runs unmodified on it. Lines come from the environment: `COBENEFIT_UART<n>`,
`COBENEFIT_COUNTER<n>`, `COBENEFIT_I2C<n>` and `COBENEFIT_ONEWIRE<n>` are paths of
pseudo-terminals, `COBENEFIT_ADC<n>` and `COBENEFIT_PIN<n>` files holding a number, `COBENEFIT_ID`
the chip's number, `COBENEFIT_RESET_CAUSE` why it starts.
The watchdog is a process of its own on real time. RTC memory is a file, which the supervisor
(`board.py`) clears when the power goes, as it starts the board again when its deep sleep is over.
Where time is simulated, a sleep ends at `world_ms` + its length. Exit codes: 72 deepsleep, 73
reset, -9 watchdog or power cut.
"""

import io
import os
import select
import sys
import termios
import time

from umachine import *  # noqa: F403

PWRON_RESET, HARD_RESET, WDT_RESET, DEEPSLEEP_RESET, SOFT_RESET, BROWN_OUT_RESET = range(1, 7)
RTC_FILE, WORLD_FILE = "rtc.memory", "world"
_RTC_BYTES = 2048
#: Simulated time, told by `simclock.py`; None on the wall clock. [ms]
world_ms = None
_VTIME, _VMIN = 5, 6
_GET_FILENO, _CLOSE = 10, 4
_COUNTER_MS = 10_000


def open_line(path):
    """Open a pseudo-terminal raw, and so that a read returns at once with what is there."""
    f = open(path, "r+b")
    fd = f.fileno()
    termios.setraw(fd)
    attributes = termios.tcgetattr(fd)
    attributes[6][_VMIN] = 0
    attributes[6][_VTIME] = 0
    termios.tcsetattr(fd, termios.TCSANOW, attributes)
    return f


def _line(kind, number):
    path = os.getenv("COBENEFIT_" + kind + str(number))
    if not path:
        raise ValueError("%s(%d) is not wired on this virtual board" % (kind, number))
    return open_line(path)


class UART(io.IOBase):
    """A serial port; speed, bits and parity have no meaning on a pseudo-terminal."""

    def __init__(self, id, baudrate=9600, **_):
        self._f = _line("UART", id)

    def init(self, *_, **__):
        """Take new settings."""

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
        # With a file descriptor, asyncio polls the line itself and wakes at once.
        if request == _GET_FILENO:
            return self._f.fileno()
        if request == _CLOSE:
            self._f.close()
        return 0


class Counter:
    """A pulse counter whose register is kept by the peer: it is asked `c` and answers a number."""

    def __init__(self, id, src, **_):
        self._f = _line("COUNTER", src.id)
        self._poll = select.poll()
        self._poll.register(self._f, select.POLLIN)

    def value(self):
        while self._f.read(64):
            pass  # an answer that came too late
        self._f.write(b"c\n")
        line = b""
        while not line.endswith(b"\n"):
            if not self._poll.poll(_COUNTER_MS):
                raise OSError(110)
            line += self._f.read(32) or b""
        return int(line)


class _Bus:
    """A bus over a line: each transfer is a question, answered by the peer with a fixed length."""

    def __init__(self, kind, id):
        self._f = _line(kind, id)
        self._poll = select.poll()
        self._poll.register(self._f, select.POLLIN)

    def ask(self, question, count):
        """Return `count` bytes; OSError when the peer does not answer."""
        while self._f.read(64):
            pass  # an answer that came too late
        self._f.write(question)
        answer = b""
        while len(answer) < count:
            if not self._poll.poll(_COUNTER_MS):
                raise OSError(110)
            answer += self._f.read(count - len(answer)) or b""
        return answer


class I2C:
    """A bus: `w` or `r`, address and length ask; `k` (and the data read) or `n` answer."""

    def __init__(self, id, **_):
        self._bus = _Bus("I2C", id)

    def writeto(self, addr, buf):
        if self._bus.ask(b"w" + bytes((addr, len(buf))) + buf, 1) != b"k":
            raise OSError(19)

    def readfrom(self, addr, nbytes):
        answer = self._bus.ask(b"r" + bytes((addr, nbytes)), nbytes + 1)
        if answer[:1] != b"k":
            raise OSError(19)
        return answer[1:]


class Pin:
    """A pin that remembers; an input reads the rig's file, if there is one."""

    IN, OUT, PULL_UP, PULL_DOWN, IRQ_RISING, IRQ_FALLING = 0, 1, 2, 1, 1, 2

    def __init__(self, id, mode=-1, pull=-1, value=0):
        self.id = id
        self._path = os.getenv("COBENEFIT_PIN" + str(id))
        self._value = value

    def value(self, x=None):
        if x is not None:
            self._value = x
            return None
        return _number(self._path) if self._path else self._value

    __call__ = value

    def irq(self, *_, **__):
        """Edges do not exist here: read `Counter`."""


class ADC:
    """An analogue input that reads the rig's file."""

    ATTN_11DB = 3

    def __init__(self, id, **_):
        self._path = os.getenv("COBENEFIT_ADC" + str(id))
        if not self._path:
            raise ValueError("ADC(%s) is not wired on this virtual board" % id)

    def read_u16(self):
        return _number(self._path)

    def read_uv(self):
        return self.read_u16() * 3_300_000 // 65_535


class RTC:
    """The host's clock, which is right; or, with `COBENEFIT_RTC`, one that is wrong until set.

    That file holds by how many seconds, as libfaketime reads it, for TLS as well.
    """

    def __init__(self):
        self._path = os.getenv("COBENEFIT_RTC")

    def memory(self, data=None):
        if data is None:
            try:
                with open(RTC_FILE, "rb") as f:
                    return f.read()
            except OSError:
                return b""
        if len(data) > _RTC_BYTES:
            raise ValueError("buffer too long")
        with open(RTC_FILE, "wb") as f:
            f.write(data)
        return None

    def datetime(self, when=None):
        if when is None:
            y, mo, d, h, mi, s, wd, _ = time.gmtime()[:8]
            return (y, mo, d, wd, h, mi, s, 0)
        if self._path:
            y, mo, d, wd, h, mi, s, _ = when
            step_s = int(time.mktime((y, mo, d, h, mi, s, wd, 0)) - time.time())
            offset_s = _number(self._path) + step_s
            with open(self._path, "w") as f:
                f.write("%+d" % offset_s)
        return None


class WDT:
    """Kills this process when it is not fed in time: a shell process watches a file."""

    def __init__(self, id=0, timeout=5000):
        self._path = "watchdog"
        self._n = 0
        self.feed()
        seconds = max(1, (timeout + 999) // 1000)
        os.system(
            "(p=$PPID; last=; while sleep %d && kill -0 $p; do now=$(cat %s); "
            '[ "$now" = "$last" ] && kill -9 $p; last=$now; done) >/dev/null 2>&1 &'
            % (seconds, self._path)
        )

    def feed(self):
        self._n += 1
        with open(self._path, "w") as f:
            f.write(str(self._n))


def _number(path):
    with open(path) as f:
        return int(f.read())


def unique_id():
    return bytes.fromhex(os.getenv("COBENEFIT_ID") or "c0be0e01")


def reset_cause():
    return int(os.getenv("COBENEFIT_RESET_CAUSE") or PWRON_RESET)


def deepsleep(ms=0):
    with open(WORLD_FILE, "w") as f:
        f.write("" if world_ms is None else str(world_ms + ms))
    if world_ms is None:
        time.sleep_ms(ms)
    sys.exit(72)


def woken_ms():
    """Return the simulated instant at which a deep sleep was over, None without one."""
    if reset_cause() != DEEPSLEEP_RESET:
        return None
    with open(WORLD_FILE) as f:
        return int(f.read() or 0) or None


def reset():
    sys.exit(73)
