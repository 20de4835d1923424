"""The raw journal: every message as it came, on disk before anybody is told it is safe.

Append-only segments `00000001.log`, … in one folder. A record is a header (magic, kind, topic
length, payload length, receive time, CRC32 of topic and payload and the header before it), the
topic and the payload. `append` buffers, `sync` writes and calls fdatasync: only after `sync` may a
message be acknowledged. A position (segment, offset) marks what the database has taken in; at
start everything after it is read again. A torn tail was never synced, so never acknowledged, and
is cut. It must never decode a payload.
"""

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from cobenefit_gateway.errors import StorageError

RAW, OVERSIZE, REPEATED = 0, 1, 2
_HEAD = struct.Struct("<HBBHIqI")
_MAGIC = 0xCB17
_SUM_AT = _HEAD.size - 4


class Record(NamedTuple):
    """One message as received; `kind` OVERSIZE carries a digest instead of the payload."""

    topic: str
    payload: bytes
    received_ms: int
    kind: int = RAW


class Position(NamedTuple):
    """A place in the journal: segment number and byte offset in it."""

    segment: int
    offset: int


class Journal:
    """Append-only segments in one folder; one writer.

    Parameters
    ----------
    folder : Path
        Where the segments are; made when missing.
    segment_bytes : int
        A new segment starts above this size. [B]
    """

    def __init__(self, folder: Path, segment_bytes: int) -> None:
        self._folder = folder
        self._limit = segment_bytes
        self._pending: list[bytes] = []
        self.cut_bytes = 0
        folder.mkdir(parents=True, exist_ok=True)
        numbers = self._numbers()
        self._segment = numbers[-1] if numbers else 1
        self._file = self._path(self._segment).open("ab", buffering=0)
        self._offset = self._file.tell()
        if not numbers:
            self._sync_folder()

    @property
    def position(self) -> Position:
        """The end of what is written."""
        return Position(self._segment, self._offset)

    def append(self, record: Record) -> None:
        """Buffer one record; it is not safe before `sync`."""
        topic = record.topic.encode()
        head = _HEAD.pack(
            _MAGIC, record.kind, 0, len(topic), len(record.payload), record.received_ms, 0
        )[:_SUM_AT]
        body = topic + record.payload
        self._pending += (head, struct.pack("<I", crc32(body, crc32(head))), body)

    def sync(self) -> None:
        """Write what is buffered and force it to disk."""
        if not self._pending:
            return
        data = b"".join(self._pending)
        self._pending.clear()
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]
        os.fdatasync(self._file.fileno())
        self._offset += len(data)
        if self._offset >= self._limit:
            self._roll()

    def replay(self, start: Position) -> Iterator[Record]:
        """Yield every record after a position, cutting a torn tail off the last segment.

        Parameters
        ----------
        start : Position
            Where the database stands.

        Raises
        ------
        StorageError
            If bytes before the end of the journal do not check out.
        """
        for number in self._numbers():
            if number < start.segment:
                continue
            offset = start.offset if number == start.segment else 0
            yield from self._read(number, offset)

    def drop_before(self, position: Position) -> None:
        """Delete the segments that lie wholly before a position."""
        for number in self._numbers():
            if number < position.segment:
                self._path(number).unlink()

    def close(self) -> None:
        """Sync what is buffered and close the file."""
        self.sync()
        self._file.close()

    def _read(self, number: int, offset: int) -> Iterator[Record]:
        data = self._path(number).read_bytes()
        while offset < len(data):
            record, end = _parse(data, offset)
            if record is None:
                self._cut(number, offset, len(data))
                return
            yield record
            offset = end

    def _cut(self, number: int, offset: int, size: int) -> None:
        if number != self._segment:
            raise StorageError(
                f"{self._path(number)}: damaged at byte {offset}, before the end of the journal; "
                "restore the file or move it away to go on without it"
            )
        self.cut_bytes += size - offset
        self._file.truncate(offset)
        os.fdatasync(self._file.fileno())
        self._offset = offset

    def _roll(self) -> None:
        self._file.close()
        self._segment += 1
        self._file = self._path(self._segment).open("ab", buffering=0)
        self._offset = 0
        self._sync_folder()

    def _sync_folder(self) -> None:
        fd = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def _numbers(self) -> list[int]:
        return sorted(int(p.stem) for p in self._folder.glob("*.log") if p.stem.isdigit())

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:08d}.log"


def _parse(data: bytes, at: int) -> tuple[Record | None, int]:
    if at + _HEAD.size > len(data):
        return None, at
    magic, kind, _, topic_len, payload_len, received_ms, crc = _HEAD.unpack_from(data, at)
    body = at + _HEAD.size
    end = body + topic_len + payload_len
    if magic != _MAGIC or end > len(data):
        return None, at
    if crc32(data[body:end], crc32(data[at : at + _SUM_AT])) != crc:
        return None, at
    topic = data[body : body + topic_len].decode()
    return Record(topic, data[body + topic_len : end], received_ms, kind), end


def records(data: bytes) -> Iterator[Record]:
    """Yield every whole record of some bytes, skipping what is damaged between them.

    Parameters
    ----------
    data : bytes
        A segment, or what is left of one.

    Yields
    ------
    Record
        With a right checksum.
    """
    magic = struct.pack("<H", _MAGIC)
    at = 0
    while (at := data.find(magic, at)) >= 0:
        record, end = _parse(data, at)
        if record is None:
            at += 1
            continue
        yield record
        at = end
