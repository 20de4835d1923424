"""What the readers of a file give and what is asked of them.

A sample spans time (a mean power, an energy) or is an instant (an index, a temperature): then its
end is its start. Times are Unix milliseconds; `number` is the line of the file, or the record of a
SenML array, counted from 1.
"""

from dataclasses import dataclass
from typing import NamedTuple

from cobenefit_backend.errors import InputError
from cobenefit_wire import units

HOUR_MS = 3_600_000
MAX_SAMPLES = 400_000
"""Samples of one file at most: eleven years of quarter hours."""


class Sample(NamedTuple):
    """One value of a series, in the unit of its channel."""

    start_ms: int
    end_ms: int
    value: float


class Draft(NamedTuple):
    """A sample as a file has it."""

    number: int
    start_ms: int
    end_ms: int
    value: float
    unit: str


class Refusal(NamedTuple):
    """A line that is not taken, and why."""

    number: int
    reason: str
    text: str


class Drafts(NamedTuple):
    """What a reader found in a file."""

    drafts: list[Draft]
    refused: list[Refusal]


@dataclass(frozen=True, slots=True)
class Target:
    """The series that a file is imported into.

    Parameters
    ----------
    site, device, channel : str
        Its name.
    timezone : str
        Time zone of the site: days are its days, and times without an offset are read in it.
    """

    site: str
    device: str
    channel: str
    timezone: str

    @property
    def quantity(self) -> units.Quantity:
        """What the channel measures.

        Raises
        ------
        InputError
            If the channel is none of docs/reference/quantities.md, or counts events.
        """
        name = units.quantity_of(self.channel)
        found = units.QUANTITIES.get(name)
        if found is None or found.kind == units.EVENT:
            takes = ", ".join(sorted(n for n, q in units.QUANTITIES.items() if q.kind != "event"))
            raise InputError(
                f"{self.channel!r} can't be imported; one of {takes}", where="channel",
                kind="bad_channel",
            )  # fmt: skip
        return found
