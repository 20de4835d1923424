"""The overview as Prometheus text, exposition format 0.0.4.

The numbers are already there, so no client library keeps them a second time; a test reads the
text with Prometheus' own parser.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from cobenefit_gateway.alarms import Alarm
from cobenefit_gateway.config_operate import SEVERITIES
from cobenefit_gateway.overview import Device, Overview

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
#: Devices with metrics of their own at most; the counts by state always cover all. [1]
MAX_DEVICES = 10_000
_PREFIX = "cobenefit_gateway_"
_TOTALS = ("messages", "readings", "duplicates")


class Metric(NamedTuple):
    """One family: name, type, what it is, and its samples as (labels, value)."""

    name: str
    kind: str
    help: str
    samples: Sequence[tuple[dict[str, str], float]]


def exposition(overview: Overview, alarms: Iterable[Alarm]) -> str:
    """Return everything a scrape gets.

    Parameters
    ----------
    overview : Overview
        As of the last checkpoint.
    alarms : iterable of Alarm
        Those that are open.

    Returns
    -------
    str
        Lines with HELP and TYPE.
    """
    families = [*_process(overview), *_storage(overview), _alarms(alarms), *_devices(overview)]
    return "".join(_family(metric) for metric in families if metric.samples)


def _one(name: str, kind: str, text: str, value: float | None) -> Metric:
    return Metric(name, kind, text, [] if value is None else [({}, value)])


def _process(overview: Overview) -> list[Metric]:
    live, totals = overview.live, overview.totals
    others = [({"event": n}, float(v)) for n, v in sorted(totals.items()) if n not in _TOTALS]
    labels = {"tenant": overview.tenant, "version": str(live.get("version", ""))}
    return [
        Metric("info", "gauge", "Who this is.", [(labels, 1)]),
        _one("running", "gauge", "Whether the process wrote its vitals lately.", overview.running),
        _one("broker_connected", "gauge", "Whether the broker has us.", "connected_ms" in live),
        *(
            _one(f"{name}_total", "counter", f"{name.capitalize()} taken.", totals.get(name, 0))
            for name in _TOTALS
        ),
        Metric("events_total", "counter", "Other things that were counted.", others),
    ]


def _storage(overview: Overview) -> list[Metric]:
    counts = overview.counts
    age_s = None
    if overview.oldest_page_ms is not None:
        age_s = max(overview.t_ms - overview.oldest_page_ms, 0) / 1000
    gauges = {
        "pages_waiting": "Pages waiting for the backend.",
        "pages_parked": "Pages the backend refused for good.",
        "series": "Channels known.",
        "windows_open": "Windows still open.",
        "windows_due": "Closed windows waiting behind a full spool.",
        "kept": "Refused messages kept for a replay.",
    }
    return [
        *(_one(name, "gauge", text, counts[name]) for name, text in gauges.items()),
        _one("oldest_page_age_seconds", "gauge", "Age of the oldest waiting page.", age_s),
        _one("refused_packs_total", "counter", "Packs refused.", counts["refused_packs"]),
        _one("refused_readings_total", "counter", "Readings refused.", counts["refused_readings"]),
        _one("journal_bytes", "gauge", "Size of the journal.", overview.journal_bytes),
        _one("database_bytes", "gauge", "Size of the database.", overview.database_bytes),
        _one("disk_free_bytes", "gauge", "Free on the data's disk.", overview.free_bytes),
    ]


def _alarms(alarms: Iterable[Alarm]) -> Metric:
    count = dict.fromkeys(SEVERITIES, 0)
    for alarm in alarms:
        count[alarm.severity] += 1
    samples = [({"severity": name}, float(n)) for name, n in count.items()]
    return Metric("alarms", "gauge", "Open alarms.", samples)


def _devices(overview: Overview) -> list[Metric]:
    states = [({"state": s}, float(n)) for s, n in overview.by_state().items()]
    devices = overview.devices[:MAX_DEVICES]

    def family(
        name: str, text: str, values: Iterable[float | None], kind: str = "gauge"
    ) -> Metric:
        pairs = zip(map(_labels, devices), values, strict=True)
        return Metric(name, kind, text, [(labels, v) for labels, v in pairs if v is not None])

    return [
        Metric("devices", "gauge", "Devices by state.", states),
        family(
            "device_heard_timestamp_seconds",
            "When the device was last heard, Unix time.",
            [None if d.heard_ms is None else d.heard_ms / 1000 for d in devices],
        ),
        family(
            "device_battery_volts",
            "Battery voltage as the device says.",
            [None if d.battery_mv is None else d.battery_mv / 1000 for d in devices],
        ),
        family(
            "device_lost_readings_total",
            "Readings the device declared lost.",
            [d.lost for d in devices],
            "counter",
        ),
    ]


def _labels(device: Device) -> dict[str, str]:
    return {"site": device.site, "device": device.device}


def _family(metric: Metric) -> str:
    name = _PREFIX + metric.name
    lines = [f"# HELP {name} {metric.help}", f"# TYPE {name} {metric.kind}"]
    for labels, value in metric.samples:
        inner = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        lines.append(
            f"{name}{{{inner}}} {float(value)!r}" if inner else f"{name} {float(value)!r}"
        )
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
