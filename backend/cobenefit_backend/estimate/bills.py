"""Bills of many meters and the degree-days under them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cobenefit_backend.estimate.baseline import FloatArray


@dataclass(frozen=True, slots=True)
class Bills:
    """Consecutive bills of m meters and the daily temperatures under them.

    Attributes
    ----------
    energy_kwh : ndarray, shape (m, n)
        Use of each bill; NaN where missing. [kWh]
    edge_day : ndarray of int, shape (1, n + 1) or (m, n + 1)
        Day each bill begins, and the day after the last one, as columns of
        `temperature_degc`; not decreasing. [d]
    temperature_degc : ndarray, shape (1, d) or (m, d), or None
        Daily mean temperature, shared or per meter; NaN where missing. [degC]
    """

    energy_kwh: FloatArray
    edge_day: NDArray[np.intp]
    temperature_degc: FloatArray | None

    def __post_init__(self) -> None:
        """Refuse shapes that do not belong together."""
        meters, bills = self.energy_kwh.shape
        if self.edge_day.shape not in ((1, bills + 1), (meters, bills + 1)):
            raise ValueError(
                f"edge_day has shape {self.edge_day.shape}, energy {self.energy_kwh.shape}: "
                "give one edge more than bills, shared or per meter"
            )
        weather = self.temperature_degc
        if weather is not None and (
            len(weather) not in (1, meters) or weather.shape[1] < self.edge_day.max()
        ):
            raise ValueError(
                f"temperature has shape {weather.shape}: give every day up to the last edge "
                f"{self.edge_day.max()}, shared or per meter"
            )

    @property
    def days(self) -> NDArray[np.intp]:
        """Length of each bill.

        Returns
        -------
        ndarray of int, shape (1, n) or (m, n)
            Days from edge to edge. [d]
        """
        return np.diff(self.edge_day, axis=1)

    def rows(self, start: int, stop: int) -> "Bills":
        """Return some of the meters.

        Parameters
        ----------
        start, stop : int
            First row, and the row after the last. [1]

        Returns
        -------
        Bills
            Views of the same arrays.
        """
        rows = slice(start, stop)
        edges, weather = self.edge_day, self.temperature_degc
        return Bills(
            self.energy_kwh[rows],
            edges if len(edges) == 1 else edges[rows],
            weather if weather is None or len(weather) == 1 else weather[rows],
        )


def _between_edges(daily: FloatArray, edges: NDArray[np.intp]) -> FloatArray:
    """Sum days between edges; both may be shared (one row)."""
    total = np.concatenate((np.zeros((len(daily), 1)), np.cumsum(daily, axis=1)), axis=1)
    if len(total) == 1:
        return np.diff(total[0][edges], axis=1)
    rows = np.broadcast_to(edges, (len(total), edges.shape[1]))
    return np.diff(np.take_along_axis(total, rows, axis=1), axis=1)


def known_days(bills: Bills) -> FloatArray:
    """Count the days of each bill that have a temperature.

    Parameters
    ----------
    bills : Bills
        Bills with temperatures.

    Returns
    -------
    ndarray, shape (1, n) or (m, n)
        Days. [d]
    """
    assert bills.temperature_degc is not None
    known = (~np.isnan(bills.temperature_degc)).astype(np.float64)
    return _between_edges(known, bills.edge_day)


def degree_days(bills: Bills, balance_degc: float, sign: float) -> FloatArray:
    """Return the mean degree-days per day of each bill.

    Parameters
    ----------
    bills : Bills
        Bills with temperatures.
    balance_degc : float
        Balance point. [degC]
    sign : float
        1 for cooling, -1 for heating. [1]

    Returns
    -------
    ndarray, shape (1, n) or (m, n)
        Mean over the days that have a temperature. [degC]
    """
    assert bills.temperature_degc is not None
    degree = np.nan_to_num(np.maximum(sign * (bills.temperature_degc - balance_degc), 0.0))
    return _between_edges(degree, bills.edge_day) / np.maximum(known_days(bills), 1.0)
