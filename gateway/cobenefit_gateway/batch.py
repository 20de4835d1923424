"""Runs of many series as one set of columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from cobenefit_gateway.decode import CodeArray, FloatArray, IntArray, Run
from cobenefit_gateway.state import Series


class Arrival(NamedTuple):
    """One run, whose it is and when it came."""

    series: Series
    run: Run
    received_ms: int


@dataclass(frozen=True, slots=True)
class Batch:
    """Columns of many runs; `starts` and `n` say which readings are whose."""

    arrivals: Sequence[Arrival]
    n: IntArray
    starts: IntArray
    t_ms: IntArray
    value: FloatArray
    code: CodeArray

    def floats(self, per_run: Sequence[float]) -> FloatArray:
        """Repeat a value of each run for each of its readings.

        Parameters
        ----------
        per_run : sequence of float
            One value per run. [unit of the quantity]

        Returns
        -------
        ndarray, shape (readings,)
            One value per reading. [unit of the quantity]
        """
        return np.repeat(np.array(per_run, dtype=np.float64), self.n)

    def ints(self, per_run: Sequence[int]) -> IntArray:
        """Repeat a value of each run for each of its readings.

        Parameters
        ----------
        per_run : sequence of int
            One value per run. [ms]

        Returns
        -------
        ndarray, shape (readings,)
            One value per reading. [ms]
        """
        return np.repeat(np.array(per_run, dtype=np.int64), self.n)
