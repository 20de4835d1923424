"""Where the nets are: the areas that were uploaded, or the sites where none was."""

from collections.abc import Sequence
from dataclasses import dataclass

from cobenefit_backend.areas.stored import Outlined
from cobenefit_backend.estimate.quantity import Interval
from cobenefit_backend.factors.registry import FactorSet
from cobenefit_backend.pages.groups import Net, nets
from cobenefit_backend.report.records import Case, Report
from cobenefit_backend.study import Site


@dataclass(frozen=True, slots=True)
class Place:
    """An area or a site with the studies in it.

    Parameters
    ----------
    kind : {'area', 'site'}
        Which.
    name : str
        Name of the area, id of the site.
    insee : str
        Code of the commune, empty without one.
    sites : tuple of str
        Its sites.
    cases : tuple of Case
        Their studies.
    nets : tuple of Net
        Their nets, measured ones first; empty without any.
    """

    kind: str
    name: str
    insee: str
    sites: tuple[str, ...]
    cases: tuple[Case, ...]
    nets: tuple[Net, ...]

    @property
    def shown(self) -> Net | None:
        """The net that the map shows: the measured one, else the estimated one."""
        return self.nets[0] if self.nets else None

    @property
    def per_device(self) -> Interval | None:
        """The net that the map shows, by device.

        Returns
        -------
        Interval or None
            None without a net. [kgCO2e]
        """
        return self.shown.per_device if self.shown else None


def of_areas(
    report: Report,
    cases: Sequence[Case],
    areas: Sequence[Outlined],
    sites: Sequence[Site],
    factors: FactorSet,
) -> list[Place]:
    """Return the areas of a map, in their order.

    Parameters
    ----------
    report : Report
        The report.
    cases : sequence of Case
        Studies to show.
    areas : sequence of Outlined
        The areas.
    sites : sequence of Site
        Sites of the study document; one belongs to the area that names it, else to its commune.
    factors : FactorSet
        The factors the report was made with.

    Returns
    -------
    list of Place
        One for each area.
    """
    named = {site for area in areas for site in area.sites}
    places = []
    free = [site for site in sites if site.insee and site.id not in named]
    for area in areas:
        inside = [site.id for site in free if site.insee == area.insee]
        members = (*area.sites, *inside)
        places.append(_place(report, cases, ("area", area.name, area.insee), members, factors))
    return places


def of_sites(
    report: Report, cases: Sequence[Case], sites: Sequence[Site], factors: FactorSet
) -> list[Place]:
    """Return the sites, in the order of the study document.

    Parameters
    ----------
    report : Report
        The report.
    cases : sequence of Case
        Studies to show.
    sites : sequence of Site
        The sites.
    factors : FactorSet
        The factors the report was made with.

    Returns
    -------
    list of Place
        One for each site.
    """
    return [
        _place(report, cases, ("site", site.id, site.insee), (site.id,), factors) for site in sites
    ]


def _place(
    report: Report,
    cases: Sequence[Case],
    names: tuple[str, str, str],
    sites: tuple[str, ...],
    factors: FactorSet,
) -> Place:
    inside = tuple(case for case in cases if case.site in sites)
    return Place(*names, sites, inside, tuple(nets(report, inside, factors)))
