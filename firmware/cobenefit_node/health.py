"""The node's own ledger: time per state, bytes, reconnects; published as `messages.Health`.

Energy by the method "measured" where an INA219 stands in the supply: its power, every half second.
Else by "profile": milliseconds in each state times the milliwatts of the board file (`power_mw` in
the configuration). `idle` is all the time awake, `active` the reading of sensors and `radio` the
time with something in flight – or with the link up, where it is taken down to sleep –, each of
the latter two counted at what it adds to idle. Nobody measures a node asleep: that time counts at
the profile's `power_uw`. A board without either says "none" and 0 mJ.
docs/reference/node-config.md gives the error of each method.
"""

from cobenefit_node.ticks import ticks_diff, ticks_ms
from cobenefit_node.twin import Twin
from cobenefit_wire import messages
from cobenefit_wire.hints import Any, const

#: The meter is asked every half second; a longer gap is time nobody measured. [ms]
_LONGEST_MS = const(5000)
#: An INA219's gain and a 1 % shunt; a published mean power without the sensors. [1/1000]
_METER_ERROR, _PROFILE_ERROR = const(20), const(1000)


class Ledger:
    """Counters of one boot, which a node that sleeps carries on (`duty.py`)."""

    def __init__(self, power_mw: dict[str, int], reset_cause: int, asleep_uw: Any = None) -> None:
        self._power_mw = power_mw
        self._asleep_uw = asleep_uw  # None: it never sleeps
        self.active_ms = 0
        self.radio_ms = 0
        self._radio_since: Any = None
        self.asleep_ms = 0
        self.wakes = 0
        self.reconnects = -1  # the first connection is none
        self.errors = 0
        self.meter: Any = None
        self.metered_uj = 0
        self.metered_ms = 0
        self._asked_ms = 0
        self.before = [0, 0, 0]  # bytes sent, received and written before the last sleep
        self.battery: Any = None
        self.causes: list[int] = []
        self.battery_changes = 0
        # Everything but the first power on and a deliberate wake from deep sleep (1, 4).
        self.resets = 0 if reset_cause in (1, 4) else 1

    def active(self, ms: int) -> None:
        """Count the time a reading took [ms]; for a node that never sleeps it is a wake."""
        if self._asleep_uw is None:
            self.wakes += 1
        self.active_ms += ms

    def connected(self) -> None:
        """Count a connection to the broker."""
        self.reconnects += 1

    def radio(self, ms: int) -> None:
        """Count time with something in flight [ms], unless the radio's whole time is counted."""
        if self._radio_since is None:
            self.radio_ms += ms

    def radio_on(self, on: bool) -> None:
        """Count the radio's time from switching on to switching off."""
        now = ticks_ms()
        if self._radio_since is not None:
            self.radio_ms += ticks_diff(now, self._radio_since)
        self._radio_since = now if on else None

    def measure(self, uptime_ms: int) -> None:
        """Ask the meter for the power since it was asked last [ms]; OSError when it fails."""
        if self.meter is None:
            return
        step_ms, self._asked_ms = uptime_ms - self._asked_ms, uptime_ms
        if not 0 <= step_ms <= _LONGEST_MS:
            return
        self.metered_uj += self.meter.power_mw() * step_ms
        self.metered_ms += step_ms

    def energy_mj(self, uptime_ms: int) -> int:
        """Return the energy of an uptime [ms] -> [mJ]; what the meter missed at its mean."""
        return self._awake_mj(uptime_ms) + self._asleep_mj()

    def _awake_mj(self, uptime_ms: int) -> int:
        # The time of simulated nodes stands still while they are awake.
        awake_ms = max(uptime_ms - self.asleep_ms, self.active_ms + self.radio_ms)
        if self._asleep_uw is None:
            awake_ms = uptime_ms
        if self.metered_ms:
            return self.metered_uj // 1000 * awake_ms // self.metered_ms
        power = self._power_mw
        idle_mw = power.get("idle", 0)
        total_uj = idle_mw * awake_ms
        total_uj += max(0, power.get("active", 0) - idle_mw) * self.active_ms
        total_uj += max(0, power.get("radio", 0) - idle_mw) * self.radio_ms
        return total_uj // 1000

    def _asleep_mj(self) -> int:
        return (self._asleep_uw or 0) * self.asleep_ms // 1_000_000

    def _error_permille(self, uptime_ms: int, method: str) -> int:
        if method != "measured":
            return _PROFILE_ERROR if method == "profile" else 0
        awake_mj, asleep_mj = self._awake_mj(uptime_ms), self._asleep_mj()
        return (_METER_ERROR * awake_mj + _PROFILE_ERROR * asleep_mj) // max(
            1, awake_mj + asleep_mj
        )

    def message(
        self, boot: int, uptime_ms: int, t_ms: object, *,
        tx: int, rx: int, waiting: int, lost: object,
    ) -> messages.Health:  # fmt: skip
        """Return the message of this moment; `t_ms` is None while the time is unknown [ms]."""
        method = "profile" if any(self._power_mw.values()) else "none"
        if self.metered_ms:
            method = "measured"
        if self._radio_since is not None:
            self.radio_on(True)
        battery_mv = None
        try:
            battery_mv = self.battery() if self.battery is not None else None
        except OSError:  # of the input or the flash: a battery nobody could read
            self.errors += 1
        before = self.before
        return messages.Health(
            boot, uptime_ms, self.wakes, self.energy_mj(uptime_ms), method, before[0] + tx,
            before[1] + rx, max(0, self.reconnects), self.resets, battery_mv, waiting, t_ms, lost,
            self.asleep_ms, self.radio_ms, self._error_permille(uptime_ms, method),
            before[2] + Twin.written, self.causes, self.battery_changes,
        )  # fmt: skip
