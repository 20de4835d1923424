"""Every document by use case: its schema, and its answer."""

from collections.abc import Callable
from typing import Any

import msgspec

from cobenefit_backend.documents import (
    climate_event,
    data_centre,
    footprint,
    industry,
    remote_assistance,
    remote_health,
    scale_up,
    smart_meter,
    soil,
    surveillance,
    traffic,
)
from cobenefit_backend.documents.base import Answer, Document
from cobenefit_backend.errors import InputError
from cobenefit_backend.factors.registry import FactorSet

Run = Callable[[Any, FactorSet], Answer]
DOCUMENTS: dict[str, tuple[type[Document], Run]] = {
    "smart_meter": (smart_meter.SmartMeterDocument, smart_meter.run),
    "soil": (soil.SoilDocument, soil.run),
    "traffic": (traffic.TrafficDocument, traffic.run),
    "remote_health": (remote_health.RemoteHealthDocument, remote_health.run),
    "remote_assistance": (remote_assistance.RemoteAssistanceDocument, remote_assistance.run),
    "industry": (industry.IndustryDocument, industry.run),
    "data_centre": (data_centre.DataCentreDocument, data_centre.run),
    "surveillance": (surveillance.SurveillanceDocument, surveillance.run),
    "climate_event": (climate_event.ClimateEventDocument, climate_event.run),
    "footprint": (footprint.FootprintDocument, footprint.run),
    "scale_up": (scale_up.ScaleUpDocument, scale_up.run),
}


def schema(use_case: str) -> dict[str, Any]:
    """Return the JSON schema of a document.

    Parameters
    ----------
    use_case : str
        A key of DOCUMENTS.

    Returns
    -------
    dict
        JSON Schema 2020-12.
    """
    body = msgspec.json.schema(DOCUMENTS[use_case][0])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"cobenefit estimate {use_case}",
        **body,
    }


def answer(use_case: str, text: bytes, factors: FactorSet, file: str = "") -> Answer:
    """Check a document and run its estimator.

    Parameters
    ----------
    use_case : str
        A key of DOCUMENTS.
    text : bytes
        The JSON text.
    factors : FactorSet
        Emission factors.
    file : str
        File name for messages.

    Returns
    -------
    dict
        Records and plain values, see docs/reference/estimators.md.

    Raises
    ------
    InputError
        Naming file, key and allowed range.
    """
    try:
        kind, run = DOCUMENTS[use_case]
        result = run(msgspec.json.decode(text, type=kind), factors)
    except msgspec.ValidationError as error:
        message, _, where = str(error).partition(" - at ")
        raise InputError(message, file=file, where=where.strip("`") or "$") from error
    except msgspec.DecodeError as error:
        raise InputError(f"not JSON: {error}", file=file) from error
    except InputError as error:
        raise InputError(error.message, file=file, where=error.where) from error
    return {
        "use_case": use_case,
        **result,
        "factor_set": {"version": factors.version, "sha256": factors.sha256},
    }
