"""Fuel of a vehicle at a link speed.

    L(v) = (a + b v + c v^2 + d v^3) / v    [l/km], v the link travel speed in km/h

Source: UK Department for Transport, Transport Analysis Guidance, unit A1.3, fuel consumption
parameters, in two vintages.
"""

from typing import Literal

import numpy as np

from cobenefit_backend.estimate.footprint import GRID_FACTOR, Grid
from cobenefit_backend.estimate.uncertainty import FloatArray, Getter

VehicleClass = Literal[
    "car_petrol", "car_diesel", "lgv_petrol", "lgv_diesel", "rigid", "artic", "bus", "ev"
]
Vintage = Literal["a", "b"]
MAX_SPEED_KMH = 130.0
MIN_SPEED_KMH = 0.5
_PETROL = ("car_petrol", "lgv_petrol")


def fuel_l_per_km(
    f: Getter, vehicle_class: VehicleClass, speed_kmh: float, vintage: Vintage = "a"
) -> FloatArray:
    """Return the fuel of one vehicle on one kilometre.

    Parameters
    ----------
    f : callable
        Factor getter, see `uncertainty`.
    vehicle_class : str
        Any class but `ev`. Buses exist in vintage b only.
    speed_kmh : float
        Link travel speed, cut to 0.5 .. 130. [km/h]
    vintage : {'a', 'b'}
        Set of coefficients.

    Returns
    -------
    ndarray
        Fuel. [l/km]

    Notes
    -----
    Fitted on 5 to 130 km/h. Below 5 km/h the formula is kept, not cut: its term a/v charges
    the idling rate a [l/h] for the time in the queue.
    """
    v = float(np.clip(speed_kmh, MIN_SPEED_KMH, MAX_SPEED_KMH))
    which = "b" if vehicle_class == "bus" else vintage
    a, b, c, d = (f(f"traffic.tag_{which}.{vehicle_class}.{k}") for k in "abcd")
    return np.asarray((a + b * v + c * v**2 + d * v**3) / v)


def kgco2e_per_km(
    f: Getter, vehicle_class: VehicleClass, speed_kmh: float, vintage: Vintage, grid: Grid
) -> FloatArray:
    """Return the emissions of one vehicle on one kilometre, upstream included.

    Parameters
    ----------
    f : callable
        Factor getter.
    vehicle_class : str
        One of the eight classes.
    speed_kmh : float
        Link travel speed. [km/h]
    vintage : {'a', 'b'}
        Set of fuel coefficients.
    grid : {'average', 'marginal'}
        Factor for electric vehicles.

    Returns
    -------
    ndarray
        Emissions. [kgCO2e/km]
    """
    if vehicle_class == "ev":
        return f("veh.ev.medium.kwh100") / 100 * f(GRID_FACTOR[grid])
    fuel = "petrol" if vehicle_class in _PETROL else "diesel"
    litre = fuel_l_per_km(f, vehicle_class, speed_kmh, vintage)
    return litre * f(f"fuel.{fuel}.law2017.total")
