"""The node's own ledger: time per state, bytes, reconnects; published as `messages.Health`.

Energy by the method "profile": milliseconds in each state times the milliwatts of the board file
(`power_mw` in the configuration). `idle` is all the time, `active` the reading of sensors and
`radio` the time with something in flight, each of the latter two counted at what it adds to
idle. A board without a profile says "none" and 0 mJ.
"""

from cobenefit_wire import messages


class Ledger:
    """Counters of one boot."""

    def __init__(self, power_mw: dict[str, int], reset_cause: int) -> None:
        self._power_mw = power_mw
        self._active_ms = 0
        self._radio_ms = 0
        self.wakes = 0
        self.reconnects = -1  # the first connection is none
        self.errors = 0
        # Everything but the first power on and a deliberate wake from deep sleep (1, 4).
        self.resets = 0 if reset_cause in (1, 4) else 1

    def active(self, ms: int) -> None:
        """Count one wake and the time it took [ms]."""
        self.wakes += 1
        self._active_ms += ms

    def connected(self) -> None:
        """Count a connection to the broker."""
        self.reconnects += 1

    def radio(self, ms: int) -> None:
        """Count time with something in flight [ms]."""
        self._radio_ms += ms

    def energy_mj(self, uptime_ms: int) -> int:
        """Return the energy of an uptime by the board's profile [ms] -> [mJ]."""
        power = self._power_mw
        idle_mw = power.get("idle", 0)
        total_uj = idle_mw * uptime_ms
        total_uj += max(0, power.get("active", 0) - idle_mw) * self._active_ms
        total_uj += max(0, power.get("radio", 0) - idle_mw) * self._radio_ms
        return total_uj // 1000

    def message(
        self, boot: int, uptime_ms: int, t_ms: object, *,
        tx: int, rx: int, waiting: int, lost: object,
    ) -> messages.Health:  # fmt: skip
        """Return the message of this moment; `t_ms` is None while the time is unknown [ms]."""
        method = "profile" if any(self._power_mw.values()) else "none"
        return messages.Health(
            boot, uptime_ms, self.wakes, self.energy_mj(uptime_ms), method, tx, rx,
            max(0, self.reconnects), self.resets, None, waiting, t_ms, lost,
        )  # fmt: skip
