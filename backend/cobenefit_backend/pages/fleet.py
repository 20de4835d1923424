"""The fleet for technicians: who needs somebody first.

A device is compared with the clock while data arrive; when nothing has come for a day, with the
newest data, which is said. A replay of recorded data has no now: each of its devices is compared
with its own last reading.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from cobenefit_backend import study as studies
from cobenefit_backend.fleet_reads import Recent, Week, coverage_of, ledgers_of_fleet, newest
from cobenefit_backend.pages.when import DAY_MS
from cobenefit_backend.store import Store
from cobenefit_backend.study import DeviceEntry, StudyDocument
from cobenefit_boards import Board, load

SILENT_MS = DAY_MS
MIN_COVERAGE_RATIO = 0.9
LOW_MV_PER_CELL = 1100
"""An alkaline cell is called empty at 0.9 V (IEC 60086-2, 2021, table of LR6 service output
tests); 0.2 V above it somebody still has time to go. [mV]"""
NEEDS = ("silent", "battery", "lost", "resets", "coverage", "clock")
"""What a device may need somebody for, the most urgent first."""


@dataclass(frozen=True, slots=True)
class Node:
    """A device as its technician sees it.

    Parameters
    ----------
    site, device : str
        Which.
    board : str
        Its board in words, empty for a device no study document names.
    timezone : str
        Of its site.
    replayed : bool
        Whether it replays recorded data.
    last_ms : int or None
        Its last sign of life. [ms]
    silent_ms : int
        How long ago that is. [ms]
    battery_mv : int or None
        Its battery, None on mains or when it does not say. [mV]
    low_mv : int
        Below this the battery is low; 0 when its cells are not known. [mV]
    waiting, lost, resets : int
        Readings it still holds; lost, and starts by accident, of the last seven days. [1]
    coverage_ratio : float or None
        Share of the expected readings of seven days that came; None for no series. [1]
    clock_lost : bool
        Whether it does not know the time.
    """

    site: str
    device: str
    board: str
    timezone: str
    replayed: bool
    last_ms: int | None
    silent_ms: int
    battery_mv: int | None
    low_mv: int
    waiting: int
    lost: int
    resets: int
    coverage_ratio: float | None
    clock_lost: bool

    @property
    def needs(self) -> tuple[str, ...]:
        """What it needs somebody for, the most urgent first."""
        found = {
            "silent": self.last_ms is None or self.silent_ms >= SILENT_MS,
            "battery": self.battery_mv is not None and self.battery_mv < self.low_mv,
            "lost": self.lost > 0,
            "resets": self.resets > 0,
            "coverage": self.coverage_ratio is not None
            and self.coverage_ratio < MIN_COVERAGE_RATIO,
            "clock": self.clock_lost,
        }
        return tuple(name for name in NEEDS if found[name])

    @property
    def order(self) -> tuple[int, int, int, str, str]:
        """Where it stands in the list: urgent first, then the longest silent."""
        needs = self.needs
        first = NEEDS.index(needs[0]) if needs else len(NEEDS)
        return first, -len(needs), -self.silent_ms, self.site, self.device


@dataclass(frozen=True, slots=True)
class Fleet:
    """All devices of a tenant.

    Parameters
    ----------
    nodes : tuple of Node
        Who needs somebody first, first.
    now_ms : int
        The time they are compared with. [ms]
    quiet_ms : int
        How long ago the newest data are, when that is a day or more; else 0. [ms]
    replay : bool
        Whether all of them replay recorded data.
    names : mapping
        Name of the tenant by language; empty before it has a study document.
    """

    nodes: tuple[Node, ...]
    now_ms: int
    quiet_ms: int
    replay: bool
    names: Mapping[str, str]

    def chosen(self, need: str = "", text: str = "") -> "Fleet":
        """Return the devices that need one thing, and whose names hold a text.

        Parameters
        ----------
        need : str, optional
            One of `NEEDS`, `any` of them, or empty for all.
        text : str, optional
            Part of a site, device or board.

        Returns
        -------
        Fleet
            The same fleet with fewer devices.
        """
        wanted = text.casefold()
        nodes = tuple(
            node
            for node in self.nodes
            if (not need or need in node.needs or (need == "any" and node.needs))
            and wanted in f"{node.site} {node.device} {node.board}".casefold()
        )
        return replace(self, nodes=nodes)


def fleet(store: Store, tenant: str, clock_ms: int) -> Fleet:
    """Gather the fleet of a tenant.

    Parameters
    ----------
    store : Store
        Where the data stand.
    tenant : str
        Whose.
    clock_ms : int
        The time by the clock. [ms]

    Returns
    -------
    Fleet
        Every device that the study document names, or that sent anything.
    """
    document = _document(store, tenant)
    known = {(d.site, d.id): d for d in document.device} if document else {}
    zones = {site.id: site.timezone for site in document.site} if document else {}
    recent = newest(store.database, tenant, clock_ms)
    ledgers = ledgers_of_fleet(store.database, tenant)
    places = sorted(known.keys() | recent.keys() | ledgers.keys())
    last = {place: _last(recent.get(place), ledgers.get(place, ())) for place in places}
    replayed = {place for place, entry in known.items() if entry.accelerated}
    quiet_ms = _quiet_ms(clock_ms, [last[place] for place in places if place not in replayed])
    now_ms = clock_ms - quiet_ms
    now = {p: last[p] or now_ms if p in replayed else now_ms for p in places}
    weeks = coverage_of(store.database, tenant, now, zones)
    nodes = [
        _node(
            place, known.get(place), ledgers.get(place, ()),
            timezone=zones.get(place[0], "UTC"), last_ms=last[place], now_ms=now[place],
            coverage_ratio=_covered(
                weeks.get(place), due=place in recent and place not in replayed
            ),
        )
        for place in places
    ]  # fmt: skip
    nodes.sort(key=lambda node: node.order)
    names = {"en": document.names.en, "fr": document.names.fr} if document else {}
    whole = bool(places) and replayed == set(places)
    return Fleet(tuple(nodes), now_ms, quiet_ms, replay=whole, names=names)


def _document(store: Store, tenant: str) -> StudyDocument | None:
    stored = store.study(tenant)
    return None if stored is None else studies.parse(stored, file=f"study of {tenant}")


def _last(read_ms: int | None, ledgers: Sequence[Recent]) -> int | None:
    """Return the last sign of life: a reading, or a word about itself."""
    times = (read_ms, *(ledger.t_ms for ledger in ledgers))
    return max((t_ms for t_ms in times if t_ms is not None), default=None)


def _quiet_ms(clock_ms: int, last: Sequence[int | None]) -> int:
    """Return for how long nothing came from anyone, 0 for less than a day [ms]."""
    known = [t_ms for t_ms in last if t_ms is not None]
    quiet_ms = clock_ms - max(known, default=clock_ms)
    return quiet_ms if quiet_ms >= SILENT_MS else 0


def _covered(week: Week | None, *, due: bool) -> float | None:
    """Return the coverage of a device; 0 when it should have sent and nothing came."""
    return week.ratio if week is not None else 0.0 if due else None


def _node(
    place: tuple[str, str],
    entry: DeviceEntry | None,
    ledgers: Sequence[Recent],
    *,
    timezone: str,
    last_ms: int | None,
    now_ms: int,
    coverage_ratio: float | None,
) -> Node:
    board = load(entry.board) if entry else None
    latest = ledgers[-1] if ledgers else None
    week_ago = now_ms - 7 * DAY_MS
    lately = [each for each in ledgers if each.t_ms is not None and each.t_ms >= week_ago]
    return Node(
        *place,
        board=board.title if board else "",
        timezone=timezone,
        replayed=entry is not None and entry.accelerated,
        last_ms=last_ms,
        silent_ms=max(now_ms - last_ms, 0) if last_ms is not None else 0,
        battery_mv=latest.battery_mv if latest else None,
        low_mv=low_mv(board),
        waiting=latest.waiting if latest else 0,
        lost=sum(each.lost for each in lately),
        resets=sum(each.resets for each in lately),
        coverage_ratio=coverage_ratio,
        clock_lost=latest is not None and latest.t_ms is None,
    )


def low_mv(board: Board | None) -> int:
    """Return the voltage below which the battery of a board is low.

    Parameters
    ----------
    board : Board or None
        The board.

    Returns
    -------
    int
        0 for a board on mains, or one nobody knows. [mV]
    """
    battery = board.footprint.battery if board else None
    return battery.cells * LOW_MV_PER_CELL if battery else 0


def counted(nodes: Sequence[Node]) -> Mapping[str, int]:
    """Return how many devices need somebody, by what for.

    Parameters
    ----------
    nodes : sequence of Node
        Devices.

    Returns
    -------
    mapping
        By the names of `NEEDS`. [1]
    """
    needs = [node.needs for node in nodes]
    return {name: sum(name in each for each in needs) for name in NEEDS}
