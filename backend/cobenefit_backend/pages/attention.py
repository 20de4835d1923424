"""What needs someone: silent devices, refused estimates, low coverage, refused readings."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cobenefit_backend.report.charts import Reader
from cobenefit_backend.report.records import Case, Report
from cobenefit_backend.study import StudyDocument

Row = Mapping[str, Any]
LOW_COVERAGE_RATIO = 0.9
"""Below it the estimators warn too (`low_coverage`)."""
SILENT_MS = 48 * 3_600_000
"""A node that sleeps reports daily; two missed days are no chance."""
SHOWN = 5
_REFUSED = "not_enough_data"


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to see to.

    Parameters
    ----------
    text : str
        What is wrong, in a sentence.
    address : str
        The page that says more.
    """

    text: str
    address: str


def items(
    report: Report,
    cases: Sequence[Case],
    quiet: Collection[tuple[str, str]],
    reader: Reader,
) -> list[Item]:
    """Return what needs someone, the most pressing first.

    Parameters
    ----------
    report : Report
        The report.
    cases : sequence of Case
        The studies on the page.
    quiet : collection of tuple of str
        Site and device of those that went silent.
    reader : Reader
        For whom.

    Returns
    -------
    list of Item
        All of them.
    """
    sites = {case.site for case in cases}
    return [
        *(_silent(site, device, reader) for site, device in sorted(quiet) if site in sites),
        *_estimates(cases, reader),
        *_refused(report, sites, reader),
    ]


def silent(document: StudyDocument, ledgers: Sequence[Row], now_ms: int) -> set[tuple[str, str]]:
    """Return the devices that said goodbye, or nothing for two days.

    Parameters
    ----------
    document : StudyDocument
        Their entries; a replay has a time of its own and is never late.
    ledgers : sequence of mapping
        Ledgers of the nodes, as stored.
    now_ms : int
        Unix time. [ms]

    Returns
    -------
    set of tuple of str
        Site and device.
    """
    latest: dict[tuple[str, str], Row] = {}
    for row in ledgers:
        key = row["site"], row["device"]
        if key not in latest or _when(row) >= _when(latest[key]):
            latest[key] = row
    replayed = {(entry.site, entry.id) for entry in document.device if entry.accelerated}
    return {
        key
        for key, row in latest.items()
        if key not in replayed
        and (not row["online"] or (row["t_ms"] or now_ms) < now_ms - SILENT_MS)
    }


def _when(row: Row) -> tuple[int, int]:
    return row["t_ms"] or 0, row["boot"]


def _silent(site: str, device: str, reader: Reader) -> Item:
    text = reader.words("attention_silent", device=device, site=site)
    return Item(text, f"/devices/{site}/{device}")


def _estimates(cases: Sequence[Case], reader: Reader) -> Iterator[Item]:
    words, low = reader.words, []
    for case in cases:
        estimate, title = case.estimate, case.titles[reader.words.language]
        address = f"/studies/{case.study}"
        refused = any(record.code == _REFUSED for record in estimate.disqualifications)
        if refused or not estimate.coverage_ratio:
            yield Item(words("attention_no_figure", study=title), address)
        elif estimate.coverage_ratio < LOW_COVERAGE_RATIO:
            covered = reader.format.percent(estimate.coverage_ratio)
            text = words("attention_coverage", study=title, coverage=covered)
            low.append((estimate.coverage_ratio, Item(text, address)))
    yield from (item for _, item in sorted(low, key=lambda pair: pair[0]))


def _refused(report: Report, sites: set[str], reader: Reader) -> list[Item]:
    """Name what was refused, by device, the most first; what names no site of ours is with all."""
    known = {case.site for case in report.cases}
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in report.data["series"]:
        ours = row["site"] in sites or row["site"] not in known
        if ours and (row["packs"] or row["quarantined"]):
            groups.setdefault((row["site"], row["device"]), []).append(row)
    found = [_refusal(device, rows, reader) for (_, device), rows in groups.items()]
    return [item for _, item in sorted(found, key=lambda pair: -pair[0])]


def _refusal(device: str, rows: Sequence[Row], reader: Reader) -> tuple[int, Item]:
    """Return how much of a device was refused, and the item that says so."""
    words, form = reader.words, reader.format
    packs, readings = (sum(sum(row[k].values()) for row in rows) for k in ("packs", "quarantined"))
    codes = dict.fromkeys(code for row in rows for code in row["quarantined"])
    text = words(
        "attention_quarantine",
        device=device or words("attention_unknown"),
        readings=form.exact(readings), packs=form.exact(packs),
        reasons=", ".join(words.either(f"reason.{code}", code) for code in codes),
    )  # fmt: skip
    return readings + packs, Item(text, "/data")
