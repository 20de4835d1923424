"""Whether the factors behind a figure hold for its period."""

from collections.abc import Iterable
from datetime import date

from cobenefit_backend.estimate.quantity import Disqualification
from cobenefit_backend.factors.registry import FactorSet


def out_of_validity(
    factor_ids: Iterable[str], factors: FactorSet, start: date, end: date
) -> tuple[Disqualification, ...]:
    """Name the factors used outside the time they were published for.

    Parameters
    ----------
    factor_ids : iterable of str
        Factors used.
    factors : FactorSet
        Where they are looked up.
    start, end : date
        First day of the reporting period, and the day after its last.

    Returns
    -------
    tuple of Disqualification
        One `factor_out_of_validity` with the ids, or nothing.
    """
    outside = sorted(key for key in factor_ids if not factors[key].is_valid(start, end))
    if not outside:
        return ()
    text = "A factor is used for days outside the time it was published for."
    return (Disqualification("factor_out_of_validity", text, {"factors": ", ".join(outside)}),)
