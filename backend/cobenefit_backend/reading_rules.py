"""What stands between a stored window and its reader: consents, and periods people left out.

A report asks once for each of a thousand series. Both are kept until something of the tenant is
written: a revocation counts that too, so it holds from the next read on.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from cobenefit_backend.consent_log import consents_of
from cobenefit_backend.consents import Purpose, Register
from cobenefit_backend.database import Database, Row, owned
from cobenefit_backend.imports import log
from cobenefit_backend.imports.left_out import left_out

MAX_TENANTS = 64
SeriesName = tuple[str, str, str]
"""Site, device and channel."""
_NUMBER = owned("SELECT number FROM {change}")


@dataclass(frozen=True, slots=True)
class ReadingRules:
    """The rules of a tenant.

    Attributes
    ----------
    number : int
        Writes of the tenant when they were read. [1]
    register : Register
        What its households agree to.
    excluded : mapping
        Periods left out, by series.
    """

    number: int
    register: Register
    excluded: Mapping[SeriesName, Sequence[Row]]

    def same_as(self, other: "ReadingRules") -> bool:
        """Return whether they say the same, whatever else was written in between."""
        return self.register is other.register and self.excluded == other.excluded

    def seen(self, rows: list[Row], series: SeriesName, purpose: Purpose) -> list[Row]:
        """Return the windows of a series that may be read for a purpose.

        Parameters
        ----------
        rows : list of dict
            Stored windows.
        series : tuple of str
            Site, device and channel.
        purpose : Purpose
            What for.

        Returns
        -------
        list of dict
            Without what was left out, and none finer than agreed.
        """
        rows = left_out(rows, series, self.excluded.get(series, ()))
        if series[:2] not in self.register.households:
            return rows
        shows = self.register.shows
        return [
            row for row in rows if shows(*series[:2], (purpose,), row["start_ms"], row["length_s"])
        ]


class RulesCache:
    """The rules of each tenant, read again after a write.

    Parameters
    ----------
    database : Database
        Migrated to head.
    """

    def __init__(self, database: Database) -> None:
        self._consents = consents_of(database)
        self._known: OrderedDict[str, ReadingRules] = OrderedDict()

    def of(self, connection: Connection, tenant: str) -> ReadingRules:
        """Return the rules as a transaction of the tenant sees them."""
        number = connection.execute(_NUMBER, {"tenant": tenant}).scalar() or 0
        known = self._known.get(tenant)
        if known is None or known.number != number:
            excluded: dict[SeriesName, list[Row]] = {}
            for row in log.exclusions_of(connection, tenant):
                series = row["site"], row["device"], row["channel"]
                excluded.setdefault(series, []).append(row)
            known = ReadingRules(number, self._consents.of(connection, tenant), excluded)
            self._known[tenant] = known
            while len(self._known) > MAX_TENANTS:
                self._known.popitem(last=False)
        return known
