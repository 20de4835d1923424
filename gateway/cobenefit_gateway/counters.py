"""Judge the runs of counters against the accepted reading before them.

Most runs only rise and follow on; all of those are judged at once. A series with any other run
goes run by run, reading by reading through `core.quality.went_back`. A run that arrives late is
judged from the accepted reading before it in time, which `last_before` finds, and leaves the
series' own state alone.
"""

from collections.abc import Callable
from math import nan

import numpy as np
from numpy.typing import NDArray

from cobenefit_gateway.batch import Batch
from cobenefit_gateway.core import quality
from cobenefit_gateway.decode import IntArray
from cobenefit_gateway.state import Series
from cobenefit_gateway.table import NEVER_MS, Table
from cobenefit_wire import quality as codes

LastBefore = Callable[[Series, int], tuple[int, float]]


def judge_counters(
    batch: Batch, rises: NDArray[np.bool_], table: Table, last_before: LastBefore
) -> None:
    """Flag readings of counters that went back, in place.

    Parameters
    ----------
    batch : Batch
        Runs ordered in time inside each; its codes change.
    rises : ndarray, shape (m,)
        Which runs never fall. [1]
    table : Table
        Last accepted readings of all series; changes.
    last_before : callable
        Returns time and value of the accepted reading of a series before a time; NaN when
        unknown.
    """
    order = np.lexsort((batch.value[batch.starts], batch.t_ms[batch.starts], batch.id))
    order = order[table.rules.counter[table.rule[batch.id[order]]]]
    if not order.size:
        return
    clean = rises & ~batch.flagged()
    number, ends = batch.id[order], batch.ends[order]
    follows = _follows(batch, table, order) & clean[order]
    hard = np.zeros(order.size, dtype=np.bool_)
    if not follows.all():
        hard = np.isin(number, number[~follows])
    tail = ~hard
    tail[:-1] &= number[1:] != number[:-1]
    of, last = number[tail], ends[tail]
    table.last[of], table.last_t_ms[of] = batch.value[last], batch.t_ms[last]
    table.suspect[of] = nan
    judge = _Judge(batch, table, last_before)
    for i in order[hard].tolist():
        judge.run(i, is_clean=bool(clean[i]))


def _follows(batch: Batch, table: Table, order: IntArray) -> NDArray[np.bool_]:
    # Runs that start after the last reading of their series and not below it.
    number, starts, ends = batch.id[order], batch.starts[order], batch.ends[order]
    before, before_t_ms = table.last[number], table.last_t_ms[number]
    same = np.flatnonzero(number[1:] == number[:-1])
    before[same + 1], before_t_ms[same + 1] = batch.value[ends[same]], batch.t_ms[ends[same]]
    return (batch.t_ms[starts] > before_t_ms) & ~(batch.value[starts] < before)


class _Judge:
    def __init__(self, batch: Batch, table: Table, last_before: LastBefore) -> None:
        self._batch = batch
        self._table = table
        self._last_before = last_before
        self._late: dict[Series, tuple[int, float]] = {}

    def run(self, i: int, *, is_clean: bool) -> None:
        batch, table, series = self._batch, self._table, self._batch.series[i]
        start, stop = int(batch.starts[i]), int(batch.starts[i] + batch.n[i])
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
            table.last[series.id], table.last_t_ms[series.id] = last, last_t_ms
        if not is_late:
            table.suspect[series.id] = suspect
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
