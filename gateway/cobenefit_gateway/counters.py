"""Judge the runs of counters against the accepted reading before them.

Most runs only rise and follow on; those cost a comparison. The others go reading by reading
through `core.quality.went_back`. A run that arrives late is judged from the accepted reading
before it in time, which `last_before` finds, and leaves the series' own state alone.
"""

from collections.abc import Callable
from math import nan

import numpy as np

from cobenefit_gateway.batch import Batch
from cobenefit_gateway.core import quality
from cobenefit_gateway.decode import IntArray
from cobenefit_gateway.state import NEVER_MS, Series
from cobenefit_wire import quality as codes
from cobenefit_wire import units

LastBefore = Callable[[Series, int], tuple[int, float]]


def judge_counters(batch: Batch, last_before: LastBefore) -> None:
    """Flag readings of counters that went back, in place.

    Parameters
    ----------
    batch : Batch
        Runs ordered in time within each series; its codes change.
    last_before : callable
        Returns time and value of the accepted reading of a series before a time; NaN when
        unknown.
    """
    rises = np.ones(batch.value.size, dtype=np.bool_)
    with np.errstate(invalid="ignore"):
        rises[1:] = np.diff(batch.value) >= 0
    rises[batch.starts] = True
    clean = np.logical_and.reduceat(rises & (batch.code == codes.GOOD), batch.starts)
    judge = _Judge(batch, last_before)
    runs = zip(
        batch.arrivals, batch.starts.tolist(), batch.n.tolist(), clean.tolist(), strict=True
    )
    for arrival, start, n, is_clean in runs:
        if arrival.series.rule.kind == units.COUNTER:
            judge.run(arrival.series, start, start + n, is_clean)


class _Judge:
    def __init__(self, batch: Batch, last_before: LastBefore) -> None:
        self._batch = batch
        self._last_before = last_before
        self._late: dict[Series, tuple[int, float]] = {}

    def run(self, series: Series, start: int, stop: int, is_clean: bool) -> None:
        batch = self._batch
        index = np.arange(start, stop)
        if not is_clean:
            index = index[batch.code[start:stop] == codes.GOOD]
        if not index.size:
            return
        first_t_ms = int(batch.t_ms[index[0]])
        is_late = first_t_ms <= series.last_t_ms
        last, suspect = series.last, series.suspect
        if is_late:
            last, suspect = self._before_late(series, first_t_ms), nan
        end = int(index[-1])
        if is_clean and not float(batch.value[index[0]]) < last:
            last, suspect = float(batch.value[end]), nan
        else:
            end, last, suspect = self._slowly(index, last, suspect, series.rule.links.modulus)
        last_t_ms = int(batch.t_ms[end]) if end >= 0 else NEVER_MS
        if last_t_ms > series.last_t_ms:
            series.last, series.last_t_ms = last, last_t_ms
        if not is_late:
            series.suspect = suspect
        elif end >= 0:
            self._late[series] = last_t_ms, last

    def _slowly(
        self, index: IntArray, last: float, suspect: float, modulus: float
    ) -> tuple[int, float, float]:
        # Returns which reading was accepted last, -1 for none, and the new state.
        values = self._batch.value[index].tolist()
        flags, last, suspect = quality.went_back(values, last, suspect, modulus)
        bad = np.array(flags, dtype=np.bool_)
        self._batch.code[index[bad]] = codes.COUNTER_BACK
        good = index[~bad]
        return (int(good[-1]) if good.size else -1), last, suspect

    def _before_late(self, series: Series, first_t_ms: int) -> float:
        # A late run judged just now is not in a window yet; it may be the nearer one.
        stored = self._last_before(series, first_t_ms)
        recent = self._late.get(series, (NEVER_MS, nan))
        return recent[1] if stored[0] < recent[0] < first_t_ms else stored[1]
