"""From the ring to the gateway: connect, drain, and connect again.

A pack leaves the ring only when the gateway's `ack` covers it; the broker's PUBACK merely frees a
place in the window. A pack published but not acked by the gateway within a while is published
again, ever more rarely. Fresh packs and backlog take turns, so that neither starves the other.
Packs stamped while the time was unknown are dated when they are sent, and so wait a moment for it.
All waits here are on real ticks.
"""

import asyncio
import gc

from cobenefit_node.acked import Acked
from cobenefit_node.ticks import jittered, sleep_ms, ticks_diff, ticks_ms
from cobenefit_wire import messages, pack
from cobenefit_wire.errors import WireError
from cobenefit_wire.hints import Any, const

#: Packs published and not yet acked by the gateway; beyond this we wait.
_SENT = const(48)
#: Positions of fresh packs remembered; older ones are found again by the walk through the ring.
_FRESH = const(8)
#: First wait for the gateway's ack, doubled after each of the first tries. [ms]
_RESEND_MS = const(10_000)
_BACKOFFS = const(3)
#: How often to look for such packs. [ms]
_CHECK_MS = const(500)
#: A loss is said this soon, so that the gateway stops waiting for it. [ms]
_LOSS_MS = const(1000)
#: The gateway answers the first birth of a boot with the time; without it packs go undated. [ms]
_TIME_MS = const(5000)
_BACKOFF_MS = const(250)
_BACKOFF_MOST_MS = const(60_000)


