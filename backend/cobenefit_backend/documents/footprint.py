"""A deployment of equal devices."""

from dataclasses import replace
from typing import Literal

from cobenefit_backend.documents.base import (
    Answer,
    Count,
    Document,
    Level,
    NonNegative,
    Positive,
    Years,
)
from cobenefit_backend.errors import InputError
from cobenefit_backend.estimate.device import device_of
from cobenefit_backend.estimate.footprint import (
    TRUNCATIONS,
    Device,
    FootprintInputs,
    FootprintResult,
    footprint,
)
from cobenefit_backend.factors.registry import FactorSet
from cobenefit_boards import load as load_board
from cobenefit_boards import names as board_names


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
    energy_error_ratio: NonNegative = 0.0
    bytes_per_year: NonNegative = 0.0
    network: Literal["fixed", "mobile"] = "fixed"
    cells_per_year: NonNegative = 0.0
    installation_km: NonNegative = 0.0
    mass_g: Positive | None = None
    count: Count = 1
    gateway: GatewayDocument | None = None
    backend_shared_by: Count | None = None


def run(document: FootprintDocument, factors: FactorSet) -> Answer:
    """Return the yearly footprint by stage; InputError says what does not fit."""
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
        energy_error_ratio=document.energy_error_ratio,
        powered_by="battery" if document.cells_per_year else "mains",
        cells_per_year=document.cells_per_year,
        bytes_per_year=document.bytes_per_year,
        network=document.network,
        installation_km=document.installation_km,
        mass_g=document.mass_g if document.mass_g is not None else device.mass_g,
    )
