"""Consents in the database: read as a register, taken from CSV; `consent_entry` adds to them.

The register of a tenant is kept in memory until its study document, its consents or its erasures
change; one small query finds out.
"""

import csv
import json
from collections import OrderedDict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from weakref import WeakKeyDictionary

import msgspec
from msgspec import Meta, Struct
from sqlalchemy import Connection, Engine

from cobenefit_backend.bodies import Millis, Name
from cobenefit_backend.consents import Action, Event, Purpose, Register, Resolution, by_device
from cobenefit_backend.database import Database, Row, owned
from cobenefit_backend.errors import InputError

MAX_ROWS = 10_000
MAX_REGISTERS = 64
CSV_COLUMNS = ("site", "device", "purpose", "resolution", "action", "at", "evidence")
_VERSION = owned(
    "SELECT (SELECT sha256 FROM {study_document}), "
    "(SELECT max(recorded_ms) FROM {consent}), (SELECT count(*) FROM {consent}), "
    "(SELECT max(erased_ms) FROM {erasure})"
)
_DOCUMENT = owned("SELECT document FROM {study_document}")
_EVENTS = owned(
    "SELECT site, device, purpose, resolution, action, t_ms, evidence FROM {consent} ORDER BY id"
)
_ERASED = owned("SELECT site, device, erased_ms FROM {erasure}")
_SERVED = frozenset(Purpose)
"""A purpose offered once that serves nothing now stays in the history and opens nothing."""
_HISTORY = "SELECT * FROM {consent} ORDER BY id"


_OPEN: "WeakKeyDictionary[Engine, Consents]" = WeakKeyDictionary()


class ConsentRow(Struct, forbid_unknown_fields=True):
    """A consent given or withdrawn; an empty device means every household of the site."""

    site: Name
    purpose: Purpose
    action: Action
    t_ms: Millis
    evidence: Annotated[str, Meta(min_length=1, max_length=500)]
    device: Annotated[str, Meta(pattern="^[a-z0-9-]{0,32}$")] = ""
    resolution: Resolution = Resolution.DAILY


class ConsentBody(Struct, forbid_unknown_fields=True):
    """Consents of a tenant."""

    tenant: Name
    rows: Annotated[list[ConsentRow], Meta(max_length=MAX_ROWS)]


class _Device(Struct):
    id: str
    site: str
    household: str = ""


class _Document(Struct):
    device: list[_Device] = []


class Consents:
    """The consents of one database.

    Parameters
    ----------
    database : Database
        Migrated to head.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: OrderedDict[str, tuple[tuple[Any, ...], Register]] = OrderedDict()

    def register(self, tenant: str) -> Register:
        """Return what the households of a tenant agree to now."""
        with self._database.reading(tenant) as connection:
            return self.of(connection, tenant)

    def of(self, connection: Connection, tenant: str) -> Register:
        """Return the register as a transaction of the tenant sees it."""
        values = {"tenant": tenant}
        version = tuple(connection.execute(_VERSION, values).one())
        known = self._known.get(tenant)
        if known is None or known[0] != version:
            known = version, read_register(connection, tenant)
            self._known[tenant] = known
            while len(self._known) > MAX_REGISTERS:
                self._known.popitem(last=False)
        return known[1]

    def history(self, tenant: str) -> list[Row]:
        """Return every row ever recorded, in that order."""
        return self._database.rows(tenant, _HISTORY)


def consents_of(database: Database) -> Consents:
    """Return the consents of a database: one object for each engine, with its registers."""
    return _OPEN.setdefault(database.engine, Consents(database))


def read_register(connection: Connection, tenant: str) -> Register:
    """Return the register as a transaction of the tenant sees it, its own rows too."""
    values = {"tenant": tenant}
    document = connection.execute(_DOCUMENT, values).scalar()
    devices = msgspec.json.decode(document, type=_Document).device if document else []
    events = [
        Event(row[0], row[1], Purpose(row[2]), Resolution(row[3]), Action(row[4]), row[5], row[6])
        for row in connection.execute(_EVENTS, values)
        if row[2] in _SERVED
    ]
    erased = {(row[0], row[1]): int(row[2]) for row in connection.execute(_ERASED, values)}
    homes = {(each.site, each.id): each.household for each in devices if each.household}
    return Register(homes, by_device(events), erased)


def states(register: Register) -> list[dict[str, Any]]:
    """Return the terms of every household device, as a table."""
    return [
        {
            "site": site,
            "device": device,
            "household": household,
            "purpose": term.purpose.value,
            "resolution": term.resolution.value,
            "granted_ms": term.granted_ms,
            "revoked_ms": term.revoked_ms,
            "evidence": term.evidence,
        }
        for (site, device), household in sorted(register.households.items())
        for term in register.terms(site, device)
    ]


def read_csv(file: Path) -> list[ConsentRow]:
    """Return the consents of a CSV file.

    Parameters
    ----------
    file : Path
        UTF-8, with the columns of `CSV_COLUMNS` in any order; `at` is a day or a time with its
        offset (ISO 8601).

    Returns
    -------
    list of ConsentRow
        Every row.

    Raises
    ------
    InputError
        Naming file, line and fault.
    """
    with file.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        if set(reader.fieldnames or ()) != set(CSV_COLUMNS):
            text_ = f"columns must be {','.join(CSV_COLUMNS)}"
            raise InputError(text_, file=file.name, where="line 1")
        return [_row(fields, f"line {reader.line_num}", file.name) for fields in reader]


def _row(fields: dict[str, Any], where: str, file: str) -> ConsentRow:
    try:
        values = {name: fields[name] for name in CSV_COLUMNS if name != "at"}
        values["resolution"] = values["resolution"] or Resolution.DAILY.value
        row = {**values, "t_ms": instant_ms(fields["at"])}
        return msgspec.json.decode(json.dumps(row), type=ConsentRow)
    except (KeyError, TypeError, ValueError, msgspec.ValidationError) as error:
        raise InputError(str(error), file=file, where=where) from error


def instant_ms(written: str) -> int:
    """Return the instant that a day or a time says, UTC where no offset is given.

    Parameters
    ----------
    written : str
        ISO 8601.

    Returns
    -------
    int
        Unix time. [ms]

    Raises
    ------
    ValueError
        It is no such time.
    """
    moment = datetime.fromisoformat(written)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)
