"""The report as anyone may read it where `pages.tenant` is set: it names declared devices only.

A tenant whose study document names a household shows nothing to strangers. But what was stored
outlives the document: a meter taken out of it may have been a home's. So strangers read the names
of the devices that the document declares, and of no other.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec
from msgspec import Struct

from cobenefit_backend.report.records import Report

NAMELESS = "–"
_TABLES = ("series", "nodes", "corrections")
"""Tables of the report's data that have a site and a device."""


class _Device(Struct):
    id: str
    site: str


class _Document(Struct):
    device: list[_Device] = []


def for_strangers(report: Report, document: bytes) -> Report:
    """Return a report that names no device but those of a study document.

    Parameters
    ----------
    report : Report
        The report.
    document : bytes
        The study document as stored.

    Returns
    -------
    Report
        With a dash for site and device of every other; the reason of a correction of it, which is
        free text, is left out too. Counts and totals stay.
    """
    devices = msgspec.json.decode(document, type=_Document).device
    declared = {(each.site, each.id) for each in devices}
    hidden = {name: [_neutral(row, declared) for row in report.data[name]] for name in _TABLES}
    return replace(report, data={**report.data, **hidden})


def _neutral(row: Mapping[str, Any], declared: set[tuple[str, str]]) -> Mapping[str, Any]:
    if (row["site"], row["device"]) in declared:
        return row
    blank = {"site": NAMELESS, "device": NAMELESS}
    return {**row, **blank, "why": ""} if "why" in row else {**row, **blank}
