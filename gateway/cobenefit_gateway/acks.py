"""Which pack sequences of one boot are durable: a floor and ranges above it.

Pure bookkeeping; the same object de-duplicates and says what to acknowledge.

    >>> got = Sequences()
    >>> [got.add(n) for n in (0, 1, 3, 1)]
    [True, True, True, False]
    >>> got.floor, got.ranges
    (2, [3, 3])
"""

from bisect import bisect_right
from dataclasses import dataclass, field

import cbor2

from cobenefit_wire.messages import Ack

#: A boot whose sequences arrive in more stretches than this is not taken further.
MAX_RANGES = 4096
#: An ack lists the lowest ranges up to this many, so that it stays a small message, and those of
#: what has just arrived: a node that was told nothing about a pack would send it for ever.
ACK_RANGES = 32


#: Most boots have no range, and share that they have none; never changed in place.
_NO_RANGES: list[int] = []


class TooManyRangesError(ValueError):
    """The sequences of one boot are too scattered to keep; the pack is left to be sent again."""


def encode_ack(ack: Ack) -> bytes:
    """Return the bytes of an ack, as `cobenefit_wire.messages.encode` does but in C."""
    return cbor2.dumps({i + 1: x for i, x in enumerate(ack)})


@dataclass(slots=True)
class Sequences:
    """All sequences below `floor`, and `ranges` [low, high, …] inclusive above it.

    `number` is that of its row in the database, 0 while it has none.
    """

    floor: int = 0
    ranges: list[int] = field(default_factory=lambda: _NO_RANGES)
    arrived: set[int] | None = field(default=None, compare=False)  # most have none: it is large
    number: int = field(default=0, compare=False)

    def add(self, seq: int) -> bool:
        """Take one sequence; False when it was there already.

        Parameters
        ----------
        seq : int
            Pack sequence, >= 0. [1]

        Returns
        -------
        bool
            Whether it is new.

        Raises
        ------
        TooManyRangesError
            If it would open one range too many.
        """
        if seq == self.floor and not self.ranges:
            self.floor += 1
            return True
        if seq < self.floor:
            return False
        self.arrived = self.arrived or set()
        self.arrived.add(seq)
        lows, highs = self.ranges[::2], self.ranges[1::2]
        i = bisect_right(lows, seq)
        if i and seq <= highs[i - 1]:
            return False
        if len(lows) >= MAX_RANGES and seq != self.floor:
            raise TooManyRangesError(f"more than {MAX_RANGES} ranges in one boot")
        self.ranges = [*self.ranges[: 2 * i], seq, seq, *self.ranges[2 * i :]]
        self._join(i)
        return True

    def raise_floor(self, below: int) -> None:
        """Stop waiting for every sequence below a number: the node declared them gone.

        Parameters
        ----------
        below : int
            The first sequence still awaited. [1]
        """
        if below <= self.floor:
            return
        self.floor = below
        while self.ranges and self.ranges[0] <= below:
            self.floor = max(self.floor, self.ranges[1] + 1)
            del self.ranges[:2]

    def ack(self, boot: int, t_ms: int) -> Ack:
        """Return what to tell the node; clear `arrived` once it is told.

        Parameters
        ----------
        boot : int
            The boot these sequences belong to. [1]
        t_ms : int
            Gateway time, Unix. [ms]

        Returns
        -------
        Ack
            Floor, the lowest ranges, and those that hold what has arrived.
        """
        lows = self.ranges[::2]
        arrived = self.arrived or ()
        chosen = {bisect_right(lows, seq) - 1 for seq in arrived if seq >= self.floor}
        chosen.update(range(min(len(lows), ACK_RANGES)))
        ranges = [bound for i in sorted(chosen) for bound in self.ranges[2 * i : 2 * i + 2]]
        return Ack(boot, self.floor, ranges, t_ms)

    def _join(self, i: int) -> None:
        r = self.ranges
        if 2 * i + 2 < len(r) and r[2 * i + 1] + 1 == r[2 * i + 2]:
            del r[2 * i + 1 : 2 * i + 3]
        if i and r[2 * i - 1] + 1 == r[2 * i]:
            del r[2 * i - 1 : 2 * i + 1]
        if r[0] == self.floor:
            self.floor = r[1] + 1
            del r[:2]
