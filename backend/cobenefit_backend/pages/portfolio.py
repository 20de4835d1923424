"""The first page: what the deployment avoids, where, by use case, and what needs someone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup

from cobenefit_backend.areas.stored import Outlined
from cobenefit_backend.factors.registry import FactorSet
from cobenefit_backend.pages import attention, figures, frame, map_panel, places
from cobenefit_backend.pages.groups import nets
from cobenefit_backend.report.charts import Reader
from cobenefit_backend.report.format import Formatter
from cobenefit_backend.report.records import Case, Report
from cobenefit_backend.report.view import CaseView
from cobenefit_backend.report.words import Language, Words
from cobenefit_backend.study import StudyDocument

MAX_ROWS = 40
"""Studies on a page, so that it stays below 100 kB."""
MIN_DOTS = 2
"""Fewer sites make no map."""


@dataclass(frozen=True, slots=True)
class Gathered:
    """What the pages of a territory are made from.

    Parameters
    ----------
    report : Report
        The report.
    document : StudyDocument
        The study document.
    areas : sequence of Outlined
        Areas of the map.
    ledgers : sequence of mapping
        Ledgers of the nodes.
    factors : FactorSet
        The factors the report was made with.
    """

    report: Report
    document: StudyDocument
    areas: Sequence[Outlined]
    ledgers: Sequence[Mapping[str, Any]]
    factors: FactorSet


@dataclass(frozen=True, slots=True)
class Choice:
    """What the reader chose to see.

    Parameters
    ----------
    use_case : str
        Only this use case; empty for all.
    site : str
        Only this site; empty for all.
    start : int
        First study of the table. [1]
    everything : bool
        Whether all that needs attention is listed.
    """

    use_case: str = ""
    site: str = ""
    start: int = 0
    everything: bool = False

    def cases(self, report: Report) -> list[Case]:
        """Return the studies chosen."""
        return [
            case
            for case in report.cases
            if self.use_case in ("", case.estimate.use_case) and self.site in ("", case.site)
        ]

    def address(self, language: Language, **changes: str | int) -> str:
        """Return the address of this page with the same choice but for some changes."""
        values = {"lang": language, "use_case": self.use_case, "site": self.site, **changes}
        return "/?" + urlencode({key: value for key, value in values.items() if value != ""})


@dataclass(frozen=True, slots=True)
class Row:
    """A study in a table.

    Parameters
    ----------
    view : CaseView
        The study.
    trend : Markup
        Its sparkline, or nothing.
    """

    view: CaseView
    trend: Markup


def rows(cases: Sequence[Case], reader: Reader) -> list[Row]:
    """Return studies as rows of a table, by use case."""
    return [Row(CaseView(case, reader), figures.sparkline(case, reader)) for case in cases]


def page(
    gathered: Gathered, language: Language, choice: Choice, now_ms: int, *, draws: bool = False
) -> str:
    """Return the page.

    Parameters
    ----------
    gathered : Gathered
        What it shows.
    language : {'en', 'fr'}
        Its language.
    choice : Choice
        What the reader chose.
    now_ms : int
        Unix time, to tell who is silent. [ms]
    draws : bool, optional
        Whether the reader may upload the map.

    Returns
    -------
    str
        HTML.
    """
    report, reader = gathered.report, Reader(Words.load(language), Formatter(language))
    owner = report.names[language]
    cases = choice.cases(report)
    found = nets(report, cases, gathered.factors)
    quiet = attention.silent(gathered.document, gathered.ledgers, now_ms)
    items = attention.items(report, cases, quiet, reader)
    use_cases = list(dict.fromkeys(case.estimate.use_case for case in report.cases))
    ordered = sorted(cases, key=lambda case: use_cases.index(case.estimate.use_case))
    sentences = [figures.sentence(net, owner, reader) for net in found]
    return frame.html(
        "portfolio", language, reader.words("portfolio"), owner=owner,
        choice=choice,
        sentences=sentences or [figures.why_none(report, cases, owner, reader)],
        figures_=[figures.figure(net, reader) for net in found],
        apart=any(not case.counts for case in cases),
        map=map_of(gathered, cases, reader),
        draws=draws,
        groups=_groups(rows(ordered[choice.start : choice.start + MAX_ROWS], reader)),
        shown=(choice.start + 1, min(choice.start + MAX_ROWS, len(cases)), len(cases)),
        use_cases=use_cases,
        sites=[site.id for site in gathered.document.site],
        items=items if choice.everything else items[: attention.SHOWN],
        item_count=len(items),
    )  # fmt: skip


def welcome(language: Language) -> str:
    """Return the page of a municipality that has no study document yet."""
    return frame.html("welcome", language, Words.load(language)("portfolio"))


def _groups(found: Sequence[Row]) -> list[tuple[str, list[Row]]]:
    groups: dict[str, list[Row]] = {}
    for row in found:
        groups.setdefault(row.view.case.estimate.use_case, []).append(row)
    return list(groups.items())


def map_of(gathered: Gathered, cases: Sequence[Case], reader: Reader) -> map_panel.MapPanel | str:
    """Return the map, or the sentence that stands in its place.

    Parameters
    ----------
    gathered : Gathered
        What it shows.
    cases : sequence of Case
        The studies that count.
    reader : Reader
        For whom.

    Returns
    -------
    MapPanel or str
        Ready for the template.
    """
    sites = gathered.document.site
    if gathered.areas:
        shown = places.of_areas(gathered.report, cases, gathered.areas, sites, gathered.factors)
        return map_panel.of_areas(shown, [area.outline for area in gathered.areas], reader)
    located = [site for site in sites if site.position is not None]
    if len(located) < MIN_DOTS:
        return reader.words("map_none")
    shown = places.of_sites(gathered.report, cases, located, gathered.factors)
    return map_panel.of_sites(shown, [site.position for site in located if site.position], reader)
