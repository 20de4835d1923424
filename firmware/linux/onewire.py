# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, ARG002, D102, INP001
"""`onewire` for Linux: DS18B20 by the kernel's w1 driver (`dtoverlay=w1-gpio` on a Raspberry Pi).

The kernel converts and reads the nine bytes of the scratchpad when `w1_slave` is read, which takes
0.75 s. Source: Linux, Documentation/w1/slaves/w1_therm.rst. In the node's folder a link `w1` may
stand for the kernel's.
"""

import os

_DEVICES = "/sys/bus/w1/devices"


class OneWire:
    """The kernel's bus, whichever pin it is on."""

    def __init__(self, pin):
        self._root = "w1" if "w1" in os.listdir(".") else _DEVICES
        self._rom = b""

    def reset(self, required=False):
        try:
            os.listdir(self._root)
        except OSError:
            return False
        return True

    def writebyte(self, value):
        """Commands are the kernel's."""

    def select_rom(self, rom):
        self._rom = rom

    def readinto(self, buf):
        name = "%02x-%012x" % (self._rom[0], int.from_bytes(self._rom[1:7], "little"))
        with open("%s/%s/w1_slave" % (self._root, name)) as f:
            line = f.readline()
        buf[:] = bytes.fromhex(line.split(" :")[0].replace(" ", ""))