class Uplink:
    """The supervisor of the one connection of a node."""

    def __init__(
        self, config: Any, ring: Any, clock: Any, *, ledger: Any, state: messages.State, log: Any
    ) -> None:
        from cobenefit_wire import topics  # `main.py` forgets it

        self._config = config
        self._ring = ring
        self._clock = clock
        self._ledger = ledger
        self._log = log
        self._state = state
        self._top = topics.build(config.site, config.device, "state")[: -len("state")]
        offline = self.farewell = messages.State(False, *state[1:])
        self.wifi = _wifi(config, ledger, log)
        self._client = _client(config, (self.topic("state"), messages.encode(offline)))
        self._client.on_message = self._on_message
        self._client.on_puback = self._on_puback
        self._sent: dict[tuple[int, int], list[Any]] = {}
        self._fresh: list[tuple[int, int]] = []
        self._cursor = (0, 0)
        self._turn = False
        self._checked = self._opened = ticks_ms()
        self._wake = asyncio.Event()
        self._busy_since: Any = -1
        self._stopping = self._gained = False  # gained: something was acked in this session
        self.resend_ms = _RESEND_MS
        self.parts: tuple[Any, ...] = ()
        self.connected = self._asked = False  # asked: subscribed to all, and the birth is said
        self.progress = ticks_ms()

    def offer(self, position: tuple[int, int]) -> None:
        """Take note of a pack just appended to the ring."""
        self._fresh.append(position)
        if len(self._fresh) > _FRESH:
            self._fresh.pop(0)
        self._wake.set()

    async def run(self) -> None:
        """Keep a session open until cancelled; never raises for the peer's sake."""
        backoff_ms = _BACKOFF_MS
        self._stopping = False
        while not self._stopping:
            self.progress = started = ticks_ms()
            self._gained = False
            try:
                await self._session()
            except (OSError, EOFError, ValueError, MemoryError, asyncio.TimeoutError) as err:
                self._log("link: " + repr(err))
                gc.collect()
            finally:
                self.connected = False
                self._client.close()
            if self._gained or ticks_diff(ticks_ms(), started) > _BACKOFF_MOST_MS:
                backoff_ms = _BACKOFF_MS
            self.progress = ticks_ms()
            await sleep_ms(jittered(backoff_ms))
            backoff_ms = min(2 * backoff_ms, _BACKOFF_MOST_MS)

    async def finish(self, timeout_ms: int, busy: Any = None) -> bool:
        """Wait until all is said and heard, publish the last health; return whether it was.

        A session is waited for even where no pack waits: the gateway is to hear of the node, and
        the node of commands and updates. `busy(waited_ms)` may ask to stay longer than that [ms].
        """
        started = ticks_ms()
        while True:
            waited_ms = ticks_diff(ticks_ms(), started)
            waiting = not self._settled() and waited_ms < timeout_ms
            if not waiting and (busy is None or not busy(waited_ms)):
                break
            self._wake.set()
            await sleep_ms(20)
        done = self._settled()
        self._stopping = True
        self._wake.set()
        while self.connected and ticks_diff(ticks_ms(), started) < timeout_ms + 5000:
            await sleep_ms(20)
        if self.wifi is not None:
            self.wifi.leave()
        return done

    def _settled(self) -> bool:
        """Whether every pack is acked, every result said, and what waited at the broker heard."""
        if self._ring.waiting() or any(part.reports for part in self.parts):
            return False
        return self._asked and self._client.idle()

    async def _session(self) -> None:
        client = self._client
        if self.wifi is not None:
            await self.wifi.join()
        if self._config.broker is not None:
            self._clock.ask_network()
        present = await client.connect()
        self._ledger.connected()
        self._log("link: connected, session " + ("present" if present else "new"))
        await client.subscribe(self.topic("ack"))
        tasks = [
            asyncio.create_task(_outcome(client.listen())),
            asyncio.create_task(_outcome(client.keep_alive())),
        ]
        self.connected = True
        self._opened = ticks_ms()
        try:
            for part in self.parts:
                await part.opened(client)
            # After the subscriptions: once the broker has it, it has sent what it kept for them.
            await self._say("state", self._state, tasks, retain=True)
            self._asked = True
            await self._pump(client, tasks)
            await self._say("health", self._health(), tasks)
            await self._say("state", self.farewell, tasks, retain=True)
            await self._until(client.idle, tasks)
            await client.disconnect()
        finally:
            self.connected = self._asked = False
            for part in self.parts:
                part.closed()
            for task in tasks:
                task.cancel()

    async def _pump(self, client: Any, tasks: list[Any]) -> None:
        """Fill the window until told to stop."""
        last_health = ticks_ms()
        losses = 0
        while not self._stopping:
            self.progress = ticks_ms()
            await _check(tasks)
            if self.wifi is not None:
                self.wifi.check()
            wait_ms = self._config.health_ms if losses == self._ring.losses else _LOSS_MS
            if ticks_diff(self.progress, last_health) >= wait_ms:
                last_health, losses = self.progress, self._ring.losses
                await self._say("health", self._health(), tasks)
            for part in self.parts:
                if part.reports:
                    report = part.reports.pop(0)
                    await self._say("cmd/result", report, tasks, True, report.subject)
            position = self._pick() if client.room() else None
            if position is None:
                await self._pause(client)
            else:
                await self._publish(client, position)

    async def _publish(self, client: Any, position: tuple[int, int]) -> None:
        found = self._ring.read(position)
        if found is None:  # dropped by a full ring or damaged: the ring has counted it
            for key in list(self._sent):
                if self._sent[key][0] == position:
                    del self._sent[key]
            return
        record, data = found
        timeless = data[pack.FLAGS_AT] & pack.FLAG_TIME_UNKNOWN
        if timeless and record.boot == self._ring.boot and self._clock.time_known():
            data = pack.dated(data, self._clock.offset_ms())
        key = (record.boot, record.seq)
        tries = self._sent[key][2] + 1 if key in self._sent else 0
        self._sent[key] = [position, ticks_ms(), tries]
        if self._busy_since < 0:
            self._busy_since = ticks_ms()
        await client.publish(self.topic("up", record.channel), data, token=key)

    async def _say(
        self, leaf: str, message: tuple[Any, ...], tasks: list[Any], retain: bool = False,
        channel: str = "",
    ) -> None:  # fmt: skip
        await self._until(self._client.room, tasks)
        topic = self.topic(leaf, channel)
        await self._client.publish(topic, messages.encode(message), retain)

    async def _until(self, ready: Any, tasks: list[Any]) -> None:
        """Wait for a condition of the link; OSError when it does not come."""
        started = ticks_ms()
        while not ready():
            await _check(tasks)
            if ticks_diff(ticks_ms(), started) > 30_000:
                raise OSError("the broker acknowledges nothing")
            await self._pause(self._client)

    async def _pause(self, client: Any) -> None:
        if client.idle() and self._busy_since >= 0:
            self._ledger.radio(ticks_diff(ticks_ms(), self._busy_since))
            self._busy_since = -1
        self._wake.clear()
        try:
            await asyncio.wait_for(self._wake.wait(), 0.25)
        except asyncio.TimeoutError:
            return

    def _pick(self) -> Any:
        """Return the position of the pack to publish next, or None."""
        if not self._clock.time_known() and ticks_diff(ticks_ms(), self._opened) < _TIME_MS:
            return None
        overdue = self._overdue()
        if overdue is not None:
            return overdue
        if len(self._sent) >= _SENT:
            return None
        self._turn = not self._turn
        if self._turn and self._fresh:
            return self._fresh.pop(0)
        position = self._backlog()
        if position is None and self._fresh:
            return self._fresh.pop(0)
        return position

    def _backlog(self) -> Any:
        """Walk on through the ring to the next pack that was not sent."""
        while True:
            found = self._ring.following(self._cursor)
            if found is None:
                return None
            record, position, self._cursor = found
            key = (record.boot, record.seq)
            if position in self._fresh:
                self._fresh.remove(position)
            if key not in self._sent and not self._ring.covers(record.boot, record.seq):
                return position

    def _overdue(self) -> Any:
        now = ticks_ms()
        if ticks_diff(now, self._checked) < _CHECK_MS:
            return None
        if self._ring.forgot and not self._sent:
            # All it remembers is acked: what it had no room to remember is sent once more.
            self._ring.forgot = False
            self._cursor = (0, 0)
        for key in list(self._sent):
            position, sent, tries = self._sent[key]
            if ticks_diff(now, sent) >= self.resend_ms << min(tries, _BACKOFFS):
                if self._ring.head(position) is not None:
                    return position
                del self._sent[key]
        self._checked = now
        return None

    def _on_puback(self, _token: object) -> None:
        self._wake.set()

    def _on_message(self, topic: str, payload: bytes) -> None:
        if "/ota/" not in topic:  # a chunk is copied once, where it is wanted
            payload = bytes(payload)
        if not topic.endswith("/ack"):
            for part in self.parts:
                part.received(topic, payload)
            return
        try:
            ack = messages.decode_ack(payload)
            self._ring.commit(ack.boot, ack.floor, ack.ranges)
        except (OSError, WireError) as err:
            self._ledger.errors += 1
            self._log("ack: " + repr(err))
            return
        if ack.boot == self._ring.boot and (ack.floor or ack.ranges):
            for part in self.parts:
                part.acked()
        self._clock.set(ack.t_ms)
        # The ring may have no room to remember every range; here each one counts.
        acked = Acked(ack.floor, ack.ranges)
        for boot, seq in list(self._sent):
            if boot == ack.boot and acked.covers(seq):
                del self._sent[boot, seq]
                self._gained = True
        self._wake.set()

    def _health(self) -> Any:
        clock = self._clock
        t_ms = clock.now_ms() if clock.time_known() else None
        client = self._client
        return self._ledger.message(
            self._ring.boot, clock.uptime_ms(), t_ms, tx=client.tx_bytes, rx=client.rx_bytes,
            waiting=self._ring.waiting(), lost=self._ring.lost(),
        )  # fmt: skip

    def moved(self) -> tuple[int, int]:
        """Return the bytes sent and received since the start [bytes]."""
        return self._client.tx_bytes, self._client.rx_bytes

    def topic(self, leaf: str, channel: str = "") -> str:
        """Return one of our topics, without loading `topics` again for each message."""
        return self._top + leaf + ("/" + channel if channel else "")


async def _outcome(coroutine: Any) -> Exception:
    """Return what ended a task of the link; an exception nobody fetches is printed otherwise."""
    try:
        await coroutine
    except (OSError, EOFError, ValueError, MemoryError) as err:
        return err
    return OSError("a task of the link ended")


async def _check(tasks: list[Any]) -> None:
    """Let the tasks of the link run; raise what ended one."""
    await sleep_ms(0)
    for task in tasks:
        if task.done():
            raise await task


def _wifi(config: Any, ledger: Any, log: Any) -> Any:
    """Return what keeps the Wi-Fi, None where nothing is configured; only then it is imported."""
    if config.wifi is None:
        return None
    from cobenefit_node.wifi import Wifi

    return Wifi(config.wifi, config.device, ledger=ledger, log=log)


def _client(config: Any, will: tuple[str, bytes]) -> Any:
    """Return what speaks to the broker, or to a bridge; only that is imported."""
    if config.bridge is not None:
        from cobenefit_node.bridged import BridgedClient
        from cobenefit_wire import topics

        return BridgedClient(config.bridge, topics.branch(config.site, config.device), will)
    from cobenefit_node.mqtt import Client

    return Client(config.broker, config.site + "-" + config.device, will)
