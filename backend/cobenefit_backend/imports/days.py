"""Days of a site's time zone: 23, 24 or 25 hours between its midnights.

>>> days = Days("Europe/Paris")
>>> begin = 1_711_839_600_000  # 31 March 2024, midnight in Paris
>>> (days.end_ms(begin) - begin) // 3_600_000
23
"""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]


class Days:
    """Finds the day of a time.

    Parameters
    ----------
    timezone : str
        IANA name.
    """

    def __init__(self, timezone: str) -> None:
        self._zone = ZoneInfo(timezone)
        self._known: tuple[int, int] = (0, 0)

    def end_ms(self, t_ms: int) -> int:
        """Return the midnight after a time.

        Parameters
        ----------
        t_ms : int
            Unix time. [ms]

        Returns
        -------
        int
            The end of its day. [ms]
        """
        start, end = self._known
        if not start <= t_ms < end:
            day = datetime.fromtimestamp(t_ms / 1000, UTC).astimezone(self._zone).date()
            self._known = self.midnight_ms(day), self.midnight_ms(day + timedelta(days=1))
        return self._known[1]

    def midnight_ms(self, day: date) -> int:
        """Return when a day starts. [ms]."""
        return round(datetime(day.year, day.month, day.day, tzinfo=self._zone).timestamp()) * 1000

    def edges_ms(self, first_ms: int, last_ms: int) -> IntArray:
        """Return the midnights around two times.

        Parameters
        ----------
        first_ms, last_ms : int
            The earlier and the later. [ms]

        Returns
        -------
        ndarray, shape (days + 1,)
            From the midnight at or before the first to the one after the last. [ms]
        """
        first, last = (
            datetime.fromtimestamp(t_ms / 1000, UTC).astimezone(self._zone).date()
            for t_ms in (first_ms, last_ms)
        )
        count = (last - first).days + 2
        days = (first + timedelta(days=n) for n in range(count))
        return np.array([self.midnight_ms(day) for day in days], dtype=np.int64)
