"""Non-routine events of a study: what else changed the use, when, by what evidence, who says so.

Only the author of a study declares an event; an alarm may suggest one, it never applies it.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from cobenefit_backend import accuracy
from cobenefit_backend.bodies import Name

Said = Annotated[str, Meta(min_length=1, max_length=500)]


class EventEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """One dated event; `end` is exclusive, no device means all of the study's."""

    start: str
    end: str
    kind: Literal["closure", "works", "equipment", "occupancy", "extension", "outage", "other"]
    treatment: Literal["exclude", "adjust"]
    evidence: Said
    author: Said
    devices: list[Name] = field(default_factory=list)

    @property
    def days(self) -> tuple[date, date]:
        """First day, and the day after the last."""
        return date.fromisoformat(self.start), date.fromisoformat(self.end)


def event_problems(
    events: Sequence[EventEntry],
    periods: tuple[date, date, date, date],
    devices: Sequence[str],
) -> Iterator[tuple[str, str]]:
    """Name what of the events does not hold.

    Parameters
    ----------
    events : sequence of EventEntry
        Events of one study.
    periods : tuple of date
        Baseline start and end, reporting start and end.
    devices : sequence of str
        Devices of the study.

    Yields
    ------
    tuple of str
        Key and problem.
    """
    for row, event in enumerate(events):
        where = f"event {row + 1}"
        try:
            start, end = event.days
        except ValueError as error:
            yield f"{where}.start, end", f"dates are written YYYY-MM-DD: {error}"
            continue
        if end <= start:
            yield f"{where}.end", f"{end} must lie after the start {start}; ends are exclusive"
        inside = any(start < last and first < end for first, last in (periods[:2], periods[2:]))
        if not inside:
            yield f"{where}.start, end", "lies outside the baseline and the reporting period"
        if strange := sorted(set(event.devices) - set(devices)):
            yield f"{where}.devices", f"no device of this study: {', '.join(strange)}"


def class_problem(name: str) -> str:
    """Return why an accuracy class does not hold; empty where it does, or none is named."""
    if not name or name in accuracy.load():
        return ""
    return f"unknown class {name!r}, allowed: {', '.join(accuracy.load())}"
