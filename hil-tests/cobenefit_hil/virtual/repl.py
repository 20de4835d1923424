# MicroPython, like the firmware: neither its modules nor its habits are the host's.
# mypy: ignore-errors
# ruff: noqa: ANN001, ANN202, FURB122, S102, SIM115
"""What a virtual board with a console runs before its REPL: mount the flash, boot.py, main.py.

`raw` as an argument says that it reboots within the raw REPL: then main.py is left out, as on a
board.
"""

import os
import sys

import machine  # noqa: F401  of the rig; found only while the host's files are mounted
import vfs

_BLOCK, _BLOCKS = 4096, 128
_IMAGE = "flash.img"


class _Chip:
    """A block device in a file of the host, which stays open when its file system goes."""

    def __init__(self, path):
        try:
            self._file = open(path, "r+b")
        except OSError:
            with open(path, "wb") as f:
                for _ in range(_BLOCKS):
                    f.write(b"\xff" * _BLOCK)
            self._file = open(path, "r+b")

    def readblocks(self, block, buf, off=0):
        self._file.seek(block * _BLOCK + off)
        self._file.readinto(buf)

    def writeblocks(self, block, buf, off=None):
        if off is None:
            off = 0
        self._file.seek(block * _BLOCK + off)
        self._file.write(buf)
        self._file.flush()

    def ioctl(self, op, arg):
        if op == 4:
            return _BLOCKS
        if op == 5:
            return _BLOCK
        if op == 6:
            self.writeblocks(arg, b"\xff" * _BLOCK)
        return 0


def _mount():
    chip = _Chip(_IMAGE)
    try:
        flash = vfs.VfsLfs2(chip)
    except OSError:
        vfs.VfsLfs2.mkfs(chip)
        flash = vfs.VfsLfs2(chip)
    vfs.umount("/")
    vfs.mount(flash, "/")
    os.chdir("/")
    sys.path[:] = ["", ".frozen", "/lib"]


def _run(name):
    try:
        with open(name) as f:
            code = compile(f.read(), name, "exec")
        exec(code, globals())
    except OSError as err:
        if err.errno != 2:
            sys.print_exception(err)
    except (Exception, KeyboardInterrupt) as err:
        sys.print_exception(err)


_mount()
_run("boot.py")
if sys.argv[-1] != "raw":
    _run("main.py")
