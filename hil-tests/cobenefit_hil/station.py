"""A station that receives packs and acknowledges them as a gateway does, on a real connection.

For tests of nodes: it keeps every reading in memory, so that a test can compare them with the
ledger of a sensor peer.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Literal, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from cobenefit_wire import messages, pack, topics
from cobenefit_wire.errors import WireError

POLL_S = 0.005


class AckStation:
    """Subscribes to all devices, or one; acks each pack while `acking` is set.

    Parameters
    ----------
    port : int
        Of the broker on loopback. [1]
    device : str
        The one device to listen to; `+` for all.
    socket_path : Path, optional
        The broker's Unix socket, to be used instead of a port.
    """

    def __init__(self, port: int, device: str = "+", socket_path: Path | None = None) -> None:
        self.packs: dict[tuple[int, int], tuple[str, pack.Pack]] = {}
        self.arrivals: Counter[tuple[int, int]] = Counter()
        self.states: list[messages.State] = []
        self.healths: list[messages.Health] = []
        self.results: list[messages.Result] = []
        self.errors: list[str] = []
        self.acking = threading.Event()
        self.acking.set()
        self._filter = f"cb/v1/+/{device}/#"
        self._mark = f"cb/v1/station/{device.replace('+', 'station')}/mark"
        self._marked = threading.Event()
        self._address = ("127.0.0.1", port) if socket_path is None else (str(socket_path), 1)
        transport: Literal["tcp", "unix"] = "tcp" if socket_path is None else "unix"
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, f"ack-station-{device.strip('+')}", transport=transport
        )
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message

    def readings(self, boot: int | None = None) -> dict[tuple[str, int], tuple[int, int]]:
        """Return value and quality by channel and time.

        Parameters
        ----------
        boot : int, optional
            The boot whose readings to return; all of them by default. [1]

        Returns
        -------
        dict
            (channel, Unix time [ms]) to (value [10^exponent of the unit], quality code).
        """
        out = {}
        for channel, read in list(self.packs.values()):
            if boot not in {None, read.boot}:
                continue
            codes = read.quality or bytes(len(read.values))
            for t_ms, value, code in zip(pack.times_ms(read), read.values, codes, strict=True):
                out[channel, t_ms] = (value, code)
        return out

    def missing(self) -> list[tuple[int, int]]:
        """Return the (boot, sequence) below the highest of its boot that never came.

        Returns
        -------
        list of tuple of int
            Empty when nothing was lost on the way.
        """
        highest: dict[int, int] = {}
        for boot, seq in list(self.packs):
            highest[boot] = max(seq, highest.get(boot, 0))
        expected = ((boot, seq) for boot, top in highest.items() for seq in range(top))
        return [key for key in expected if key not in self.packs]

    def last_health(self) -> messages.Health:
        """Return the last health report, once all has come that the broker has taken by now.

        A board that has ended has said everything to the broker, but not yet to this station.

        Returns
        -------
        Health
            The last one.

        Raises
        ------
        TimeoutError
            If the broker did not pass on a message of our own within 30 s.
        """
        self._marked.clear()
        self.publish(self._mark, b"")
        if not self._marked.wait(30):
            raise TimeoutError("the broker did not pass on the station's own mark within 30 s")
        return self.healths[-1]

    def publish(self, topic: str, payload: bytes, retain: bool = False) -> None:
        """Publish at QoS 1.

        Parameters
        ----------
        topic : str
            Where to.
        payload : bytes
            What.
        retain : bool
            Whether the broker keeps it for those who subscribe later.
        """
        self._client.publish(topic, payload, qos=1, retain=retain)

    def wait(self, ready: Callable[[], bool], timeout_s: float) -> bool:
        """Wait for a condition.

        Parameters
        ----------
        ready : callable
            Asked again and again.
        timeout_s : float
            Longest wait, > 0. [s]

        Returns
        -------
        bool
            Whether it came true.
        """
        deadline_s = time.monotonic() + timeout_s
        while not ready():
            if time.monotonic() > deadline_s:
                return False
            time.sleep(POLL_S)
        return True

    def __enter__(self) -> Self:
        """Connect and listen."""
        subscribed = threading.Event()
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.connect(*self._address)
        self._client.loop_start()
        if not subscribed.wait(10):
            self._client.loop_stop()
            raise TimeoutError(f"no subscription at the broker {self._address} within 10 s")
        return self

    def __exit__(self, *_: object) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, client: mqtt.Client, *_: object) -> None:
        client.subscribe(self._filter, qos=1)

    def _on_message(self, client: mqtt.Client, _: object, message: mqtt.MQTTMessage) -> None:
        if message.topic == self._mark:
            self._marked.set()
            return
        try:
            topic = topics.parse(message.topic)
            if topic.leaf == "up":
                self._take(client, topic, pack.decode(bytes(message.payload)))
            elif topic.leaf == "state":
                state = messages.decode_state(bytes(message.payload))
                self.states.append(state)
                if state.online and not message.retain:
                    self._reply(client, topic, state.boot)
            elif topic.leaf == "health":
                self.healths.append(messages.decode_health(bytes(message.payload)))
            elif topic.leaf == "cmd/result":
                self.results.append(messages.decode_result(bytes(message.payload)))
        except WireError as error:
            self.errors.append(f"{message.topic}: {error}")

    def _take(self, client: mqtt.Client, topic: topics.Topic, read: pack.Pack) -> None:
        key = (read.boot, read.seq)
        self.arrivals[key] += 1
        known = self.packs.setdefault(key, (topic.channel, read))
        if known != (topic.channel, read):
            self.errors.append(f"{key} came with two contents")
        self._reply(client, topic, read.boot)

    def _reply(self, client: mqtt.Client, topic: topics.Topic, boot: int) -> None:
        if self.acking.is_set():
            reply = messages.encode(self._ack(boot))
            client.publish(topics.build(topic.site, topic.device, "ack"), reply, qos=1)

    def _ack(self, boot: int) -> messages.Ack:
        seqs = sorted(seq for b, seq in self.packs if b == boot)
        floor = 0
        ranges: list[int] = []
        for seq in seqs:
            if seq == floor:
                floor += 1
            elif ranges and ranges[-1] == seq - 1:
                ranges[-1] = seq
            else:
                ranges += [seq, seq]
        return messages.Ack(boot, floor, ranges, time.time_ns() // 1_000_000)
