"""Electricity matched in time: a yearly factor bent by month and by hour of the day.

In France the month matters more than the hour: winter and summer differ by more than two, day
and night by a fifth. The shapes are ratios to the yearly mean, so they keep the level of the
factor they bend.
"""

import numpy as np
from numpy.typing import ArrayLike

from cobenefit_backend.estimate.uncertainty import FloatArray, Getter

_MONTH = "grid.fr.shape.month.{:02d}"
_HOUR = "grid.fr.shape.hour.{:02d}"


def by_month_kgco2e(f: Getter, factor_id: str, energy_kwh: ArrayLike) -> FloatArray:
    """Return the emissions of an energy known by month.

    Parameters
    ----------
    f : callable
        `f(factor_id) -> array`, values or draws.
    factor_id : str
        Yearly factor. [kgCO2e/kWh]
    energy_kwh : array_like, shape (12,)
        Energy of January to December; negative where use went up. [kWh]

    Returns
    -------
    ndarray
        Emissions, of the getter's shape. [kgCO2e]
    """
    return f(factor_id) * _weighted(f, _MONTH, 1, energy_kwh)


def by_hour_kgco2e(f: Getter, factor_id: str, energy_kwh: ArrayLike) -> FloatArray:
    """Return the emissions of an energy known by hour of the day (legal time).

    Parameters
    ----------
    f : callable
        `f(factor_id) -> array`, values or draws.
    factor_id : str
        Yearly factor. [kgCO2e/kWh]
    energy_kwh : array_like, shape (24,)
        Energy of the hours 0 to 23. [kWh]

    Returns
    -------
    ndarray
        Emissions, of the getter's shape. [kgCO2e]
    """
    return f(factor_id) * _weighted(f, _HOUR, 0, energy_kwh)


def _weighted(f: Getter, name: str, first: int, energy_kwh: ArrayLike) -> FloatArray:
    energy = np.asarray(energy_kwh, dtype=np.float64)
    terms = [f(name.format(first + i)) * amount for i, amount in enumerate(energy)]
    return np.asarray(sum(terms))
