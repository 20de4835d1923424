"""Assign event times to tumbling windows: base windows in UTC, days in a site's time zone.

Pure: arrays in, arrays out; it must not read a clock. A day starts at local midnight, so it lasts
23 or 25 hours when the clocks change:

    >>> edges = day_edges_ms("Europe/Paris", 2024, 2024)
    >>> sorted({int(x) for x in np.diff(edges) // 3_600_000})
    [23, 24, 25]
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Protocol
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]


class Grid(Protocol):
    """Windows in a row, numbered; `index` finds them and `start_ms` says where they start."""

    def index(self, t_ms: IntArray) -> IntArray:
        """Return the number of the window that holds each time.

        Parameters
        ----------
        t_ms : ndarray, shape (n,)
            Event times, Unix. [ms]

        Returns
        -------
        ndarray, shape (n,)
            Rising with time, without gaps. [1]
        """
        ...

    def start_ms(self, index: IntArray) -> IntArray:
        """Return where windows start.

        Parameters
        ----------
        index : ndarray, shape (n,)
            Their numbers. [1]

        Returns
        -------
        ndarray, shape (n,)
            Their starts, Unix. [ms]
        """
        ...


@dataclass(frozen=True, slots=True)
class Every:
    """UTC windows of one length."""

    length_ms: int

    def index(self, t_ms: IntArray) -> IntArray:
        """Return the number of the window that holds each time.

        Parameters
        ----------
        t_ms : ndarray, shape (n,)
            Event times, Unix. [ms]

        Returns
        -------
        ndarray, shape (n,)
            Windows since 1970. [1]
        """
        return t_ms // self.length_ms

    def start_ms(self, index: IntArray) -> IntArray:
        """Return where windows start.

        Parameters
        ----------
        index : ndarray, shape (n,)
            Windows since 1970. [1]

        Returns
        -------
        ndarray, shape (n,)
            Their starts. [ms]
        """
        return index * self.length_ms


@dataclass(frozen=True, slots=True)
class Days:
    """Days of a time zone, between the midnights of `day_edges_ms`."""

    edges_ms: IntArray

    def index(self, t_ms: IntArray) -> IntArray:
        """Return the number of the day that holds each time.

        Parameters
        ----------
        t_ms : ndarray, shape (n,)
            Event times, inside the edges. [ms]

        Returns
        -------
        ndarray, shape (n,)
            Days since the first edge. [1]

        Raises
        ------
        ValueError
            If a time lies outside the edges.
        """
        if t_ms.size and not self.edges_ms[0] <= t_ms.min() <= t_ms.max() < self.edges_ms[-1]:
            raise ValueError("a time lies outside the day edges")
        return np.searchsorted(self.edges_ms, t_ms, side="right") - 1

    def start_ms(self, index: IntArray) -> IntArray:
        """Return where days start.

        Parameters
        ----------
        index : ndarray, shape (n,)
            Days since the first edge. [1]

        Returns
        -------
        ndarray, shape (n,)
            Their midnights. [ms]
        """
        return self.edges_ms[index]


def base_start_ms(t_ms: IntArray, length_ms: int) -> IntArray:
    """Return the start of the UTC window that holds each time.

    Parameters
    ----------
    t_ms : ndarray, shape (n,)
        Event times, Unix. [ms]
    length_ms : int
        Window length, > 0. [ms]

    Returns
    -------
    ndarray, shape (n,)
        Window starts, multiples of the length. [ms]
    """
    return t_ms - t_ms % length_ms


@lru_cache(maxsize=512)
def day_edges_ms(zone: str, first_year: int, last_year: int) -> IntArray:
    """Return every local midnight from 1 January of one year to the end of another.

    Parameters
    ----------
    zone : str
        IANA time zone, such as ``Europe/Paris``.
    first_year : int
        First year covered. [year]
    last_year : int
        Last year covered, inclusive. [year]

    Returns
    -------
    ndarray, shape (days + 1,)
        Unix times of the midnights, increasing. [ms]
    """
    tz = ZoneInfo(zone)
    first, last = date(first_year, 1, 1), date(last_year + 1, 1, 1)
    days = (first + timedelta(days=i) for i in range((last - first).days + 1))
    seconds = [datetime(d.year, d.month, d.day, tzinfo=tz).timestamp() for d in days]
    return np.array(seconds, dtype=np.int64) * 1000


def day_start_ms(t_ms: IntArray, edges_ms: IntArray) -> IntArray:
    """Return the local midnight that starts the day of each time.

    Parameters
    ----------
    t_ms : ndarray, shape (n,)
        Event times, inside the edges. [ms]
    edges_ms : ndarray, shape (days + 1,)
        Midnights from `day_edges_ms`. [ms]

    Returns
    -------
    ndarray, shape (n,)
        Start of each day. [ms]

    Raises
    ------
    ValueError
        If a time lies outside the edges.
    """
    days = Days(edges_ms)
    return days.start_ms(days.index(t_ms))


def day_length_s(start_ms: int, edges_ms: IntArray) -> int:
    """Return how long the day lasts that starts at an edge.

    Parameters
    ----------
    start_ms : int
        Start of the day, one of the edges but the last. [ms]
    edges_ms : ndarray, shape (days + 1,)
        Midnights from `day_edges_ms`. [ms]

    Returns
    -------
    int
        82,800, 86,400 or 90,000 in zones that shift by an hour. [s]
    """
    i = int(np.searchsorted(edges_ms, start_ms))
    return int(edges_ms[i + 1] - edges_ms[i]) // 1000
