"""One release, from verified notice to complete slot: a chunk at a time, straight to flash.

A chunk is written and closed before the next is asked for, so a power cut costs one chunk: what
the slot already holds of this release is found by size and hash. A file that the running software
has unchanged is copied and not fetched.
"""

import asyncio
import hashlib
import os
import sys
from binascii import hexlify

from cobenefit_node.rsa import verify
from cobenefit_node.ticks import sleep_ms
from cobenefit_node.twin import Twin
from cobenefit_wire import release
from cobenefit_wire.hints import Any, const

_CHUNK_S = const(5)
_CHUNK_TRIES = const(12)


class Refused(Exception):  # noqa: N818
    """The release must not run; `for_good`: it is signed, so its counter can be remembered."""

    def __init__(self, reason: str, for_good: bool) -> None:
        super().__init__(reason)
        self.for_good = for_good


class Download:
    """Fetches one release into the slot that is not in use."""

    def __init__(self, updates: Any, notice: release.Notice, client: Any) -> None:
        self._updates = updates
        self._notice = notice
        self._client = client
        self._slot: str = updates.slots.free()
        self._wanted = ""
        self._data = bytearray(release.CHUNK_BYTES)  # of the broker's, or of a file's
        self._size = 0
        self._came = asyncio.Event()
        self.fetched = 0

    def verify(self, signed: bytes, signature: bytes) -> None:
        """Check signature and board; `Refused` otherwise."""
        try:
            key = self._updates.slots.key()
        except OSError:
            raise Refused("this node has no update.key", False)  # noqa: B904
        if not verify(key, hashlib.sha256(signed).digest(), signature):
            raise Refused("wrong signature", False)
        if self._notice.board not in ("", self._updates.board):
            raise Refused("made for the board " + self._notice.board, False)

    async def run(self) -> str:
        """Return the slot once every file in it has its hash."""
        notice = self._notice
        self._prepare()
        index = self._slot + "/index"
        digest = hexlify(notice.index_sha256).decode()
        await self._file(index, release.Entry(digest, notice.index_bytes, "index"), 0)
        number = release.chunks(notice.index_bytes)
        with open(index) as f:
            while True:
                line = f.readline()
                if not line:
                    break
                entry = release.entry(line)
                path = self._slot + "/" + entry.path
                _make_folders(path)
                await self._copy(path, entry)
                await self._file(path, entry, number)
                number += release.chunks(entry.size)
        self._updates.log("update: %d chunks fetched of %d" % (self.fetched, number))
        return self._slot

    def take(self, topic: str, data: bytes) -> None:
        """Take a chunk from the link; one that is not awaited is let go."""
        if topic == self._wanted and not self._came.is_set():
            self._size = len(data) if len(data) <= release.CHUNK_BYTES else 0
            self._data[: self._size] = data[: self._size]
            self._came.set()

    def _prepare(self) -> None:
        """Empty the slot unless it holds the beginning of this very release."""
        mark = self._slot + "/release"
        wanted = "%d %s" % (self._notice.counter, self._notice.index_sha256)
        if _size(mark) >= 0:
            with open(mark) as f:
                if f.read() == wanted:
                    return
            os.remove(mark)
        _remove(self._slot)
        os.mkdir(self._slot)
        with open(mark, "w") as f:
            f.write(wanted)
            Twin.written += len(wanted)

    async def _file(self, path: str, entry: release.Entry, first: int) -> None:
        """Complete a file from the broker; twice the wrong hash refuses the release."""
        for _ in range(2):
            if await self._holds(path, entry):
                return
            size = max(_size(path), 0)
            at = 0 if size >= entry.size else size // release.CHUNK_BYTES * release.CHUNK_BYTES
            if not at:
                open(path, "wb").close()
            while at < entry.size:
                data = await self._chunk(first + at // release.CHUNK_BYTES)
                if len(data) != min(release.CHUNK_BYTES, entry.size - at):
                    raise Refused("chunk of " + entry.path + " has the wrong size", True)
                with open(path, "r+b") as f:
                    f.seek(at)
                    f.write(data)
                    Twin.written += len(data)
                at += len(data)
        if not await self._holds(path, entry):
            raise Refused("sha256 of " + entry.path, True)

    async def _copy(self, path: str, entry: release.Entry) -> None:
        """Copy a file that the running software has unchanged."""
        source = _running() + "/" + entry.path
        if _size(path) == entry.size or not await self._holds(source, entry):
            return
        with open(source, "rb") as old, open(path, "wb") as new:
            n = old.readinto(self._data)
            while n:
                new.write(memoryview(self._data)[:n])
                Twin.written += n
                n = old.readinto(self._data)
                await sleep_ms(0)

    async def _chunk(self, number: int) -> Any:
        """Ask the broker for a chunk, valid until the next; OSError when it does not come."""
        topic = "%s/%d/%d" % (self._updates.topic, self._notice.counter, number)
        self._wanted = topic
        self._came.clear()
        for _ in range(_CHUNK_TRIES):
            # A subscription that a kept session remembers brings nothing: make it a new one.
            await self._client.unsubscribe(topic)
            await self._client.subscribe(topic)
            try:
                await asyncio.wait_for(self._came.wait(), _CHUNK_S)
            except asyncio.TimeoutError:
                continue
            await self._client.unsubscribe(topic)
            self.fetched += 1
            return memoryview(self._data)[: self._size]
        raise OSError("chunk %d is not at the broker" % number)

    async def _holds(self, path: str, entry: release.Entry) -> bool:
        """Whether a file has the size and the hash of an entry."""
        if _size(path) != entry.size:
            return False
        digest = hashlib.sha256()
        with open(path, "rb") as f:
            n = f.readinto(self._data)
            while n:
                digest.update(memoryview(self._data)[:n])
                n = f.readinto(self._data)
                await sleep_ms(0)
        return hexlify(digest.digest()).decode() == entry.sha256


def _size(path: str) -> int:
    """Return the size of a file, -1 when there is none [B]."""
    try:
        return os.stat(path)[6]
    except OSError:
        return -1


def _running() -> str:
    """Return the folder that the running packages were imported from."""
    here: str = getattr(sys.modules[__name__], "__file__", "") or ""
    return here.rsplit("/", 2)[0] if here.count("/") >= 2 else "."


def _make_folders(path: str) -> None:
    at = path.find("/")
    while at > 0:
        try:
            os.mkdir(path[:at])
        except OSError as err:
            if err.args[0] != 17:  # EEXIST
                raise
        at = path.find("/", at + 1)


def _remove(path: str) -> None:
    """Remove a folder and all in it, if it is there."""
    try:
        names = os.listdir(path)
    except OSError:
        return
    for name in names:
        inner = path + "/" + name
        if os.stat(inner)[0] & 0x4000:
            _remove(inner)
        else:
            os.remove(inner)
    os.rmdir(path)
