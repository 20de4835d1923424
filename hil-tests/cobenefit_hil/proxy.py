"""A link that fails as links do: a TCP proxy before the broker that cuts, strands and withholds.

A connection that is *stranded* stays open while what is sent on it disappears, as when a router
has forgotten it; connections made afterwards work. Example:

    with Proxy(broker.port) as link:
        board = …  # connects to link.port
        link.strand("to_broker")
"""

import socket
from collections.abc import Iterator
from threading import Lock, Thread
from typing import Literal, Self

from cobenefit_hil.services import free_port

Way = Literal["to_broker", "to_node"]
WAYS: tuple[Way, Way] = ("to_broker", "to_node")
CONNACK = 2


def packets(buffer: bytearray) -> Iterator[bytes]:
    """Take the whole MQTT packets off the front of a buffer.

    Parameters
    ----------
    buffer : bytearray
        What has come so far; what is left of it is the start of the next packet.

    Yields
    ------
    bytes
        One packet, OASIS, "MQTT Version 3.1.1", section 2.2, 2014.
    """
    while True:
        length = shift = at = 0
        for at in range(1, min(len(buffer), 5)):
            length |= (buffer[at] & 0x7F) << shift
            shift += 7
            if buffer[at] < 0x80:
                break
        else:
            return
        end = at + 1 + length
        if len(buffer) < end:
            return
        yield bytes(buffer[:end])
        del buffer[:end]


class Connection:
    """A node's connection and the one made for it to the broker."""

    def __init__(self, node: socket.socket, broker: socket.socket, stranded: set[Way]) -> None:
        self.ends = {"to_broker": (node, broker), "to_node": (broker, node)}
        self.stranded = stranded
        self.withheld: set[int] = set()

    def close(self) -> None:
        """Cut it, both ways."""
        for end, _ in self.ends.values():
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                end.close()  # the other side was first
            else:
                end.close()


class Proxy:
    """Listens on a loopback port of its own; a context manager.

    `accepted` counts connections, `sessions` those to which the broker's yes was passed on (on a
    link without TLS). New connections are stranded from the start on the ways in `stranded`.

    Parameters
    ----------
    broker_port : int
        Where the broker listens on loopback. [1]
    """

    def __init__(self, broker_port: int) -> None:
        self._broker_port = broker_port
        self._listener: socket.socket | None = None
        self._connections: list[Connection] = []
        self._lock = Lock()
        self.port = 0
        self.accepted = 0
        self.sessions = 0
        self.stranded: set[Way] = set()

    def up(self) -> None:
        """Take connections, always on the same port, which nobody gets while it is down."""
        self.port = self.port or free_port()
        listener = socket.create_server(("127.0.0.1", self.port))
        self._listener = listener
        Thread(target=self._listen, args=(listener,), daemon=True).start()

    def down(self) -> None:
        """Refuse connections and cut those there are."""
        if self._listener is not None:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        self.cut()

    def cut(self) -> None:
        """Close the connections there are; the node may make new ones."""
        with self._lock:
            gone, self._connections = self._connections, []
        for connection in gone:
            connection.close()

    def strand(self, *ways: Way) -> None:
        """Let disappear what is sent on the connections there are.

        Parameters
        ----------
        *ways : str
            `to_broker`, `to_node` or both.
        """
        with self._lock:
            for connection in self._connections:
                connection.stranded.update(ways)

    def withhold(self, *kinds: int) -> None:
        """Keep packets from the node on the connections there are, if they are without TLS.

        Parameters
        ----------
        *kinds : int
            Types of MQTT packets, section 2.2.1 of the standard: 4 is PUBACK. [1]
        """
        with self._lock:
            for connection in self._connections:
                connection.withheld.update(kinds)

    def __enter__(self) -> Self:
        """Take connections."""
        self.up()
        return self

    def __exit__(self, *_: object) -> None:
        """Refuse and cut."""
        self.down()

    def _listen(self, listener: socket.socket) -> None:
        while True:
            try:
                node, _ = listener.accept()
            except OSError:  # closed by `down`
                return
            try:
                broker = socket.create_connection(("127.0.0.1", self._broker_port), 5)
            except OSError:
                node.close()
                continue
            broker.settimeout(None)
            connection = Connection(node, broker, set(self.stranded))
            with self._lock:
                self.accepted += 1
                self._connections.append(connection)
            for way in WAYS:
                Thread(target=self._carry, args=(connection, way), daemon=True).start()

    def _carry(self, connection: Connection, way: Way) -> None:
        source, sink = connection.ends[way]
        begun = bytearray()
        try:
            while data := source.recv(65_536):
                if way in connection.stranded:
                    continue
                if way == "to_node":
                    data = self._passed(data, begun, connection.withheld)
                sink.sendall(data)
        except OSError:  # cut by either end or by us
            connection.close()
        if way not in connection.stranded:  # else the goodbye is lost too
            connection.close()

    def _passed(self, data: bytes, begun: bytearray, withheld: set[int]) -> bytes:
        """Return what of the broker's words reaches the node; TLS is passed on unread."""
        if not begun and data[:1] in {b"\x14", b"\x15", b"\x16", b"\x17"}:
            return data
        begun += data
        out = b""
        for packet in packets(begun):
            kind = packet[0] >> 4
            if kind in withheld:
                continue
            self.sessions += kind == CONNACK and packet[3] == 0
            out += packet
        return out
