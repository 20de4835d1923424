# MicroPython, like the firmware: neither its modules nor its habits are the host's.
# mypy: ignore-errors
"""A flash chip in memory that loses power at a chosen operation.

An operation is one erase or one program of the block device below littlefs. The one that is cut
is done by half, up to a byte of choice; from then on the chip is dead, for reads and writes, until
`power_on`. Without that, a file object that is collected late would still write.
"""

import vfs

BLOCK = 4096
_ERASED = b"\xff" * BLOCK

#: What the chip answers without power: a number, since a collected file can't raise. EIO.
_NO_POWER = -5


class Flash:
    """A block device for `VfsLfs2`; `done` counts its operations.

    With a `journal` (a list) each operation is noted there: where, and the bytes it left.
    """

    def __init__(self, blocks: int, raw: object = None):
        self.raw = raw or bytearray(b"\xff" * BLOCK * blocks)
        self._view = memoryview(self.raw)
        self.journal = None
        self.done = 0
        self.cut_at = -1
        self.torn = 0
        self.dead = False

    def power_on(self, cut_at: int = -1, torn: int = 0) -> object:
        """Return a living chip with the same contents.

        Parameters
        ----------
        cut_at : int
            Operation that is cut, counted from now; -1 for none. [1]
        torn : int
            Share of it that is done, 0 to 256. [1/256]
        """
        chip = Flash(0, self.raw)
        chip.cut_at, chip.torn = cut_at, torn
        return chip

    def redo(self, noted: tuple, torn: int = 256) -> None:
        """Do an operation of another chip's journal, or a share of it.

        Parameters
        ----------
        noted : tuple
            The entry of the journal.
        torn : int
            Share of it that is done, 0 to 256. [1/256]
        """
        at, data = noted
        n = torn * len(data) // 256
        self._view[at : at + n] = memoryview(data)[:n]

    def readblocks(self, block: int, buf: bytearray, off: int = 0) -> int:
        """Read.

        Parameters
        ----------
        block : int
            Number of the block. [1]
        buf : bytearray
            The bytes.
        off : int
            Where in the block. [B]

        Returns
        -------
        int
            0, or minus the error number. [1]
        """
        if self.dead:
            return _NO_POWER
        at = block * BLOCK + off
        buf[:] = self._view[at : at + len(buf)]
        return 0

    def writeblocks(self, block: int, buf: bytearray, off: int = 0) -> int:
        """Program erased bytes.

        Parameters
        ----------
        block : int
            Number of the block. [1]
        buf : bytearray
            The bytes.
        off : int
            Where in the block. [B]

        Returns
        -------
        int
            0, or minus the error number. [1]
        """
        if self.dead:
            return _NO_POWER
        at = block * BLOCK + off
        n = self._powered(at, buf)
        self._view[at : at + n] = memoryview(buf)[:n]
        return _NO_POWER if self.dead else 0

    def ioctl(self, op: int, arg: int) -> int:
        """Answer littlefs.

        Parameters
        ----------
        op : int
            4 number of blocks, 5 block size, 6 erase. [1]
        arg : int
            The block to erase. [1]

        Returns
        -------
        int
            The answer, 0, or minus the error number. [1]
        """
        if op == 4:
            return len(self.raw) // BLOCK
        if op == 5:
            return BLOCK
        if op == 6:
            if self.dead:
                return _NO_POWER
            at = arg * BLOCK
            n = self._powered(at, _ERASED)
            self._view[at : at + n] = memoryview(_ERASED)[:n]
            return _NO_POWER if self.dead else 0
        return 0

    def _powered(self, at: int, data: bytes) -> int:
        """Count one operation; return how many of its bytes are still done."""
        self.done += 1
        if self.journal is not None:
            self.journal.append((at, data if data is _ERASED else bytes(data)))
        if self.done - 1 == self.cut_at:
            self.dead = True
            return self.torn * len(data) // 256
        return len(data)


def mount(chip: object, path: str) -> None:
    """Mount littlefs of a chip; OSError when it can't be."""
    vfs.mount(vfs.VfsLfs2(chip, readsize=128, progsize=128, lookahead=32), path)


def unmount(path: str) -> None:
    """Unmount, also when the chip is dead."""
    try:
        vfs.umount(path)
    except OSError as err:
        if err.errno not in (5, 22):
            raise


def formatted(blocks: int) -> object:
    """Return a chip with an empty littlefs.

    Parameters
    ----------
    blocks : int
        Of 4096 bytes. [1]
    """
    chip = Flash(blocks)
    vfs.VfsLfs2.mkfs(chip, readsize=128, progsize=128, lookahead=32)
    return chip.power_on()
