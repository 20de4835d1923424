"""What is held of the data: readings stored, refused, lost; corrections, nodes, their digest."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cobenefit_backend.digests import Series
from cobenefit_backend.store import Store
from cobenefit_backend.study import StudyDocument

Row = dict[str, Any]


def counted(
    series: list[Row],
    quarantine: list[Row],
    ledgers: list[Row],
    document: StudyDocument,
    windows: Mapping[tuple[str, str, str], tuple[int, str]],
) -> dict[str, Any]:
    """Count readings stored, refused by reason and lost, per device and channel."""
    rows: dict[tuple[str, str, str], Row] = {}

    def entry(site: str, device: str, channel: str) -> Row:
        blank = {"stored": 0, "expected": 0, "quarantined": {}, "packs": {}, "lost": 0}
        key = (site, device, channel)
        return rows.setdefault(key, {"site": site, "device": device, "channel": channel, **blank})

    for row in series:
        found = entry(row["site"], row["device"], row["channel"])
        found.update(stored=int(row["stored"]), expected=int(row["expected"]))
        found.update(start=_iso(row["start_ms"]), end=_iso(row["end_ms"]))
    for key, (count, sha256) in windows.items():
        entry(*key).update(windows=count, sha256=sha256)
    for row in quarantine:
        found = entry(row["site"], row["device"], row["channel"])
        found["quarantined"][row["reason"]] = row["readings"]
        if row["packs"]:
            found["packs"][row["reason"]] = row["packs"]
    for row in ledgers:
        for channel, readings in row["lost"].items():
            entry(row["site"], row["device"], channel)["lost"] += readings
    table = [rows[key] for key in sorted(rows)]
    return {
        "stored": sum(row["stored"] for row in table),
        "quarantined": _by_reason(table),
        "lost": sum(row["lost"] for row in table),
        "series": table,
        "nodes": _nodes(ledgers, document),
    }


def correction(row: Row) -> Row:
    """Say what was corrected, when and why, as it holds now; by whom stays in the log."""
    names = ("kind", "site", "device", "channel", "why", "old", "new", "reference")
    times = {name: _iso(row[f"{name}_ms"]) for name in ("t", "start", "end")}
    return {**{name: row[name] for name in names}, **times}


def _by_reason(table: list[Row]) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in table:
        for reason, readings in row["quarantined"].items():
            found[reason] = found.get(reason, 0) + readings
    return dict(sorted(found.items()))


def _nodes(ledgers: list[Row], document: StudyDocument) -> list[Row]:
    boards = {(entry.site, entry.id): entry for entry in document.device}
    nodes: dict[tuple[str, str], Row] = {}
    for row in ledgers:
        key = (row["site"], row["device"])
        sums = nodes.setdefault(
            key,
            {
                "site": key[0], "device": key[1], "boots": 0, "uptime_ms": 0, "energy_mj": 0,
                "bytes": 0, "reconnects": 0, "wakes": 0,
                "accelerated": key in boards and boards[key].accelerated,
            },
        )  # fmt: skip
        sums["boots"] += 1
        sums["bytes"] += row["tx_bytes"] + row["rx_bytes"]
        for name in ("uptime_ms", "energy_mj", "reconnects", "wakes"):
            sums[name] += row[name]
    return [nodes[key] for key in sorted(nodes)]


def _iso(t_ms: int) -> str:
    return datetime.fromtimestamp(t_ms / 1000, tz=UTC).isoformat(timespec="seconds")


def data_digest(
    store: Store, tenant: str, document: bytes, windows: dict[Series, tuple[int, str]]
) -> str:
    """Hash everything a report depends on beside factors and code."""
    digest = hashlib.sha256(document)
    digest.update(store.series_digest(tenant, windows).encode())
    corrections = [correction(row) for row in store.corrections(tenant)]
    parts = (store.quarantine(tenant), store.health(tenant), store.activities(tenant))
    for rows in (*parts, *((corrections,) if corrections else ())):
        digest.update(json.dumps(rows, sort_keys=True).encode())
    return digest.hexdigest()
