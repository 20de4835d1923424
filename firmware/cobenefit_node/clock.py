"""Wall time: the only file that knows which year a port counts from.

`Clock` runs on the board's own clock. While nobody has set that, `time_known` is false and
`now_ms()` is the time since the start; what was stamped so is dated by adding `offset_ms()` as
soon as the time is known. Sources: NTP (`ask_network`), the gateway's time in an ack (`set`) and
a meter's own clock (`hint`). The last time known is kept in flash (`keep`): a board that wakes in
2000 starts there, so that certificates can be checked, but does not take it for the time.
"""

import time

from cobenefit_node.ticks import sleep_ms, ticks_diff, ticks_ms
from cobenefit_wire.hints import Any, const

#: esp32 counts from 2000-01-01, rp2, unix and CPython from 1970-01-01. [ms]
_EPOCH_MS = 946_684_800_000 if time.gmtime(0)[0] == 2000 else 0
#: A board that was never set shows its epoch or a build date; 2023-11-14 is before our first one.
_EARLIEST_MS = const(1_700_000_000_000)
#: Sleep in slices, so that a clock that is set meanwhile is followed. [ms]
_SLICE_MS = const(10_000)
#: An ack on its way and a crystal's drift in a day stay below this; more is a clock set. [ms]
_STEP_MS = const(2000)
#: How often the time floor is written and NTP asked again: 4 writes and 1 question a day. [ms]
_KEEP_MS = const(21_600_000)
_ASK_MS = const(86_400_000)


class Ended(Exception):  # noqa: N818
    """Simulated time has run out; nothing is wrong."""


