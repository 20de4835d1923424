"""MicroPython: a littlefs image in a file, as the flash of a board."""

import os

BLOCK = 4096


class Image:
    """The file as a block device; what the node writes goes into it."""

    def __init__(self, path):
        self._file = open(path, "r+b")  # noqa: PTH123, SIM115
        self._blocks = os.stat(path)[6] // BLOCK  # noqa: PTH116

    def readblocks(self, block, buf, off=0):
        self._file.seek(block * BLOCK + off)
        self._file.readinto(buf)

    def writeblocks(self, block, buf, off=0):
        self._file.seek(block * BLOCK + off)
        self._file.write(buf)
        self._file.flush()

    def ioctl(self, op, arg):
        if op == 4:
            return self._blocks
        if op == 5:
            return BLOCK
        if op == 6:
            self.writeblocks(arg, b"\xff" * BLOCK)
        return 0
