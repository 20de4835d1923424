"""A node that sleeps: wake, sample, now and then send, sleep again.

Deep sleep ends in a start from the boot, so what must go on is kept by `rtc.py`: boot and
sequence, the clock, the ledger, when each sensor is due, and every run that is no pack yet. A run
is kept as the bytes of the pack it would be if closed now; when they don't all fit they are closed
into the ring. The state is kept anew after each reading, before anything else can happen, so a
watchdog's reset loses no reading either; a run that a reset finds both kept and in the ring is
known by its channel and sequence, and dropped here.

The link comes up when a pack waits, at every `wakes_per_send`-th wake, and stays until the gateway
has acknowledged everything or `give_up_ms` have passed. After failed tries it is tried ever more
rarely. Nothing sleeps while an update is fetched or on trial.
"""

import asyncio

from cobenefit_node.clock import Ended
from cobenefit_node.rtc import Kept
from cobenefit_node.ticks import sleep_ms, ticks_diff, ticks_ms
from cobenefit_node.twin import Twin
from cobenefit_wire import messages
from cobenefit_wire.errors import WireError
from cobenefit_wire.hints import Any

#: Of the state kept; another software's is not taken up.
_LAYOUT = 1
#: A sleep shorter than this saves less than the start after it costs. [ms]
_SHORTEST_MS = 2000
#: How late a reading may be and still bear its tick: a start takes a while, and an oscillator in
#: deep sleep is off by at most 5 % (ESP-IDF's documentation of "System Time", RTC clock source).
_LATE_MS, _LATE_PART = 5000, 10
#: Failed tries double the wakes to the next one, up to this many doublings: 64 wakes.
_DOUBLINGS = 6
#: An update under way keeps a node awake for this long at most; then its download is resumed
#: at the next wake. [ms]
_UPDATE_MS = 600_000
_SLICE_MS = 1000
#: Of the ledger, what goes on with the boot.
_COUNTERS = (
    "active_ms", "radio_ms", "asleep_ms", "wakes", "reconnects", "errors", "metered_uj",
    "metered_ms", "causes", "battery_changes", "resets", "before",
)  # fmt: skip
_POLL_MS = 20
_GUARD_MS = 500


class Held:
    """What the node knew when it went to sleep; nothing on a first start."""

    def __init__(self, board: Any) -> None:
        self.kept = Kept(board.rtc_memory())
        self.position: Any = None
        self.quiet = self.failed = 0
        self.due: list[int] = []
        self.packs: list[Any] = []
        self.resumed = False
        item = self.kept.load()
        if not item or item[0] != _LAYOUT:
            return
        (_, boot, seq, self._planned_ms, self.quiet, self.failed, self.due, self._clock,
         self._ledger, self.packs) = item  # fmt: skip
        self.position = (boot, seq)

    def take_up(self, ring: Any, clock: Any, ledger: Any, woke: bool) -> None:
        """Let clock and ledger go on where the ring does; a new boot counts from zero."""
        if self.position is None or ring.boot != self.position[0]:
            return
        self.resumed = True
        slept_ms = clock.resume(self._clock, self._planned_ms)
        resets = ledger.resets
        for name, value in zip(_COUNTERS, self._ledger):
            setattr(ledger, name, value)
        ledger.resets += resets
        if woke and self._planned_ms:
            ledger.asleep_ms += min(slept_ms, self._planned_ms)  # what is more is the start
            ledger.wakes += 1