class Clock:
    """The board's own clock."""

    def __init__(self) -> None:
        self._ticks = ticks_ms()
        self._uptime_ms = 0
        self._shift_ms = 0
        self._guess = False
        self._twin: Any = None
        self._kept_ms = -1
        self._asked_ms = -1
        self.ntp_error = ""
        self.source = "board"
        self.behind_ms: Any = None

    def time_known(self) -> bool:
        """Whether the wall clock has been set."""
        return not self._guess and self._wall_ms() >= _EARLIEST_MS

    def now_ms(self) -> int:
        """Return the Unix time, or the time since the start when the former is unknown [ms]."""
        return self._wall_ms() if self.time_known() else self.uptime_ms()

    def uptime_ms(self) -> int:
        """Return the time since the start; must be called once in 6 days, ticks wrap [ms]."""
        now = ticks_ms()
        self._uptime_ms += ticks_diff(now, self._ticks)
        self._ticks = now
        return self._uptime_ms

    def offset_ms(self) -> int:
        """Return what to add to a time since the start to date it; 0 while unknown [ms]."""
        return self.now_ms() - self.uptime_ms()

    def set(self, t_ms: int, source: str = "gateway") -> None:
        """Take the gateway's time [Unix ms].

        An ack may come late, from a broker's queue, but never early: it sets an unknown clock and
        moves a known one forward only.
        """
        known = self.time_known()
        if source == "gateway" and known:
            self.behind_ms = t_ms - self._wall_ms()
        if t_ms >= _EARLIEST_MS and (not known or t_ms > self._wall_ms() + _STEP_MS):
            self._set_board(max(t_ms, self._wall_ms()))
            self._learnt(source)

    def hint(self, t_ms: int) -> None:
        """Take the time of a sensor's clock [Unix ms], when there is no other."""
        if not self.time_known():
            self.set(t_ms, "sensor")

    def ask_network(self) -> None:
        """Set the clock by NTP when it is unknown or was not asked for a day.

        micropython-lib's `ntptime` blocks for at most its time-out of 1 s. Without it, or without
        an answer, the gateway's time in the first ack has to do.
        """
        up_ms = self.uptime_ms()
        if self.time_known() and self._asked_ms < 0:
            self._asked_ms = up_ms
        known = self.time_known()
        if known and up_ms - self._asked_ms < _ASK_MS:
            return
        try:
            import ntptime

            ntptime.settime()
        except (ImportError, OSError) as err:
            self.ntp_error = repr(err)
            return
        self._asked_ms = up_ms
        if known:
            self.source = "ntp"  # what was stamped is dated already
        else:
            self._learnt("ntp")

    def keep(self, twin: Any) -> None:
        """Start at the last time known, from a `Twin`, when the board's clock is behind it."""
        self._twin = twin
        floor_ms, guess = twin.load() or (0, 0)
        if floor_ms < _EARLIEST_MS:
            return
        behind = self._wall_ms() < floor_ms
        # A guess stays one over a restart that kept the board's clock running.
        self._guess = bool(behind or guess)
        if self._guess:
            self.source = "last known"
        if behind:
            self._set_board(floor_ms)
            twin.save([floor_ms, 1])

    def held(self) -> list[Any]:
        """Return what `resume` needs after a sleep."""
        return [self.uptime_ms(), self._wall_ms(), self._shift_ms, self._kept_ms]

    def resume(self, held: list[Any], planned_ms: int) -> int:
        """Go on after a sleep; return how long it was, as far as the board can tell [ms].

        The board's clock runs on in deep sleep. Where it did not, the sleep was as long as
        planned [ms]. A sleeping board's oscillator drifts, so NTP is asked at the next connection.
        """
        uptime_ms, wall_ms, self._shift_ms, self._kept_ms = held
        slept_ms = self._wall_ms() - wall_ms
        if not 0 <= slept_ms <= 2 * planned_ms + _ASK_MS:
            slept_ms, self._shift_ms = planned_ms, 0
        self._uptime_ms += uptime_ms + slept_ms
        self._asked_ms = self._uptime_ms - _ASK_MS
        return slept_ms

    async def reach(self, due_ms: int) -> None:
        """Wait until it is `due_ms`, at most one slice past a clock that is set [ms]."""
        while due_ms > self.now_ms():
            await sleep_ms(min(due_ms - self.now_ms(), _SLICE_MS))

    def save_floor(self) -> None:
        """Write the time floor when it is due; call often. OSError when the flash refuses."""
        up_ms = self.uptime_ms()
        due = self._kept_ms < 0 or up_ms - self._kept_ms >= _KEEP_MS
        if due and self._twin is not None and self.time_known():
            self._kept_ms = up_ms
            self._twin.save([self._wall_ms(), 0])

    async def next_tick(self, period_ms: int) -> int:
        """Sleep to the next multiple of a period and return it.

        A clock that is set meanwhile, forwards or back, plans again: a stamp is never of a clock
        that was wrong.

        Parameters
        ----------
        period_ms : int
            Above 0. [ms]

        Returns
        -------
        int
            Unix time, a multiple of the period. [ms]
        """
        offset_ms = self.offset_ms()
        due_ms = self._after(period_ms)
        while True:
            if abs(self.offset_ms() - offset_ms) > _STEP_MS:
                offset_ms = self.offset_ms()
                due_ms = self._after(period_ms)
            left_ms = due_ms - self.now_ms()
            if left_ms <= 0:
                return due_ms
            await sleep_ms(min(left_ms, _SLICE_MS))

    def _after(self, period_ms: int) -> int:
        return (self.now_ms() // period_ms + 1) * period_ms

    def _learnt(self, source: str) -> None:
        self._guess = False
        self.source = source
        self._kept_ms = -1

    def _set_board(self, t_ms: int) -> None:
        y, mo, d, h, mi, s, wd, _ = time.gmtime((t_ms - _EPOCH_MS) // 1000)[:8]
        try:
            import machine  # type: ignore[import-not-found,unused-ignore]

            rtc: Any = machine.RTC()
        except (ImportError, AttributeError):
            rtc = None
        if rtc is not None:
            rtc.datetime((y, mo, d, wd, h, mi, s, t_ms % 1000 * 1000))
        off_ms = t_ms - self._wall_ms()
        if abs(off_ms) > _STEP_MS:  # a host's clock is not ours to set
            self._shift_ms += off_ms

    def _wall_ms(self) -> int:
        return time.time_ns() // 1_000_000 + _EPOCH_MS + self._shift_ms
