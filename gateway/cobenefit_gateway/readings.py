"""Accepted runs of readings into the windows of their series, a batch at a time.

The batch becomes one set of columns; the core flags and sums it up in numpy; what is left per run
is adding its segments to the windows they belong to. It must do no I/O: windows that were closed
come back through the `reopen` function given.
"""

from collections.abc import Callable, Sequence
from math import nan

import numpy as np
from numpy.typing import NDArray

from cobenefit_gateway.batch import Arrival, Batch
from cobenefit_gateway.config import Config
from cobenefit_gateway.core import aggregate, quality, windows
from cobenefit_gateway.core.aggregate import Links
from cobenefit_gateway.counters import judge_counters
from cobenefit_gateway.decode import CodeArray, IntArray, Run
from cobenefit_gateway.state import BASE, DAY, NEVER_MS, Series, State, Window
from cobenefit_wire import quality as codes

_YEAR_MS = 31_556_952_000
_DAY_MS = 86_400_000
#: How far back the reading before a late run is looked for. [d]
_DAYS_BACK = 7
_LENGTHS_KEPT = 10_000


class Readings:
    """Adds runs to the windows of a state.

    Parameters
    ----------
    config : Config
        Window lengths, time zones and limits.
    state : State
        Changed in place.
    reopen : callable
        Returns a closed window of a series by (series id, grid, start), or None.
    """

    def __init__(
        self, config: Config, state: State, reopen: Callable[[int, int, int], Window | None]
    ) -> None:
        self._state = state
        self._reopen = reopen
        self._lengths_s: dict[tuple[str, int], int] = {}
        self._base_ms = config.windows.base_s * 1000
        self._reopen_ms = config.windows.reopen_days * _DAY_MS
        self._earliest_ms = config.quality.earliest_ms
        self._future_ms = config.quality.future_s * 1000
        self._first_year = int(config.quality.earliest[:4]) - 1
        self._last_year = self._first_year

    def add(self, arrivals: Sequence[Arrival]) -> None:
        """Flag, count and aggregate runs.

        Parameters
        ----------
        arrivals : sequence of Arrival
            Runs with at least one reading each.
        """
        if not arrivals:
            return
        # A series' runs in order of time: fewer come late, and those know the run before them.
        arrivals = sorted(arrivals, key=lambda a: (a.series.id, a.run.t_ms[0]))
        batch = self._batch(arrivals)
        newest_ms = max(a.received_ms for a in arrivals) + self._future_ms
        self._last_year = max(self._last_year, 1971 + newest_ms // _YEAR_MS)
        judge_counters(batch, self._last_before)
        run_of = np.repeat(np.arange(len(arrivals)), batch.n)
        good = batch.code == codes.GOOD
        timed = ~quality.TIMELESS[batch.code]
        if not good.all():
            self._count_refused(batch)
        everywhere = np.ones(len(arrivals), dtype=np.bool_)
        fine = np.array([a.series.rule.fine for a in arrivals], dtype=np.bool_)
        for grid, wanted in ((DAY, everywhere), (BASE, fine)):
            if wanted.any():
                chosen = wanted[run_of]
                self._roll(batch, grid, np.flatnonzero(good & chosen), run_of)
                self._count_flagged(batch, grid, np.flatnonzero(~good & timed & chosen), run_of)
        self._advance(batch, timed)
        self._state.totals["readings"] += int(batch.n.sum())

    def _batch(self, arrivals: Sequence[Arrival]) -> Batch:
        n = np.array([a.run.value.size for a in arrivals], dtype=np.int64)
        starts = np.cumsum(n) - n
        value = np.concatenate([a.run.value for a in arrivals])
        t_ms = np.concatenate([a.run.t_ms for a in arrivals])
        given = np.concatenate([_given(a.run) for a in arrivals])
        batch = Batch(arrivals, n, starts, t_ms, value, given)
        limits = quality.Limits(
            low=batch.floats([a.series.rule.low for a in arrivals]),
            high=batch.floats([a.series.rule.high for a in arrivals]),
            earliest_ms=np.full(value.size, self._earliest_ms, dtype=np.int64),
            latest_ms=batch.ints([a.received_ms + self._future_ms for a in arrivals]),
        )
        oldest_ms = [max(a.series.max_t_ms - self._reopen_ms, NEVER_MS) for a in arrivals]
        code = quality.flag(value, t_ms, given, batch.ints(oldest_ms), limits)
        return Batch(arrivals, n, starts, t_ms, value, code)

    def _last_before(self, series: Series, t_ms: int) -> tuple[int, float]:
        # The accepted reading before a late run; NaN when it is not known.
        edges = self._edges(series.rule.zone)
        day = int(np.searchsorted(edges, t_ms, side="right")) - 1
        for start_ms in edges[max(day - _DAYS_BACK, 0) : day + 1][::-1].tolist():
            window = series.windows.get((DAY, start_ms))
            if window is None and start_ms < series.closed_ms:
                window = self._reopen(series.id, DAY, start_ms)
            earlier = [s for s in window.segments if s.first_t_ms <= t_ms] if window else []
            if earlier:
                found = earlier[-1].last_t_ms, earlier[-1].last
                return found if found[0] < t_ms else (NEVER_MS, nan)
        return NEVER_MS, nan

    def _count_refused(self, batch: Batch) -> None:
        bad = np.add.reduceat((batch.code != codes.GOOD).astype(np.int64), batch.starts)
        for i in np.flatnonzero(bad).tolist():
            series, _, received_ms = batch.arrivals[i]
            part = slice(batch.starts[i], batch.starts[i] + batch.n[i])
            code, t_ms = batch.code[part], batch.t_ms[part]
            for reason in np.unique(code[code != codes.GOOD]).tolist():
                at = t_ms[code == reason]
                placed = not quality.TIMELESS[reason]
                span = (int(at.min()), int(at.max())) if placed else (received_ms, received_ms)
                self._state.refuse(
                    (series.site, series.device, series.channel),
                    codes.NAMES[reason],
                    span,
                    readings=at.size,
                )

    def _starts_ms(self, batch: Batch, grid: int, index: IntArray, run_of: IntArray) -> IntArray:
        t_ms = batch.t_ms[index]
        if grid == BASE:
            return windows.base_start_ms(t_ms, self._base_ms)
        zones = [a.series.rule.zone for a in batch.arrivals]
        if len(set(zones)) == 1:
            return windows.day_start_ms(t_ms, self._edges(zones[0]))
        out = np.empty_like(t_ms)
        for zone in sorted(set(zones)):
            here = np.array([z == zone for z in zones], dtype=np.bool_)[run_of[index]]
            out[here] = windows.day_start_ms(t_ms[here], self._edges(zone))
        return out

    def _edges(self, zone: str) -> IntArray:
        return windows.day_edges_ms(zone, self._first_year, self._last_year)

    def _roll(self, batch: Batch, grid: int, index: IntArray, run_of: IntArray) -> None:
        if not index.size:
            return
        start_ms, run = self._starts_ms(batch, grid, index, run_of), run_of[index]
        cuts = _cuts(run, start_ms)
        rules = [a.series.rule for a in batch.arrivals]
        gap_ms = np.array([r.links.gap_ms for r in rules], dtype=np.int64)[run]
        modulus = np.array([r.links.modulus for r in rules], dtype=np.float64)[run]
        value = batch.value[index]
        parts = aggregate.segments(value, batch.t_ms[index], cuts, gap_ms, modulus)
        rows = zip(parts, cuts.tolist(), run[cuts].tolist(), start_ms[cuts].tolist(), strict=True)
        for part, cut, i, start in rows:
            series, pack_run, _ = batch.arrivals[i]
            window = self._window(series, grid, start)
            aggregate.insert(window.segments, part, _links(series, pack_run))
            edges = series.rule.edges
            if edges.size:
                counts = aggregate.histogram(value[cut : cut + part.readings], edges)
                old = window.histogram or [0] * len(counts)
                window.histogram = [a + b for a, b in zip(old, counts, strict=True)]

    def _count_flagged(self, batch: Batch, grid: int, index: IntArray, run_of: IntArray) -> None:
        if not index.size:
            return
        start_ms, run = self._starts_ms(batch, grid, index, run_of), run_of[index]
        cuts = _cuts(run, start_ms)
        counts = np.diff(cuts, append=index.size)
        for count, i, start in zip(
            counts.tolist(), run[cuts].tolist(), start_ms[cuts].tolist(), strict=True
        ):
            self._window(batch.arrivals[i].series, grid, start).flagged += count

    def _window(self, series: Series, grid: int, start_ms: int) -> Window:
        key = grid, start_ms
        series.touched.add(key)
        window = series.windows.get(key)
        if window is not None:
            return window
        if start_ms < series.closed_ms:
            window = self._reopen(series.id, grid, start_ms)
        if window is None:
            window = Window(start_ms, self._length_s(series.rule.zone, grid, start_ms))
        series.windows[key] = window
        return window

    def _length_s(self, zone: str, grid: int, start_ms: int) -> int:
        if grid == BASE:
            return self._base_ms // 1000
        known = self._lengths_s.get((zone, start_ms))
        if known is None:
            if len(self._lengths_s) >= _LENGTHS_KEPT:
                self._lengths_s.clear()
            known = windows.day_length_s(start_ms, self._edges(zone))
            self._lengths_s[zone, start_ms] = known
        return known

    def _advance(self, batch: Batch, timed: NDArray[np.bool_]) -> None:
        newest = np.maximum.reduceat(np.where(timed, batch.t_ms, NEVER_MS), batch.starts)
        for arrival, t_ms in zip(batch.arrivals, newest.tolist(), strict=True):
            arrival.series.max_t_ms = max(arrival.series.max_t_ms, t_ms)
            self._state.changes.series.add(arrival.series)


def _given(run: Run) -> CodeArray:
    if run.timeless:
        return np.full(run.value.size, codes.TIME_UNKNOWN, dtype=np.uint8)
    if run.quality is None:
        return np.zeros(run.value.size, dtype=np.uint8)
    return run.quality


def _links(series: Series, run: Run) -> Links:
    # A pack that comes slower than the configured period is contiguous at its own pace.
    usual = series.rule.links
    own_ms = run.step_ms * 3 // 2
    return usual if own_ms <= usual.join_ms else Links(usual.gap_ms, own_ms, usual.modulus)


def _cuts(run: IntArray, start_ms: IntArray) -> IntArray:
    new = np.ones(run.size, dtype=np.bool_)
    new[1:] = (run[1:] != run[:-1]) | (start_ms[1:] != start_ms[:-1])
    return np.flatnonzero(new)
