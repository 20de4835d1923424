"""The node: board -> drivers -> sampler -> ring -> uplink, and a watchdog over them.

Example:
    >>> asyncio.run(Node(config.load("config.json"), Board(), Clock()).run())
"""

import asyncio
import gc
import sys

from cobenefit_node import VERSION, drivers
from cobenefit_node.clock import Ended
from cobenefit_node.health import Ledger
from cobenefit_node.ring import Ring
from cobenefit_node.sampler import Sampler
from cobenefit_node.slots import Slots
from cobenefit_node.ticks import sleep_ms, ticks_diff, ticks_ms
from cobenefit_node.twin import Twin
from cobenefit_node.updates import Updates
from cobenefit_node.uplink import Uplink
from cobenefit_wire import messages, topics
from cobenefit_wire.hints import Any

_WATCHDOG_MS = 120_000
#: A driver answers within its time-out; the link tries or waits at most a minute at a time. [ms]
_STUCK_MS = 90_000
_FINISH_MS = 120_000


class Node:
    """All parts of a node, wired."""

    def __init__(self, config: Any, board: Any, clock: Any) -> None:
        self._board = board
        self._clock = clock
        clock.keep(Twin("clock"))
        cause = board.reset_cause()
        self.ledger = Ledger(config.power_mw, cause)
        if config.ina219 is not None:
            self.ledger.meter = self._meter(config.ina219)
        self.ring = Ring(config.ring.dir, config.ring.segments, config.ring.segment_bytes)
        state = messages.State(True, self.ring.boot, VERSION, config.board, str(cause))
        self.uplink = Uplink(
            config, self.ring, clock, ledger=self.ledger, state=state, log=self.log
        )
        topic = topics.build(config.site, config.device, "ota")
        self.updates = self.uplink.updates = Updates(Slots(), topic, config.board, self.log)
        self.samplers = [self._sampler(config, sensor) for sensor in config.sensors]

    async def run(self) -> bool:
        """Run until simulated time ends (never on a board); return whether all was acked."""
        _forget("config")
        _forget("wifi_config")
        # Collect early and often: a heap left to fill up is in pieces when a pack needs 1 kB.
        gc.collect()
        gc.threshold(32_768)  # type: ignore[attr-defined,unused-ignore]
        self.log("boot %d, %d packs waiting" % (self.ring.boot, self.ring.waiting()))
        link = asyncio.create_task(self.uplink.run())
        tasks = [asyncio.create_task(_until_ended(s)) for s in self.samplers]
        watchdog = self._board.watchdog(_WATCHDOG_MS)
        while not all(task.done() for task in tasks):
            if self.alive():
                watchdog.feed()
            self._update()
            self._keep_account()
            await sleep_ms(500)
        for sampler in self.samplers:
            sampler.flush()
        self.log("end of time, %d packs waiting" % self.ring.waiting())
        finish = asyncio.create_task(self.uplink.finish(_FINISH_MS))
        while not finish.done():
            watchdog.feed()
            await sleep_ms(20)
        acked = await finish
        link.cancel()
        self.ring.settle()
        return bool(acked)

    def alive(self) -> bool:
        """Whether sampler and link both make progress."""
        now = ticks_ms()
        if ticks_diff(now, self.uplink.progress) > _STUCK_MS:
            return False
        since = [s.reading_since for s in self.samplers if s.reading_since is not None]
        return all(ticks_diff(now, t) < _STUCK_MS for t in since)

    def _update(self) -> None:
        """Help a trial to its ack; restart into another slot, or for a Wi-Fi that is stuck."""
        self.updates.check()
        wifi = self.uplink.wifi
        restart = self.updates.restart or (wifi is not None and wifi.restart)
        if not self.updates.on_trial() and not restart:
            return
        for sampler in self.samplers:
            sampler.flush()
        if restart:
            self.ring.settle()
            self._board.reset()

    def _keep_account(self) -> None:
        try:
            self.ledger.measure(self._clock.uptime_ms())
            self._clock.save_floor()
        except OSError as err:
            self.ledger.errors += 1
            self.log("account: " + repr(err))

    def _meter(self, wired: Any) -> Any:
        from cobenefit_node.power import Ina219

        try:
            return Ina219(self._board.i2c_on(wired.scl, wired.sda), wired.shunt_mohm)
        except OSError as err:  # a meter that is not there is no reason not to measure the rest
            self.ledger.errors += 1
            self.log("ina219: " + repr(err))
            return None

    def log(self, text: str) -> None:
        """Print one line with the event time [ms]."""
        print(self._clock.now_ms(), text)

    def _sampler(self, config: Any, sensor: Any) -> Sampler:
        options = dict(sensor.options)
        for key in ("uart", "counter", "pin", "i2c"):
            if getattr(sensor, key) is not None:
                options[key] = getattr(sensor, key)
        gc.collect()
        driver = drivers.make(sensor.driver, self._board, options)
        if hasattr(driver, "on_time"):
            driver.on_time = self._clock.hint
        gc.collect()
        return Sampler(
            driver, sensor.period_ms, config, clock=self._clock, ring=self.ring,
            offer=self.uplink.offer, ledger=self.ledger, log=self.log,
        )  # fmt: skip


def _forget(name: str) -> None:
    """Give a module's memory back on a board; the next import loads it again."""
    if sys.implementation.name == "micropython":
        package = sys.modules["cobenefit_node"]
        if sys.modules.pop("cobenefit_node." + name, None) is not None and hasattr(package, name):
            delattr(package, name)


async def _until_ended(sampler: Sampler) -> None:
    try:
        await sampler.run()
    except Ended:
        return
