"""Accepted runs of readings into the windows of their series, a batch at a time.

The batch becomes one set of columns; the core flags them, cuts them at the edges of windows and
sums them up in numpy. The sums wait in `pending` until somebody looks at a window: a checkpoint,
or a late run. It must do no I/O: windows that were closed come back through the `reopen` function
given.
"""

from collections.abc import Callable, Sequence
from math import nan

import numpy as np
from numpy.typing import NDArray

from cobenefit_gateway.batch import Batch, Piece, gather
from cobenefit_gateway.config import Config
from cobenefit_gateway.core import aggregate, neighbours, quality, windows
from cobenefit_gateway.core.partials import partials
from cobenefit_gateway.core.rollup import Runs, cut
from cobenefit_gateway.core.screen import Screen, screen
from cobenefit_gateway.counters import judge_counters
from cobenefit_gateway.decode import FloatArray, IntArray
from cobenefit_gateway.pending import MAX_ROWS, Pending, Rows, into_windows
from cobenefit_gateway.slots import Window
from cobenefit_gateway.state import BASE, DAY, Series, State
from cobenefit_gateway.table import NEVER_MS, Table
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
        self._pending = Pending()
        state.settle = self.settle
        self._lengths_s: dict[tuple[str, int], int] = {}
        self._base_ms = config.windows.base_s * 1000
        self._reopen_ms = config.windows.reopen_days * _DAY_MS
        self._earliest_ms = config.quality.earliest_ms
        self._future_ms = config.quality.future_s * 1000
        self._first_year = int(config.quality.earliest[:4]) - 1
        self._last_year = self._first_year

    def add(self, pieces: Sequence[Piece]) -> None:
        """Flag, count and aggregate runs.

        Parameters
        ----------
        pieces : sequence of Piece
            Runs with at least one reading each.
        """
        if not pieces:
            return
        batch = gather(pieces)
        seen = screen(batch.value, batch.t_ms, batch.starts)
        self._flag(batch, seen)
        newest_ms = int(batch.received_ms.max()) + self._future_ms
        self._last_year = max(self._last_year, 1971 + newest_ms // _YEAR_MS)
        self._flag_by_neighbours(batch, seen)
        judge_counters(batch, seen.fall >= 0, self._state.table, self._last_before)
        good = timed = batch.code == codes.GOOD
        if batch.code.any():
            timed = ~quality.TIMELESS[batch.code]
            self._count_refused(batch)
        self._roll(batch, good)
        if batch.code.any():
            self._count_flagged(batch, ~good & timed)
        self._advance(batch, timed)
        self._state.totals["readings"] += batch.value.size
        if self._pending.size >= MAX_ROWS:
            self.settle()

    def settle(self) -> None:
        """Bring everything that waits into the windows."""
        waiting = self._pending.take()
        if waiting is not None:
            rows, parts = waiting
            slot = self._slots(rows.id, rows.grid, rows.start_ms)
            into_windows(self._state.slots, slot, rows, parts)

    def _flag(self, batch: Batch, seen: Screen) -> None:
        # Reading by reading only where the first look leaves a doubt.
        table, number = self._state.table, batch.id
        rule = table.rule[number]
        low, high = table.rules.low[rule], table.rules.high[rule]
        oldest_ms = np.maximum(table.max_t_ms[number] - self._reopen_ms, NEVER_MS)
        latest_ms = batch.received_ms + self._future_ms
        fits = (seen.low >= low) & (seen.high <= high)
        fits &= np.isfinite(seen.low) & np.isfinite(seen.high)
        fits &= (seen.shortest_ms >= 0) & (batch.t_ms[batch.ends] <= latest_ms)
        fits &= batch.t_ms[batch.starts] >= np.maximum(oldest_ms, self._earliest_ms)
        doubtful = ~fits | batch.flagged()
        if not doubtful.any():
            return
        at, of = batch.readings_of(doubtful)
        limits = quality.Limits(
            low=low[of],
            high=high[of],
            earliest_ms=np.full(of.size, self._earliest_ms, dtype=np.int64),
            latest_ms=latest_ms[of],
        )
        batch.code[at] = quality.flag(
            batch.value[at], batch.t_ms[at], batch.code[at], oldest_ms[of], limits
        )

    def _flag_by_neighbours(self, batch: Batch, seen: Screen) -> None:
        rules, rule = self._state.table.rules, self._state.table.rule[batch.id]
        rate_per_s, stuck_ms = rules.rate_per_s[rule], rules.stuck_ms[rule]
        deviations = rules.deviations[rule]
        lasts_ms = batch.t_ms[batch.ends] - batch.t_ms[batch.starts]
        # Without a reading flagged already its neighbours are others than in the first look.
        doubtful = np.isfinite(rate_per_s) & (seen.too_fast(rate_per_s) | batch.flagged())
        doubtful |= (stuck_ms > 0) & (lasts_ms > stuck_ms)
        doubtful |= (deviations > 0) & (batch.n >= neighbours.WINDOW)
        if not doubtful.any():
            return
        at, run = batch.readings_of(doubtful)
        good = batch.code[at] == codes.GOOD
        at, run = at[good], run[good]
        starts = np.flatnonzero(np.diff(run, prepend=-1))
        of = run[starts]
        value, t_ms = batch.value[at], batch.t_ms[at]
        batch.code[at[neighbours.outliers(value, starts, deviations[of])]] = codes.OUTLIER
        batch.code[at[neighbours.stuck(value, t_ms, starts, stuck_ms[of])]] = codes.STUCK
        batch.code[at[neighbours.too_fast(value, t_ms, starts, rate_per_s[of])]] = codes.RATE

    def _last_before(self, series: Series, t_ms: int) -> tuple[int, float]:
        # The accepted reading before a late run; NaN when it is not known.
        self.settle()
        edges = self._edges(series.rule.zone)
        day = int(np.searchsorted(edges, t_ms, side="right")) - 1
        start_ms = edges[max(day - _DAYS_BACK, 0) : day + 1][::-1]
        days = np.full(start_ms.size, series.id), np.full(start_ms.size, DAY), start_ms
        for slot, at_ms in zip(
            self._state.slots.find(*days).tolist(), start_ms.tolist(), strict=True
        ):
            window = self._state.slots.get(slot) if slot >= 0 else None
            if window is None and at_ms < series.closed_ms:
                window = self._reopen(series.id, DAY, at_ms)
            earlier = [s for s in window.segments if s.first_t_ms <= t_ms] if window else []
            if earlier:
                found = earlier[-1].last_t_ms, earlier[-1].last
                return found if found[0] < t_ms else (NEVER_MS, nan)
        return NEVER_MS, nan

    def _count_refused(self, batch: Batch) -> None:
        bad = np.add.reduceat((batch.code != codes.GOOD).astype(np.int64), batch.starts)
        for i in np.flatnonzero(bad).tolist():
            series, received_ms = batch.series[i], int(batch.received_ms[i])
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

    def _grids(self, batch: Batch) -> list[tuple[int, windows.Grid, NDArray[np.bool_]]]:
        # Number, windows and runs of each grid wanted: days of each zone, and fine windows.
        rules, rule = self._state.table.rules, self._state.table.rule[batch.id]
        zone, fine = rules.zone[rule], rules.fine[rule]
        grids: list[tuple[int, windows.Grid, NDArray[np.bool_]]] = [
            (DAY, windows.Days(self._edges(rules.zones[number])), zone == number)
            for number in np.unique(zone).tolist()
        ]
        if fine.any():
            grids.append((BASE, windows.Every(self._base_ms), fine))
        return grids

    def _roll(self, batch: Batch, good: NDArray[np.bool_]) -> None:
        table = self._state.table
        for number, grid, wanted in self._grids(batch):
            runs, of = _runs(batch, table, good, wanted)
            if not of.size:
                continue
            window, run, starts = cut(runs, grid)
            start_ms, of = grid.start_ms(window), of[run]
            parts = partials(runs.value, runs.t_ms, starts, runs.gap_ms[run], runs.modulus[run])
            # A pack that comes slower than the configured period is contiguous at its own pace.
            usual_ms = table.rules.join_ms[table.rule[batch.id[of]]]
            rows = Rows(
                batch.id[of],
                np.full(of.size, number, dtype=np.int64),
                start_ms,
                runs.gap_ms[run],
                np.maximum(usual_ms, batch.step_ms[of] * 3 // 2),
                runs.modulus[run],
            )
            self._pending.add(rows, parts)
            self._count_events(batch, runs.value, rows, starts, of)

    def _count_events(
        self, batch: Batch, value: FloatArray, rows: Rows, starts: IntArray, of: IntArray
    ) -> None:
        table, slots = self._state.table, self._state.slots
        at = np.flatnonzero(table.rules.event[table.rule[rows.id]])
        if not at.size:
            return
        ends = np.append(starts[1:], value.size)
        found = self._slots(rows.id[at], rows.grid[at], rows.start_ms[at])
        for i, slot in zip(at.tolist(), found.tolist(), strict=True):
            edges = batch.series[of[i]].rule.edges
            counts = aggregate.histogram(value[starts[i] : ends[i]], edges)
            old = slots.histogram(slot) or [0] * len(counts)
            slots.set_histogram(slot, [a + b for a, b in zip(old, counts, strict=True)])

    def _count_flagged(self, batch: Batch, flagged: NDArray[np.bool_]) -> None:
        for number, grid, wanted in self._grids(batch):
            runs, of = _runs(batch, self._state.table, flagged, wanted)
            if not of.size:
                continue
            window, run, starts = cut(runs, grid)
            counts = np.diff(starts, append=runs.value.size)
            series = batch.id[of[run]]
            slot = self._slots(series, np.full(series.size, number), grid.start_ms(window))
            np.add.at(self._state.slots.flagged, slot, counts)

    def _edges(self, zone: str) -> IntArray:
        return windows.day_edges_ms(zone, self._first_year, self._last_year)

    def _slots(self, number: IntArray, grid: IntArray, start_ms: IntArray) -> IntArray:
        # The slot of each window, opened where it is not; they are about to change.
        slots = self._state.slots
        slot = slots.find(number, grid, start_ms)
        missing = np.flatnonzero(slot < 0)
        if missing.size:
            keys = start_ms[missing], grid[missing], number[missing]
            order = np.lexsort(keys)
            start, kind, of = (key[order] for key in keys)
            new = np.ones(order.size, dtype=np.bool_)
            new[1:] = (start[1:] != start[:-1]) | (kind[1:] != kind[:-1]) | (of[1:] != of[:-1])
            self._open(of[new], kind[new], start[new])
            slot[missing] = slots.find(number[missing], grid[missing], start_ms[missing])
        slots.dirty[slot] = True
        return slot

    def _open(self, number: IntArray, grid: IntArray, start_ms: IntArray) -> None:
        table = self._state.table
        zones = [table.rules.zones[i] for i in table.rules.zone[table.rule[number]].tolist()]
        keys = zip(zones, grid.tolist(), start_ms.tolist(), strict=True)
        slot = self._state.slots.open(
            number, grid, start_ms, [self._length_s(*key) for key in keys]
        )
        for i in np.flatnonzero(start_ms < table.closed_ms[number]).tolist():
            window = self._reopen(int(number[i]), int(grid[i]), int(start_ms[i]))
            if window is not None:
                self._state.slots.put(int(slot[i]), window)

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
        np.maximum.at(self._state.table.max_t_ms, batch.id, newest)
        self._state.table.changed[batch.id] = True


def _runs(
    batch: Batch, table: Table, accepted: NDArray[np.bool_], wanted: NDArray[np.bool_]
) -> tuple[Runs, IntArray]:
    # The accepted readings of the wanted runs, and which runs those are.
    of = np.arange(batch.n.size)
    value, t_ms, starts = batch.value, batch.t_ms, batch.starts
    if not (wanted.all() and accepted.all()):
        chosen = accepted & np.repeat(wanted, batch.n)
        run = np.repeat(of, batch.n)[chosen]
        value, t_ms = value[chosen], t_ms[chosen]
        starts = np.flatnonzero(np.diff(run, prepend=-1))
        of = run[starts]
    number = batch.id[of]
    rule = table.rule[number]
    gap_ms, modulus = table.rules.gap_ms[rule], table.rules.modulus[rule]
    return Runs(value, t_ms, starts, number, gap_ms, modulus), of
