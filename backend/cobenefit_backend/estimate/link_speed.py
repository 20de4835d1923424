"""Link travel speeds: from travel times between two points, never from a spot.

A link speed is length over travel time, so a stop at the signal is in it. Travel times come from
probes, from two detectors that recognise a vehicle, or from two detectors that see the same
vehicles in the same order.

Source: R. S. Dowling, A. Skabardonis and V. Alexiadis, "Traffic Analysis Toolbox, volume III",
FHWA-HRT-04-040, 2004 (space-mean speed: length over mean travel time).
"""

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BIN_KMH = 2.0


def in_order(upstream_s: FloatArray, downstream_s: FloatArray) -> FloatArray:
    """Return the travel times of vehicles that keep their order.

    Parameters
    ----------
    upstream_s, downstream_s : ndarray, shape (n,)
        Times at which vehicles pass the two ends of the link. [s]

    Returns
    -------
    ndarray, shape (n,)
        Travel times; their mean is right even where vehicles overtake. [s]

    Raises
    ------
    ValueError
        If both ends did not see the same number of vehicles, or one arrives before it left.
    """
    if len(upstream_s) != len(downstream_s):
        raise ValueError(
            f"{len(upstream_s)} passages upstream and {len(downstream_s)} downstream: order"
            " matches nobody then; give travel times of recognised vehicles"
        )
    taken = np.sort(downstream_s) - np.sort(upstream_s)
    if (taken <= 0).any():
        raise ValueError("a vehicle arrives downstream before it passed upstream: check clocks")
    return np.asarray(taken)


def speed_bins(
    length_km: float, travel_time_s: FloatArray, vehicles: FloatArray
) -> list[tuple[float, float]]:
    """Gather travel times into bins of speed.

    Parameters
    ----------
    length_km : float
        Length of the link, > 0. [km]
    travel_time_s : ndarray, shape (n,)
        Travel time of each vehicle, or mean of each window, > 0. [s]
    vehicles : ndarray, shape (n,)
        Vehicles behind each travel time, >= 0. [1]

    Returns
    -------
    list of tuple of float
        Space-mean speed and vehicles of each bin of 2 km/h, slowest first. [km/h, 1]

    Raises
    ------
    ValueError
        If a travel time is not positive.
    """
    if not (travel_time_s > 0).all():
        raise ValueError("a travel time must be above 0 s")
    index = (length_km / (travel_time_s / 3600) // BIN_KMH).astype(np.intp)
    found = []
    for bin_ in np.unique(index):
        inside = (index == bin_) & (vehicles > 0)
        if inside.any():
            weight = float(vehicles[inside].sum())
            hours = float(vehicles[inside] @ travel_time_s[inside]) / weight / 3600
            found.append((length_km / hours, weight))
    return found
