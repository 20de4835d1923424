"""The node's own ledger: time per state, bytes, reconnects; published as `messages.Health`.

Energy by the method "measured" where an INA219 stands in the supply: its power, every half second.
Else by "profile": milliseconds in each state times the milliwatts of the board file (`power_mw` in
the configuration). `idle` is all the time, `active` the reading of sensors and `radio` the time
with something in flight, each of the latter two counted at what it adds to idle. A board without
either says "none" and 0 mJ. docs/reference/node-config.md gives the error of each method.
"""

from cobenefit_wire import messages
from cobenefit_wire.hints import Any, const

#: The meter is asked every half second; a longer gap is time nobody measured. [ms]
_LONGEST_MS = const(5000)


class Ledger:
    """Counters of one boot."""

    def __init__(self, power_mw: dict[str, int], reset_cause: int) -> None:
        self._power_mw = power_mw
        self._active_ms = 0
        self._radio_ms = 0
        self.wakes = 0
        self.reconnects = -1  # the first connection is none
        self.errors = 0
        self.meter: Any = None
        self._metered_uj = 0
        self._metered_ms = 0
        self._asked_ms = 0
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

    def measure(self, uptime_ms: int) -> None:
        """Ask the meter for the power since it was asked last [ms]; OSError when it fails."""
        if self.meter is None:
            return
        step_ms, self._asked_ms = uptime_ms - self._asked_ms, uptime_ms
        if not 0 <= step_ms <= _LONGEST_MS:
            return
        self._metered_uj += self.meter.power_mw() * step_ms
        self._metered_ms += step_ms

    def energy_mj(self, uptime_ms: int) -> int:
        """Return the energy of an uptime [ms] -> [mJ]; what the meter missed at its mean."""
        if self._metered_ms:
            return self._metered_uj // 1000 * uptime_ms // self._metered_ms
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
        if self._metered_ms:
            method = "measured"
        return messages.Health(
            boot, uptime_ms, self.wakes, self.energy_mj(uptime_ms), method, tx, rx,
            max(0, self.reconnects), self.resets, None, waiting, t_ms, lost,
        )  # fmt: skip
