"""Nets over devices, sites and use cases, without counting anything twice.

Classes M and E are added apart, P and N never. Two studies that would claim the same effect (a
meter and the data centre behind it) stand in a register of overlaps, which says which one keeps
it. Figures that rest on a common uncertain factor are wrong together: their half-widths add up;
only independent groups add in quadrature.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cobenefit_backend.estimate.net import MAX_PORTFOLIO_UNCERTAINTY
from cobenefit_backend.estimate.quantity import Estimate, Interval, total
from cobenefit_backend.factors.registry import FactorSet

CLASSES = ("M", "E")


@dataclass(frozen=True, slots=True)
class Overlap:
    """Studies that would claim the same effect.

    Attributes
    ----------
    studies : tuple of str
        Ids of the studies concerned.
    keep : str
        The one that keeps the effect; the others are shown and not added.
    reason : str
        Why they overlap, in the words of who wrote the register.
    """

    studies: tuple[str, ...]
    keep: str
    reason: str


@dataclass(frozen=True, slots=True)
class Subtotal:
    """The net of one evidence class.

    Attributes
    ----------
    studies : tuple of str
        Ids of the studies added.
    net_kgco2e : Interval or None
        Their net, None without any. [kgCO2e]
    imprecise : bool
        Whether the half-width exceeds a quarter of the net, the limit of CalTRACK 2.0 for a
        portfolio.
    """

    studies: tuple[str, ...]
    net_kgco2e: Interval | None
    imprecise: bool


@dataclass(frozen=True, slots=True)
class Portfolio:
    """All studies of a territory.

    Attributes
    ----------
    subtotals : mapping of str to Subtotal
        By evidence class, M and E.
    overlapping : mapping of str to Overlap
        Studies left out because another keeps their effect.
    """

    subtotals: Mapping[str, Subtotal]
    overlapping: Mapping[str, Overlap]


def portfolio(
    estimates: Mapping[str, Estimate], overlaps: Sequence[Overlap], factors: FactorSet
) -> Portfolio:
    """Add the nets of the studies that may be added.

    Parameters
    ----------
    estimates : mapping of str to Estimate
        Figures by study; those that are a test, modelled or synthetic must not be given.
    overlaps : sequence of Overlap
        The register.
    factors : FactorSet
        The factors the figures were made with.

    Returns
    -------
    Portfolio
        Subtotals, and what was left out.
    """
    left_out = {
        study: overlap
        for overlap in overlaps
        for study in overlap.studies
        if study != overlap.keep and study in estimates and overlap.keep in estimates
    }
    counted = {study: each for study, each in estimates.items() if study not in left_out}
    return Portfolio({name: _subtotal(name, counted, factors) for name in CLASSES}, left_out)


def _subtotal(name: str, estimates: Mapping[str, Estimate], factors: FactorSet) -> Subtotal:
    rows = {
        study: each
        for study, each in estimates.items()
        if each.evidence_class == name and each.net_kgco2e is not None
    }
    if not rows:
        return Subtotal((), None, imprecise=False)
    groups = [
        _together(rows[study].net_kgco2e for study in group) for group in _bound(rows, factors)
    ]
    net = total(groups)
    limit = MAX_PORTFOLIO_UNCERTAINTY * abs(net.central)
    return Subtotal(tuple(rows), net, imprecise=net.half_width > limit)


def _together(intervals: Iterable[Interval | None]) -> Interval:
    """Add quantities whose errors go the same way."""
    known = [each for each in intervals if each is not None]
    return Interval(
        sum(each.low for each in known),
        sum(each.central for each in known),
        sum(each.high for each in known),
    )


def _bound(rows: Mapping[str, Estimate], factors: FactorSet) -> list[list[str]]:
    """Group the studies that share an uncertain factor, directly or through others."""
    groups: list[tuple[set[str], list[str]]] = []
    for study, each in rows.items():
        uncertain = {key for key in each.factor_ids if _is_uncertain(key, factors)}
        studies = [study]
        apart = []
        for keys, members in groups:
            if keys & uncertain:
                uncertain |= keys
                studies = members + studies
            else:
                apart.append((keys, members))
        groups = [*apart, (uncertain, studies)]
    return [members for _, members in groups]


def _is_uncertain(key: str, factors: FactorSet) -> bool:
    low, high = factors[key].bounds
    return factors[key].distribution not in ("exact", "scenario") and low < high
