"""Pulses: S0 meter outputs and inductive loops on a hardware counter.

The counter object is `machine.Counter` or anything with `.value()`. It wraps at its width and
starts again at zero after a brown-out; the total given on does neither.

    >>> total = Total(bits=16)
    >>> total.update(65535), total.update(4)
    (65535, 65540)
"""

from cobenefit_node.drivers.channel import Channel
from cobenefit_node.reading import Value
from cobenefit_wire import quality
from cobenefit_wire.hints import Any

CHANNELS = ("pulse_count", "vehicle_count", "energy_import_wh")


class Total:
    """A monotone total over a counter that wraps.

    Parameters
    ----------
    bits : int
        Width of the counter, 8 to 32. [bit]
    """

    def __init__(self, bits: int = 32) -> None:
        if not 8 <= bits <= 32:
            raise ValueError("bits is %d: a counter has 8 to 32" % bits)
        self.resets = 0
        self._mask = (1 << bits) - 1
        self._last = 0
        self._total = 0

    def update(self, raw: int) -> int:
        """Return the pulses counted since the start.

        A step back by less than half the width is a counter that began again, not a wrap: what
        it has counted since is kept, and `resets` says how often that was.

        Parameters
        ----------
        raw : int
            The counter; a signed one is taken modulo its width. [1]

        Returns
        -------
        int
            The total. [1]
        """
        raw &= self._mask
        step = (raw - self._last) & self._mask
        if step > self._mask >> 1 and self._last:
            self.resets += 1
            step = raw
        self._last = raw
        self._total += step
        return self._total


class Pulse:
    """A pulse counter as a channel.

    Parameters
    ----------
    counter : object
        Has `.value()`.
    channel : str
        `pulse_count`, `vehicle_count`, or `energy_import_wh`.
    pulses_per_kwh : int
        Printed on the meter; needed for energy, else 0. [1/kWh]
    bits : int
        Width of the counter. [bit]
    number : int
        Suffix of the channel when the device has several. [1]
    """

    event = False

    def __init__(
        self,
        counter: Any,
        channel: str = "pulse_count",
        pulses_per_kwh: int = 0,
        bits: int = 32,
        number: int = 1,
    ) -> None:
        if channel not in CHANNELS:
            raise ValueError(
                "channel is %r: a pulse counter gives one of %s" % (channel, CHANNELS)
            )
        if (channel == "energy_import_wh") != (pulses_per_kwh > 0):
            raise ValueError("give pulses_per_kwh > 0 with energy_import_wh, and only with it")
        self.total = Total(bits)
        self.counter = counter
        self._channel = Channel(channel, number)
        self.channels = (self._channel.name,)
        self._pulses_per_kwh = pulses_per_kwh

    async def read(self) -> list[Value]:
        """Return the total, flagged TIMEOUT when the counter can't be read."""
        try:
            raw = self.counter.value()
        except OSError:
            return [self._channel.bad(quality.TIMEOUT)]
        total = self.total.update(raw)
        if self._pulses_per_kwh:
            total = total * 1000 // self._pulses_per_kwh
        return [self._channel.good(total)]
