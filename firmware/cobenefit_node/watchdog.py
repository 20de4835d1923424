"""A watchdog that waits longer than its hardware can: an RP2's at most 8.3 s.

A timer's interrupt feeds the hardware for as long as the node itself has been heard from within
its own, longer time; then it stops, and the hardware resets the board. An interrupt so broken that
the timer stands still ends the same way. Longest time of the hardware: "class WDT", MicroPython
documentation, "machine", 2026; interrupts that wait for nothing: MicroPython's rp2 port, pull
request 17363, 2025.
"""

from cobenefit_wire.hints import Any

LONGEST_MS = 8000
_PERIOD_MS = 2000


class Watchdog:
    """Feeds `wdt` every two seconds until `feed` has not been called for `timeout_ms`.

    `make_timer` is `machine.Timer`.
    """

    def __init__(self, wdt: Any, make_timer: Any, timeout_ms: int) -> None:
        self._most = max(1, (timeout_ms - LONGEST_MS) // _PERIOD_MS)
        self._left = self._most
        self._feed = wdt.feed
        tick = self._tick  # bound here: an interrupt may not allocate
        self._timer = make_timer(-1, period=_PERIOD_MS, callback=tick, hard=True)

    def feed(self) -> None:
        """Say that all is well."""
        self._left = self._most

    def _tick(self, _: Any) -> None:
        if self._left > 0:
            self._left -= 1
            self._feed()
