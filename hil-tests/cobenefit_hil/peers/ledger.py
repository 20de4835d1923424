"""The ledger of a peer: every value it served, once per instant and channel.

A good value enters the totals of its channel; a faulty one is counted under the reason the node
or the gateway must give it (words of `cobenefit_wire.quality.NAMES`). So for each channel:
readings stored + quarantined + declared lost == `count` + sum of `faults`, reason by reason.
Every booking is also a line of ``<device>.ledger.csv``: ``t_ms,channel,value,reason``.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock


@dataclass(slots=True)
class Totals:
    """What one channel served; `first` and `last` are good values in order of booking."""

    count: int = 0
    total: int = 0
    first: int | None = None
    last: int | None = None
    faults: Counter[str] = field(default_factory=Counter)


class Ledger:
    """Book-keeping of one device; safe to read while a peer books."""

    def __init__(self, device: str, directory: Path) -> None:
        self.device = device
        self.path = directory / f"{device}.ledger.csv"
        self.channels: dict[str, Totals] = {}
        self._lock = Lock()
        self._file = self.path.open("w", encoding="ascii", newline="")
        self._file.write("t_ms,channel,value,reason\n")

    def book(self, t_ms: int, values: Mapping[str, int], faults: Mapping[str, str]) -> None:
        """Book one instant.

        Parameters
        ----------
        t_ms : int
            The instant, Unix time. [ms]
        values : mapping of str to int
            Value by channel, at the exponent of its quantity; under a fault the value that would
            have been served. [channel's own unit]
        faults : mapping of str to str
            Reason by channel, for the channels that are faulty at this instant.
        """
        with self._lock:
            for channel, value in values.items():
                reason = faults.get(channel, "")
                self._file.write(f"{t_ms},{channel},{value},{reason}\n")
                totals = self.channels.setdefault(channel, Totals())
                if reason:
                    totals.faults[reason] += 1
                else:
                    totals.count += 1
                    totals.total += value
                    totals.first = value if totals.first is None else totals.first
                    totals.last = value

    def summary(self) -> dict[str, dict[str, object]]:
        """Return the totals by channel, ready for JSON.

        Returns
        -------
        dict of str to dict
            ``count``, ``sum``, ``first``, ``last`` and ``faults`` (count by reason) per channel.
        """
        with self._lock:
            return {
                channel: {
                    "count": totals.count,
                    "sum": totals.total,
                    "first": totals.first,
                    "last": totals.last,
                    "faults": dict(totals.faults),
                }
                for channel, totals in self.channels.items()
            }

    def close(self) -> None:
        """Flush and close the file; further bookings fail."""
        with self._lock:
            self._file.close()
