"""What the gateway has made durable of one boot: a floor, and ranges above it.

Example:
    >>> Acked(3, (5, 6)).count(0, 9)
    5
"""

from cobenefit_wire.hints import Any


class Acked:
    """All sequences below `floor`, and low to high inclusive of each pair in `ranges`."""

    def __init__(self, floor: int = 0, ranges: tuple[int, ...] = ()) -> None:
        self.floor = floor
        self.ranges = tuple(ranges)

    def covers(self, seq: int) -> bool:
        """Whether a sequence is durable."""
        if seq < self.floor:
            return True
        ranges = self.ranges
        return any(ranges[i] <= seq <= ranges[i + 1] for i in range(0, len(ranges), 2))

    def count(self, low: int, high: int) -> int:
        """Return how many of the sequences low to high inclusive are durable."""
        n = max(0, min(self.floor - 1, high) - low + 1)
        for i in range(0, len(self.ranges), 2):
            start = max(self.ranges[i], low, self.floor)
            n += max(0, min(self.ranges[i + 1], high) - start + 1)
        return n

    def joined(self, floor: int, ranges: list[int]) -> "Acked":
        """Return all that this, another floor or other ranges cover."""
        floor = max(self.floor, floor)
        out: list[int] = []
        for low, high in sorted(_pairs(self.ranges) + _pairs(ranges)):
            if low <= floor:
                floor = max(floor, high + 1)
            elif out and low <= out[-1] + 1:
                out[-1] = max(out[-1], high)
            else:
                out += (low, high)
        return Acked(floor, tuple(out))

    def extended(self, floor: int) -> int:
        """Return the first sequence at or above `floor` that is not durable."""
        for low, high in _pairs(self.ranges):
            if low <= floor:
                floor = max(floor, high + 1)
        return floor


def _pairs(ranges: Any) -> list[tuple[int, int]]:
    return [(ranges[i], ranges[i + 1]) for i in range(0, len(ranges), 2)]
