"""What a whole territory could avoid: units x net per unit, and never more than a potential.

    gross     = units x adoption x effect per unit x (1 - saturation x adoption / 2)
    footprint = units x adoption x devices per unit + gateways, one for so many units

The first who are equipped gain the most: the effect falls linearly with adoption, and at full
adoption the last unit gains (1 - saturation) of the first. The mean over all who are equipped
is then (1 - saturation x adoption / 2). Both are our own convention; ITU-T L.1480 (2022) asks for
a bottom-up extrapolation and keeps it apart from what was measured.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from cobenefit_backend.estimate.quantity import Disqualification, Interval
from cobenefit_backend.estimate.uncertainty import DRAWS, SEED, FloatArray, interval_of

LABEL = "potential, not claimed"


@dataclass(frozen=True, slots=True)
class ScaleUpInputs:
    """A territory and what one equipped unit was found to be worth.

    Attributes
    ----------
    units : int
        Functional units of the territory (homes, hectares, junctions), >= 1. [1]
    adoption_ratio : Interval
        Share of them equipped, 0 to 1. [1]
    effect_kgco2e : Interval
        Second-order effect of one unit per year. [kgCO2e/yr]
    device_kgco2e : Interval
        Footprint of the devices of one unit per year, gateway apart. [kgCO2e/yr]
    gateway_kgco2e : Interval
        Footprint of one gateway per year. [kgCO2e/yr]
    units_per_gateway : int
        Units that share a gateway, >= 1. [1]
    saturation_ratio : Interval
        Part of the effect that the last unit loses at full adoption, 0 to 1. [1]
    """

    units: int
    adoption_ratio: Interval
    effect_kgco2e: Interval
    device_kgco2e: Interval
    gateway_kgco2e: Interval
    units_per_gateway: int
    saturation_ratio: Interval


def scale_up(inputs: ScaleUpInputs) -> dict[str, Any]:
    """Extrapolate to a territory.

    Parameters
    ----------
    inputs : ScaleUpInputs
        Territory and unit.

    Returns
    -------
    dict
        `gross_kgco2e`, `footprint_kgco2e`, `net_kgco2e` per year and `gateways`, each an
        Interval; `evidence_class` P and its label; `disqualifications`.

    Raises
    ------
    ValueError
        If a share lies outside 0 to 1, or a count below 1.
    """
    _check(inputs)
    names = ("adoption_ratio", "effect_kgco2e", "device_kgco2e", "gateway_kgco2e",
             "saturation_ratio")  # fmt: skip
    given = {name: getattr(inputs, name) for name in names}
    central = _model(inputs, {name: np.asarray(each.central) for name, each in given.items()})
    rng = np.random.default_rng(SEED)
    drawn = _model(inputs, {name: _draws(each, rng) for name, each in given.items()})
    return {
        "units": inputs.units,
        **{name: interval_of(float(central[name]), drawn[name]) for name in central},
        "evidence_class": "P",
        "label": LABEL,
        "disqualifications": [
            Disqualification(
                "extrapolated",
                "Extrapolated from the units that were measured: a potential, never a claim.",
                {"units": inputs.units},
            )
        ],
    }


def _model(inputs: ScaleUpInputs, each: dict[str, FloatArray]) -> dict[str, FloatArray]:
    equipped = inputs.units * each["adoption_ratio"]
    mean = 1 - each["saturation_ratio"] * each["adoption_ratio"] / 2
    gateways = np.ceil(equipped / inputs.units_per_gateway)
    gross = equipped * mean * each["effect_kgco2e"]
    footprint = equipped * each["device_kgco2e"] + gateways * each["gateway_kgco2e"]
    return {
        "gateways": gateways,
        "gross_kgco2e": gross,
        "footprint_kgco2e": footprint,
        "net_kgco2e": gross - footprint,
    }


def _draws(interval: Interval, rng: np.random.Generator) -> FloatArray:
    """Draw from a triangle over the interval: wider than its 90 %, as a potential should be."""
    if interval.low == interval.high:
        return np.full(DRAWS, interval.central)
    return np.asarray(rng.triangular(interval.low, interval.central, interval.high, DRAWS))


def _check(inputs: ScaleUpInputs) -> None:
    for name in ("adoption_ratio", "saturation_ratio"):
        each = getattr(inputs, name)
        if each.low < 0 or each.high > 1:
            raise ValueError(f"{name} is {each.low:g} to {each.high:g}: a share lies in 0 to 1")
    for name in ("units", "units_per_gateway"):
        if not math.isfinite(getattr(inputs, name)) or getattr(inputs, name) < 1:
            raise ValueError(f"{name} is {getattr(inputs, name)}: at least 1")
