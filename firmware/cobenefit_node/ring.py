"""The flash ring: packs in fixed segments, kept until the gateway's ack covers them.

A directory holds segment files with rising numbers and a small state (boot counter, acks, losses)
in two alternating files. Packs are appended and flushed one by one; a segment whose packs are all
acked is removed; a full ring removes its oldest segment and counts, per boot and channel, the
readings that were in it and not acked. No pack is held in memory.

A sequence number is used up only when its record was flushed. A damaged record is skipped; its
sequence is declared lost once everything before it has been acked. An ack that says something new
is saved before a segment goes, so that no pack is ever counted as lost after its ack.

    ring = Ring("/ring", 16, 16384)
    position = ring.append("soil_ph", 60, pack.encode(Pack(ring.boot, ring.seq, …)))
"""

import os

from cobenefit_node import segment
from cobenefit_node.acked import Acked
from cobenefit_node.twin import Twin
from cobenefit_wire import pack
from cobenefit_wire.errors import WireError
from cobenefit_wire.hints import Any, const

#: Boots whose acks (the oldest with packs here) and losses (the newest) are remembered.
_BOOTS = const(32)
#: Bounds of ranges above the floor remembered per boot: 64 pairs, the lowest.
_RANGES = 128
#: Stretches of damaged records that wait for their turn to be declared.
_HOLES = const(32)


