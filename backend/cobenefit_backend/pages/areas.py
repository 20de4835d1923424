"""What the page of the map's areas shows: map, areas, the form that replaces them."""

from collections.abc import Sequence
from dataclasses import dataclass

from cobenefit_backend.areas.geojson import MAX_AREAS, MAX_POSITIONS
from cobenefit_backend.areas.stored import Outlined
from cobenefit_backend.pages import frame, portfolio
from cobenefit_backend.pages.imports import Problem
from cobenefit_backend.pages.portfolio import Gathered
from cobenefit_backend.report.charts import Reader
from cobenefit_backend.report.format import Formatter
from cobenefit_backend.report.words import Language, Words
from cobenefit_backend.study import Site

MAX_ROWS = 100
"""Areas in the list of the page, so that it stays small."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page was asked for.

    Parameters
    ----------
    tenant : str
        Whose.
    form : str
        Token of its forms; empty for who may only read.
    limit_bytes : int
        What a file may have. [B]
    done : str
        What was just done: stored, removed, or nothing.
    problem : Problem or None
        Why a file was refused.
    """

    tenant: str
    form: str
    limit_bytes: int
    done: str = ""
    problem: Problem | None = None


def page(
    areas: Sequence[Outlined], gathered: Gathered | None, language: Language, shown: Shown
) -> str:
    """Return the page.

    Parameters
    ----------
    areas : sequence of Outlined
        The areas.
    gathered : Gathered or None
        What the map shows; None while there is no study document.
    language : {'en', 'fr'}
        Its language.
    shown : Shown
        What was asked for.

    Returns
    -------
    str
        HTML.
    """
    reader = Reader(Words.load(language), Formatter(language))
    sites = gathered.document.site if gathered else []
    number = reader.format.exact
    drawn = portfolio.map_of(gathered, gathered.report.cases, reader) if gathered else ""
    owner = gathered.report.names[language] if gathered else shown.tenant
    return frame.html(
        "areas", language, reader.words("areas"), owner=owner, form=shown.form,
        done=shown.done, problem=shown.problem, map=drawn or reader.words("areas_no_study"),
        rows=[(area.name, area.insee, ", ".join(_held(area, sites))) for area in areas[:MAX_ROWS]],
        count=len(areas), outside=_outside(areas, sites),
        megabytes=number(shown.limit_bytes // 10**5 / 10),
        most_areas=number(MAX_AREAS), most_points=number(MAX_POSITIONS),
    )  # fmt: skip


def _held(area: Outlined, sites: Sequence[Site]) -> list[str]:
    """Return the sites of the study document that an area names, itself or by its commune."""
    return [
        site.id
        for site in sites
        if site.id in area.sites or (site.insee and site.insee == area.insee)
    ]


def _outside(areas: Sequence[Outlined], sites: Sequence[Site]) -> list[str]:
    """Return the sites that no area has: the map leaves them out."""
    held = {name for area in areas for name in _held(area, sites)}
    return [site.id for site in sites if site.id not in held]
