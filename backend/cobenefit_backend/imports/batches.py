"""Imports: previewed, committed, undone; each step once, whatever is asked twice.

An import belongs to one series. What the store holds of it is always what was measured with the
committed imports laid over it (`merge`), so that undoing one leaves the others as they are.
"""

import hashlib
import json
import secrets
from collections import Counter
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, text

from cobenefit_backend import study
from cobenefit_backend.access.audit import note
from cobenefit_backend.consent_log import consents_of
from cobenefit_backend.database import Database, Row, owned
from cobenefit_backend.errors import InputError, RequestError
from cobenefit_backend.imports import formats, log
from cobenefit_backend.imports.agreed import agreed, readable
from cobenefit_backend.imports.formats import Format
from cobenefit_backend.imports.merge import Key, Laid
from cobenefit_backend.imports.models import ImportBatch
from cobenefit_backend.imports.records import MAX_SAMPLES, Refusal, Sample, Target
from cobenefit_backend.imports.refused import count_refused
from cobenefit_backend.imports.restate import Series, packed, span_of
from cobenefit_backend.imports.screen import screen
from cobenefit_backend.upserts import columns_of

PREVIEW, COMMITTED, UNDONE = "preview", "committed", "undone"
MAX_PREVIEWS = 20
MAX_LINES = 200
"""Refused lines that are named; all are counted."""
DAY_S = 82_800
_COLUMNS = columns_of(ImportBatch)
_LISTED = ", ".join(name for name in _COLUMNS if name not in ("tenant", "samples"))
_INSERT = (
    f"INSERT INTO import_batch ({', '.join(_COLUMNS)}) "  # noqa: S608
    f"VALUES ({', '.join('?' * len(_COLUMNS))})"
)
_OF_SERIES = "site = :site AND device = :device AND channel = :channel"
_COMMITTED = owned(
    f"SELECT * FROM {{import_batch}} WHERE {_OF_SERIES} AND state = 'committed' "  # noqa: S608
    "ORDER BY number"
)
_ONE = owned("SELECT * FROM {import_batch} WHERE id = :id")
_MARK = text(
    "UPDATE import_batch SET state = :state, number = :number, summary = :summary "
    "WHERE tenant = :tenant AND id = :id"
)
_OLD_PREVIEWS = text(
    "DELETE FROM import_batch WHERE tenant = :tenant AND state = 'preview' AND id <> :id "
    "AND id NOT IN (SELECT id FROM import_batch WHERE tenant = :tenant AND state = 'preview' "
    "AND id <> :id ORDER BY made_ms DESC, id LIMIT :kept) RETURNING id"
)


def target_of(document: bytes | None, site: str, device: str, channel: str) -> Target:
    """Return the series of a file, checked against the study document.

    Parameters
    ----------
    document : bytes or None
        The tenant's study document as stored.
    site, device, channel : str
        The series.

    Returns
    -------
    Target
        With the time zone of the site.

    Raises
    ------
    InputError
        If the document does not know the site or the device.
    """
    known = None if document is None else study.parse(document)
    place = next((each for each in known.site if each.id == site), None) if known else None
    if known is None or place is None:
        text = f"no site {site!r} in the study document; load it first"
        raise InputError(text, where="site", kind="unknown_series")
    if (site, device) not in [(each.site, each.id) for each in known.device]:
        text = f"no device {device!r} at {site!r} in the study document"
        raise InputError(text, where="device", kind="unknown_series")
    found = Target(site, device, channel, place.timezone)
    _ = found.quantity  # refuses a channel that can't be imported
    return found


