"""From an estimator and an optional footprint to an answer."""

from collections.abc import Callable

from cobenefit_backend.documents.base import NO_FOOTPRINT, Answer
from cobenefit_backend.documents.footprint import FootprintDocument, footprint_of
from cobenefit_backend.errors import InputError
from cobenefit_backend.estimate.net import Footprint
from cobenefit_backend.estimate.quantity import Estimate, Interval
from cobenefit_backend.factors.registry import FactorSet


def judged(
    estimate: Callable[[Footprint], Estimate],
    footprint: FootprintDocument | None,
    factors: FactorSet,
) -> Answer:
    """Run an estimator with the footprint of a document, or say that none was given.

    Parameters
    ----------
    estimate : callable
        `estimate(footprint) -> Estimate`; its ValueError names what does not fit.
    footprint : FootprintDocument or None
        The deployment.
    factors : FactorSet
        Emission factors.

    Returns
    -------
    dict
        The estimate as plain data.

    Raises
    ------
    InputError
        If the estimator refuses its input.
    """
    own = Interval.exactly(0.0) if footprint is None else footprint_of(footprint, factors)
    try:
        result = estimate(own).to_dict()
    except ValueError as error:
        raise InputError(str(error), where="$") from error
    if footprint is None:
        result["disqualifications"].append(NO_FOOTPRINT.to_dict())
    return result
