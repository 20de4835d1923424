"""The page of a site: its studies, devices, footprint against what is avoided, what was logged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from cobenefit_backend.pages import attention, figures, frame
from cobenefit_backend.pages.groups import nets
from cobenefit_backend.pages.portfolio import MAX_ROWS, Gathered, rows
from cobenefit_backend.report import charts
from cobenefit_backend.report.charts import Reader
from cobenefit_backend.report.format import Formatter, mass_unit
from cobenefit_backend.report.records import Case, Report
from cobenefit_backend.report.view import CaseView
from cobenefit_backend.report.words import Language, Words

MAX_DEVICES = 100
MAX_ACTIVITIES = 20


@dataclass(frozen=True, slots=True)
class Device:
    """A device of the site.

    Parameters
    ----------
    id : str
        Its id.
    board : str
        What it is made of; empty where only its readings are known.
    studies : tuple of str
        Titles of the studies that use it.
    coverage : str
        Share of the expected readings that are stored, written; a dash without any expected.
    silent : bool
        Whether it has gone quiet.
    """

    id: str
    board: str
    studies: tuple[str, ...]
    coverage: str
    silent: bool


@dataclass(frozen=True, slots=True)
class Balance:
    """What a study avoided against its own footprint, as two bars of one scale.

    Parameters
    ----------
    title : str
        Its title.
    avoided, own : str
        Central values, written.
    avoided_bar, own_bar : Markup
        Their bars.
    """

    title: str
    avoided: str
    avoided_bar: Markup
    own: str
    own_bar: Markup


def page(
    gathered: Gathered,
    site: str,
    log: Sequence[Mapping[str, Any]],
    language: Language,
    now_ms: int,
) -> str:
    """Return the page.

    Parameters
    ----------
    gathered : Gathered
        What the territory has.
    site : str
        Id of the site.
    log : sequence of mapping
        Activities of the municipality.
    language : {'en', 'fr'}
        Its language.
    now_ms : int
        Unix time, to tell who is silent. [ms]

    Returns
    -------
    str
        HTML.
    """
    report, reader = gathered.report, Reader(Words.load(language), Formatter(language))
    cases = [case for case in report.cases if case.site == site]
    found = nets(report, cases, gathered.factors)
    logged = [row for row in log if row["site"] == site]
    owner, title = (reader.words(f"site_{key}", site=site) for key in ("owner", "title"))
    unit, balances = _balances(cases, reader)
    devices = _devices(gathered, site, cases, now_ms, reader)
    sentences = [figures.sentence(net, owner, reader) for net in found]
    return frame.html(
        "site", language, title, owner=report.names[language],
        sentences=sentences or [figures.why_none(report, cases, owner, reader)],
        figures_=[figures.figure(net, reader) for net in found],
        rows=rows(cases[:MAX_ROWS], reader), row_count=len(cases),
        unit=unit, balances=balances, balance_sentence=_balance_sentence(cases, reader),
        devices=devices[:MAX_DEVICES], device_count=len(devices), site=site,
        logged=logged[-MAX_ACTIVITIES:][::-1], logged_count=len(logged),
    )  # fmt: skip


def _devices(
    gathered: Gathered, site: str, cases: Sequence[Case], now_ms: int, reader: Reader
) -> list[Device]:
    quiet = attention.silent(gathered.document, gathered.ledgers, now_ms)
    boards = {entry.id: entry.board for entry in gathered.document.device if entry.site == site}
    heard = _heard(gathered.report, site)
    return [
        Device(
            name,
            boards.get(name, ""),
            tuple(case.titles[reader.words.language] for case in cases if name in case.devices),
            _coverage(*heard.get(name, (0, 0)), reader),
            (site, name) in quiet,
        )
        for name in sorted({*boards, *heard})
    ]


def _heard(report: Report, site: str) -> dict[str, tuple[int, int]]:
    """Return how many readings of each device are stored, and how many were expected."""
    found: dict[str, tuple[int, int]] = {}
    for row in report.data["series"]:
        if row["site"] == site and row["device"]:
            stored, expected = found.get(row["device"], (0, 0))
            found[row["device"]] = stored + row["stored"], expected + row["expected"]
    return found


def _coverage(stored: int, expected: int, reader: Reader) -> str:
    return reader.format.percent(min(stored / expected, 1.0)) if expected else "–"


def _pairs(cases: Sequence[Case]) -> list[tuple[Case, float, float]]:
    """Return what each claimed study avoided before its footprint, and that footprint."""
    found = []
    for case in cases:
        gross, rebound = case.estimate.gross_kgco2e, case.estimate.rebound_kgco2e
        if gross is not None and rebound is not None and case.counts:
            own = case.estimate.footprint_kgco2e.central
            found.append((case, gross.central - rebound.central, own))
    return found


def _balances(cases: Sequence[Case], reader: Reader) -> tuple[str, list[Balance]]:
    pairs = _pairs(cases)[:MAX_ROWS]
    values = [value for _, *both in pairs for value in both]
    unit = mass_unit(*values)

    def bar(value: float, tone: str) -> Markup:
        step: dict[str, Any] = {"start": 0.0, "end": value, "tone": tone}
        return charts.waterfall_bar(step, min(values), max(values))

    form = reader.format
    return unit, [
        Balance(
            CaseView(case, reader).title,
            form.bare_mass(avoided, unit), bar(avoided, "good" if avoided > 0 else "bad"),
            form.bare_mass(own, unit), bar(own, "own"),
        )
        for case, avoided, own in pairs
    ]  # fmt: skip


def _balance_sentence(cases: Sequence[Case], reader: Reader) -> str:
    """Say how much of what is avoided the devices cost, and of all studies what they emitted."""
    words, form, pairs = reader.words, reader.format, _pairs(cases)
    avoided, own = sum(each[1] for each in pairs), sum(each[2] for each in pairs)
    if avoided <= 0:
        total = sum(case.estimate.footprint_kgco2e.central for case in cases)
        return words("balance_none", own=form.mass(total))
    return words(
        "balance_sentence",
        own=form.mass(own), avoided=form.mass(avoided), share=form.signed_percent(own / avoided),
    )  # fmt: skip
