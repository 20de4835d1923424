"""The external ledger: what the soak's devices have sent, counted when it first leaves.

It knows nothing of the gateway: sums are of the values as made, increases are last minus first
good value of a counter. Kept in one file, so that a run can be stopped and taken up again.
"""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

import fleet
import numpy as np
from fleet import READINGS, Ints


@dataclass
class Ledger:
    """One row per device, one column per channel; `rounds` were sent by every device."""

    sent: Ints
    total: Ints
    flagged: Ints
    bent: Ints
    lost: Ints
    first: Ints
    last: Ints
    rounds: int = 0
    copies: int = 0

    @classmethod
    def of(cls, devices: int) -> Self:
        """Return an empty one."""
        sent, total, flagged, bent, lost = np.zeros((5, devices, 2), dtype=np.int64)
        first, last = np.full((2, devices), -1, dtype=np.int64)
        return cls(sent, total, flagged, bent, lost, first, last)

    @property
    def readings(self) -> int:
        """All readings sent, flagged ones included [1]."""
        return int(self.sent.sum())

    def add(self, numbers: Ints, seq: int) -> None:
        """Count the packs of a round that some devices send, and those they give up."""
        channel, gone = seq % 2, fleet.never_sent(numbers, seq)
        self.lost[numbers[gone], channel] += READINGS
        numbers = numbers[~gone]
        made = fleet.values(numbers, seq)
        good = np.ones(made.shape, dtype=bool)
        for row in np.flatnonzero(fleet.flagged(numbers, seq)):
            good[row, fleet.flagged_at(int(numbers[row]), seq)] = False
        self.sent[numbers, channel] += READINGS
        self.flagged[numbers, channel] += (~good).sum(axis=1)
        self.total[numbers, channel] += (made * good).sum(axis=1)
        self.bent[numbers, channel] += fleet.bent(numbers, seq)
        if channel == 0:
            self.last[numbers] = np.where(good, made, -1).max(axis=1)
            lowest = np.where(good, made, np.iinfo(np.int64).max).min(axis=1)
            self.first[numbers] = np.where(self.first[numbers] < 0, lowest, self.first[numbers])

    def save(self, file: Path) -> None:
        """Write it; a reader sees the old or the new one, never half of it."""
        fresh = file.with_suffix(".new.npz")
        np.savez(fresh, **{f.name: getattr(self, f.name) for f in fields(self)})
        fresh.replace(file)

    @classmethod
    def load(cls, file: Path) -> Self:
        """Read it."""
        with np.load(file) as found:
            columns: dict[str, Any] = {f.name: found[f.name] for f in fields(cls)}
        for name in ("rounds", "copies"):
            columns[name] = int(columns[name])
        return cls(**columns)
