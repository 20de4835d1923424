"""ESP-NOW through MicroPython's `espnow`: peers, frames out, frames in. ESP32 only.

Frames are polled: looking into the driver's buffer costs microseconds, and needs no task and no
time-out for each frame. `send` never waits for the other radio's own acknowledgement; ours is in
`exchange`.
"""

import espnow  # type: ignore[import-not-found,unused-ignore]
import network  # type: ignore[import-not-found,unused-ignore]

from cobenefit_wire.hints import Any


class Radio:
    """The one radio of a board, on a channel or, with None, on that of its access point."""

    def __init__(self, channel: Any, receive_bytes: int) -> None:
        self.station: Any = network.WLAN(network.WLAN.IF_STA)
        self.station.active(True)
        if channel is not None:
            self.station.config(channel=channel)
        # Between the beacons of an access point a station sleeps, and hears no frame.
        self.station.config(pm=network.WLAN.PM_NONE)
        self._now: Any = espnow.ESPNow()
        self._now.active(False)
        self._now.config(rxbuf=receive_bytes)
        self._now.active(True)
        self.failed = 0

    def add(self, mac: bytes, lmk: Any) -> None:
        """Make a peer known, encrypted when there is a key of 16 bytes."""
        if lmk is None:
            self._now.add_peer(mac)
        else:
            self._now.add_peer(mac, lmk)

    def send(self, mac: bytes, frame: bytes) -> None:
        """Send a frame of at most 250 bytes; one that the driver refuses is counted."""
        try:
            self._now.send(mac, frame, False)
        except OSError:
            self.failed += 1

    def receive(self) -> Any:
        """Return (MAC, frame) of the next that has come, None when there is none."""
        if not self._now.any():
            return None
        mac, frame = self._now.irecv(0)
        return (bytes(mac), bytes(frame)) if mac else None

    def dropped(self) -> int:
        """Return how many frames came when the buffer was full [1]."""
        dropped: int = self._now.stats()[4]
        return dropped
