"""Two connections of the soak's generator: one publishes for all devices, one hears their acks."""

import select
import socket
import time

import numpy as np
from fleet import SITE, Ints

from cobenefit_gateway import packets
from cobenefit_gateway.framing import Delivery, Splitter

#: Messages on their way to the broker at most: identifiers are 16 bits wide. [1]
ON_THE_WAY = 5000
_MOST_UNSENT_B = 1 << 20


class Link:
    """A broker as the whole fleet uses it, MQTT 3.1.1 at QoS 1.

    Parameters
    ----------
    port : int
        Of the broker, on loopback. [-]
    """

    def __init__(self, port: int) -> None:
        self._out, self._in = _connected(port, "soak-out"), _connected(port, "soak-in")
        self._in.sendall(packets.subscribe(4, 1, [f"cb/v1/{SITE}/+/ack"]))
        self._splitter, self._id = Splitter(version=4), 0
        self._unsent, self._confirmed, self._sent, self._partly = bytearray(), 0, 0, 0

    @property
    def on_the_way(self) -> int:
        """Messages the broker has not confirmed [1]."""
        return self._sent - self._confirmed

    def room(self) -> bool:
        """Whether another block may be sent."""
        return self.on_the_way < ON_THE_WAY and len(self._unsent) < _MOST_UNSENT_B

    def ids(self, count: int) -> Ints:
        """Return so many packet identifiers, 1 to 65535."""
        found = (self._id + np.arange(count)) % 65_535 + 1
        self._id = (self._id + count) % 65_535
        return found

    def send(self, frames: bytes, count: int) -> None:
        """Queue packets that bear identifiers."""
        self._unsent += frames
        self._sent += count

    def publish(self, topic: str, payload: bytes) -> None:
        """Queue one message."""
        self.send(packets.publish(4, int(self.ids(1)[0]), topic, payload), 1)

    def turn(self, timeout_s: float) -> list[tuple[str, bytes]]:
        """Send and receive what is ready; return the acks as topic and payload."""
        writing = [self._out] if self._unsent else []
        readable, writable, _ = select.select([self._out, self._in], writing, [], timeout_s)
        if self._out in readable:
            self._partly += len(_received(self._out))  # nothing but PUBACKs, of 4 bytes each
            self._confirmed, self._partly = self._confirmed + self._partly // 4, self._partly % 4
        if writable:
            del self._unsent[: self._out.send(memoryview(self._unsent)[: 1 << 17])]
        return self._acks() if self._in in readable else []

    def _acks(self) -> list[tuple[str, bytes]]:
        heard = Delivery(session=1)
        self._splitter.feed(_received(self._in), time.time_ns() // 1_000_000, heard)
        self._in.sendall(packets.pubacks(heard.ids))
        return [(one.topic, one.payload) for one in heard.records]

    def close(self) -> None:
        """Say goodbye."""
        for one in (self._out, self._in):
            one.sendall(packets.DISCONNECT)
            one.close()


def _connected(port: int, name: str) -> socket.socket:
    one = socket.create_connection(("127.0.0.1", port), timeout=30)
    one.sendall(packets.connect(4, name, 3600))
    if one.recv(4) != b"\x20\x02\x00\x00":
        raise ConnectionError(f"the broker on port {port} refuses {name}")
    return one


def _received(one: socket.socket) -> bytes:
    data = one.recv(1 << 18)
    if not data:
        raise ConnectionError("the broker closed the connection")
    return data
