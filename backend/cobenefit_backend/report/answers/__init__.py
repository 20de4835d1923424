"""One file per use case: stored series and activities in, the estimator's figure out.

Nothing is computed here that belongs in `estimate`; this is where stored rows become its inputs.
"""

from collections.abc import Callable, Mapping
from typing import Any

from cobenefit_backend.estimate.footprint import FootprintResult
from cobenefit_backend.factors.registry import FactorSet
from cobenefit_backend.report.answers import (
    climate_event,
    data_centre,
    industry,
    remote_assistance,
    remote_health,
    smart_meter,
    soil,
    surveillance,
    traffic,
)
from cobenefit_backend.report.answers.gathered import Answer, Gathered

ANSWERS: Mapping[str, Callable[[Gathered[Any], FactorSet, FootprintResult], Answer]] = {
    "smart_meter": smart_meter.answer,
    "soil": soil.answer,
    "traffic": traffic.answer,
    "remote_health": remote_health.answer,
    "remote_assistance": remote_assistance.answer,
    "industry": industry.answer,
    "data_centre": data_centre.answer,
    "surveillance": surveillance.answer,
    "climate_event": climate_event.answer,
}


def answer(data: Gathered[Any], factors: FactorSet, footprint: FootprintResult) -> Answer:
    """Return the figure of a study and what its charts need.

    Parameters
    ----------
    data : Gathered
        Stored data.
    factors : FactorSet
        Emission factors.
    footprint : FootprintResult
        Yearly footprint of its devices.

    Returns
    -------
    tuple of Estimate and dict
        The figure, and extra details.
    """
    return ANSWERS[data.study.use_case](data, factors, footprint)
