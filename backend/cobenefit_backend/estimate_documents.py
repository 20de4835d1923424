"""The JSON documents `cobenefit estimate` reads, checked on arrival, and their answers.

One struct per use case; the schemas in docs/reference/schemas are generated from them.
Never reads a file or prints: that is `estimate_cli`.
"""

from dataclasses import replace
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from msgspec import Meta

from cobenefit_backend.errors import InputError
from cobenefit_backend.estimate import smart_meter, soil, traffic
from cobenefit_backend.estimate.device import device_of
from cobenefit_backend.estimate.footprint import (
    TRUNCATIONS,
    Device,
    FootprintInputs,
    FootprintResult,
    footprint,
)
from cobenefit_backend.estimate.fuel_curve import VehicleClass
from cobenefit_backend.estimate.quantity import Disqualification, Interval
from cobenefit_backend.estimate.scale_up import ScaleUpInputs, scale_up
from cobenefit_backend.estimate.uncertainty import Draws
from cobenefit_backend.factors.registry import FactorSet
from cobenefit_backend.territory.load import figures
from cobenefit_boards import load as load_board
from cobenefit_boards import names as board_names

NonNegative = Annotated[float, Meta(ge=0, le=1e12)]
Positive = Annotated[float, Meta(gt=0, le=1e12)]
Years = Annotated[float, Meta(ge=0.1, le=100)]
Count = Annotated[int, Meta(ge=1)]
Level = Annotated[int, Meta(ge=0, le=3)]
Answer = dict[str, Any]


class Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A checked input document; an unknown key is refused."""


class SoilDocument(Document, frozen=True):
    """Nitrogen applied to a soil, with the yields that guard it."""

    nitrogen_kg: NonNegative
    fertiliser: soil.Fertiliser
    climate: soil.Climate
    gwp: soil.Gwp = "ar6"
    area_ha: Positive | None = None
    yield_before: Positive | None = None
    yield_after: Positive | None = None


class SpeedBinDocument(Document, frozen=True):
    """Vehicles of one class at one link speed."""

    vehicle_class: VehicleClass = msgspec.field(name="class")
    speed_kmh: Annotated[float, Meta(gt=0, le=250)]
    vehicles: NonNegative


class TrafficDocument(Document, frozen=True):
    """A road section before and after a measure."""

    length_km: Positive
    before: Annotated[list[SpeedBinDocument], Meta(min_length=1)]
    after: Annotated[list[SpeedBinDocument], Meta(min_length=1)]
    speed_source: Literal["link", "spot", "modelled"] = "link"
    before_days: Positive = 1.0
    after_days: Positive = 1.0
    control_corridor: bool = False
    detector_error_ratio: Annotated[float, Meta(ge=0, le=1)] = 0.05


class GatewayDocument(Document, frozen=True):
    """The gateway a deployment shares."""

    board: str
    shared_by: Count = 1
    energy_wh_per_year: NonNegative | None = None


class FootprintDocument(Document, frozen=True):
    """A deployment of equal devices."""

    board: str | None = None
    blocks: dict[str, Level] | None = None
    lifetime_years: Years | None = None
    energy_wh_per_year: NonNegative = 0.0
    bytes_per_year: NonNegative = 0.0
    network: Literal["fixed", "mobile"] = "fixed"
    cells_per_year: NonNegative = 0.0
    installation_km: NonNegative = 0.0
    mass_g: Positive | None = None
    count: Count = 1
    gateway: GatewayDocument | None = None
    backend_shared_by: Count | None = None


class IntervalDocument(Document, frozen=True):
    """A quantity with its 90 % interval."""

    low: float
    central: float
    high: float


class SmartMeterDocument(Document, frozen=True):
    """Daily use of one meter, before and after; null where a day is missing."""

    baseline_kwh: Annotated[list[float | None], Meta(min_length=1)]
    reporting_kwh: Annotated[list[float | None], Meta(min_length=1)]
    baseline_degc: list[float | None] | None = None
    reporting_degc: list[float | None] | None = None
    fuel: Literal["electricity", "gas"] = "electricity"
    comparison_ratio: IntervalDocument | None = None
    visits_avoided: Annotated[int, Meta(ge=0)] = 0
    km_per_visit: NonNegative = 0.0
    footprint: FootprintDocument | None = None


class ScaleUpDocument(Document, frozen=True):
    """A territory, and what one equipped unit was found to be worth per year."""

    units: Count
    adoption_ratio: IntervalDocument
    effect_kgco2e: IntervalDocument
    device_kgco2e: IntervalDocument
    gateway_kgco2e: IntervalDocument
    units_per_gateway: Count
    saturation_ratio: IntervalDocument


DOCUMENTS: dict[str, type[Document]] = {
    "soil": SoilDocument,
    "traffic": TrafficDocument,
    "footprint": FootprintDocument,
    "smart_meter": SmartMeterDocument,
    "scale_up": ScaleUpDocument,
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
    body = msgspec.json.schema(DOCUMENTS[use_case])
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
        document = msgspec.json.decode(text, type=DOCUMENTS[use_case])
        result = _run(document, factors)
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


def _run(document: Document, factors: FactorSet) -> Answer:
    match document:
        case SoilDocument():
            return _soil(document, factors)
        case TrafficDocument():
            return _traffic(document, factors)
        case FootprintDocument():
            return _footprint(document, factors)
        case ScaleUpDocument():
            return _scale_up(document)
        case SmartMeterDocument():
            return _smart_meter(document, factors)
    raise TypeError(f"no estimator for {type(document).__name__}")


def _soil(document: SoilDocument, factors: FactorSet) -> Answer:
    draws = Draws(factors)
    kind, climate, gwp = document.fertiliser, document.climate, document.gwp
    result: Answer = dict(soil.emissions(document.nitrogen_kg, kind, climate, gwp, draws))
    if document.area_ha is not None:
        result["co2e_kg_per_ha"] = result["co2e_kg"].scaled(1 / document.area_ha)
    unpaired = Disqualification(
        "no_paired_design", "Nothing shows what would have been applied without the advice."
    )
    guard = soil.yield_guard(document.yield_before, document.yield_after)
    return {
        "evidence_class": "P",
        **result,
        "factor_ids": sorted(draws.used),
        "disqualifications": [*guard, unpaired],
    }


def _traffic(document: TrafficDocument, factors: FactorSet) -> Answer:
    inputs = traffic.TrafficInputs(
        length_km=document.length_km,
        before=_bins(document.before),
        after=_bins(document.after),
        speed_source=document.speed_source,
        before_days=document.before_days,
        after_days=document.after_days,
        control_corridor=document.control_corridor,
        detector_error_ratio=document.detector_error_ratio,
    )
    judged = traffic.estimate(inputs, factors, Interval.exactly(0.0))
    answer: Answer = {
        "evidence_class": judged.evidence_class,
        "label": judged.label,
        "fuel_l": None,
        "co2e_kg": None,
        "break_even_growth": None,
        **judged.details,
        "gross": judged.gross_kgco2e,
        "rebound": judged.rebound_kgco2e,
        "net": judged.net_kgco2e,
        "net_marginal": judged.net_marginal_kgco2e,
        "factor_ids": judged.factor_ids,
        "disqualifications": [*judged.disqualifications, _NO_FOOTPRINT],
    }
    for key in ("footprint_truncation_2_kgco2e", "net_truncation_2_kgco2e"):
        del answer[key]
    return answer


_NO_FOOTPRINT = Disqualification(
    "footprint_not_counted", "The footprint of the devices is not subtracted here."
)


def _bins(rows: list[SpeedBinDocument]) -> tuple[traffic.SpeedBin, ...]:
    return tuple(traffic.SpeedBin(r.vehicle_class, r.speed_kmh, r.vehicles) for r in rows)


def _footprint(document: FootprintDocument, factors: FactorSet) -> Answer:
    result = footprint_of(document, factors)
    answer: Answer = {"evidence_class": "E", "unit": "kgCO2e/yr"}
    for truncation in TRUNCATIONS:
        answer[f"truncation_{truncation}"] = {
            "stages": result.stages[truncation],
            "total": result.total[truncation],
            "total_marginal": result.total_marginal[truncation],
        }
    return {
        **answer,
        **result.details,
        "factor_ids": result.factor_ids,
        "disqualifications": list(result.disqualifications),
    }


def footprint_of(document: FootprintDocument, factors: FactorSet) -> FootprintResult:
    """Run the footprint of a document.

    Parameters
    ----------
    document : FootprintDocument
        Board, or blocks and life, or both: what is given replaces the board's.
    factors : FactorSet
        Emission factors.

    Returns
    -------
    FootprintResult
        Yearly footprint.

    Raises
    ------
    InputError
        If neither board nor blocks are given, or one of them is unknown.
    """
    gateway = document.gateway
    inputs = FootprintInputs(
        device=_device(document, factors),
        count=document.count,
        gateway=None if gateway is None else _gateway(gateway),
        gateway_shared_by=1 if gateway is None else gateway.shared_by,
        backend_shared_by=document.backend_shared_by,
    )
    return footprint(inputs, factors)


def _gateway(document: GatewayDocument) -> Device:
    device = _board_device(document.board, "$.gateway.board")
    if document.energy_wh_per_year is None:
        return device
    return replace(device, energy_wh_per_year=document.energy_wh_per_year)


def _board_device(name: str, where: str) -> Device:
    if name not in board_names():
        raise InputError(
            f"unknown board {name!r}, allowed: {', '.join(board_names())}", where=where
        )
    return device_of(load_board(name))


def _device(document: FootprintDocument, factors: FactorSet) -> Device:
    if document.board is not None:
        device = _board_device(document.board, "$.board")
    elif document.blocks is not None and document.lifetime_years is not None:
        device = Device({}, document.lifetime_years)
    else:
        raise InputError("give a board, or blocks and lifetime_years", where="$.board")
    blocks = device.blocks if document.blocks is None else document.blocks
    for name, level in blocks.items():
        if f"iot.block.{name}.hsl{level}.fab" not in factors:
            known = sorted(key.split(".", 2)[2][:-4] for key in factors if key.endswith(".fab"))
            raise InputError(
                f"unknown block or level {name}.hsl{level}, allowed: {', '.join(known)}",
                where=f"$.blocks.{name}",
            )
    return replace(
        device,
        blocks=blocks,
        lifetime_years=document.lifetime_years or device.lifetime_years,
        energy_wh_per_year=document.energy_wh_per_year,
        powered_by="battery" if document.cells_per_year else "mains",
        cells_per_year=document.cells_per_year,
        bytes_per_year=document.bytes_per_year,
        network=document.network,
        installation_km=document.installation_km,
        mass_g=document.mass_g if document.mass_g is not None else device.mass_g,
    )


def _smart_meter(document: SmartMeterDocument, factors: FactorSet) -> Answer:
    for side in ("baseline", "reporting"):
        energy, weather = getattr(document, f"{side}_kwh"), getattr(document, f"{side}_degc")
        if weather is not None and len(weather) != len(energy):
            raise InputError(
                f"has {len(weather)} values, {side}_kwh has {len(energy)}: give one per day",
                where=f"$.{side}_degc",
            )
    ratio = document.comparison_ratio
    inputs = smart_meter.SmartMeterInputs(
        baseline_kwh=_array(document.baseline_kwh),
        reporting_kwh=_array(document.reporting_kwh),
        baseline_degc=_optional(document.baseline_degc),
        reporting_degc=_optional(document.reporting_degc),
        fuel=document.fuel,
        comparison_ratio=None if ratio is None else _interval(ratio, "$.comparison_ratio"),
        visits_avoided=document.visits_avoided,
        km_per_visit=document.km_per_visit,
    )
    own = document.footprint
    result = smart_meter.estimate(
        inputs, factors, Interval.exactly(0.0) if own is None else footprint_of(own, factors)
    ).to_dict()
    if own is None:
        result["disqualifications"].append(_NO_FOOTPRINT.to_dict())
    return result


def _scale_up(document: ScaleUpDocument) -> Answer:
    names = ("adoption_ratio", "effect_kgco2e", "device_kgco2e", "gateway_kgco2e",
             "saturation_ratio")  # fmt: skip
    given = {name: _interval(getattr(document, name), f"$.{name}") for name in names}
    try:
        result = scale_up(
            ScaleUpInputs(document.units, units_per_gateway=document.units_per_gateway, **given)
        )
    except ValueError as error:
        raise InputError(str(error), where="$") from error
    published = [
        {"territory": f.territory, "quantity": f.quantity, "value": f.value, "unit": f.unit,
         "year": f.year, "source": f.source}
        for f in figures().values()
        if f.unit == "kgCO2e/yr"
    ]  # fmt: skip
    return {**result, "factor_ids": [], "published_for_scale": published}


def _interval(document: IntervalDocument, where: str) -> Interval:
    try:
        return Interval(document.low, document.central, document.high)
    except ValueError as error:
        raise InputError(str(error), where=where) from error


def _array(values: list[float | None]) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array([np.nan if value is None else value for value in values])


def _optional(
    values: list[float | None] | None,
) -> np.ndarray[Any, np.dtype[np.float64]] | None:
    return None if values is None else _array(values)
