"""Erasing a device from what webhooks still hold: messages that wait, and what was told last."""

import json
from typing import Any

from sqlalchemy import Connection, text

from cobenefit_backend.database import owned

_BODIES = owned("SELECT id, body FROM {delivery} WHERE type IN ('node.offline', 'coverage.low')")
_BODY = text("UPDATE delivery SET body = :body WHERE tenant = :tenant AND id = :id")
_DROP = text("DELETE FROM delivery WHERE tenant = :tenant AND id = :id")
_SEEN = owned("SELECT id, seen FROM {webhook}")
_SET_SEEN = text("UPDATE webhook SET seen = :seen WHERE tenant = :tenant AND id = :id")


def naming(connection: Connection, tenant: str, site: str, device: str) -> int:
    """Return how many messages of the outbox name a device, or any device of a site.

    Parameters
    ----------
    connection : Connection
        A transaction of the tenant.
    tenant, site : str
        Whose, and where.
    device : str
        Which; empty: all of the site.

    Returns
    -------
    int
        Messages. [1]
    """
    return len(_messages(connection, tenant, site, device))


def forget(connection: Connection, tenant: str, site: str, device: str) -> int:
    """Take a device, or those of a site, out of every message; one that is left empty goes.

    Parameters
    ----------
    connection : Connection
        A transaction that writes for the tenant.
    tenant, site : str
        Whose, and where.
    device : str
        Which; empty: all of the site.

    Returns
    -------
    int
        Messages that named it. [1]
    """
    messages = _messages(connection, tenant, site, device)
    for number, body in messages.items():
        values = {"tenant": tenant, "id": number}
        if body["data"]["nodes"]:
            values["body"] = json.dumps(body, separators=(",", ":"))
        connection.execute(_BODY if "body" in values else _DROP, values)
    for row in connection.execute(_SEEN, {"tenant": tenant}).all():
        seen = json.loads(row.seen)
        kept = {
            name: [node for node in seen.get(name, ()) if not _is(node[0], node[1], site, device)]
            for name in ("offline", "low")
        }
        if any(len(kept[name]) < len(seen.get(name, ())) for name in kept):
            changed = json.dumps({**seen, **kept})
            connection.execute(_SET_SEEN, {"tenant": tenant, "id": row.id, "seen": changed})
    return len(messages)


def _messages(
    connection: Connection, tenant: str, site: str, device: str
) -> dict[str, dict[str, Any]]:
    """Return the bodies that named it, without it."""
    found = {}
    for row in connection.execute(_BODIES, {"tenant": tenant}).all():
        body = json.loads(row.body)
        nodes = body["data"]["nodes"]
        kept = [node for node in nodes if not _is(node["site"], node["device"], site, device)]
        if len(kept) < len(nodes):
            body["data"]["nodes"] = kept
            found[row.id] = body
    return found


def _is(of_site: str, of_device: str, site: str, device: str) -> bool:
    return of_site == site and device in ("", of_device)
