"""Webhooks and their outbox in the database; every change by a person is in the audit log."""

import json
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, text

from cobenefit_backend.access.audit import note
from cobenefit_backend.database import Database, Row, owned
from cobenefit_backend.errors import RequestError
from cobenefit_backend.webhooks.events import Event, State

MAX_WEBHOOKS = 20
MAX_OUTBOX = 1000
WAITING, DEAD = "waiting", "dead"
_COUNTS = "SELECT webhook, state, count(*) AS n FROM {delivery} GROUP BY webhook, state"
_SHOWN = "id, url, events, active, reason, created_ms, delivered, dropped"
_INSERT = text(
    "INSERT INTO webhook (tenant, id, url, events, active, reason, created_ms, delivered, "
    "dropped, seen) VALUES (:tenant, :id, :url, :events, :active, '', :created_ms, 0, 0, :seen)"
)
_OUTBOX = text(
    "INSERT INTO delivery (tenant, id, webhook, type, body, created_ms, attempts, next_ms, state, "
    "reason) "
    "VALUES (:tenant, :id, :webhook, :type, :body, :created_ms, 0, :created_ms, 'waiting', '')"
)


class Webhooks:
    """Reads and writes of webhooks.

    Parameters
    ----------
    database : Database
        The database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self, tenant: str, url: str, events: Sequence[str], seen: State, *, now_ms: int, by: str
    ) -> str:
        """Store a webhook and return its id.

        Parameters
        ----------
        tenant, url : str
            Whose, and where to.
        events : sequence of str
            Types it hears of.
        seen : dict
            The state from which on it hears of them.
        now_ms : int
            Unix time. [ms]
        by : str
            Who, for the audit log.

        Returns
        -------
        str
            Its id.

        Raises
        ------
        RequestError
            409 when the tenant has too many.
        """
        found = secrets.token_hex(8)
        values = {
            "tenant": tenant, "id": found, "url": url, "events": " ".join(events),
            "active": True, "created_ms": now_ms, "seen": json.dumps(seen),
        }  # fmt: skip
        with self._database.writing(tenant, data=False) as connection:
            known = _scalar(connection, "SELECT count(*) FROM {webhook}", tenant)
            if known >= MAX_WEBHOOKS:
                raise RequestError(409, "too-many", f"{known} webhooks: remove one first")
            connection.execute(_INSERT, values)
            note(connection, tenant, by, "webhook created", f"{found} {url}")
        return found

    def change(
        self, tenant: str, name: str, url: str, events: Sequence[str], *, active: bool,
        now_ms: int, by: str,
    ) -> bool:  # fmt: skip
        """Replace address, events and whether it is active.

        A webhook made active again tries what died once more.

        Parameters
        ----------
        tenant, name, url : str
            Whose, which, and where to.
        events : sequence of str
            Types it hears of.
        active : bool
            Whether it is told at all.
        now_ms : int
            Unix time. [ms]
        by : str
            Who, for the audit log.

        Returns
        -------
        bool
            False when there is none.
        """
        values = {
            "tenant": tenant, "id": name, "url": url, "events": " ".join(events),
            "active": active, "now_ms": now_ms,
        }  # fmt: skip
        with self._database.writing(tenant, data=False) as connection:
            if connection.execute(_CHANGE, values).rowcount == 0:
                return False
            if active:
                connection.execute(_REVIVE, values)
            note(connection, tenant, by, "webhook changed", f"{name} {url} active={active}")
        return True

    def remove(self, tenant: str, name: str, *, by: str) -> bool:
        """Remove a webhook and what waits for it; False when there is none."""
        values = {"tenant": tenant, "id": name}
        with self._database.writing(tenant, data=False) as connection:
            if connection.execute(_REMOVE, values).rowcount == 0:
                return False
            connection.execute(_REMOVE_OUTBOX, values)
            note(connection, tenant, by, "webhook removed", name)
        return True

    def listed(self, tenant: str) -> list[Row]:
        """Return the webhooks of a tenant with what waits, what died and what was dropped."""
        counts = {
            (row["webhook"], row["state"]): row["n"]
            for row in self._database.rows(tenant, _COUNTS)
        }
        query = f"SELECT {_SHOWN} FROM {{webhook}} ORDER BY created_ms, id"  # noqa: S608
        return [
            {
                **row,
                "events": row["events"].split(),
                "active": bool(row["active"]),
                **{name: counts.get((row["id"], name), 0) for name in (WAITING, DEAD)},
            }
            for row in self._database.rows(tenant, query)
        ]

    def outbox(self, tenant: str, name: str) -> list[Row] | None:
        """Return what waits or died at a webhook, newest first; None when there is no such one."""
        rows = self._database.rows(tenant, "SELECT 1 FROM {webhook} WHERE id = :id", id=name)
        query = (
            "SELECT id, type, body, created_ms, attempts, next_ms, state, reason FROM {delivery} "
            "WHERE webhook = :id ORDER BY created_ms DESC, id"
        )
        return self._database.rows(tenant, query, id=name) if rows else None

    def queue(self, tenant: str, name: str, event: Event, now_ms: int) -> bool:
        """Put one event into the outbox of one webhook.

        Parameters
        ----------
        tenant, name : str
            Whose, and which.
        event : Event
            The event.
        now_ms : int
            When it happened. [Unix ms]

        Returns
        -------
        bool
            False when there is no such webhook.
        """
        with self._database.writing(tenant, data=False) as connection:
            query = "SELECT count(*) FROM {webhook} WHERE id = :id"
            if not _scalar(connection, query, tenant, id=name):
                return False
            _queue(connection, tenant, name, event, now_ms)
        return True

    # ---- what the dispatcher needs

    def active(self, tenant: str) -> list[Row]:
        """Return `id`, `events` and `seen` of the active webhooks of a tenant."""
        query = "SELECT id, events, seen FROM {webhook} WHERE active ORDER BY id"
        return [
            {"id": row["id"], "events": row["events"].split(), "seen": json.loads(row["seen"])}
            for row in self._database.rows(tenant, query)
        ]

    def told(
        self, tenant: str, hook: Row, now: State, events: list[Event], *, now_ms: int
    ) -> None:
        """Queue events and remember what they were told from, both or neither.

        Another process may have been quicker: then what the webhook (from `active`) has seen is no
        more what is stored, and nothing is queued.

        Parameters
        ----------
        tenant : str
            Whose.
        hook : dict
            From `active`.
        now : dict
            The state the events were told from.
        events : list of Event
            The events.
        now_ms : int
            Unix time. [ms]
        """
        values = {
            "tenant": tenant, "id": hook["id"], "seen": json.dumps(now),
            "before": json.dumps(hook["seen"]),
        }  # fmt: skip
        with self._database.writing(tenant, data=False) as connection:
            if connection.execute(_SEEN, values).rowcount:
                for event in events:
                    _queue(connection, tenant, hook["id"], event, now_ms)

    def due(self, tenant: str, now_ms: int, limit: int, lease_ms: int) -> list[Row]:
        """Claim messages that are due: until the lease ends, no other process sends them.

        Parameters
        ----------
        tenant : str
            Whose.
        now_ms : int
            Unix time. [ms]
        limit : int
            At most so many. [1]
        lease_ms : int
            How long they are ours. [ms]

        Returns
        -------
        list of dict
            `id`, `webhook`, `url`, `body`, `attempts`.
        """
        if not self._database.rows(tenant, _ANY_DUE, now_ms=now_ms):
            return []
        given = {"tenant": tenant, "now_ms": now_ms, "limit": limit, "until_ms": now_ms + lease_ms}
        with self._database.writing(tenant, data=False) as connection:
            rows = [dict(row) for row in connection.execute(_DUE, given).mappings()]
            for row in rows:
                connection.execute(_LEASE, {**given, "id": row["id"]})
        return rows

    def delivered(self, tenant: str, message: str, webhook: str) -> None:
        """Take a message out of the outbox and count it."""
        values = {"tenant": tenant, "id": message, "webhook": webhook}
        with self._database.writing(tenant, data=False) as connection:
            if connection.execute(_DONE, values).rowcount:
                connection.execute(_COUNT_DELIVERED, values)

    def failed(self, tenant: str, message: str, reason: str, next_ms: int | None) -> None:
        """Note why an attempt failed and when the next one is due.

        Parameters
        ----------
        tenant, message : str
            Whose, and which.
        reason : str
            Why.
        next_ms : int or None
            When to try again; None: never. [Unix ms]
        """
        state = DEAD if next_ms is None else WAITING
        values = {
            "tenant": tenant, "id": message, "reason": reason, "next_ms": next_ms or 0,
            "state": state,
        }  # fmt: skip
        with self._database.writing(tenant, data=False) as connection:
            connection.execute(_FAILED, values)

    def gone(self, tenant: str, webhook: str, reason: str) -> None:
        """Make a webhook inactive because its receiver wants no more, and say so."""
        values = {"tenant": tenant, "id": webhook, "reason": reason}
        with self._database.writing(tenant, data=False) as connection:
            connection.execute(_GONE, values)
            connection.execute(_GONE_OUTBOX, values)
            note(connection, tenant, "webhooks", "webhook made inactive", f"{webhook} {reason}")


def _queue(connection: Connection, tenant: str, name: str, event: Event, now_ms: int) -> None:
    held = _scalar(
        connection, "SELECT count(*) FROM {delivery} WHERE webhook = :id", tenant, id=name
    )
    if held >= MAX_OUTBOX:
        given = {"tenant": tenant, "id": name}
        connection.execute(_DROPPED, given)
        if connection.execute(_MAKE_ROOM, given).rowcount == 0:
            return
    data = {"tenant": tenant, **event.data}
    body = {"type": event.type, "timestamp": _iso(now_ms), "data": data}
    values = {
        "tenant": tenant, "id": f"msg_{secrets.token_hex(16)}", "webhook": name,
        "type": event.type, "body": json.dumps(body, separators=(",", ":")), "created_ms": now_ms,
    }  # fmt: skip
    connection.execute(_OUTBOX, values)


def _iso(t_ms: int) -> str:
    return datetime.fromtimestamp(t_ms / 1000, UTC).isoformat(timespec="milliseconds")


def _scalar(connection: Connection, query: str, tenant: str, **values: Any) -> int:
    return int(connection.execute(owned(query), {**values, "tenant": tenant}).scalar_one())


_ANY_DUE = "SELECT 1 FROM {delivery} WHERE state = 'waiting' AND next_ms <= :now_ms LIMIT 1"
_DUE = owned(
    "SELECT delivery.id AS id, webhook, url, body, attempts FROM {delivery} "
    "JOIN {webhook} ON webhook.id = delivery.webhook "
    "WHERE state = 'waiting' AND active AND next_ms <= :now_ms ORDER BY next_ms LIMIT :limit"
)
_MINE = "WHERE tenant = :tenant AND id = :id"
_LEASE = text(f"UPDATE delivery SET next_ms = :until_ms {_MINE}")  # noqa: S608
_DONE = text(f"DELETE FROM delivery {_MINE}")  # noqa: S608
_FAILED = text(
    "UPDATE delivery SET attempts = attempts + 1, reason = :reason, next_ms = :next_ms, "  # noqa: S608
    f"state = :state {_MINE}"
)
_COUNT_DELIVERED = text(
    "UPDATE webhook SET delivered = delivered + 1 WHERE tenant = :tenant AND id = :webhook"
)
_DROPPED = text(f"UPDATE webhook SET dropped = dropped + 1 {_MINE}")  # noqa: S608
_MAKE_ROOM = text(
    "DELETE FROM delivery WHERE tenant = :tenant AND id = (SELECT id FROM delivery "
    "WHERE tenant = :tenant AND webhook = :id AND state = 'dead' ORDER BY created_ms, id LIMIT 1)"
)
_SEEN = text(f"UPDATE webhook SET seen = :seen {_MINE} AND seen = :before")  # noqa: S608
_CHANGE = text(
    "UPDATE webhook SET url = :url, events = :events, active = :active, reason = '' "  # noqa: S608
    f"{_MINE}"
)
_REVIVE = text(
    "UPDATE delivery SET state = 'waiting', attempts = 0, next_ms = :now_ms "
    "WHERE tenant = :tenant AND webhook = :id AND state = 'dead'"
)
_REMOVE = text(f"DELETE FROM webhook {_MINE}")  # noqa: S608
_REMOVE_OUTBOX = text("DELETE FROM delivery WHERE tenant = :tenant AND webhook = :id")
_GONE = text(f"UPDATE webhook SET active = false, reason = :reason {_MINE}")  # noqa: S608
_GONE_OUTBOX = text(
    "UPDATE delivery SET state = 'dead', reason = :reason "
    "WHERE tenant = :tenant AND webhook = :id AND state = 'waiting'"
)
