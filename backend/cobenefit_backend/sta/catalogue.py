"""Which datastreams a tenant has; every other entity is a group of them.

A thing is the datastreams of one device, a location those of one site: so an entity is found, and
related to others, by comparing ids. Ids are made of the tenant's own names, so they outlive a move
to another database.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from cobenefit_backend.consents import Purpose
from cobenefit_backend.reading_rules import MAX_TENANTS, ReadingRules
from cobenefit_backend.store import Store
from cobenefit_backend.study import DeviceEntry, parse
from cobenefit_wire.units import quantity_of

Resolution = Literal["day", "window"]
ValueT = TypeVar("ValueT")
OBSERVATIONS = "Observations"
FRESH_S = 60.0
_SERIES = (
    "SELECT id, site, device, channel, EXISTS (SELECT 1 FROM {rollup} "
    "WHERE series_id = series.id AND length_s <= 3600) AS fine "
    "FROM {series} ORDER BY site, device, channel"
)


@dataclass(frozen=True, slots=True)
class Stream:
    """One series at one resolution.

    Parameters
    ----------
    series : int
        Its number in the database.
    site, device, channel : str
        Its names.
    resolution : {'day', 'window'}
        Days of the site's time zone, or the gateway's base windows.
    entry : DeviceEntry or None
        What the study document says of the device.
    agreed : tuple of tuple, or None
        Of a household: shortest length [s], first start and end of the starts [ms] of the windows
        it agreed to, from `Register.fine_spans`; None for all of them.
    left_out : tuple of tuple
        Starts and ends of what people left out. [ms]
    """

    series: int
    site: str
    device: str
    channel: str
    resolution: Resolution
    entry: DeviceEntry | None
    agreed: tuple[tuple[int, int, int | None], ...] | None = None
    left_out: tuple[tuple[int, int], ...] = ()

    @property
    def quantity(self) -> str:
        """Return what the channel measures, or the channel's name when that is not known."""
        return quantity_of(self.channel) or self.channel


def _device(stream: Stream) -> str:
    return f"{stream.site}.{stream.device}"


def _datastream(stream: Stream) -> str:
    return f"{stream.site}.{stream.device}.{stream.channel}.{stream.resolution}"


KEYS: dict[str, Callable[[Stream], str]] = {
    "Things": _device,
    "Locations": lambda stream: stream.site,
    "Datastreams": _datastream,
    "Sensors": _device,
    "ObservedProperties": lambda stream: stream.quantity,
    OBSERVATIONS: _datastream,
    "FeaturesOfInterest": lambda stream: stream.site,
}
"""The id of the entity a datastream belongs to, by entity set; an observation adds its window."""


def streams(store: Store, tenant: str) -> tuple[Stream, ...]:
    """Return the datastreams of a tenant by site, device, channel and resolution.

    Parameters
    ----------
    store : Store
        Where the data stand.
    tenant : str
        Whose.

    Returns
    -------
    tuple of Stream
        The daily one of each series, then the fine one where there is one.
    """
    document = store.study(tenant)
    devices = parse(document).device if document else []
    entries = {(entry.site, entry.id): entry for entry in devices}
    found = []
    for row in store.database.rows(tenant, _SERIES):
        names = row["site"], row["device"], row["channel"]
        entry = entries.get(names[:2])
        found.append(Stream(row["id"], *names, "day", entry))
        if row["fine"]:
            found.append(Stream(row["id"], *names, "window", entry))
    return tuple(found)


def shown(stream: Stream, rules: ReadingRules) -> Stream | None:
    """Return a datastream as a reader may see it, None when not at all.

    Parameters
    ----------
    stream : Stream
        The datastream.
    rules : ReadingRules
        The consents and the periods left out of its tenant.

    Returns
    -------
    Stream or None
        Of a household only for research, and windows finer than a day as it agreed.
    """
    place = stream.site, stream.device
    left_out = tuple(
        (row["start_ms"], row["end_ms"])
        for row in rules.excluded.get((*place, stream.channel), ())
    )
    if place not in rules.register.households:
        return replace(stream, left_out=left_out) if left_out else stream
    if not rules.register.may(*place, Purpose.RESEARCH):
        return None
    if stream.resolution == "day":
        return replace(stream, left_out=left_out)
    agreed = tuple(rules.register.fine_spans(*place, Purpose.RESEARCH))
    return replace(stream, agreed=agreed, left_out=left_out) if agreed else None


class Catalogue:
    """The datastreams of a reader, and the entities they make.

    Parameters
    ----------
    found : sequence of Stream
        Every datastream the reader may see.
    """

    def __init__(self, found: Sequence[Stream]) -> None:
        self.streams = found
        self._groups: dict[str, dict[str, list[Stream]]] = {}

    def groups(self, kind: str) -> dict[str, list[Stream]]:
        """Return the datastreams of each entity of a set, by its id."""
        if kind not in self._groups:
            self._groups[kind] = grouped(self.streams, kind)
        return self._groups[kind]


class Catalogues:
    """The catalogue of each tenant: its series of at most a minute ago, its rules of now.

    Those of the `MAX_TENANTS` tenants asked for last are kept.

    Parameters
    ----------
    store : Store
        Where the data stand.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: OrderedDict[str, tuple[int, float, tuple[Stream, ...]]] = OrderedDict()
        self._shown: OrderedDict[str, tuple[tuple[Stream, ...], ReadingRules, Catalogue]] = (
            OrderedDict()
        )

    def get(self, tenant: str) -> Catalogue:
        """Return the catalogue of a tenant; a series that is new is in it within a minute.

        A consent that is withdrawn, or a period left out, counts at once.
        """
        rules, found = self._store.rules(tenant), self._streams(tenant)
        known = self._shown.get(tenant)
        if known is None or known[0] is not found or not rules.same_as(known[1]):
            seen = [each for each in (shown(stream, rules) for stream in found) if each]
            known = found, rules, Catalogue(seen)
        _keep(self._shown, tenant, known)
        return known[2]

    def _streams(self, tenant: str) -> tuple[Stream, ...]:
        number, now_s = self._store.change_number(tenant), time.monotonic()
        known = self._known.get(tenant)
        if known is None or (known[0] != number and now_s - known[1] > FRESH_S):
            known = number, now_s, streams(self._store, tenant)
        _keep(self._known, tenant, known)
        return known[2]


def _keep(cache: OrderedDict[str, ValueT], tenant: str, value: ValueT) -> None:
    """Remember a value; the tenants asked for longest ago are forgotten."""
    cache[tenant] = value
    with suppress(KeyError):  # another thread forgot it first
        cache.move_to_end(tenant)
        while len(cache) > MAX_TENANTS:
            cache.popitem(last=False)


def grouped(found: Iterable[Stream], kind: str) -> dict[str, list[Stream]]:
    """Return the entities of a set that datastreams belong to, in their order.

    Parameters
    ----------
    found : iterable of Stream
        Datastreams.
    kind : str
        Entity set.

    Returns
    -------
    dict
        Datastreams by id of the entity.
    """
    groups: dict[str, list[Stream]] = {}
    for stream in found:
        groups.setdefault(KEYS[kind](stream), []).append(stream)
    return groups
