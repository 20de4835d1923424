"""Runs of many series as one set of columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cobenefit_gateway.decode import LAST_MS, CodeArray, FloatArray, IntArray
from cobenefit_gateway.senml_bulk import Runs
from cobenefit_gateway.senml_in import RELATIVE_BELOW_S, Channel, First
from cobenefit_gateway.state import Series


class Piece(NamedTuple):
    """Runs one after the other; `n` readings each. `given` is None when no sender flagged any."""

    series: Sequence[Series]
    received_ms: Sequence[int]
    n: IntArray
    step_ms: IntArray
    t_ms: IntArray
    value: FloatArray
    given: CodeArray | None


@dataclass(slots=True)
class Batch:
    """All runs of some pieces; `starts` and `n` say which readings are whose."""

    series: Sequence[Series]
    id: IntArray
    received_ms: IntArray
    n: IntArray
    starts: IntArray
    step_ms: IntArray
    t_ms: IntArray
    value: FloatArray
    code: CodeArray

    @property
    def ends(self) -> IntArray:
        """Index of each run's last reading [1]."""
        return self.starts + self.n - 1

    def flagged(self) -> NDArray[np.bool_]:
        """Return for each run whether a reading of it is flagged."""
        if not self.code.any():
            return np.zeros(self.n.size, dtype=np.bool_)
        return np.logical_or.reduceat(self.code, self.starts)

    def readings_of(self, runs: NDArray[np.bool_]) -> tuple[IntArray, IntArray]:
        """Return the readings of some runs.

        Parameters
        ----------
        runs : ndarray, shape (m,)
            Which. [1]

        Returns
        -------
        tuple of ndarray
            Index of each reading, and of its run. [1, 1]
        """
        at = np.flatnonzero(np.repeat(runs, self.n))
        return at, np.repeat(np.flatnonzero(runs), self.n[runs])


class Columns:
    """Runs gathered one by one, as plain lists."""

    def __init__(self) -> None:
        self._series: list[Series] = []
        self._received_ms: list[int] = []
        self._n: list[int] = []
        self._t: list[float] = []
        self._base: list[float] = []
        self._scale: list[float] = []
        self._value: list[float] = []
        self._flagged: list[tuple[int, list[int]]] = []

    def add(self, series: Series, received_ms: int, channel: Channel) -> None:
        """Add one run.

        Parameters
        ----------
        series : Series
            Whose it is.
        received_ms : int
            When it came. [ms]
        channel : Channel
            Its readings, ordered in time.
        """
        self._series.append(series)
        self._received_ms.append(received_ms)
        self._n.append(len(channel.value))
        if channel.code is not None:
            self._flagged.append((len(self._value), channel.code))
        self._t += channel.t
        self._base.append(channel.base)
        self._scale.append(channel.scale)
        self._value += channel.value

    def pieces(self) -> list[Piece]:
        """Return all runs, as one piece or none."""
        if not self._series:
            return []
        n = np.array(self._n, dtype=np.int64)
        t_ms = _times_ms(np.array(self._t), self._base, self._scale, n)
        value = np.array(self._value, dtype=np.float64)
        columns = n, _step_ms(t_ms, n), t_ms, value, self._codes()
        return [Piece(self._series, self._received_ms, *columns)]

    def _codes(self) -> CodeArray | None:
        if not self._flagged:
            return None
        code = np.zeros(len(self._value), dtype=np.uint8)
        for start, codes in self._flagged:
            code[start : start + len(codes)] = codes
        return code


def of_singles(series: Sequence[Series], received_ms: Sequence[int], said: list[First]) -> Piece:
    """Return runs of one reading each.

    Parameters
    ----------
    series : sequence of Series
        Whose they are.
    received_ms : sequence of int
        When each came, for relative times. [ms]
    said : list of First
        The record of each message.

    Returns
    -------
    Piece
        What `Columns` makes of `senml_in.only`.
    """
    n = np.ones(len(said), dtype=np.int64)
    time_s = np.array([one.t for one in said]) + np.array([one.bt for one in said])
    t_ms = np.rint(time_s * 1000)
    t_ms += np.where(time_s < RELATIVE_BELOW_S, np.array(received_ms), 0)
    value = np.array([one.v for one in said]) + np.array([one.bv for one in said])
    whole_ms = t_ms.clip(-LAST_MS, LAST_MS).astype(np.int64)
    return Piece(series, received_ms, n, n - 1, whole_ms, value, None)


def of_runs(series: Sequence[Series], received_ms: Sequence[int], runs: Runs) -> Piece:
    """Return runs that were read at once.

    Parameters
    ----------
    series : sequence of Series
        Whose they are.
    received_ms : sequence of int
        When each came. [ms]
    runs : Runs
        Their readings.

    Returns
    -------
    Piece
        What `Columns` makes of the channel of each.
    """
    t_ms = _times_ms(runs.t, [one.bt for one in runs.first], [1000.0], runs.n)
    return Piece(series, received_ms, runs.n, _step_ms(t_ms, runs.n), t_ms, runs.value, None)


def _times_ms(t: FloatArray, base: list[float], scale: list[float], n: IntArray) -> IntArray:
    # Times beyond 2^53 ms are as much in the future as this one.
    t_ms = np.rint((t + np.repeat(base, n)) * (np.repeat(scale, n) if len(scale) > 1 else scale))
    whole_ms: IntArray = t_ms.clip(-LAST_MS, LAST_MS).astype(np.int64)
    return whole_ms


def _step_ms(t_ms: IntArray, n: IntArray) -> IntArray:
    ends = np.cumsum(n) - 1
    step_ms: IntArray = (t_ms[ends] - t_ms[ends - n + 1]) // np.maximum(n - 1, 1)
    return step_ms


def gather(pieces: Sequence[Piece]) -> Batch:
    """Return the runs of all pieces as columns, with the codes their senders gave.

    Parameters
    ----------
    pieces : sequence of Piece
        At least one run, each with at least one reading.

    Returns
    -------
    Batch
        In the order of the pieces.
    """
    series = [one for piece in pieces for one in piece.series]
    received = [t_ms for piece in pieces for t_ms in piece.received_ms]
    n = _joined([piece.n for piece in pieces])
    given = [
        np.zeros(piece.value.size, dtype=np.uint8) if piece.given is None else piece.given
        for piece in pieces
    ]
    return Batch(
        series,
        np.array([one.id for one in series], dtype=np.int64),
        np.array(received, dtype=np.int64),
        n,
        np.cumsum(n) - n,
        _joined([piece.step_ms for piece in pieces]),
        _joined([piece.t_ms for piece in pieces]),
        np.concatenate([piece.value for piece in pieces]),
        np.concatenate(given),
    )


def _joined(columns: Sequence[IntArray]) -> IntArray:
    return columns[0] if len(columns) == 1 else np.concatenate(columns)
