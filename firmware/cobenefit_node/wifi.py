"""Wi-Fi of a node or a bridge: join, notice that it is gone, reset what does not come back.

One attempt at a time, and none of the driver's own: how often the radio tries is decided by the
back-off of whoever calls `join`. Without a connection that works (`check`) for `give_up_ms` the
interface is switched off and on, even if it says that it is joined; without an access point for
`restart_ms` the board is to restart (`restart`). On a port without `network` the system keeps the
connection, and nothing is done here.
"""

import sys

from cobenefit_node.ticks import sleep_ms, ticks_diff, ticks_ms
from cobenefit_wire.hints import Any

_JOIN_MS = 20_000
_POLL_MS = 50
_OFF_MS = 200
#: What ESP-IDF says of a wrong password beside STAT_WRONG_PASSWORD: authentication expired, 4-way
#: handshake timed out (two codes), connection failed. (ESP-IDF, Wi-Fi reason codes.)
_REFUSED = (2, 15, 204, 205)


class Wifi:
    """The station of a board; with `station`, one that another part has switched on."""

    def __init__(
        self, config: Any, hostname: str, *, ledger: Any, log: Any, station: Any = None
    ) -> None:
        self._config = config
        self._ledger = ledger
        self._log = log
        self._owned = station is None
        self._worked_at = self._up_at = ticks_ms()
        self._station: Any = None
        self.restart = False
        self.joins = 0
        try:
            import network  # type: ignore[import-not-found,unused-ignore]
        except ImportError:
            return
        self._network: Any = network
        if config.country:
            self._network.country(config.country)
        self._network.hostname(hostname)
        self._station = self._network.WLAN(self._network.WLAN.IF_STA) if self._owned else station

    async def join(self) -> bool:
        """Make one attempt unless joined; return whether it was needed, OSError when it failed."""
        started = ticks_ms()
        if self._station is None:
            return False
        if self._joined():
            self._up_at = started
            if ticks_diff(started, self._worked_at) <= self._config.give_up_ms:
                return False
        try:
            await self._recover()
            await self._attempt()
        finally:
            self._ledger.radio(ticks_diff(ticks_ms(), started))
        self.joins += 1
        self._up_at = ticks_ms()
        self.restart = False
        self._log("Wi-Fi %s: joined, %s dBm" % (self._config.ssid, self.rssi_dbm()))
        return True

    def check(self) -> None:
        """Take note of a connection that works; OSError when the access point is gone."""
        if self._station is None:
            return
        if not self._joined():
            raise OSError("Wi-Fi %s: lost" % self._config.ssid)
        self._up_at = self._worked_at = ticks_ms()

    def leave(self) -> None:
        """Switch the radio off, before sleep; the next `join` switches it on."""
        if self._station is not None and self._owned:
            self._station.active(False)

    def rssi_dbm(self) -> Any:
        """Return the signal of the access point [dBm], None when not joined."""
        if self._station is None or not self._joined():
            return None
        try:
            return self._station.status("rssi")
        except OSError:  # gone since
            return None

    def _joined(self) -> bool:
        return bool(self._station.active() and self._station.isconnected())

    async def _recover(self) -> None:
        """Switch the interface on, first off when it has been of no use for too long."""
        config, now = self._config, ticks_ms()
        self.restart = bool(config.restart_ms) and (
            ticks_diff(now, self._up_at) > config.restart_ms
        )
        if ticks_diff(now, self._worked_at) > config.give_up_ms:
            self._worked_at = now
            if not self._owned:  # ESP-NOW would not survive it
                self.restart = True
                raise OSError("Wi-Fi %s: of no use" % config.ssid)
            self._log("Wi-Fi %s: interface reset" % config.ssid)
            self._station.active(False)
            await sleep_ms(_OFF_MS)
        if self._owned and not self._station.active():
            self._station.active(True)
            # Asleep between beacons; a station that serves ESP-NOW keeps what it was given.
            self._station.config(pm=self._network.WLAN.PM_PERFORMANCE)
            if config.address:
                self._station.ifconfig(config.address)

    async def _attempt(self) -> None:
        station, started = self._station, ticks_ms()
        most_ms = min(_JOIN_MS, self._config.give_up_ms)
        try:
            if sys.platform != "rp2":  # which never tries by itself, and refuses the word
                station.config(reconnects=0)
            station.connect(self._config.ssid, self._config.password or None)
            while not station.isconnected():
                # Every failure is below STAT_IDLE: on esp32 that is 1000, on rp2 0.
                status = station.status()
                if status < self._network.STAT_IDLE:
                    raise OSError(self._reason(status))
                if ticks_diff(ticks_ms(), started) > most_ms:
                    raise OSError(self._reason(None))
                await sleep_ms(_POLL_MS)
        finally:
            if station.active() and not station.isconnected():
                station.disconnect()  # a driver still at it would refuse the next attempt

    def _reason(self, status: Any) -> str:
        reason = "no answer" if status is None else "status %d" % status
        if status == self._network.STAT_NO_AP_FOUND:
            reason = "no such access point"
        elif status == self._network.STAT_WRONG_PASSWORD or status in _REFUSED:
            reason = "refused, check the password"
        return "Wi-Fi %s: %s" % (self._config.ssid, reason)
