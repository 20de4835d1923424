"""Consent: one per purpose, with a resolution, and what it lets through; pure.

A device with a `household` in the study document measures people at home. Its daily readings are
taken in, finer ones only under a consent; none is used for a purpose nobody agreed to. Events are
only ever added, so that the state at any time can be told. All other devices pass.

>>> events = [Event("home", "m1", Purpose.SAVINGS, Resolution.HOURLY, Action.GRANT, 5, "form 7")]
>>> register = Register({("home", "m1"): "h1"}, by_device(events), {})
>>> register.may("home", "m1", Purpose.SAVINGS), register.may("home", "m1", Purpose.RESEARCH)
(True, False)
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

DAY_S = 82_800
"""Shortest day of a site's time zone: a window that long tells no hours. [s]"""


class Purpose(StrEnum):
    """What a household agrees to, each apart (GDPR, article 6(1)(a) and recital 43).

    Each opens something: reports and pages, the public page, SensorThings. A purpose that nothing
    here serves is not offered.
    """

    SAVINGS = "savings"
    PUBLICATION = "publication"
    RESEARCH = "research"


class Resolution(StrEnum):
    """The finest windows a household agrees to."""

    DAILY = "daily"
    HOURLY = "hourly"
    HALF_HOUR = "30min"


FINEST_S: Mapping[Resolution, int] = {
    Resolution.DAILY: DAY_S,
    Resolution.HOURLY: 3_600,
    Resolution.HALF_HOUR: 1_800,
}


class Action(StrEnum):
    """What happened."""

    GRANT = "grant"
    REVOKE = "revoke"


@dataclass(frozen=True, slots=True)
class Event:
    """A consent given or withdrawn.

    Attributes
    ----------
    site, device : str
        Whose meter; an empty device means every household device of the site.
    purpose : Purpose
        For what.
    resolution : Resolution
        The finest windows, of a grant.
    action : Action
        Given or withdrawn.
    t_ms : int
        From when on. [Unix ms]
    evidence : str
        What shows it.
    """

    site: str
    device: str
    purpose: Purpose
    resolution: Resolution
    action: Action
    t_ms: int
    evidence: str


@dataclass(frozen=True, slots=True)
class Term:
    """How long a consent held.

    Attributes
    ----------
    purpose : Purpose
        For what.
    resolution : Resolution
        The finest windows.
    granted_ms : int
        Start. [Unix ms]
    revoked_ms : int or None
        End, exclusive; None while it holds. [Unix ms]
    evidence : str
        What shows the grant.
    """

    purpose: Purpose
    resolution: Resolution
    granted_ms: int
    revoked_ms: int | None
    evidence: str

    def holds(self, t_ms: int) -> bool:
        """Return whether it held at a time.

        Parameters
        ----------
        t_ms : int
            When. [Unix ms]

        Returns
        -------
        bool
            Start inclusive, end exclusive.
        """
        return self.granted_ms <= t_ms and (self.revoked_ms is None or t_ms < self.revoked_ms)


Meter = tuple[str, str]
"""Site and device."""


@dataclass(frozen=True, slots=True)
class Register:
    """Everything a tenant's households agreed to, as it stands now.

    Attributes
    ----------
    households : mapping
        Household by site and device; other devices measure nobody at home.
    events : mapping
        Events by site and device (`""`: all of the site), in the order they were recorded.
    erased_ms : mapping
        Time before which nothing of a device may come back. [Unix ms]
    """

    households: Mapping[Meter, str]
    events: Mapping[Meter, Sequence[Event]]
    erased_ms: Mapping[Meter, int]

    def terms(self, site: str, device: str) -> list[Term]:
        """Return every term of a device, by purpose and time."""
        events = [*self.events.get((site, ""), ()), *self.events.get((site, device), ())]
        return [
            term
            for purpose in Purpose
            for term in _terms([event for event in events if event.purpose is purpose])
        ]

    def may(self, site: str, device: str, purpose: Purpose) -> bool:
        """Return whether a series may be used for a purpose now."""
        if (site, device) not in self.households:
            return True
        return any(
            term.purpose is purpose and term.revoked_ms is None
            for term in self.terms(site, device)
        )

    def takes(self, site: str, device: str, start_ms: int, length_s: int) -> bool:
        """Return whether a window may be kept.

        Parameters
        ----------
        site, device : str
            Whose.
        start_ms : int
            Start of the window. [Unix ms]
        length_s : int
            Its length. [s]

        Returns
        -------
        bool
            A window before an erasure never may; one finer than a day may under a consent for
            any purpose that holds now and held then.
        """
        if start_ms < self.erased_at(site, device):
            return False
        return self.shows(site, device, tuple(Purpose), start_ms, length_s)

    def erased_at(self, site: str, device: str) -> int:
        """Return the time before which nothing of a device may come back [Unix ms]."""
        return max(self.erased_ms.get((site, name), 0) for name in (device, ""))

    def shows(
        self, site: str, device: str, purposes: Sequence[Purpose], start_ms: int, length_s: int
    ) -> bool:
        """Return whether a window is as coarse as one of these purposes asks.

        Parameters
        ----------
        site, device : str
            Whose.
        purposes : sequence of Purpose
            Any of them will do.
        start_ms : int
            Start of the window. [Unix ms]
        length_s : int
            Its length. [s]

        Returns
        -------
        bool
            True for a day or more, and where no household is measured.
        """
        if length_s >= DAY_S or (site, device) not in self.households:
            return True
        terms = [
            term
            for term in self.terms(site, device)
            if term.purpose in purposes and FINEST_S[term.resolution] <= length_s
        ]
        now = {term.purpose for term in terms if term.revoked_ms is None}
        return any(term.purpose in now and term.holds(start_ms) for term in terms)

    def fine_spans(
        self, site: str, device: str, purpose: Purpose
    ) -> list[tuple[int, int, int | None]]:
        """Return which windows finer than a day `shows` lets through, for a query.

        Parameters
        ----------
        site, device : str
            Of a household.
        purpose : Purpose
            What for.

        Returns
        -------
        list of tuple
            Shortest length [s], first start, and end of the starts, None while it goes on. [ms]
        """
        terms = [term for term in self.terms(site, device) if term.purpose is purpose]
        now = [FINEST_S[term.resolution] for term in terms if term.revoked_ms is None]
        spans = [
            (max(min(now), FINEST_S[term.resolution]), term.granted_ms, term.revoked_ms)
            for term in terms
            if now
        ]
        return [span for span in spans if span[0] < DAY_S]


def by_device(events: Iterable[Event]) -> dict[Meter, list[Event]]:
    """Return events by site and device, in the order given."""
    found: dict[Meter, list[Event]] = {}
    for event in events:
        found.setdefault((event.site, event.device), []).append(event)
    return found


def _terms(events: Sequence[Event]) -> list[Term]:
    """Return the terms of one device and purpose; each event ends the term before."""
    order = sorted(events, key=lambda event: event.t_ms)
    ends = [*(event.t_ms for event in order[1:]), None]
    return [
        Term(event.purpose, event.resolution, event.t_ms, end, event.evidence)
        for event, end in zip(order, ends, strict=False)
        if event.action is Action.GRANT and end != event.t_ms
    ]