class Segment:
    """One file: its number, its size and the runs [boot, low, high] of sequences in it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.size = 0
        self.runs: list[list[int]] = []

    def add(self, boot: int, seq: int, end: int) -> None:
        """Note that a record of that sequence ends at `end` [bytes]."""
        self.size = end
        if self.runs and self.runs[-1][0] == boot:
            self.runs[-1][2] = seq
        else:
            self.runs.append([boot, seq, seq])


class Ring:
    """Packs on the file system between the sampler and the gateway's ack."""

    def __init__(
        self, directory: str, segments: int, segment_bytes: int,
        resume: Any = None, first_boot: int = 1,
    ) -> None:  # fmt: skip
        """`resume` is the (boot, sequence) of a node that only slept, see `duty.py`."""
        self._dir = directory
        self._limit = segments
        self._segment_bytes = segment_bytes
        self._segments: list[Segment] = []
        self._acked: dict[int, Acked] = {}
        self._lost: dict[int, list[Any]] = {}
        self._holes: list[
            tuple[int, int, int, str, int]
        ] = []  # boot, low, high, channel, readings
        self._number = 0
        self._writer: Any = None
        self._reader: tuple[Any, ...] = (-1, 0, None)
        self.damaged = 0
        self.losses = 0
        self.forgot = False
        self.boot = first_boot  # unless the state or the records know better
        self.seq = 0
        _make_directory(directory)
        self._twin = Twin(directory + "/state")
        self._restore()
        self._recover()
        if resume is None or not self._resumed(*resume):
            self.save()

    def append(self, channel: str, readings: int, data: bytes) -> tuple[int, int]:
        """Write a pack that bears (`boot`, `seq`) and flush it; return its position.

        OSError when the file system refuses: the sequence is then not used up.
        """
        record = segment.encode(self.boot, self.seq, channel, readings, data)
        if self._writer is None or self._segments[-1].size + len(record) > self._segment_bytes:
            self._rotate()
        last = self._segments[-1]
        try:
            self._writer.write(record)
            self._writer.flush()
        except OSError:
            self.close()  # what was half written stays behind; the next record gets a new file
            raise
        Twin.written += len(record)
        at = last.size
        last.add(self.boot, self.seq, at + len(record))
        self.seq += 1
        return last.number, at

    def read(self, position: tuple[int, int]) -> Any:
        """Return (record, pack bytes) at a position; None when it is gone or damaged."""
        record = self.head(position)
        if record is None:
            return None
        f = self._file(position[0], record.end)
        f.seek(record.data_at)
        data = f.read(record.end - record.data_at)
        try:
            _, boot, seq, _, _ = pack.check(data)
        except WireError:
            boot, seq = -1, -1
        if (boot, seq) != (record.boot, record.seq):
            self._damage(record.boot, record.seq, record.seq, record.channel, record.readings)
            return None
        return record, data

    def head(self, position: tuple[int, int]) -> Any:
        """Return the record at a position without its pack; None when it is gone."""
        for part in self._segments:
            if part.number == position[0]:
                f = self._file(part.number, part.size)
                return segment.record_at(f, position[1], part.size)
        return None

    def following(self, position: tuple[int, int]) -> Any:
        """Return (record, its position, the position after it) at or after one, or None."""
        number, at = position
        for part in self._segments:
            if part.number < number or (part.number == number and at >= part.size):
                continue
            at = at if part.number == number else 0
            record = segment.next_record(self._file(part.number, part.size), at, part.size)
            if record is not None:
                return record, (part.number, record.at), (part.number, record.end)
        return None

    def covers(self, boot: int, seq: int) -> bool:
        """Whether a pack needs no sending any more: acked, or declared lost."""
        if boot in self._acked and self._acked[boot].covers(seq):
            return True
        if boot in self._lost and seq < self._lost[boot][0]:
            return True
        return any(h[0] == boot and h[1] <= seq <= h[2] for h in self._holes)

    def commit(self, boot: int, floor: int, ranges: list[int]) -> None:
        """Take an ack: forget the packs it covers.

        What earlier acks said stays true, whatever this one leaves out. `forgot` is set when it
        says more than is kept; such packs still count as waiting.
        """
        if boot != self.boot and not any(boot == run[0] for s in self._segments for run in s.runs):
            return
        known = self._acked.get(boot, Acked())
        below = self._lost[boot][0] if boot in self._lost else 0
        acked = known.joined(max(floor, below), ranges)
        if len(acked.ranges) > _RANGES:
            self.forgot = True
            acked.ranges = acked.ranges[:_RANGES]
        self._acked[boot] = acked
        self._declare_holes()
        if (acked.floor, acked.ranges) != (known.floor, known.ranges):
            self.save()
            self._free()

    def waiting(self) -> int:
        """Return how many packs are neither acked nor declared lost."""
        n = 0
        for part in self._segments:
            for boot, low, high in part.runs:
                n += self._awaited(boot, low, high)
                for hole in self._holes:
                    if hole[0] == boot:
                        n -= self._awaited(boot, max(low, hole[1]), min(high, hole[2]))
        return n

    def _awaited(self, boot: int, low: int, high: int) -> int:
        """Return how many sequences of low to high are neither acked nor below a loss."""
        if boot in self._lost:
            low = max(low, self._lost[boot][0])
        if low > high:
            return 0
        return high - low + 1 - (self._acked[boot].count(low, high) if boot in self._acked else 0)

    def used_ratio(self) -> float:
        """Return the share of the ring's segments in use, 0 to 1."""
        return len(self._segments) / self._limit

    def lost(self) -> list[Any]:
        """Return the losses as `messages.Health.lost` wants them."""
        return [
            [boot, self._lost[boot][0], [[c, n] for c, n in sorted(self._lost[boot][1].items())]]
            for boot in sorted(self._lost)
        ]

    def count_lost(self, boot: int, below: int, channel: str, readings: int) -> None:
        """Count readings that will never arrive; all sequences below `below` are settled."""
        self.losses += 1
        entry = self._lost.setdefault(boot, [0, {}])
        entry[0] = max(entry[0], below)
        if readings:
            entry[1][channel] = entry[1].get(channel, 0) + readings

    def close(self) -> None:
        """Close the files; the next append starts a new segment."""
        for f in (self._writer, self._reader[2]):
            if f is not None:
                f.close()
        self._writer = None
        self._reader = (-1, 0, None)

    def settle(self) -> None:
        """Close the files, remove every segment of which nothing is awaited, and save."""
        self.close()
        self._free()
        self.save()

    def save(self) -> None:
        """Write boot counter, acks and losses; OSError when the file system refuses."""
        held = {run[0] for part in self._segments for run in part.runs}
        for boot in [b for b in self._acked if b not in held] + sorted(held)[_BOOTS:]:
            if boot != self.boot and self._acked.pop(boot, None) is not None and boot in held:
                self.forgot = True
        for boot in sorted(self._lost)[:-_BOOTS]:
            del self._lost[boot]
        acked = [[b, a.floor, list(a.ranges)] for b, a in self._acked.items()]
        self._twin.save([self.boot, acked, self.lost()])

    def _resumed(self, boot: int, seq: int) -> bool:
        """Go on with a boot; not where damage has taken the place of its next record."""
        for part in self._segments:
            for run in part.runs:
                if run[0] == boot:
                    seq = max(seq, run[2] + 1)
        if boot != self.boot - 1 or self._twin.damaged or self.covers(boot, seq):
            return False
        self.boot, self.seq = boot, seq
        return True

    def _restore(self) -> None:
        state = self._twin.load()
        self.damaged = self._twin.damaged
        if state is None:
            return
        # The twin that is left may be of the boot before the last one; a number is never reused.
        self.boot = state[0] + (2 if self.damaged else 1)
        for boot, floor, ranges in state[1]:
            self._acked[boot] = Acked(floor, ranges)
        for boot, below, counts in state[2]:
            self._lost[boot] = [below, dict([(c, n) for c, n in counts])]  # noqa: C404

    def _recover(self) -> None:
        """Index the segments found; keep the whole records of a torn last one."""
        numbers = sorted(int(n[:8], 16) for n in os.listdir(self._dir) if n.endswith(".seg"))
        torn = self.damaged > 0
        for number in numbers:
            part = Segment(number)
            self._number = number
            size = os.stat(self._path(number))[6]
            torn = self._scan(part, size, torn)
            self._segments.append(part)
            # The boot counter can only be behind the records when both its twins were lost.
            self.boot = max([self.boot] + [run[0] + 1 for run in part.runs])
            if number == numbers[-1] and not torn and size < self._segment_bytes:
                self._writer = open(self._path(number), "ab")  # noqa: SIM115
        if torn:
            self._tail(self._segments, -1)
        self._declare_holes()
        self._free()

    def _scan(self, part: Segment, size: int, hurt: bool) -> bool:
        """Note the records of a file; return whether it ends in something that is none.

        `hurt` says that of the file before.
        """
        at = 0
        with open(self._path(part.number), "rb") as f:
            while True:
                record = segment.next_record(f, at, size)
                if record is None:
                    break
                if record.at > at or hurt:
                    self._missing(part, record.boot, record.seq)
                hurt = False
                part.add(record.boot, record.seq, record.end)
                at = record.end
        if at < size and not part.runs:
            self.damaged += 1
        return at < size

    def _missing(self, part: Segment, boot: int, seq: int) -> None:
        """Take the sequences just below one for damaged, down to the last one known."""
        parts = self._segments + [part]  # noqa: RUF005 MicroPython has no [*a, b]
        self._tail(parts, boot)
        runs = [run for s in parts for run in s.runs if run[0] == boot]
        acked = self._acked.get(boot)
        low = runs[-1][2] + 1 if runs else acked.floor if acked else 0
        while low < seq and self.covers(boot, low):
            low += 1
        if low < seq:
            self._damage(boot, low, seq - 1, "", 0)

    def _tail(self, parts: list[Segment], boot: int) -> None:
        """Take the end of a boot's records for one more, damaged, when another boot follows.

        Where the same boot went on, its own sequences tell whether one is missing.
        """
        runs = [run for s in parts for run in s.runs]
        if runs and runs[-1][0] != boot:
            self._damage(runs[-1][0], runs[-1][2] + 1, runs[-1][2] + 1, "", 0)

    def _damage(self, boot: int, low: int, high: int, channel: str, readings: int) -> None:
        if self.covers(boot, low):
            return
        if len(self._holes) >= _HOLES:
            self.forgot = True  # it is found, and counted, again
            return
        self.damaged += high - low + 1
        self._holes.append((boot, low, high, channel, readings))
        self._declare_holes()

    def _declare_holes(self) -> None:
        """Declare damaged sequences lost as soon as nothing below them is awaited."""
        waiting = []
        for hole in sorted(self._holes):
            boot, low, high, channel, readings = hole
            acked = self._acked.get(boot, Acked())
            below = self._lost[boot][0] if boot in self._lost else 0
            if acked.covers(high) and acked.covers(low):
                continue
            if acked.extended(max(acked.floor, below)) >= low:
                self.count_lost(boot, high + 1, channel, readings)
            else:
                waiting.append(hole)
        self._holes = waiting

    def _free(self) -> None:
        """Remove the segments of which nothing is awaited; never the one being written."""
        keep = self._segments[-1] if self._writer is not None else None
        done = [s for s in self._segments if s is not keep and self._settled(s)]
        for part in done:
            self._remove(part)

    def _settled(self, part: Segment) -> bool:
        return not any(self._awaited(boot, low, high) for boot, low, high in part.runs)

    def _rotate(self) -> None:
        self.close()
        while len(self._segments) >= self._limit:
            self._drop(self._segments[0])
        self._number += 1  # never a number again: the uplink's cursor knows them
        part = Segment(self._number)
        self._writer = open(self._path(part.number), "wb")  # noqa: SIM115
        self._segments.append(part)
        self._free()

    def _drop(self, part: Segment) -> None:
        """Make room: count what the oldest segment still held, then remove it."""
        at = 0
        f = self._file(part.number, part.size)
        while True:
            record = segment.next_record(f, at, part.size)
            if record is None:
                break
            covered = self.covers(record.boot, record.seq)
            self.count_lost(
                record.boot, record.seq + 1, record.channel, 0 if covered else record.readings
            )
            at = record.end
        self.save()  # before the file goes: a cut between the two must not count it twice
        self._remove(part)

    def _remove(self, part: Segment) -> None:
        if self._reader[0] == part.number:
            self._reader[2].close()
            self._reader = (-1, 0, None)
        self._segments.remove(part)
        os.remove(self._path(part.number))

    def _file(self, number: int, size: int) -> Any:
        """Return a file to read; on littlefs a reader only sees what was there on opening."""
        if self._reader[0] != number or self._reader[1] < size:
            if self._reader[2] is not None:
                self._reader[2].close()
            self._reader = (number, size, open(self._path(number), "rb"))  # noqa: SIM115
        return self._reader[2]

    def _path(self, number: int) -> str:
        return self._dir + "/%08x.seg" % number


def _make_directory(path: str) -> None:
    try:
        os.mkdir(path)
    except OSError:
        os.listdir(path)  # it exists, or this raises and says why it can't
