"""How many requests one caller may send: a token bucket each, and a bound on the buckets.

>>> limiter = Limiter(per_minute=2)
>>> [limiter.take("k", now_s=0.0) for _ in range(3)]
[0.0, 0.0, 30.0]
"""

import threading
from collections import OrderedDict

MAX_CALLERS = 10_000


class Limiter:
    """A bucket per caller that holds one minute's worth and refills steadily.

    Parameters
    ----------
    per_minute : int
        Requests a minute, > 0. [1]
    """

    def __init__(self, per_minute: int) -> None:
        self._size = float(per_minute)
        self._per_s = per_minute / 60
        self._lock = threading.Lock()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str, now_s: float) -> float:
        """Take one token, or say how long to wait for it.

        Parameters
        ----------
        caller : str
            Whose bucket.
        now_s : float
            Monotonic time. [s]

        Returns
        -------
        float
            0 when the request may pass, else the time until it may. [s]
        """
        with self._lock:
            left, then_s = self._buckets.pop(caller, (self._size, now_s))
            left = min(self._size, left + (now_s - then_s) * self._per_s)
            allowed = left >= 1
            self._buckets[caller] = (left - allowed, now_s)
            if len(self._buckets) > MAX_CALLERS:
                self._buckets.popitem(last=False)  # the one idle longest, whose bucket is fullest
        return 0.0 if allowed else (1 - left) / self._per_s
