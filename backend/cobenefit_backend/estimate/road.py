"""A road and the streets beside it: what was counted, and what of it may be compared.

A screenline is a line across all the streets that could take the traffic over. Without one,
vehicles that are missing after a measure are taken to drive where nobody counts.
"""

from dataclasses import dataclass, replace
from typing import Literal

from cobenefit_backend.estimate.fuel_curve import VehicleClass
from cobenefit_backend.estimate.quantity import DataOrigin

DETECTOR_ERROR_RATIO = 0.05
"""Counting error assumed where no class of detector is given: our own convention. [1]"""


@dataclass(frozen=True, slots=True)
class SpeedBin:
    """Vehicles of one class at one link speed.

    Attributes
    ----------
    vehicle_class : str
        One of the eight classes.
    speed_kmh : float
        Link travel speed, > 0; charged at no less than 0.5 and no more than 130. [km/h]
    vehicles : float
        Vehicles counted, >= 0. [1]
    length_km : float or None
        Length of a parallel street; None is the road itself. [km]
    """

    vehicle_class: VehicleClass
    speed_kmh: float
    vehicles: float
    length_km: float | None = None


@dataclass(frozen=True, slots=True)
class TrafficInputs:
    """One road section before and after a measure.

    Attributes
    ----------
    length_km : float
        Length of the section, > 0. [km]
    before, after : tuple of SpeedBin
        Counts by class and speed.
    speed_source : {'link', 'spot', 'modelled'}
        How the speeds were had: link travel times, a spot radar, or a model.
    before_days, after_days : float
        Days counted on each side, > 0. [d]
    screenline : bool
        Whether the parallel streets that could take the traffic over are counted too, each with
        its own length in its bins. Without it, fewer vehicles are no saving.
    control_corridor : bool
        Whether the change is net of a control corridor or of a switchback design.
    detector_error_ratio : float
        Half-width of the 90 % interval of the counting error common to both sides, >= 0. [1]
    coverage_ratio : float
        Share of the expected windows present. [1]
    data_origin : {'measured', 'modelled', 'synthetic'}
        Where the counts come from.
    charged_days : float or None
        Days the devices are charged for; None for the days of the after side. [d]
    """

    length_km: float
    before: tuple[SpeedBin, ...]
    after: tuple[SpeedBin, ...]
    speed_source: Literal["link", "spot", "modelled"] = "link"
    before_days: float = 1.0
    after_days: float = 1.0
    screenline: bool = False
    control_corridor: bool = False
    detector_error_ratio: float = DETECTOR_ERROR_RATIO
    coverage_ratio: float = 1.0
    data_origin: DataOrigin = "measured"
    charged_days: float | None = None


def flow(inputs: TrafficInputs) -> dict[str, float]:
    """Return the vehicles of both sides, on the days of the after side.

    Parameters
    ----------
    inputs : TrafficInputs
        Counts and speeds.

    Returns
    -------
    dict of float
        `before` and `after`, all streets together. [1]
    """
    scale = inputs.after_days / inputs.before_days
    before = sum(row.vehicles for row in inputs.before) * scale
    return {"before": before, "after": float(sum(row.vehicles for row in inputs.after))}


def counted(inputs: TrafficInputs) -> TrafficInputs:
    """Return what may be compared: a fall in volume that may have moved elsewhere does not count.

    Parameters
    ----------
    inputs : TrafficInputs
        Counts and speeds.

    Returns
    -------
    TrafficInputs
        The same with a screenline or where traffic grew. Otherwise each class that fell drives
        as often as before, at the speeds after: the vehicles that are missing are taken to drive
        on a street that nobody counts.
    """
    flows = flow(inputs)
    if inputs.screenline or flows["after"] >= flows["before"]:
        return inputs
    scale = inputs.after_days / inputs.before_days
    totals = {side: _by_class(getattr(inputs, side)) for side in ("before", "after")}
    missing = {
        name: count * scale / totals["after"].get(name, count * scale or 1.0)
        for name, count in totals["before"].items()
    }
    after = tuple(
        replace(row, vehicles=row.vehicles * max(missing.get(row.vehicle_class, 1.0), 1.0))
        for row in inputs.after
    )
    gone = tuple(
        replace(row, vehicles=row.vehicles * scale)
        for row in inputs.before
        if not totals["after"].get(row.vehicle_class)
    )
    return replace(inputs, after=after + gone)


def _by_class(rows: tuple[SpeedBin, ...]) -> dict[str, float]:
    found: dict[str, float] = {}
    for row in rows:
        found[row.vehicle_class] = found.get(row.vehicle_class, 0.0) + row.vehicles
    return {name: count for name, count in found.items() if count > 0}
