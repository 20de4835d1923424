"""One task per sensor: read on the tick, stamp, collect runs, and put packs in the ring.

A run is the readings of one channel since its last pack. It becomes a pack when it holds
`pack_readings`, is `pack_age_ms` of event time old, or can't be continued in one pack: another
exponent, a clock set or gone back, a gap above 2^32 ms. A pack takes the period form when its
readings are equally spaced, deltas otherwise and always for events; it carries quality bytes only
when a reading is flagged. The sequence number is frozen when the ring has flushed the pack. A run
stamped while the time was unknown is dated when that is learnt before the run is closed.
"""

import asyncio
import gc

from cobenefit_node.reading import Reading, Value
from cobenefit_node.ticks import ticks_diff, ticks_ms
from cobenefit_wire import pack, quality
from cobenefit_wire.hints import Any

_INT64 = 1 << 63


class Run:
    """The readings of one channel that will be one pack."""

    def __init__(self, first: Reading, flags: int) -> None:
        self.exponent = first.exponent
        self.flags = flags
        self.t_ms = self.last_ms = first.t_ms
        self._step_ms = 0
        self._deltas_ms: Any = None  # only of readings that are not equally spaced
        self.values: list[int] = []
        self._quality: Any = None  # only where a reading is flagged

    def takes(self, reading: Reading, flags: int) -> bool:
        """Whether a reading can stand in the same pack."""
        delta_ms = reading.t_ms - self.last_ms
        return (
            reading.exponent == self.exponent
            and flags == self.flags
            and 0 <= delta_ms <= 0xFFFFFFFF
            and len(self.values) < pack.MAX_READINGS
        )

    def add(self, reading: Reading) -> None:
        """Append a reading it `takes`; MemoryError leaves the run as it was."""
        n = len(self.values)
        delta_ms = reading.t_ms - self.last_ms
        if n == 1:
            self._step_ms = delta_ms
        elif n > 1 and delta_ms != self._step_ms and self._deltas_ms is None:
            self._deltas_ms = self._even_ms(n)
        if reading.quality and self._quality is None:
            self._quality = bytearray(n)
        if self._deltas_ms is not None:
            del self._deltas_ms[n:]
            self._deltas_ms.append(delta_ms)
        if self._quality is not None:
            self._quality = self._quality[:n]
            self._quality.append(reading.quality)
        self.values.append(reading.value)
        self.last_ms = reading.t_ms

    def _even_ms(self, n: int) -> list[int]:
        return [0] + [self._step_ms] * (n - 1)

    def date(self, offset_ms: int) -> None:
        """Move times since the start to Unix time, which has become known [ms]."""
        self.t_ms += offset_ms
        self.last_ms += offset_ms
        self.flags = 0

    def pack(self, boot: int, seq: int, unit: str, period_ms: int) -> pack.Pack:
        """Return the pack; `period_ms` is that of the sensor, 0 for events [ms]."""
        n = len(self.values)
        step_ms = self._step_ms if n > 1 else period_ms
        even = period_ms and step_ms and self._deltas_ms is None
        return pack.Pack(
            boot, seq, self.flags, self.t_ms, unit, self.exponent, step_ms if even else 0,
            () if even else (self._deltas_ms or self._even_ms(n))[:n],
            self.values, (self._quality or b"")[:n],
        )  # fmt: skip


