"""What a batch needs to know of many series at once: columns indexed by series number.

Rules are written when a series is made; the last readings change with every batch. Plain arrays
that double when they are full. It must do no I/O.

    >>> table = Table()
    >>> table.reserve(3)
    >>> int(table.max_t_ms[3]) == NEVER_MS
    True
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: No event time yet. [ms]
NEVER_MS = -(1 << 62)
_KINDS = {
    "low": (np.float64, 0.0),
    "high": (np.float64, 0.0),
    "gap_ms": (np.int64, 0),
    "join_ms": (np.int64, 0),
    "modulus": (np.float64, 0.0),
    "zone": (np.int32, 0),
    "counter": (np.bool_, False),
    "event": (np.bool_, False),
    "fine": (np.bool_, False),
    "rate_per_s": (np.float64, np.inf),
    "stuck_ms": (np.int64, 0),
    "deviations": (np.float64, 0.0),
    "max_t_ms": (np.int64, NEVER_MS),
    "last_t_ms": (np.int64, NEVER_MS),
    "last": (np.float64, np.nan),
    "suspect": (np.float64, np.nan),
}


class Table:
    """Columns of all series; entry 0 belongs to none."""

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    gap_ms: NDArray[np.int64]
    join_ms: NDArray[np.int64]
    modulus: NDArray[np.float64]
    zone: NDArray[np.int32]
    counter: NDArray[np.bool_]
    event: NDArray[np.bool_]
    fine: NDArray[np.bool_]
    rate_per_s: NDArray[np.float64]
    stuck_ms: NDArray[np.int64]
    deviations: NDArray[np.float64]
    max_t_ms: NDArray[np.int64]
    last_t_ms: NDArray[np.int64]
    last: NDArray[np.float64]
    suspect: NDArray[np.float64]

    def __init__(self) -> None:
        self.zones: list[str] = []
        for name, (kind, nothing) in _KINDS.items():
            setattr(self, name, np.full(64, nothing, dtype=kind))

    def reserve(self, number: int) -> None:
        """Make room for a series.

        Parameters
        ----------
        number : int
            Its number, > 0. [1]
        """
        if number < self.low.size:
            return
        size = max(2 * self.low.size, number + 1)
        for name, (kind, nothing) in _KINDS.items():
            grown: NDArray[Any] = np.full(size, nothing, dtype=kind)
            old = getattr(self, name)
            grown[: old.size] = old
            setattr(self, name, grown)

    def zone_number(self, zone: str) -> int:
        """Return the number of a time zone.

        Parameters
        ----------
        zone : str
            IANA name.

        Returns
        -------
        int
            Index in `zones`. [1]
        """
        if zone not in self.zones:
            self.zones.append(zone)
        return self.zones.index(zone)
