"""The raw journal: every message as it came, on disk before anybody is told it is safe.

Append-only segments `00000001.log`, … in one folder. A record is a header (magic, kind, topic
length, payload length, receive time, CRC32 of topic and payload and the header before it), the
topic and the payload. `append` buffers, `sync` writes and calls fdatasync: only after `sync` may a
message be acknowledged. A position (segment, offset) marks what the database has taken in; at
start everything after it is read again.

What is wrong on disk is counted, never fatal. A torn tail was never synced, so never acknowledged,
and is cut (`cut_bytes`). Damage with good records after it costs the records it hit and no other
(`damaged_bytes`). While the disk is full `sync` raises and keeps what it was given for the next
try; nothing may be acknowledged until it returns. It must never decode a payload.
"""

import logging
import os
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

log = logging.getLogger(__name__)
#: How a message came; a retained one was said some time before, and comes at each subscription.
RAW, OVERSIZE, REPEATED, RETAINED = 0, 1, 2, 3
_HEAD = struct.Struct("<HBBHIqI")
_MAGIC = 0xCB17
_MAGIC_BYTES = _MAGIC.to_bytes(2, "little")
_SUM_AT = _HEAD.size - 4
_FRONT = struct.Struct("<HBBHIq")
_SUM = struct.Struct("<I")
#: No record is longer; what says so is damage. [B]
_LONGEST = 1 << 17


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
        self.cut_bytes = self.damaged_bytes = 0
        #: Where the record ends that `replay` yielded last.
        self.replayed = Position(1, 0)
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

    @property
    def pending(self) -> bool:
        """Whether records are buffered that `sync` has not made safe."""
        return bool(self._pending)

    def append(self, record: Record) -> None:
        """Buffer one record; it is not safe before `sync`."""
        self.extend((record,))

    def extend(self, records: Sequence[Record]) -> None:
        """Buffer records; they are not safe before `sync`."""
        add, front, total = self._pending.extend, _FRONT.pack, _SUM.pack
        for text, payload, received_ms, kind in records:
            topic = text.encode()
            head = front(_MAGIC, kind, 0, len(topic), len(payload), received_ms)
            add((head, total(crc32(payload, crc32(topic, crc32(head)))), topic, payload))

    def sync(self) -> None:
        """Write what is buffered in one piece and force it to disk.

        Raises
        ------
        OSError
            If the disk does not take it; what was written of it is taken back and the next
            `sync` tries again.
        """
        if not self._pending:
            return
        data = b"".join(self._pending)
        self._pending = [data]
        view = memoryview(data)
        try:
            while view:
                view = view[self._file.write(view) :]
            os.fdatasync(self._file.fileno())
        except OSError:
            self._file.truncate(self._offset)
            raise
        self._pending = []
        self._offset += len(data)
        if self._offset >= self._limit:
            self._roll()

    def replay(self, start: Position) -> Iterator[Record]:
        """Yield every record after a position, cutting a torn tail off the last segment.

        Parameters
        ----------
        start : Position
            Where the database stands.

        Yields
        ------
        Record
            In the order of `append`; damaged ones are left out and counted.
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
        """Close the file; what is buffered was never acknowledged."""
        self._pending.clear()
        self._file.close()

    def _read(self, number: int, offset: int) -> Iterator[Record]:
        data = self._path(number).read_bytes()
        while offset < len(data):
            record, end = _parse(data, offset)
            if record is None:
                end = _next_good(data, offset + 1)
                if end == len(data) and number == self._segment:
                    self._cut(offset, end)
                    return
                self.damaged_bytes += end - offset
                log.error(
                    "%s: %d bytes from byte %d on are damaged and lost; the rest is read",
                    self._path(number),
                    end - offset,
                    offset,
                )
            else:
                self.replayed = Position(number, end)
                yield record
            offset = end

    def _cut(self, offset: int, size: int) -> None:
        self.cut_bytes += size - offset
        self._file.truncate(offset)
        os.fdatasync(self._file.fileno())
        self._offset = offset

    def _roll(self) -> None:
        try:
            file = self._path(self._segment + 1).open("ab", buffering=0)
        except OSError as err:  # what was synced stays so; this file grows on until there is room
            log.warning("%s: no new journal file: %s", self._folder, err)
            return
        self._file.close()
        self._file, self._segment, self._offset = file, self._segment + 1, 0
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
    if magic != _MAGIC or end > len(data) or end - at > _LONGEST:
        return None, at
    if crc32(data[body:end], crc32(data[at : at + _SUM_AT])) != crc:
        return None, at
    topic = data[body : body + topic_len].decode()
    return Record(topic, data[body + topic_len : end], received_ms, kind), end


def _next_good(data: bytes, at: int) -> int:
    # Where the next whole record starts, or the end of the data.
    at = data.find(_MAGIC_BYTES, at)
    while at >= 0:
        if _parse(data, at)[0] is not None:
            return at
        at = data.find(_MAGIC_BYTES, at + 1)
    return len(data)


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
    at = 0
    while at < len(data):
        record, end = _parse(data, at)
        if record is not None:
            yield record
        at = _next_good(data, at + 1) if record is None else end
