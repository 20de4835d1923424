"""A small state kept in two files, written in turn, each with a generation and a CRC32.

A power cut while one is written leaves the other: `load` returns the newest that is whole.
"""

import struct
from binascii import crc32

from cobenefit_wire import cbor
from cobenefit_wire.hints import Any


class Twin:
    """A CBOR item that survives power cuts at any moment.

    `path` gets the suffixes .0 and .1; a file is CRC32, generation, item.
    """

    #: Bytes that twins, the ring and downloads have written to flash since the start.
    written = 0

    def __init__(self, path: str) -> None:
        self._path = path
        self._generation = 0
        self.damaged = 0

    def load(self) -> Any:
        """Return the newest whole item, or None when there never was one."""
        newest = None
        for slot in ("0", "1"):
            generation, item = self._read(self._path + "." + slot)
            if generation > self._generation:
                self._generation, newest = generation, item
        return newest

    def save(self, item: object) -> None:
        """Write an item over the older twin; OSError when the file system refuses."""
        generation = self._generation + 1
        body = struct.pack(">I", generation) + cbor.dumps(item)
        with _opened(self._path + "." + str(generation & 1), 4 + len(body)) as f:
            f.write(struct.pack(">I", crc32(body) & 0xFFFFFFFF) + body)
            f.flush()
        Twin.written += 4 + len(body)
        self._generation = generation

    def _read(self, path: str) -> tuple[Any, ...]:
        try:
            with open(path, "rb") as f:
                raw = f.read()
        except OSError:
            return 0, None
        if len(raw) > 8:
            crc, generation = struct.unpack(">II", raw[:8])
            if crc == crc32(raw[4:]) & 0xFFFFFFFF:
                return generation, cbor.loads(raw[8:])
        self.damaged += 1
        return 0, None


def _opened(path: str, size: int) -> Any:
    """Return a file to be overwritten in place, which is far quicker; one too long is emptied."""
    try:
        f = open(path, "r+b")  # noqa: SIM115 the caller closes it
    except OSError:
        return open(path, "wb")
    if f.seek(0, 2) > size:
        f.close()
        return open(path, "wb")
    f.seek(0)
    return f
