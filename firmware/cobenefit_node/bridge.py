"""The bridge: frames of known nodes to MQTT under each node's own branch, and back.

It keeps nothing of a node but the session, one message on its way up, and a few on their way down:
the node's message is answered when the broker has acknowledged it, and until then the node waits.
So a bridge may lose its power at any moment; a pack leaves the node's ring only on the gateway's
own ack. What is refused or dropped is counted and reported.

    asyncio.run(Bridge(bridge_config.load("config.json"), Board(), Clock()).run())
"""

import asyncio
import os

from cobenefit_node import VERSION
from cobenefit_node.exchange import KEEPALIVE_S
from cobenefit_node.health import Ledger
from cobenefit_node.mqtt import Client
from cobenefit_node.served import ServedNode
from cobenefit_node.ticks import jittered, sleep_ms, ticks_diff, ticks_ms
from cobenefit_node.twin import Twin
from cobenefit_wire import frames, messages, topics
from cobenefit_wire.hints import Any

_WATCHDOG_MS = 120_000
#: The link tries or waits at most a minute at a time. [ms]
_STUCK_MS = 90_000
_POLL_MS = 10
_BACKOFF_MS = 250
_BACKOFF_MOST_MS = 30_000
#: Frames taken at once, before what they ask for is sent.
_FRAMES = 32
#: Bytes of frames the driver may hold: some 30 of the longest.
_RECEIVE_BYTES = 8192


