"""The ledger check: what the sensors served is what the store holds, reading by reading.

For every device and channel: stored + quarantined + declared lost == served, and each reason for
which a value was spoilt on purpose is the reason under which it was put aside.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Served = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Line:
    """One channel in the balance; all numbers count readings.

    Parameters
    ----------
    device, channel : str
        Whose readings.
    served : int
        Values the sensor served, good or spoilt. [1]
    stored, quarantined, lost : int
        What became of them. [1]
    reasons_agree : bool
        Whether the reasons are those for which the sensor spoilt them.
    """

    device: str
    channel: str
    served: int
    stored: int
    quarantined: int
    lost: int
    reasons_agree: bool

    @property
    def balanced(self) -> bool:
        """Return whether nothing is missing, nothing is there twice and every reason agrees."""
        return self.served == self.stored + self.quarantined + self.lost and self.reasons_agree


def balance(served: Mapping[str, Served], series: Iterable[Mapping[str, Any]]) -> list[Line]:
    """Compare the ledgers of the sensors with the data section of a report.

    Parameters
    ----------
    served : mapping
        Per device the summary of its peer's ledger.
    series : iterable of mapping
        `data.series` of a report: readings stored, quarantined by reason and lost.

    Returns
    -------
    list of Line
        One line per device and channel that either side knows.
    """
    found = {(row["device"], row["channel"]): row for row in series if row["channel"]}
    keys = {(device, channel) for device, rows in served.items() for channel in rows}
    return [
        _line(device, channel, served.get(device, {}).get(channel, {}), found.get(key, {}))
        for key in sorted(keys | found.keys())
        for device, channel in [key]
    ]


def _line(device: str, channel: str, served: Mapping[str, Any], row: Mapping[str, Any]) -> Line:
    faults = dict(served.get("faults", {}))
    reasons = dict(row.get("quarantined", {}))
    lost = int(row.get("lost", 0))
    return Line(
        device,
        channel,
        int(served.get("count", 0)) + sum(faults.values()),
        int(row.get("stored", 0)),
        sum(reasons.values()),
        lost,
        lost > 0 or faults == reasons,
    )
