# MicroPython, like the firmware: neither its modules nor its habits are the host's.
# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, D102
"""`onewire` for a virtual board: its bus is a line to a peer, `COBENEFIT_ONEWIRE<pin>`.

Questions: `R` resets (`1` somebody is there, `0` nobody), `w` and a byte writes it (`k`), `r` and
a count reads that many bytes.
"""

from machine import _Bus


class OneWire:
    """The bus on a pin."""

    def __init__(self, pin):
        self._bus = _Bus("ONEWIRE", pin.id)

    def reset(self, required=False):
        there = self._bus.ask(b"R", 1) == b"1"
        if required and not there:
            raise OSError(19)
        return there

    def writebyte(self, value):
        self._bus.ask(b"w" + bytes((value,)), 1)

    def select_rom(self, rom):
        self.reset()
        self.writebyte(0x55)
        for byte in rom:
            self.writebyte(byte)

    def readinto(self, buf):
        buf[:] = self._bus.ask(b"r" + bytes((len(buf),)), len(buf))
