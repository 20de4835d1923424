"""A link without Wi-Fi: what `mqtt.Client` offers, through a bridge that ESP-NOW reaches.

`publish` takes a message when there is `room()`, and `on_puback` tells when the *broker* has it:
the bridge answers no earlier. Topics are sent without the node's own branch, so nothing else can
be named. What was not acknowledged is sent again after the next `connect`. Imported only when
`config.json` has a `bridge`.
"""

import os

from cobenefit_node.exchange import KEEPALIVE_S, Exchange
from cobenefit_node.ticks import sleep_ms, ticks_diff, ticks_ms
from cobenefit_wire import frames
from cobenefit_wire.hints import Any

#: How often the buffer of received frames is looked into. [ms]
_POLL_MS = 10
#: First wait for a welcome, doubled with each try. [ms]
_HELLO_MS = 100
_HELLO_TRIES = 6
#: A message that the bridge keeps back longer than this ends the session. [ms]
_PATIENCE_MS = 30_000
#: Publishes that wait, the one being sent included, and messages in all.
_WINDOW = 2
_QUEUE = 16


class BridgedClient:
    """One session after the other with one bridge."""

    def __init__(self, bridge: Any, branch: str, will: tuple[str, bytes], radio: Any = None):
        if radio is None:
            from cobenefit_node.radio import Radio

            radio = Radio(bridge.channel, 2048)
        self._bridge = bridge
        self._branch = branch
        self._will = will
        self._radio = radio
        self._key = frames.Key(bridge.key)
        self._exchange: Any = None
        self._last = b""  # the frame sent last
        self._queue: list[tuple[bytes, Any]] = []  # message, [token] of a publish or None
        self._sending = False
        self._since_ms = ticks_ms()
        self.tx_bytes = 0
        self.rx_bytes = 0
        self.on_message: Any = None
        self.on_puback: Any = None
        radio.add(bridge.peer, self._key.radio_key() if bridge.encrypt else None)

    def room(self) -> bool:
        """Whether one more publish fits in the window."""
        return len([1 for _, token in self._queue if token is not None]) < _WINDOW

    def idle(self) -> bool:
        """Whether the broker has acknowledged everything."""
        return not self._queue

    async def connect(self) -> bool:
        """Agree on a session; OSError when the bridge does not answer or has no broker."""
        self.close()
        nonce = os.urandom(frames.NONCE_BYTES)
        for n in range(_HELLO_TRIES):
            self._send(self._key.sealed(frames.hello(nonce)))
            started = ticks_ms()
            while ticks_diff(ticks_ms(), started) < _HELLO_MS << n:
                await sleep_ms(_POLL_MS)
                answer = self._welcomed(nonce)
                if answer:
                    self._open(self._key.session(nonce, answer))
                    return False
        raise OSError("no answer from the bridge; is it on this channel, with this key?")

    async def subscribe(self, topic: str) -> None:
        """Ask for a topic of the node's own branch."""
        self._put(frames.SUBSCRIBE, topic)

    async def unsubscribe(self, topic: str) -> None:
        """Give a topic up."""
        self._put(frames.UNSUBSCRIBE, topic)

    async def publish(
        self, topic: str, payload: bytes, retain: bool = False, token: object = None
    ) -> None:
        """Send at QoS 1; there must be `room()`. `on_puback(token)` follows."""
        if not self.room():
            raise ValueError("the window is full: wait for room()")
        self._put(frames.RETAIN if retain else frames.PUBLISH, topic, payload, [token])

    async def listen(self) -> None:
        """Carry messages both ways until the session ends, which raises OSError."""
        while True:
            exchange = self._exchange
            if exchange is None:
                raise OSError("not connected")
            self._work(exchange)
            if exchange.given_up():
                raise OSError("the bridge does not answer any more")
            if self._sending and ticks_diff(ticks_ms(), self._since_ms) > _PATIENCE_MS:
                raise OSError("the bridge's broker takes nothing")
            await sleep_ms(_POLL_MS)

    async def keep_alive(self) -> None:
        """Ping when nothing was heard; raise OSError when nothing comes back."""
        while self._exchange is not None:
            await sleep_ms(1000)
            silent_ms = ticks_diff(ticks_ms(), self._exchange.heard_ms)
            if silent_ms > 1500 * KEEPALIVE_S:
                raise OSError("nothing from the bridge for 1.5 keepalives")
            if silent_ms > 500 * KEEPALIVE_S and not self._queue:
                self._put(frames.PING, self._branch)

    async def disconnect(self) -> None:
        """Say goodbye, so that the will is not published, and close."""
        self._put(frames.BYE, self._branch)
        started = ticks_ms()
        while self._queue and self._exchange is not None and not self._exchange.given_up():
            if ticks_diff(ticks_ms(), started) > 2000:
                break
            self._work(self._exchange)
            await sleep_ms(_POLL_MS)
        self.close()

    def close(self) -> None:
        """End the session, if any; publishes not acknowledged stay."""
        self._exchange = None
        self._sending = False
        self._queue = [entry for entry in self._queue if entry[1] is not None]

    def _open(self, key: frames.Key) -> None:
        self._exchange = Exchange(key, frames.UP, frames.DOWN, ticks_ms())
        self._queue.insert(0, (self._message(frames.WILL, *self._will), None))

    def _welcomed(self, nonce: bytes) -> bytes:
        """Return the bridge's nonce when it has answered; OSError when it has no broker."""
        while True:
            frame = self._receive()
            if frame is None:
                return b""
            ready, answer = frames.read_welcome(self._key.opened(frame), nonce)
            if answer:
                if not ready:
                    raise OSError("the bridge has no broker")
                return answer

    def _work(self, exchange: Exchange) -> None:
        """Take what has come, send what is due."""
        now_ms = ticks_ms()
        while True:
            frame = self._receive()
            if frame is None:
                break
            if exchange.take(frame, now_ms):
                self._deliver(exchange)
            elif frames.says_gone(self._key.opened(frame), self._last):
                raise OSError("the bridge has started anew")
        if exchange.room():
            self._next(exchange, now_ms)
        for frame in exchange.due(now_ms):
            self._send(frame)

    def _next(self, exchange: Exchange, now_ms: Any) -> None:
        """Take leave of the message that was sent, if any, and send the next."""
        if self._sending:
            token = self._queue.pop(0)[1]
            self._sending = False
            if token is not None and self.on_puback is not None:
                self.on_puback(token[0])
        if self._queue:
            exchange.put(self._queue[0][0], now_ms)
            self._sending = True
            self._since_ms = now_ms

    def _deliver(self, exchange: Exchange) -> None:
        message = exchange.held
        if not message:
            return
        exchange.finish()
        _, leaf, payload = frames.read_message(message)
        if leaf and self.on_message is not None:
            self.on_message(self._branch + leaf, payload)

    def _put(self, kind: int, topic: str, payload: bytes = b"", token: Any = None) -> None:
        if self._exchange is None:
            raise OSError("not connected")
        if len(self._queue) >= _QUEUE:
            raise OSError("the bridge takes nothing")
        message = self._message(kind, topic, payload)
        frames.parts(len(message))  # ValueError here, where the caller can be told
        self._queue.append((message, token))

    def _message(self, kind: int, topic: str, payload: bytes = b"") -> bytes:
        if not topic.startswith(self._branch):
            raise ValueError(topic + " is not below " + self._branch)
        return frames.message(kind, topic[len(self._branch) :], payload)

    def _send(self, frame: bytes) -> None:
        self._last = frame
        self._radio.send(self._bridge.peer, frame)
        self.tx_bytes += len(frame)

    def _receive(self) -> Any:
        """Return the next frame of the bridge, None when there is none."""
        while True:
            received = self._radio.receive()
            if received is None:
                return None
            mac, frame = received
            if mac == self._bridge.peer:
                self.rx_bytes += len(frame)
                return frame
