"""The node: board -> drivers -> sampler -> ring -> uplink, and a watchdog over them.

Example:
    >>> asyncio.run(Node(config.load("config.json"), Board(), Clock()).run())
"""

import asyncio
import gc
import os

from cobenefit_node import VERSION, drivers
from cobenefit_node.clock import Ended
from cobenefit_node.forget import forget
from cobenefit_node.health import Ledger
from cobenefit_node.remote import Remote
from cobenefit_node.ring import Ring
from cobenefit_node.sampler import Sampler
from cobenefit_node.slots import Slots
from cobenefit_node.ticks import sleep_ms, ticks_diff, ticks_ms
from cobenefit_node.twin import Twin
from cobenefit_node.updates import Updates
from cobenefit_node.uplink import Uplink
from cobenefit_wire import messages
from cobenefit_wire.hints import Any, const

WATCHDOG_MS = 120_000  # plain: the rig shortens both
#: A driver answers within its time-out; the link tries or waits at most a minute at a time. [ms]
STUCK_MS = 90_000
_FINISH_MS = const(120_000)
_DEEP_SLEEP = const(4)


class Node:
    """All parts of a node, wired."""

    def __init__(self, config: Any, board: Any, clock: Any) -> None:
        self._board = board
        self._clock = clock
        cause = board.reset_cause()
        self.ledger = Ledger(config.power_mw, cause, config.sleep and config.sleep.power_uw)
        if config.ina219 is not None:
            self.ledger.meter = self._meter(config.ina219)
        held = _held(board) if config.sleep is not None else None
        size = config.ring
        self.ring = Ring(
            size.dir, size.segments, size.segment_bytes,
            resume=held and held.position, first_boot=_first_boot(),
        )  # fmt: skip
        if held is not None:
            held.take_up(self.ring, clock, self.ledger, cause == _DEEP_SLEEP)
        clock.keep(Twin("clock"))
        self._open_account(config, cause)
        self.state = messages.State(True, self.ring.boot, VERSION, config.board, str(cause), 0)
        self.uplink = Uplink(
            config, self.ring, clock, ledger=self.ledger, state=self.state, log=self.log
        )
        self.name = config.site + "/" + config.device
        topic = self.uplink.topic("ota")
        self.updates = Updates(Slots(), topic, config.board, self.log)
        self.remote = Remote(
            self, clock, self.uplink.topic("cmd"), bool(config.broker and config.broker.tls)
        )
        self.parts = self.uplink.parts = (self.updates, self.remote)
        self.samplers = [self._sampler(config, sensor) for sensor in config.sensors]
        self._duty: Any = None
        if held is not None:
            from cobenefit_node.duty import Duty

            self._duty = Duty(self, config, board, clock, held)
        # What only says how parts are made: a board has no room to keep it.
        forget("config", "wifi_config", "makers", "drivers.maps", "cobenefit_wire.units")
        forget("cobenefit_wire.topics")

    async def run(self) -> bool:
        """Run until simulated time ends (never on a board); return whether all was acked."""
        # Collect early and often: a heap left to fill up is in pieces when a pack needs 1 kB.
        gc.collect()
        free: int = gc.mem_free()  # type: ignore[attr-defined,unused-ignore]
        gc.threshold(max(4096, free // 4))  # type: ignore[attr-defined,unused-ignore]
        self.log("boot %d, %d packs waiting" % (self.ring.boot, self.ring.waiting()))
        if self._duty is not None:
            return bool(await self._duty.run(self._board.watchdog(WATCHDOG_MS)))
        link = asyncio.create_task(self.uplink.run())
        tasks = [asyncio.create_task(_until_ended(s)) for s in self.samplers]
        watchdog = self._board.watchdog(WATCHDOG_MS)
        while not all(task.done() for task in tasks):
            if self.alive():
                watchdog.feed()
            self._update()
            self.keep_account()
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
        if ticks_diff(now, self.uplink.progress) > STUCK_MS:
            return False
        since = [s.reading_since for s in self.samplers if s.reading_since is not None]
        return all(ticks_diff(now, t) < STUCK_MS for t in since)

    def _update(self) -> None:
        """Help a trial to its ack; restart for what is to be tried or given up, or stuck Wi-Fi."""
        for part in self.parts:
            part.check()
        wifi = self.uplink.wifi
        restart = any(part.restart for part in self.parts) or (wifi is not None and wifi.restart)
        if restart and any(s.reading_since is not None for s in self.samplers):
            return  # a reading under way is finished first
        if restart or self.on_trial():
            for sampler in self.samplers:
                sampler.flush()
        if restart:
            self.ring.settle()
            self._board.reset()

    def on_trial(self) -> bool:
        """Whether software, settings or a certificate still have to prove themselves."""
        return any(part.on_trial() for part in self.parts)

    def keep_account(self) -> None:
        """Ask the power meter and keep the time floor; call often."""
        try:
            self.ledger.measure(self._clock.uptime_ms())
            self._clock.save_floor()
        except OSError as err:
            self.ledger.errors += 1
            self.log("account: " + repr(err))

    def _open_account(self, config: Any, cause: int) -> None:
        if cause == _DEEP_SLEEP and config.battery is None:
            return
        from cobenefit_node.account import open_account

        try:
            open_account(config, self._board, cause, self.ledger)
        except OSError as err:
            self.ledger.errors += 1
            self.log("account: " + repr(err))
        forget("account")

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


def _held(board: Any) -> Any:
    """Return what a node that sleeps has kept; one that does not never loads this."""
    from cobenefit_node.duty import Held

    return Held(board)


def _first_boot() -> int:
    """Return where a node without a past counts its boots from.

    At random, so that neither a second board under the same name nor this one with its flash
    erased takes the numbers, and with them the acks, of another's packs.
    """
    return 1 + (int.from_bytes(os.urandom(4), "big") >> 2)


async def _until_ended(sampler: Sampler) -> None:
    try:
        await sampler.run()
    except Ended:
        return