class Bridge:
    """The radio, the broker, and the nodes between them."""

    def __init__(self, config: Any, board: Any, clock: Any, radio: Any = None) -> None:
        if radio is None:
            from cobenefit_node.radio import Radio

            radio = Radio(config.channel, _RECEIVE_BYTES)
        self._config = config
        self._board = board
        self._clock = clock
        self._radio = radio
        twin = Twin("bridge")
        self._boot: int = (twin.load() or 0) + 1
        twin.save(self._boot)
        cause = board.reset_cause()
        self._ledger = Ledger(config.power_mw, cause)
        self._state = messages.State(True, self._boot, VERSION, config.board, str(cause), 0)
        will = messages.encode(messages.State(False, *self._state[1:]))
        name = config.site + "-" + config.device
        self._client = Client(config.broker, name, (self._topic("state"), will), window=16)
        self._client.on_message = self._down
        self._client.on_puback = self._stored
        self._nodes = {node.mac: ServedNode(node, config.site) for node in config.nodes}
        for node in self._nodes.values():
            radio.add(node.mac, node.radio_key)
        self._wifi = self._station()
        self._fault: Any = None
        self.connected = False
        self.unknown = 0
        self._progress = ticks_ms()

    async def run(self) -> None:
        """Serve until cancelled."""
        self._log("boot %d, %d nodes" % (self._boot, len(self._nodes)))
        watchdog = self._board.watchdog(_WATCHDOG_MS)
        tasks = [asyncio.create_task(self._link()), asyncio.create_task(self._relay())]
        try:
            while not any(task.done() for task in tasks):
                self._receive()
                for node in self._nodes.values():
                    for frame in node.due():
                        self._radio.send(node.mac, frame)
                if ticks_diff(ticks_ms(), self._progress) < _STUCK_MS:
                    watchdog.feed()
                await sleep_ms(_POLL_MS)
            for task in tasks:
                if task.done():
                    await task
        finally:
            for task in tasks:
                task.cancel()

    def counts(self) -> list[tuple[str, int]]:
        """Return what was refused or dropped since the boot, by reason."""
        nodes = list(self._nodes.values())
        return [
            ("unknown", self.unknown),
            ("forged", sum([node.forged for node in nodes])),
            ("stale", sum([node.stale for node in nodes])),
            ("malformed", sum([node.malformed() for node in nodes])),
            ("full", sum([node.full for node in nodes])),
            ("radio_in", self._radio.dropped()),
            ("radio_out", self._radio.failed),
        ]

    def _receive(self) -> None:
        """Take frames of the nodes we know; count the others."""
        for _ in range(_FRAMES):
            received = self._radio.receive()
            if received is None:
                return
            mac, frame = received
            node = self._nodes.get(mac)
            if node is None:
                self.unknown += 1
                continue
            if frame[0:1] == bytes((frames.HELLO,)):
                answer = node.greet(frame, os.urandom(frames.NONCE_BYTES), self.connected)
            else:
                answer = node.take(frame)
            if answer:
                self._radio.send(mac, answer)

    async def _relay(self) -> None:
        """Give the broker what nodes hold; a broker that is slow keeps no frame waiting."""
        while True:
            for node in self._nodes.values():
                if self.connected and self._client.room():
                    await self._up(node)
            await sleep_ms(_POLL_MS)

    async def _up(self, node: ServedNode) -> None:
        """Give the broker what a node holds for it."""
        topic, payload, retain = node.next_publish()
        try:
            if topic:
                token = (node, node.session)
                await self._client.publish(topic, payload, retain, token)
            topic, wanted = node.next_subscription()
            if topic and wanted:
                await self._client.subscribe(topic)
            elif topic:
                await self._client.unsubscribe(topic)
            await self._farewell(node)
        except (OSError, asyncio.TimeoutError) as err:
            # A publish is in flight all the same, and sent again on the next connection.
            self._log("broker: " + repr(err))

    async def _farewell(self, node: ServedNode) -> None:
        """Publish the will of a node that is silent."""
        if node.silent(1500 * KEEPALIVE_S) and self._client.room():
            topic, payload = node.bury()
            if topic:
                self._log("%s is silent" % node.device)
                await self._client.publish(topic, payload, True)

    def _stored(self, token: Any) -> None:
        """Answer the node whose message the broker has."""
        if token is not None:
            node, session = token
            node.stored(session)

    def _down(self, topic: str, payload: bytes) -> None:
        for node in self._nodes.values():
            if topic.startswith(node.branch):
                node.queue(topic[len(node.branch) :], payload)

    async def _link(self) -> None:
        """Keep a session with the broker open."""
        backoff_ms = _BACKOFF_MS
        while True:
            self._progress = started = ticks_ms()
            try:
                await self._join()
                await self._session()
            except (OSError, EOFError, ValueError, asyncio.TimeoutError) as err:
                self._log("link: " + repr(err))
            finally:
                self.connected = False
                self._client.close()
            if ticks_diff(ticks_ms(), started) > _BACKOFF_MOST_MS:
                backoff_ms = _BACKOFF_MS
            if self._wifi is not None and self._wifi.restart:
                self._board.reset()  # it keeps nothing that would be lost
            await sleep_ms(jittered(backoff_ms))
            backoff_ms = min(2 * backoff_ms, _BACKOFF_MOST_MS)

    async def _join(self) -> None:
        """Join the access point; OSError when it does not take us."""
        if self._wifi is not None and await self._wifi.join():
            channel = self._radio.station.config("channel")
            self._log("on channel %d: nodes must be, too" % channel)

    def _station(self) -> Any:
        """Return what keeps the Wi-Fi, None for a bridge on Ethernet."""
        if self._config.wifi is None:
            return None
        from cobenefit_node.wifi import Wifi

        return Wifi(
            self._config.wifi, self._config.device, ledger=self._ledger, log=self._log,
            station=self._radio.station,
        )  # fmt: skip

    async def _session(self) -> None:
        client = self._client
        self._clock.ask_network()
        await client.connect()
        self._ledger.connected()
        self._log("link: connected")
        self._fault = None
        tasks = [
            asyncio.create_task(self._watch(client.listen())),
            asyncio.create_task(self._watch(client.keep_alive())),
        ]
        try:
            for node in self._nodes.values():
                node.subscribe_again()
            await self._say("state", self._state, retain=True)
            self.connected = True
            reported: list[tuple[str, int]] = []
            while True:
                await self._say("health", self._health())
                if self.counts() != reported:
                    reported = self.counts()
                    await self._say("cmd/result", _report(reported), True, "bridge")
                await self._pause(self._config.health_ms)
        finally:
            for task in tasks:
                task.cancel()

    async def _watch(self, part: Any) -> None:
        """Run a part of the connection; keep what ended it."""
        try:
            await part
        except (OSError, EOFError, ValueError, asyncio.TimeoutError) as err:
            self._fault = err

    async def _pause(self, wait_ms: int) -> None:
        """Wait; raise what ended the connection meanwhile."""
        started = ticks_ms()
        while ticks_diff(ticks_ms(), started) < wait_ms:
            self._progress = ticks_ms()
            if self._fault is not None:
                raise self._fault
            if self._wifi is not None:
                self._wifi.check()
            await sleep_ms(100)

    async def _say(
        self, leaf: str, message: tuple[Any, ...], retain: bool = False, channel: str = ""
    ) -> None:
        started = ticks_ms()
        while not self._client.room():
            if self._fault is not None:
                raise self._fault
            if ticks_diff(ticks_ms(), started) > 30_000:
                raise OSError("the broker acknowledges nothing")
            await sleep_ms(_POLL_MS)
        await self._client.publish(self._topic(leaf, channel), messages.encode(message), retain)

    def _health(self) -> Any:
        clock = self._clock
        t_ms = clock.now_ms() if clock.time_known() else None
        waiting = len([node for node in self._nodes.values() if node.waiting()])
        return self._ledger.message(
            self._boot, clock.uptime_ms(), t_ms, tx=self._client.tx_bytes,
            rx=self._client.rx_bytes, waiting=waiting, lost=[],
        )  # fmt: skip

    def _topic(self, leaf: str, channel: str = "") -> str:
        return topics.build(self._config.site, self._config.device, leaf, channel)

    def _log(self, text: str) -> None:
        """Print one line with the time [ms]."""
        print(self._clock.now_ms(), text)


def _report(counts: list[tuple[str, int]]) -> messages.Result:
    """Return what is refused or dropped as a result under the subject `bridge`."""
    total = sum([n for _, n in counts])
    detail = " ".join(["%s=%d" % pair for pair in counts])
    return messages.Result("bridge", total, "refused" if total else "clean", detail)