class Duty:
    """The life of a node between two sleeps."""

    def __init__(self, node: Any, config: Any, board: Any, clock: Any, held: Held) -> None:
        self._node = node
        self._sleep = config.sleep
        self._pack_ms = min(
            min(config.pack_readings, config.pack_age_ms // s.period_ms + 1) * s.period_ms
            for s in config.sensors
        )
        self._periods_ms = [sensor.period_ms for sensor in config.sensors]
        self._board = board
        self._clock = clock
        self._kept = held.kept
        self._quiet = held.quiet + 1  # wakes since the last try to send
        self._failed = held.failed
        self._linked = False
        self._due = held.due if len(held.due) == len(self._periods_ms) else []
        if held.position is not None:
            self._reopen(held.position, held.packs)
        if not held.resumed:
            self._flush()  # stamps of an unknown time belong to the boot before

    async def run(self, watchdog: Any) -> bool:
        """Live until the next sleep, from which there is no return.

        Returns whether all was acknowledged when simulated time ends (never on a board).
        """
        guard = asyncio.create_task(self._guard(watchdog))
        try:
            while True:
                await self._sample()
                if self._must_send():
                    await self._send()
                await self._rest()
        except Ended:
            self._flush()
            await self._send(last=True)
            self._node.ring.settle()
            return not self._node.ring.waiting()
        finally:
            guard.cancel()

    async def _guard(self, watchdog: Any) -> None:
        node = self._node
        while True:
            if not self._linked:
                node.uplink.progress = ticks_ms()  # nothing is asked of the link
            if node.alive():
                watchdog.feed()
            node.keep_account()
            for part in node.parts:
                part.check()
            await sleep_ms(_GUARD_MS)

    async def _sample(self) -> None:
        """Read every sensor that is due, and keep what came."""
        now_ms = self._clock.now_ms()
        if not self._due:  # a first start: a tick that is now counts
            self._due = [-(-now_ms // p) * p for p in self._periods_ms]
        for i, period_ms in enumerate(self._periods_ms):
            if self._due[i] - now_ms > period_ms:  # the clock was set back
                self._due[i] = (now_ms // period_ms + 1) * period_ms
        if min(self._due) - now_ms < _SHORTEST_MS:
            await self._clock.reach(min(self._due))
            now_ms = self._clock.now_ms()
            for i, period_ms in enumerate(self._periods_ms):
                await self._read(i, period_ms, now_ms - self._due[i])
        self._keep(0)

    async def _read(self, i: int, period_ms: int, late_ms: int) -> None:
        if 0 <= late_ms <= max(_LATE_MS, period_ms // _LATE_PART):
            await self._node.samplers[i].step(self._due[i])
        if late_ms >= 0:  # read, or missed
            self._due[i] = (self._clock.now_ms() // period_ms + 1) * period_ms

    def _must_send(self) -> bool:
        """Whether a pack waits, or, at every so-manieth wake, the gateway and its commands."""
        node, most, tried = self._node, self._sleep.wakes_per_send, 1 << self._backing_off()
        due = most > 0 and self._quiet >= most * tried
        if due or node.on_trial():
            self._flush()
        waits = node.ring.waiting() and (node.on_trial() or self._quiet >= tried)
        return bool(due or waits)  # a trial needs the ack of a pack: without one, no link

    def _backing_off(self) -> int:
        return min(self._failed, _DOUBLINGS)

    async def _send(self, last: bool = False) -> None:
        """Bring the link up until all is acknowledged, or give up; `last` says goodbye."""
        node = self._node
        started = ticks_ms()
        node.ledger.radio_on(True)
        if not last:
            node.uplink.farewell = self._asleep()
        self._linked = True
        link = asyncio.create_task(node.uplink.run())
        finish = asyncio.create_task(node.uplink.finish(self._sleep.give_up_ms, self._busy))
        while not finish.done():
            await sleep_ms(_POLL_MS)
            if not last and min(self._due) <= self._clock.now_ms():
                await self._sample()
        acked = await finish
        link.cancel()
        await sleep_ms(0)
        self._linked = False
        node.ledger.radio_on(False)
        self._quiet = 0
        self._failed = 0 if acked else self._failed + 1
        node.log("sent in %d ms, %d packs waiting" % (
            ticks_diff(ticks_ms(), started), node.ring.waiting()
        ))  # fmt: skip

    def _busy(self, waited_ms: int) -> bool:
        parts = self._node.parts
        return waited_ms < _UPDATE_MS and any(p.busy() and not p.restart for p in parts)

    def _asleep(self) -> messages.State:
        """Return the state of a node that is not gone but asleep until it sends again."""
        wakes_ms = self._sleep.wakes_per_send * min(self._periods_ms)
        heard_ms = min(wakes_ms or self._pack_ms, self._pack_ms)
        online, boot, version, board, cause, _ = self._node.state
        return messages.State(online, boot, version, board, cause, heard_ms // 1000 + 1)

    async def _rest(self) -> None:
        """Sleep until the next reading is due; return only where that is not worth it."""
        node = self._node
        if any(part.restart for part in node.parts):
            self._flush()
            node.ring.settle()
            self._kept.save(None)
            self._board.reset()
        ms = min(self._due) - self._clock.now_ms()
        if ms >= _SHORTEST_MS and not node.on_trial():
            node.ring.close()
            self._keep(ms)
            node.log("asleep for %d ms" % ms)
            self._board.deepsleep(ms)
        await sleep_ms(max(0, min(ms, _SLICE_MS)))
        self._quiet += 1

    def _keep(self, planned_ms: int) -> None:
        """Keep the state; what has no room is closed into the ring first."""
        if not self._kept.save(self._state(planned_ms)):
            self._flush()
            self._kept.save(self._state(planned_ms))

    def _state(self, planned_ms: int) -> list[Any]:
        node = self._node
        packs = []
        for i, sampler in enumerate(node.samplers):
            packs += [[i, channel, data] for channel, data in sampler.open_packs()]
        return [
            _LAYOUT, node.ring.boot, node.ring.seq, planned_ms, self._quiet, self._failed,
            self._due, self._clock.held(), self._counters(), packs,
        ]  # fmt: skip

    def _counters(self) -> list[Any]:
        ledger = self._node.ledger
        values = [getattr(ledger, name) for name in _COUNTERS]
        moved = self._node.uplink.moved() + (Twin.written,)  # noqa: RUF005 MicroPython has no (*a, b)
        values[-1] = [n + more for n, more in zip(ledger.before, moved)]
        return values

    def _flush(self) -> None:
        for sampler in self._node.samplers:
            sampler.flush()

    def _reopen(self, position: tuple[int, int], packs: list[Any]) -> None:
        """Go on with the runs that were kept, but for those a reset found closed already."""
        closed = self._closed_since(position)
        for i, channel, data in packs:
            if channel in closed or i >= len(self._node.samplers):
                continue
            try:
                self._node.samplers[i].reopen(channel, data)
            except WireError as err:
                self._node.log("kept run: " + repr(err))

    def _closed_since(self, position: tuple[int, int]) -> list[str]:
        """Return the channels of the records written after the state was kept."""
        ring = self._node.ring
        if (ring.boot, ring.seq) == position:
            return []
        found: list[str] = []
        cursor = (0, 0)
        while True:
            following = ring.following(cursor)
            if following is None:
                return found
            record, _, cursor = following
            if (record.boot, record.seq) >= position:
                found.append(record.channel)
