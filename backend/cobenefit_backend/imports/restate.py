"""Brings a series in the store to what was measured with its committed imports laid over it.

`import_window` keeps, of each window an import wrote or removed, the measured row that stood there
and the digest of what took its place. A row that is not what the import wrote any more came from a
gateway since, and is measured again. What consents no longer cover, or an erasure fenced off, is
not read and not remembered. Nothing here commits: the caller's transaction does.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection, text

from cobenefit_backend import rollups
from cobenefit_backend.bodies import VALUE_COLUMNS, Rollups
from cobenefit_backend.consent_log import consents_of
from cobenefit_backend.database import Database, owned
from cobenefit_backend.imports.merge import Key, Laid, laid_over, merged
from cobenefit_backend.imports.models import ImportWindow
from cobenefit_backend.imports.records import Sample, Target
from cobenefit_backend.upserts import columns_of

Row = dict[str, Any]
Batch = Mapping[str, Any]
_NAMES = ("site", "device", "channel")
_OF_SERIES = "site = :site AND device = :device AND channel = :channel"
_STORED = owned(
    "SELECT rollup.* FROM {rollup} JOIN {series} ON series.id = series_id "  # noqa: S608
    f"WHERE {_OF_SERIES}"
)
_OVERLAY = owned(f"SELECT * FROM {{import_window}} WHERE {_OF_SERIES}")  # noqa: S608
_FORGET = "DELETE FROM import_window WHERE tenant = ? AND site = ? AND device = ? AND channel = ?"
_REMOVE = "DELETE FROM rollup WHERE tenant = ? AND series_id = ? AND start_ms = ? AND length_s = ?"
_BATCHES = owned("SELECT id, samples FROM {import_batch}")
_TRIM = text("UPDATE import_batch SET samples = :samples WHERE tenant = :tenant AND id = :id")
_DROP = text("DELETE FROM import_batch WHERE tenant = :tenant AND id = :id")
_COLUMNS = columns_of(ImportWindow)
_KEEP = (
    f"INSERT INTO import_window ({', '.join(_COLUMNS)}) "  # noqa: S608
    f"VALUES ({', '.join('?' * len(_COLUMNS))})"
)


class Series:
    """One series as stored, and as measured.

    Parameters
    ----------
    database : Database
        The database.
    connection : Connection
        A transaction of the tenant.
    tenant : str
        Whose.
    target : Target
        The series.
    """

    def __init__(
        self, database: Database, connection: Connection, tenant: str, target: Target
    ) -> None:
        self._database, self._connection = database, connection
        self._tenant, self._target = tenant, target
        names = {"tenant": tenant, **{name: getattr(target, name) for name in _NAMES}}
        found = connection.execute(_STORED, names).mappings().all()
        self._id = found[0]["series_id"] if found else None
        register = consents_of(database).of(connection, tenant)
        takes = partial(register.takes, target.site, target.device)
        self.stored = {
            _key(row): {n: row[n] for n in VALUE_COLUMNS} for row in found if takes(*_key(row))
        }
        self.base = dict(self.stored)
        for kept in connection.execute(_OVERLAY, names).mappings():
            if _digest(self.stored.get(_key(kept))) != kept["after"]:
                continue  # a gateway wrote it since, or it was pruned
            self.base.pop(_key(kept), None)
            if kept["before"] is not None and takes(*_key(kept)):
                self.base[_key(kept)] = json.loads(kept["before"])

    def wanted(self, batches: Sequence[Batch]) -> Laid:
        """Return the windows with imports laid over what was measured, and those that stay.

        Parameters
        ----------
        batches : list of mapping
            Committed imports, first committed first.

        Returns
        -------
        Laid
            Rows by start and length.
        """
        replacing = [batch for batch in batches if batch["replaces"]]
        forced = sorted(
            [sample.start_ms for batch in replacing for sample in samples_of(batch)]
            + [day["start_ms"] for batch in replacing for day in days_of(batch)]
        )
        samples = merged([samples_of(batch) for batch in batches])
        days = [day for batch in batches for day in days_of(batch)]
        kind = self._target.quantity.kind
        return laid_over(self.base, samples, forced, kind, self._target.timezone, days=days)

    def write(self, wanted: Mapping[Key, Row]) -> None:
        """Make the store hold these windows and remember what was measured under them."""
        names = [self._tenant, *(getattr(self._target, name) for name in _NAMES)]
        gone = [key for key, row in self.stored.items() if wanted.get(key) != row]
        new = [row for key, row in wanted.items() if self.stored.get(key) != row]
        many = self._database.many
        many(self._connection, _REMOVE, [(self._tenant, self._id, *key) for key in gone])
        rollups.insert(self._database, self._connection, self._columns(new))
        over = [
            (*names, *key, None if before is None else json.dumps(before), _digest(after))
            for key in sorted({*wanted, *self.base})
            if (before := self.base.get(key)) != (after := wanted.get(key))
        ]
        many(self._connection, _FORGET, [tuple(names)])
        many(self._connection, _KEEP, over)

    def _columns(self, rows: list[Row]) -> Rollups:
        series = [tuple(getattr(self._target, name) for name in _NAMES)]
        columns = {name: [row[name] for row in rows] for name in VALUE_COLUMNS}
        columns["histogram"] = [h if h is None else json.loads(h) for h in columns["histogram"]]
        return Rollups(tenant=self._tenant, series=series, series_id=[0] * len(rows), **columns)


def samples_of(batch: Batch) -> list[Sample]:
    """Return the samples of an import."""
    columns = json.loads(batch["samples"])
    return [Sample(*row) for row in zip(*(columns[name] for name in Sample._fields), strict=True)]


def days_of(batch: Batch) -> list[Row]:
    """Return the days of an import whose samples are not kept any more (see `coarsen`)."""
    found: list[Row] = json.loads(batch["samples"]).get("days", [])
    return found


def span_of(batch: Batch) -> tuple[int, int]:
    """Return what an import spans.

    Parameters
    ----------
    batch : mapping
        The import.

    Returns
    -------
    tuple of int
        Start and end; zeros when nothing is left. [ms]
    """
    spans = [(sample.start_ms, sample.end_ms) for sample in samples_of(batch)]
    spans += [(d["start_ms"], d["start_ms"] + d["length_s"] * 1000) for d in days_of(batch)]
    return (min(s for s, _ in spans), max(e for _, e in spans)) if spans else (0, 0)


def packed(samples: Sequence[Sample], days: Sequence[Row] = ()) -> str:
    """Return samples as text, by column, and the days of those that are not kept."""
    columns = {name: [sample[i] for sample in samples] for i, name in enumerate(Sample._fields)}
    whole = {**columns, "days": list(days)} if days else columns
    return json.dumps(whole, separators=(",", ":"))


def forget(connection: Connection, tenant: str, before_ms: int) -> None:
    """Take out of every import what is older; an import that is left empty goes.

    Parameters
    ----------
    connection : Connection
        A transaction that writes for the tenant.
    tenant : str
        Whose.
    before_ms : int
        Start of what is kept. [ms]
    """
    for batch in connection.execute(_BATCHES, {"tenant": tenant}).mappings().all():
        samples, days = samples_of(dict(batch)), days_of(dict(batch))
        kept = [sample for sample in samples if sample.start_ms >= before_ms]
        whole = [day for day in days if day["start_ms"] >= before_ms]
        if len(kept) + len(whole) < len(samples) + len(days):
            values = {"tenant": tenant, "id": batch["id"], "samples": packed(kept, whole)}
            connection.execute(_TRIM if kept or whole else _DROP, values)


def _key(row: Mapping[Any, Any]) -> Key:
    return row["start_ms"], row["length_s"]


def _digest(row: Row | None) -> str | None:
    if row is None:
        return None
    return hashlib.sha256(repr([row[name] for name in VALUE_COLUMNS]).encode()).hexdigest()
