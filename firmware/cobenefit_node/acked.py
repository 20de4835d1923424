"""What the gateway has made durable of one boot: a floor, and ranges above it.

Example:
    >>> Acked(3, (5, 6)).count(0, 9)
    5
"""


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
