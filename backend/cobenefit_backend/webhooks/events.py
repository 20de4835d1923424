"""Which events a tenant's data tell: what is stored now beside what was told last.

They are read from the store, not from who writes to it: the command line and other processes
write too, and an event that was not yet told survives a crash.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from cobenefit_backend.pages.fleet import fleet
from cobenefit_backend.store import Store

REPORT_CHANGED = "report.changed"
DATA_QUARANTINED = "data.quarantined"
NODE_OFFLINE = "node.offline"
COVERAGE_LOW = "coverage.low"
TEST = "webhook.test"
EVENTS = (REPORT_CHANGED, DATA_QUARANTINED, NODE_OFFLINE, COVERAGE_LOW)
MAX_NODES = 100
State = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened.

    Parameters
    ----------
    type : str
        One of `EVENTS`, or `TEST`.
    data : dict
        What a receiver needs to ask for more; never a measured value.
    """

    type: str
    data: dict[str, Any]


def state(store: Store, tenant: str) -> State:
    """Return what the events of a tenant are told from.

    Parameters
    ----------
    store : Store
        Where the data stand.
    tenant : str
        Whose.

    Returns
    -------
    dict
        `change`, `refused` by reason, nodes that are `offline`, and those whose coverage is `low`
        by the rule of the fleet page.
    """
    refused: dict[str, int] = {}
    for row in store.quarantine(tenant):
        number = row["readings"] + row["packs"]
        refused[row["reason"]] = refused.get(row["reason"], 0) + number
    latest = {(row["site"], row["device"]): row for row in _by_time(store, tenant)}
    offline = [list(node) for node, row in sorted(latest.items()) if not row["online"]]
    change = store.change_number(tenant)
    nodes = fleet(store, tenant, time.time_ns() // 1_000_000).nodes
    low = sorted([node.site, node.device] for node in nodes if "coverage" in node.needs)
    return {"change": change, "refused": refused, "offline": offline, "low": low}


def _by_time(store: Store, tenant: str) -> list[State]:
    return sorted(store.health(tenant), key=lambda row: (row["t_ms"] or 0, row["boot"]))


def between(before: State, now: State) -> list[Event]:
    """Return the events between two states of a tenant.

    Parameters
    ----------
    before, now : dict
        From `state`.

    Returns
    -------
    list of Event
        At most one of each type.
    """
    if before["change"] == now["change"]:
        return []
    found = [Event(REPORT_CHANGED, {"change": now["change"]})]
    known = before["refused"]
    more = {
        reason: number - known.get(reason, 0)
        for reason, number in sorted(now["refused"].items())
        if number > known.get(reason, 0)
    }
    if more:
        found.append(Event(DATA_QUARANTINED, {"refused": more}))
    for kind, name in ((NODE_OFFLINE, "offline"), (COVERAGE_LOW, "low")):
        # A webhook made before there was coverage.low has seen no `low`.
        known_nodes = (now | before)[name]
        if more_nodes := [node for node in now[name] if node not in known_nodes]:
            found.append(Event(kind, _named(more_nodes)))
    return found


def _named(nodes: Sequence[Sequence[str]]) -> dict[str, Any]:
    named = [{"site": site, "device": device} for site, device in nodes[:MAX_NODES]]
    return {"nodes": named, "more": max(len(nodes) - MAX_NODES, 0)}
