"""What is known of one device: who it is, how it fares, what it costs, what it measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cobenefit_backend import study as studies
from cobenefit_backend.device_reads import days_of_device, ledgers_of, quarantine_of
from cobenefit_backend.errors import RequestError
from cobenefit_backend.estimate.footprint import FootprintResult
from cobenefit_backend.factors.registry import FactorSet
from cobenefit_backend.report import swaps
from cobenefit_backend.report.own_footprint import study_footprint
from cobenefit_backend.report.records import Case, Report
from cobenefit_backend.store import Store
from cobenefit_backend.study import DeviceEntry, StudyDocument
from cobenefit_boards import Board, load

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Channel:
    """One measured series of a device.

    Parameters
    ----------
    name : str
        Channel.
    rows : tuple of mapping
        Its daily windows in time order; empty when all of it was refused.
    refused : tuple of mapping
        Its quarantine totals.
    """

    name: str
    rows: tuple[Row, ...]
    refused: tuple[Row, ...]

    def sum(self, key: str) -> int:
        """Return the sum of a column over its days.

        Parameters
        ----------
        key : str
            `count`, `expected` or `flagged`.

        Returns
        -------
        int
            Readings. [1]
        """
        return sum(row[key] for row in self.rows)

    @property
    def values(self) -> list[tuple[int, float | None]]:
        """Start of each day, and its increase or its mean; None for a day without. [ms, unit]."""
        return [(row["start_ms"], _value(row)) for row in self.rows]


def _value(row: Row) -> float | None:
    if not row["count"]:
        return None
    if row["delta"] is not None:
        return float(row["delta"])
    return None if row["sum"] is None else float(row["sum"] / row["count"])


@dataclass(frozen=True, slots=True)
class Device:
    """One device in full.

    Parameters
    ----------
    site, name, timezone : str
        Which, and the time zone of its site.
    entry : DeviceEntry or None
        What the study document says of it.
    board : Board or None
        Its board.
    ledgers : tuple of mapping
        What it counted, a row per start, the latest last.
    channels : tuple of Channel
        What it measured.
    footprint : FootprintResult or None
        Per year; None for a device no study document names. [kgCO2e/yr]
    cases : tuple of Case
        Studies it serves.
    visits : tuple of mapping
        What people did to it.
    """

    site: str
    name: str
    timezone: str
    entry: DeviceEntry | None
    board: Board | None
    ledgers: tuple[Row, ...]
    channels: tuple[Channel, ...]
    footprint: FootprintResult | None
    cases: tuple[Case, ...]
    visits: tuple[Row, ...]

    @property
    def days(self) -> list[Row]:
        """Daily windows of all its channels."""
        return [row for channel in self.channels for row in channel.rows]

    @property
    def last_ms(self) -> int | None:
        """Its last sign of life, None without any. [ms]."""
        heard = [row["t_ms"] for row in self.ledgers]
        read = [row["last_t_ms"] for row in self.days]
        return max((t_ms for t_ms in (*heard, *read) if t_ms is not None), default=None)

    def total(self, key: str) -> int:
        """Return the sum of a column over its starts.

        Parameters
        ----------
        key : str
            A count of the ledger.

        Returns
        -------
        int
            The sum. [unit of the column]
        """
        return sum(row[key] for row in self.ledgers)


def device(store: Store, tenant: str, place: tuple[str, str], factors: FactorSet) -> Device:
    """Gather what is known of a device, without the studies it serves.

    Parameters
    ----------
    store : Store
        Where the data stand.
    tenant : str
        Whose.
    place : tuple of str
        Its site, and its name there.
    factors : FactorSet
        Emission factors.

    Returns
    -------
    Device
        The device.

    Raises
    ------
    RequestError
        404 when no study document names it and nothing was ever stored of it.
    """
    stored = store.study(tenant)
    document = studies.parse(stored, file=f"study of {tenant}") if stored else None
    entry = _entry(document, place)
    ledgers = ledgers_of(store.database, tenant, *place)
    rows = days_of_device(store.database, tenant, *place)
    refused = quarantine_of(store.database, tenant, *place)
    if entry is None and not ledgers and not rows:
        raise RequestError(404, "device", f"no device {place[1]!r} at site {place[0]!r}")
    log = store.activities(tenant)
    own = None
    if document is not None and entry is not None:
        driven = {entry.id: swaps.visit_km(log, *place)}
        node = (entry, ledgers, _span_ms(rows))
        own, _ = study_footprint([node], document.gateway, factors, driven)
    return Device(
        *place,
        timezone=_timezone(document, place[0]),
        entry=entry,
        board=load(entry.board) if entry else None,
        ledgers=tuple(ledgers),
        channels=_channels(rows, refused),
        footprint=own,
        cases=(),
        visits=tuple(row for row in log if _is_visit(row, place)),
    )


def cases_of(report: Report, place: tuple[str, str]) -> tuple[Case, ...]:
    """Return the studies a device serves."""
    site, name = place
    return tuple(case for case in report.cases if case.site == site and name in case.devices)


def _entry(document: StudyDocument | None, place: tuple[str, str]) -> DeviceEntry | None:
    entries = document.device if document else []
    return next((each for each in entries if (each.site, each.id) == place), None)


def _span_ms(rows: Sequence[Row]) -> float:
    """Return the time that the stored readings of a device span [ms]."""
    ends = [row["start_ms"] + row["length_s"] * 1000 for row in rows]
    return float(max(ends) - rows[0]["start_ms"]) if rows else 0.0


def _timezone(document: StudyDocument | None, site: str) -> str:
    sites = document.site if document else []
    return next((each.timezone for each in sites if each.id == site), "UTC")


def _is_visit(row: Row, place: tuple[str, str]) -> bool:
    site, name = place
    at = (row["use_case"], row["site"], row["place"].partition("/")[0])
    return at == (swaps.USE_CASE, site, name)


def _channels(rows: Sequence[Row], refused: Sequence[Row]) -> tuple[Channel, ...]:
    names = sorted({row["channel"] for row in (*rows, *refused)})
    return tuple(
        Channel(
            name,
            tuple(row for row in rows if row["channel"] == name),
            tuple(row for row in refused if row["channel"] == name),
        )
        for name in names
    )
