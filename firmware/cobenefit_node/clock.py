"""Wall time: the only file that knows which year a port counts from.

`Clock` runs on the board's own clock. Where that was never set, `time_known` is false and
`now_ms()` is the time since the start; packs then carry the time-unknown flag. The gateway's time,
which comes with every ack, sets the board's clock (`set`).
"""

import time

from cobenefit_node.ticks import sleep_ms, ticks_diff, ticks_ms

#: esp32 counts from 2000-01-01, rp2, unix and CPython from 1970-01-01. [ms]
_EPOCH_MS = 946_684_800_000 if time.gmtime(0)[0] == 2000 else 0
#: A board that was never set shows its epoch or a build date; 2023-11-14 is before our first one.
_EARLIEST_MS = 1_700_000_000_000
#: Sleep in slices, so that a clock that is set meanwhile is followed. [ms]
_SLICE_MS = 10_000


class Ended(Exception):  # noqa: N818
    """Simulated time has run out; nothing is wrong."""


class Clock:
    """The board's own clock."""

    def __init__(self) -> None:
        self._ticks = ticks_ms()
        self._uptime_ms = 0
        self.ntp_error = ""

    def time_known(self) -> bool:
        """Whether the wall clock has been set."""
        return self._wall_ms() >= _EARLIEST_MS

    def now_ms(self) -> int:
        """Return the Unix time, or the time since the start when the former is unknown [ms]."""
        return self._wall_ms() if self.time_known() else self.uptime_ms()

    def uptime_ms(self) -> int:
        """Return the time since the start; must be called once in 6 days, ticks wrap [ms]."""
        now = ticks_ms()
        self._uptime_ms += ticks_diff(now, self._ticks)
        self._ticks = now
        return self._uptime_ms

    def set(self, t_ms: int) -> None:
        """Set the board's clock to a Unix time, unless it is already known [ms]."""
        if self.time_known() or t_ms < _EARLIEST_MS:
            return
        import machine  # type: ignore[import-not-found,unused-ignore]

        y, mo, d, h, mi, s, wd, _ = time.gmtime((t_ms - _EPOCH_MS) // 1000)[:8]
        machine.RTC().datetime((y, mo, d, wd, h, mi, s, t_ms % 1000 * 1000))

    def ask_network(self) -> None:
        """Set an unknown clock by NTP: a board of the year 2000 refuses every certificate.

        micropython-lib's `ntptime` blocks for at most its time-out of 1 s. Without it, or without
        an answer, the gateway's time in the first ack has to do.
        """
        if self.time_known():
            return
        try:
            import ntptime

            ntptime.settime()
        except (ImportError, OSError) as err:
            self.ntp_error = repr(err)

    async def next_tick(self, period_ms: int) -> int:
        """Sleep to the next multiple of a period and return it.

        Parameters
        ----------
        period_ms : int
            Above 0. [ms]

        Returns
        -------
        int
            Unix time, a multiple of the period. [ms]
        """
        due_ms = (self.now_ms() // period_ms + 1) * period_ms
        known = self.time_known()
        while True:
            left_ms = due_ms - self.now_ms()
            if left_ms <= 0 or self.time_known() != known:
                break
            await sleep_ms(min(left_ms, _SLICE_MS))
        # A clock that was set meanwhile has moved: the tick is the last multiple before now.
        return due_ms if self.time_known() == known else self.now_ms() // period_ms * period_ms

    def _wall_ms(self) -> int:
        return time.time_ns() // 1_000_000 + _EPOCH_MS