class Sampler:
    """Reads one driver on its period for ever."""

    def __init__(
        self, driver: Any, period_ms: int, config: Any, *,
        clock: Any, ring: Any, offer: Any, ledger: Any, log: Any,
    ) -> None:  # fmt: skip
        self._units = {name: _unit_of(name) for name in driver.channels}
        self._driver = driver
        self.channels = driver.channels
        self._period_ms = period_ms
        self._readings = config.pack_readings
        self._age_ms = config.pack_age_ms
        self._clock = clock
        self._ring = ring
        self._offer = offer
        self._ledger = ledger
        self._log = log
        self._runs: dict[str, Run] = {}
        self._lock = asyncio.Lock()
        self.reading_since: Any = None

    async def run(self) -> None:
        """Read on every tick until cancelled or simulated time ends."""
        while True:
            t_ms = await self._clock.next_tick(self._period_ms)
            try:
                await self.step(t_ms)
            except Exception as err:  # the node's main loop survives anything
                self._ledger.errors += 1
                self._log("sampler: " + repr(err))

    async def step(self, t_ms: int) -> None:
        """Read once and keep what came, stamped with the tick or an event's own moment [ms]."""
        known = self._clock.time_known()
        self.reading_since = started = ticks_ms()
        async with self._lock:
            values = await self._read()
        self.reading_since = None
        self._ledger.active(ticks_diff(ticks_ms(), started))
        flags = 0 if self._clock.time_known() else pack.FLAG_TIME_UNKNOWN
        if self._driver.event:
            t_ms = self._clock.now_ms()
        elif not known and not flags:  # learnt during the read
            t_ms += self._clock.offset_ms()
        self._date()
        for value in values:
            self._add(_stamp(value, t_ms), flags)
        for channel in list(self._runs):
            run = self._runs[channel]
            if len(run.values) >= self._readings or t_ms - run.t_ms >= self._age_ms:
                self._close(channel)

    async def probe(self) -> list[Any]:
        """Return the values of a reading between ticks; an event in it is kept, as at a tick."""
        async with self._lock:
            values = await self._read()
        if self._driver.event:
            t_ms = self._clock.now_ms()
            flags = 0 if self._clock.time_known() else pack.FLAG_TIME_UNKNOWN
            self._date()
            for value in values:
                self._add(_stamp(value, t_ms), flags)
        return values

    async def _read(self) -> list[Any]:
        """Return the driver's values; flagged ones when it fails, say for want of memory."""
        try:
            values: list[Any] = await self._driver.read()
        except Exception as err:  # a driver should not raise; its readings must not vanish
            gc.collect()
            self._ledger.errors += 1
            self._log("sensor: " + repr(err))
            if self._driver.event:
                return []
            return [Value(name, 0, 0, quality.PROTOCOL) for name in self._driver.channels]
        return values

    def flush(self) -> None:
        """Turn every run into a pack, whatever its length."""
        self._date()
        for channel in list(self._runs):
            self._close(channel)

    def open_packs(self) -> list[list[Any]]:
        """Return [channel, pack bytes] of every run, as it would be closed now."""
        return [[channel, self._encoded(channel, self._runs[channel])] for channel in self._runs]

    def reopen(self, channel: str, data: bytes) -> None:
        """Go on with a run that `open_packs` gave; WireError when it is damaged."""
        read = pack.decode(data)
        codes = read.quality or bytes(len(read.values))
        for t_ms, value, code in zip(pack.times_ms(read), read.values, codes):
            self._add(Reading(channel, t_ms, value, read.exponent, code), read.flags)

    def _date(self) -> None:
        if self._clock.time_known():
            for run in self._runs.values():
                if run.flags & pack.FLAG_TIME_UNKNOWN:
                    run.date(self._clock.offset_ms())

    def _add(self, reading: Reading, flags: int) -> None:
        run = self._runs.get(reading.channel)
        if run is not None and not run.takes(reading, flags):
            self._close(reading.channel)
            run = None
        if run is None:
            run = self._runs[reading.channel] = Run(reading, flags)
        run.add(reading)

    def _close(self, channel: str) -> None:
        run = self._runs.pop(channel)
        ring = self._ring
        try:
            data = self._encoded(channel, run)
            self._offer(ring.append(channel, len(run.values), data))
        except (OSError, MemoryError) as err:
            ring.count_lost(ring.boot, 0, channel, len(run.values))
            self._ledger.errors += 1
            self._log("ring: " + repr(err))

    def _encoded(self, channel: str, run: Run) -> bytes:
        unit = self._units.get(channel) or _unit_of(channel)
        period_ms = 0 if self._driver.event else self._period_ms
        return pack.encode(run.pack(self._ring.boot, self._ring.seq, unit, period_ms))


def _unit_of(channel: str) -> str:
    from cobenefit_wire.units import QUANTITIES, quantity_of  # `main.py` forgets it

    unit: str = QUANTITIES[quantity_of(channel)].unit
    return unit


def _stamp(value: Any, t_ms: int) -> Reading:
    """Return the reading; what is no integer the wire can hold is flagged, never dropped."""
    number, code = value.value, value.quality
    if not isinstance(number, int) or not -_INT64 <= number < _INT64:
        number, code = 0, code or quality.RANGE
    return Reading(value.channel, t_ms, number, value.exponent, code)
