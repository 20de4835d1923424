"""Which alarms are due: a pure function of the overview, the clock and what is open already.

Levels have two edges: a battery that alarmed below its limit is well again 100 mV above it, and so
on, so that a value near a limit raises one alarm, not a hundred. Silence is judged only while the
gateway itself could hear. It must do no I/O.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from cobenefit_gateway.alarms import Cause
from cobenefit_gateway.config import Config
from cobenefit_gateway.overview import OK, SILENT, Device, Overview

_DAY_MS = 86_400_000
_RECENT_MS = 3_600_000
_BROKER_MS, _BACKEND_MS = 120_000, 900_000
_EXPIRES_MS, _EXPIRED_MS = 30 * _DAY_MS, 3 * _DAY_MS
_BATTERY_MV = 100
#: A node's clock may be this far ahead; further behind, because its message may have waited. [ms]
_AHEAD_MS, _BEHIND_MS = 120_000, 3_600_000
_OWN_SKEW_MS = 60_000
_FREE_BYTES, _FREE_AGAIN = 500 << 20, 600 << 20
#: From this many silent nodes, and no other, a site is one alarm. [1]
_SITE_NODES = 3

Found = Iterator[tuple[Cause, dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class View:
    """What `judge` looks at beside the overview."""

    config: Config
    overview: Overview
    is_open: Collection[Cause]
    grew_ms: dict[str, int]
    certificates: dict[str, int | None]
    floods: Mapping[tuple[str, str], float] = field(default_factory=dict)

    @property
    def now_ms(self) -> int:
        """Gateway time [Unix ms]."""
        return self.overview.t_ms

    def recent(self, name: str) -> bool:
        """Whether a counter grew within the last hour."""
        return self.now_ms - self.grew_ms.get(name, -_RECENT_MS) < _RECENT_MS

    def since_ms(self, what: str) -> int:
        """Return how long something of the running process lasts, 0 when it does not [ms]."""
        start = self.overview.live.get(what)
        return max(self.now_ms - int(start), 0) if start else 0


def judge(view: View) -> dict[Cause, dict[str, Any]]:
    """Return everything that is wrong now.

    Parameters
    ----------
    view : View
        What is known.

    Returns
    -------
    dict
        Facts by cause; codes are keys of `alarm_codes.CODES`.
    """
    parts = (_silence, _nodes, _floods, _network, _storage, _certificates)
    return {cause: facts for part in parts for cause, facts in part(view)}


def noteworthy(config: Config, one: Device) -> bool:
    """Return whether `judge` may have something to say about a node.

    Parameters
    ----------
    config : Config
        Has the rules.
    one : Device
        The node.

    Returns
    -------
    bool
        False for most nodes of most gateways, so that nobody need remember them.
    """
    battery_mv = config.node_rule(one.site, one.device).battery_low_mv + _BATTERY_MV
    return (
        one.state != OK
        or one.lost > 0
        or not one.clock_known
        or (one.battery_mv is not None and one.battery_mv < battery_mv)
        or (one.skew_ms is not None and not _on_time(one.skew_ms))
    )


def counters(overview: Overview) -> dict[str, int]:
    """Return the counters whose growth is an alarm, by name."""
    names = ("windows_dropped", "alarms_dropped", "notices_dropped")
    found = {name: overview.totals.get(name, 0) for name in names}
    found["refused"] = overview.counts["refused_packs"] + overview.counts["refused_readings"]
    return found | {f"lost {d.site}/{d.device}": d.lost for d in overview.devices if d.lost}


def _silence(view: View) -> Found:
    hears_ms = view.since_ms("connected_ms")
    by_site: dict[str, list[Device]] = {}
    for one in view.overview.devices:
        by_site.setdefault(one.site, []).append(one)
    for site, devices in by_site.items():
        silent = [d for d in devices if d.state == SILENT and _judged(view, d, hears_ms)]
        nodes = view.overview.nodes.get(site, len(devices))
        if len(silent) == nodes >= _SITE_NODES:
            yield ("site_silent", site, ""), {"devices": nodes}
            continue
        for one in devices:
            if one.state != OK and _judged(view, one, hears_ms):
                code = "node_silent" if one.state == SILENT else "node_late"
                hours = round((view.now_ms - (one.heard_ms or 0)) / _RECENT_MS, 1)
                yield (code, site, one.device), {"hours": hours}


def _judged(view: View, one: Device, hears_ms: int) -> bool:
    # After a start every node gets its usual time to speak, unless it was silent before.
    place = one.site, one.device
    known = any((c, *place) in view.is_open for c in ("node_late", "node_silent"))
    known |= ("site_silent", one.site, "") in view.is_open
    return known or hears_ms >= view.config.node_rule(*place).late_s * 1000


def _nodes(view: View) -> Found:
    for one in view.overview.devices:
        place = one.site, one.device
        limit_mv = view.config.node_rule(*place).battery_low_mv
        if limit_mv and ("battery_low", *place) in view.is_open:
            limit_mv += _BATTERY_MV
        if one.battery_mv is not None and one.battery_mv < limit_mv:
            yield ("battery_low", *place), {"battery_mv": one.battery_mv}
        if one.skew_ms is not None and not _on_time(one.skew_ms):
            yield ("clock_off", *place), {"skew_s": round(one.skew_ms / 1000)}
        if not one.clock_known:
            yield ("time_unknown", *place), {}
        if one.lost and view.recent(f"lost {one.site}/{one.device}"):
            yield ("readings_lost", *place), {"lost": one.lost}


def _on_time(skew_ms: int) -> bool:
    return -_BEHIND_MS <= skew_ms <= _AHEAD_MS


def _floods(view: View) -> Found:
    for place, per_s in view.floods.items():
        yield ("node_floods", *place), {"rate": round(per_s)}


def _network(view: View) -> Found:
    live = view.overview.live
    if view.overview.running and (down_ms := view.since_ms("broker_down_ms")) > _BROKER_MS:
        yield ("broker_down", "", ""), {"minutes": down_ms // 60_000}
    error = str(live.get("backend_error", ""))
    if live.get("backend_status") in (401, 403):
        yield ("backend_refuses_key", "", ""), {"error": error}
    elif (down_ms := view.since_ms("backend_down_ms")) > _BACKEND_MS:
        yield ("backend_down", "", ""), {"minutes": down_ms // 60_000, "error": error}
    if (skew_ms := int(live.get("backend_skew_ms", 0))) and abs(skew_ms) > _OWN_SKEW_MS:
        yield ("gateway_clock_off", "", ""), {"skew_s": round(skew_ms / 1000)}
    if live.get("config_error"):
        yield ("config_refused", "", ""), {"error": str(live["config_error"])}
    for channel, said in dict(live.get("delivery_errors", {})).items():
        yield ("alarms_not_delivered", "", channel), {"channel": channel, "error": said}


def _storage(view: View) -> Found:
    counts, totals = view.overview.counts, view.overview.totals
    pages = counts["pages_waiting"]
    limits = view.config.backend
    full = pages >= limits.max_pages or view.overview.spool_bytes >= limits.max_mb << 20
    if full and counts["windows_due"]:
        yield ("spool_full", "", ""), {"pages": pages, "windows": counts["windows_due"]}
    if counts["pages_parked"]:
        facts = {"pages": counts["pages_parked"], "error": view.overview.parked[:200]}
        yield ("page_refused", "", ""), facts
    if view.recent("windows_dropped"):
        yield ("windows_dropped", "", ""), {"windows": totals.get("windows_dropped", 0)}
    if view.recent("refused"):
        facts = {"packs": counts["refused_packs"], "readings": counts["refused_readings"]}
        yield ("quarantine_grows", "", ""), facts
    limit = _FREE_AGAIN if ("disk_low", "", "") in view.is_open else _FREE_BYTES
    if view.overview.free_bytes < limit:
        yield ("disk_low", "", ""), {"free_mb": view.overview.free_bytes >> 20}


def _certificates(view: View) -> Found:
    for file, ends_ms in view.certificates.items():
        left_ms = -1 if ends_ms is None else ends_ms - view.now_ms
        if left_ms < _EXPIRED_MS:
            yield ("certificate_expired", "", _short(file)), {"file": file}
        elif left_ms < _EXPIRES_MS:
            facts = {"file": file, "days": left_ms // _DAY_MS}
            yield ("certificate_expires", "", _short(file)), facts


def _short(file: str) -> str:
    return file[-64:]