class Imports:
    """The imports of one database.

    Parameters
    ----------
    database : Database
        The database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def preview(
        self, tenant: str, target: Target, content: bytes, form: Format | None, *, file: str,
        replaces: bool, by: str, now_ms: int,
    ) -> Row:  # fmt: skip
        """Read a file and say what a commit would write; no reading is stored.

        Parameters
        ----------
        tenant : str
            Whose.
        target : Target
            The series.
        content : bytes
            The file.
        form : Format or None
            Its format; None: guessed.
        file : str
            Its name, for the list.
        replaces : bool
            Whether it also replaces what was measured.
        by : str
            Who.
        now_ms : int
            Unix time. [ms]

        Returns
        -------
        dict
            The import with its `summary`.

        Raises
        ------
        InputError
            If nothing in the file can be read.
        """
        form = form or formats.guess(content)
        found = formats.read(content, form, target, now_ms)
        if len(found.drafts) > MAX_SAMPLES:
            text = f"{len(found.drafts)} values: at most {MAX_SAMPLES}; cut the file"
            raise InputError(text, kind="too_many")
        register = consents_of(self._database).register(tenant)
        drafts, finer = agreed(found.drafts, register, target)
        samples, refused = screen(drafts, target.quantity, target.timezone, now_ms)
        refused = sorted([*found.refused, *finer, *refused])
        batch = {
            "tenant": tenant, "id": secrets.token_hex(8), "site": target.site,
            "device": target.device, "channel": target.channel,
            "file": file.replace("\0", "")[:200],
            "format": form.value, "sha256": hashlib.sha256(content).hexdigest(),
            "state": PREVIEW, "number": 0, "replaces": replaces, "made_by": by,
            "made_ms": now_ms, "samples": packed(samples), "refused": _refused(refused),
            "summary": "",
        }  # fmt: skip
        with self._database.writing(tenant, data=False) as connection:
            batches = self._committed(connection, tenant, target)
            series = Series(self._database, connection, tenant, target)
            wanted = series.wanted([*batches, batch])
            summary = {
                **_described(samples, target),
                "windows": _windows(series.stored, wanted),
                "earlier": _overlapping(samples, batches),
            }
            batch["summary"] = json.dumps(summary)
            row = tuple(batch[name] for name in _COLUMNS)
            self._database.many(connection, _INSERT, [row])
            self._drop_old(connection, tenant, str(batch["id"]), by)
        return _shown(batch)

    def commit(self, tenant: str, number: str, *, by: str, now_ms: int) -> Row:
        """Write an import; a second time changes nothing.

        Parameters
        ----------
        tenant : str
            Whose.
        number : str
            Its id.
        by : str
            Who.
        now_ms : int
            Unix time. [ms]

        Returns
        -------
        dict
            The import.

        Raises
        ------
        RequestError
            404 when there is none, 409 when it was undone.
        """
        return self._turn(tenant, number, COMMITTED, by=by, now_ms=now_ms)

    def undo(self, tenant: str, number: str, *, by: str, now_ms: int) -> Row:
        """Take an import out again, and only it; a second time changes nothing.

        Parameters
        ----------
        tenant : str
            Whose.
        number : str
            Its id.
        by : str
            Who.
        now_ms : int
            Unix time. [ms]

        Returns
        -------
        dict
            The import.

        Raises
        ------
        RequestError
            404 when there is none.
        """
        return self._turn(tenant, number, UNDONE, by=by, now_ms=now_ms)

    def listed(self, tenant: str) -> list[Row]:
        """Return the imports of a tenant, newest first, with the values a reader may see."""
        rows = self._database.rows(
            tenant,
            f"SELECT {_LISTED} FROM {{import_batch}} ORDER BY made_ms DESC, id",  # noqa: S608
        )
        register = consents_of(self._database).register(tenant)
        return [readable(_shown(row), register) for row in rows]

    def _turn(self, tenant: str, number: str, state: str, *, by: str, now_ms: int) -> Row:
        with self._database.writing(tenant) as connection:
            one = connection.execute(_ONE, {"tenant": tenant, "id": number}).mappings().first()
            if one is None:
                raise RequestError(404, "import", f"no import {number!r}")
            batch = dict(one)
            if batch["state"] == state:
                return _shown(batch)
            if batch["state"] == UNDONE:
                raise RequestError(409, "import", f"import {number} was undone: import it again")
            was = batch["state"]
            names = (batch["site"], batch["device"], batch["channel"])
            document = connection.execute(
                owned("SELECT document FROM {study_document}"), {"tenant": tenant}
            ).scalar_one_or_none()
            target = target_of(None if document is None else document.encode(), *names)
            others = self._committed(connection, tenant, target)
            last = max((each["number"] for each in others), default=0)
            batch.update(state=state, number=last + 1 if state == COMMITTED else batch["number"])
            kept = [each for each in others if each["id"] != number]
            batches = [*kept, batch] if state == COMMITTED else kept
            if COMMITTED in (was, state):
                self._restate(connection, tenant, target, batches, batch, by=by, now_ms=now_ms)
            connection.execute(
                _MARK,
                {name: batch[name] for name in ("state", "number", "summary", "tenant", "id")},
            )
        return _shown(batch)

    def _restate(
        self, connection: Connection, tenant: str, target: Target, batches: list[Row],
        batch: Row, *, by: str, now_ms: int,
    ) -> None:  # fmt: skip
        series = Series(self._database, connection, tenant, target)
        wanted = series.wanted(batches)
        windows = _windows(series.stored, wanted)
        series.write(wanted.rows)
        count_refused(self._database, connection, tenant, target, batches)
        kind = log.IMPORT if batch["state"] == COMMITTED else log.UNDO
        if kind == log.IMPORT:
            batch["summary"] = json.dumps({**json.loads(batch["summary"]), "windows": windows})
        names = target.site, target.device, target.channel
        log.add(
            connection, tenant, kind, names, span_of(batch), who=by, t_ms=now_ms,
            why=batch["file"], old=f"{len(series.stored)} windows",
            new=f"{len(wanted.rows)} windows", reference=batch["id"],
        )  # fmt: skip
        note(connection, tenant, by, f"import {batch['state']}", batch["id"])

    @staticmethod
    def _drop_old(connection: Connection, tenant: str, made: str, by: str) -> None:
        """Drop the oldest previews beside the one just made; the audit log says so."""
        others = {"tenant": tenant, "id": made, "kept": MAX_PREVIEWS - 1}
        old = connection.execute(_OLD_PREVIEWS, others)
        for number in old.scalars().all():
            note(connection, tenant, by, "import preview dropped", number)

    @staticmethod
    def _committed(connection: Connection, tenant: str, target: Target) -> list[Row]:
        names = {name: getattr(target, name) for name in ("site", "device", "channel")}
        found = connection.execute(_COMMITTED, {**names, "tenant": tenant})
        return [dict(row) for row in found.mappings()]


def _refused(refused: list[Refusal]) -> str:
    counts = Counter(refusal.reason for refusal in refused)
    lines = [list(refusal) for refusal in refused[:MAX_LINES]]
    return json.dumps({"counts": dict(sorted(counts.items())), "lines": lines})


def _described(samples: list[Sample], target: Target) -> Row:
    first, last = (samples[0], samples[-1]) if samples else (None, None)
    return {
        "values": len(samples),
        "unit": target.quantity.unit,
        "first": first and first._asdict(),
        "last": last and last._asdict(),
    }


def _windows(stored: Mapping[Key, Row], wanted: Laid) -> Row:
    """Count the windows that change and those that stay, days and shorter ones apart."""
    kinds = ("new", "changed", "removed", "kept")
    found = {name: dict.fromkeys(kinds, 0) for name in ("days", "hours")}

    def count(key: Key, kind: str) -> None:
        found["days" if key[1] >= DAY_S else "hours"][kind] += 1

    for key in {*stored, *wanted.rows}:
        before, after = stored.get(key), wanted.rows.get(key)
        if before != after:
            count(key, "new" if before is None else "removed" if after is None else "changed")
    for key in wanted.kept:
        count(key, "kept")
    return found


def _overlapping(samples: list[Sample], batches: list[Row]) -> list[str]:
    if not samples:
        return []
    start_ms, end_ms = samples[0].start_ms, max(sample.end_ms for sample in samples)
    found = []
    for batch in batches:
        other_ms = span_of(batch)
        if other_ms[0] < end_ms and other_ms[1] > start_ms:
            found.append(batch["id"])
    return found


def _shown(batch: Mapping[str, Any]) -> Row:
    names = ("id", "state", "site", "device", "channel", "file", "format", "sha256", "made_by",
             "made_ms")  # fmt: skip
    return {
        **{name: batch[name] for name in names},
        "replaces": bool(batch["replaces"]),
        **{name: json.loads(batch[name]) for name in ("summary", "refused")},
    }
