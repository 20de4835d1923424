"""Our MQTT client: large reads, packets cut in bulk, PUBACKs of a batch in one piece.

It has no thread: `take` does the reading, so while the journal is behind nothing is read and the
broker holds the rest. MQTT 5 is tried first, because it lets us have any number of messages on
their way; a broker that hangs up on it is asked again in 3.1.1. A connection that fails is made
anew after 1, 2, 4 … 60 s, less up to half of it by chance; one that lived for `_STEADY_S` starts
the count again, so two gateways with one client id do not fight in a tight loop.
"""

import logging
import random
import select
import socket
import ssl
import time

from cobenefit_gateway import packets
from cobenefit_gateway.config import Config
from cobenefit_gateway.errors import FramingError
from cobenefit_gateway.framing import (
    CONNACK,
    DISCONNECT,
    PUBACK,
    SUBACK,
    UNSUBACK,
    Control,
    Delivery,
    Splitter,
)
from cobenefit_gateway.mqtt import MAX_UNCONFIRMED, Subscribed
from cobenefit_gateway.tls import tls_context

log = logging.getLogger(__name__)
#: Bytes of one read, and of all reads of one turn. [B]
_READ, _TURN = 1 << 18, 1 << 22
#: Bytes of ours that wait for the broker at most; above it nothing more is read. [B]
MAX_UNSENT = 4 << 20
#: Messages come one by one from most brokers: waking for each costs more than a short nap. [s]
_NAP_S = 0.004
_CONNECT_S = 5.0
_STEADY_S = 30.0
_DELAY_S, _LONGEST_DELAY_S = 1.0, 60.0
_NEXT_VERSION = {5: 4, 4: 5}
#: CONNACK codes that mean another version (3.1.1 section 3.2.2.3, 5 section 3.2.2.2).
_WRONG_VERSION = (0x01, 0x84)
_TAKEN_OVER = 0x8E


class BulkBroker:
    """A connection that keeps itself up; see `mqtt.Broker`.

    Parameters
    ----------
    config : Config
        Where the broker is and who we are to it.
    password : str
        '' for none.
    subscribed : Subscribed
        Which topics.
    """

    def __init__(self, config: Config, password: str, subscribed: Subscribed) -> None:
        self._config = config.broker
        self._password = password
        self._subscribed = subscribed
        self._address = f"{config.broker.host}:{config.broker.port}"
        self._tls = tls_context(config)
        self._socket: socket.socket | None = None
        self._version = 4 if config.mqtt.version == "3.1.1" else 5
        self._any_version = config.mqtt.version == "auto"
        self._tried_both = self._again_at_once = False
        self._splitter = Splitter(self._version)
        self._greeting = packets.Greeting(0, session_present=False)
        self._inbox = Delivery(0)
        self._unsent = bytearray()
        self._unconfirmed: dict[int, tuple[str, bytes, bool]] = {}
        self._last_id = 0
        self._delay_s = _DELAY_S
        self._connect_at = self._connected_at = 0.0
        self._heard_at = self._spoke_at = self._pinged_at = 0.0
        self.connected = False

    def start(self) -> None:
        """Begin to connect, and go on trying."""
        self._connect()

    def take(self, wait_s: float, linger_s: float, most: int) -> Delivery:
        """Return messages: waits for the first, then lingers for company.

        Parameters
        ----------
        wait_s : float
            Longest wait for a first message. [s]
        linger_s : float
            How long to gather after it. [s]
        most : int
            Return at once when about this many are there. [1]

        Returns
        -------
        Delivery
            Empty when none came.
        """
        until = time.monotonic() + wait_s
        while not self._inbox.records and (left_s := until - time.monotonic()) > 0:
            self._exchange(left_s)
        until = time.monotonic() + linger_s
        while (
            self._inbox.records
            and len(self._inbox.records) < most
            and (left_s := until - time.monotonic()) > 0
        ):
            time.sleep(min(left_s, _NAP_S))
            self._exchange(0.0)
        taken, self._inbox = self._inbox, Delivery(self._inbox.session)
        return taken

    def rest(self, wait_s: float) -> None:
        """Keep the connection up without reading: our pings tell the broker that we live.

        Parameters
        ----------
        wait_s : float
            How long. [s]
        """
        if self._socket is not None:
            self._send()
        if self._socket is not None and time.monotonic() - self._spoke_at > self._pause_s / 2:
            self._ping()
        time.sleep(wait_s)

    def acknowledge(self, delivery: Delivery) -> None:
        """Tell the broker that messages are safe; those of an earlier session come again."""
        if self._socket is not None and delivery.session == self._inbox.session:
            self._unsent += packets.pubacks(delivery.ids)
            self._send()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Send a message at QoS 1; False when too many are on their way already."""
        if len(self._unconfirmed) >= min(MAX_UNCONFIRMED, self._greeting.receive_maximum):
            return False
        packet = packets.publish(self._version, self._next_id(), topic, payload, retain=retain)
        if len(packet) > self._greeting.max_packet:
            log.error("broker %s takes no message of %d bytes", self._address, len(packet))
            return True
        self._unconfirmed[self._last_id] = topic, payload, retain
        if self.connected:
            self._unsent += packet
            self._send()
        return True

    def stop(self) -> None:
        """Disconnect; the broker keeps our session."""
        if self._socket is not None:
            self._unsent += packets.DISCONNECT
            self._socket.settimeout(_CONNECT_S)
            try:
                self._socket.sendall(self._unsent)
            except OSError as err:
                log.warning("broker %s: %s while we said goodbye", self._address, err)
        self._close()

    def _exchange(self, wait_s: float) -> None:
        # One turn: connect when due, wait for the socket, read and write what goes.
        if self._socket is None:
            left_s = self._connect_at - time.monotonic()
            if left_s > 0:
                time.sleep(min(left_s, wait_s))
                return
            self._connect()
            return
        try:
            self._wait(self._socket, wait_s)
            self._send()
            if len(self._unsent) < MAX_UNSENT:
                self._read()
            if self._socket is not None:
                self._keep_alive()
        except (OSError, FramingError) as err:
            self._again("is lost", err)

    def _wait(self, sock: socket.socket, wait_s: float) -> None:
        if wait_s <= 0 or (isinstance(sock, ssl.SSLSocket) and sock.pending()):
            return
        poll = select.poll()
        poll.register(sock, select.POLLIN | (select.POLLOUT if self._unsent else 0))
        poll.poll(wait_s * 1000)

    def _read(self) -> None:
        # As much as one turn may hold; more waits in the kernel.
        got = 0
        while self._socket is not None and got < _TURN:
            try:
                chunk = self._socket.recv(_READ)
            except (BlockingIOError, ssl.SSLWantReadError):
                return
            if not chunk:
                raise ConnectionResetError("the broker closed the connection")
            got += len(chunk)
            self._heard_at = time.monotonic()
            now_ms = time.time_ns() // 1_000_000
            for control in self._splitter.feed(chunk, now_ms, self._inbox):
                self._control(control)
            if len(chunk) < _READ and not isinstance(self._socket, ssl.SSLSocket):
                return

    def _send(self) -> None:
        if self._socket is None:
            return
        try:
            while self._unsent:
                del self._unsent[: self._socket.send(self._unsent)]
                self._spoke_at = time.monotonic()
        except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
            return
        except OSError as err:
            self._again("is lost", err)

    def _keep_alive(self) -> None:
        # Asked after reading, so a pause of ours (a long checkpoint) is not taken for theirs.
        now, pause_s = time.monotonic(), self._pause_s
        if self._heard_at < self._pinged_at < now - pause_s:
            raise TimeoutError("no answer to a ping")
        quiet = self._pinged_at <= self._heard_at < now - pause_s / 2
        if quiet or self._spoke_at < now - pause_s / 2:
            self._ping()

    def _ping(self) -> None:
        self._pinged_at = self._spoke_at = time.monotonic()
        self._unsent += packets.PINGREQ
        self._send()

    @property
    def _pause_s(self) -> int:
        return self._greeting.keepalive_s or self._config.keepalive_s

    def _control(self, control: Control) -> None:
        if control.kind == PUBACK and len(control.body) >= 2:
            self._confirmed(control.body)
        elif control.kind == SUBACK:
            refused = [code for code in control.body[2:] if code >= 0x80]
            if refused and self.connected:
                log.error("broker %s refuses a subscription: %#04x", self._address, refused[0])
            log.info("subscribed at broker %s", self._address)
        elif control.kind == UNSUBACK:
            self._subscribed.settled()
        elif control.kind == DISCONNECT:
            code = control.body[0] if control.body else 0
            if code == _TAKEN_OVER:
                raise ConnectionResetError("another client uses our client_id")
            raise ConnectionResetError(f"the broker says goodbye: {code:#04x}")
        elif control.kind == CONNACK:
            raise FramingError("a second CONNACK")

    def _confirmed(self, body: bytes) -> None:
        self._unconfirmed.pop(int.from_bytes(body[:2], "big"), None)
        if len(body) > 2 and body[2] >= 0x80:
            log.error("broker %s refuses a message of ours: %#04x", self._address, body[2])

    def _next_id(self) -> int:
        self._last_id = self._last_id % 65_535 + 1
        while self._last_id in self._unconfirmed:
            self._last_id = self._last_id % 65_535 + 1
        return self._last_id

    def _connect(self) -> None:
        self._connected_at = time.monotonic()
        try:
            sock = socket.create_connection(
                (self._config.host, self._config.port), timeout=_CONNECT_S
            )
        except OSError as err:
            self._again("does not answer", err)
            return
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                sock = self._tls.wrap_socket(sock, server_hostname=self._config.host)
            self._socket = sock
            self._greet(sock)
        except (OSError, FramingError) as err:
            self._again("lets us not in", err)

    def _greet(self, sock: socket.socket) -> None:
        config = self._config
        self._splitter = Splitter(self._version)
        self._inbox = Delivery(self._inbox.session + 1)
        sock.sendall(
            packets.connect(
                self._version,
                config.client_id,
                config.keepalive_s,
                config.username,
                self._password,
            )
        )
        controls = self._answer(sock)
        self._greeting = packets.greeting(self._version, controls[0].body)
        if self._greeting.code:
            if self._greeting.code in _WRONG_VERSION:
                self._change_version()
            raise ConnectionRefusedError(f"refused with code {self._greeting.code:#04x}")
        sock.setblocking(False)
        self.connected = True
        self._tried_both = False
        self._connected_at = self._heard_at = self._spoke_at = time.monotonic()
        self._pinged_at = 0.0
        log.info("connected to broker %s, MQTT level %d", self._address, self._version)
        self._open_session()
        for control in controls[1:]:
            self._control(control)

    def _answer(self, sock: socket.socket) -> list[Control]:
        # The first packet must be a CONNACK (section 3.2); others may follow in the same bytes.
        until = time.monotonic() + _CONNECT_S
        while time.monotonic() < until:
            chunk = sock.recv(_READ)
            if not chunk:
                self._change_version()
                raise ConnectionResetError("it hangs up on our CONNECT")
            now_ms = time.time_ns() // 1_000_000
            controls = self._splitter.feed(chunk, now_ms, self._inbox)
            if controls and controls[0].kind == CONNACK:
                return controls
            if controls or self._inbox.records:
                raise FramingError("the first packet is no CONNACK")
        raise TimeoutError("no CONNACK")

    def _change_version(self) -> None:
        if self._any_version:
            self._again_at_once = not self._tried_both
            self._tried_both = True
            self._version = _NEXT_VERSION[self._version]

    def _open_session(self) -> None:
        unwanted, wanted = self._subscribed.unwanted, self._subscribed.wanted
        self._unsent.clear()
        if unwanted:
            self._unsent += packets.unsubscribe(self._version, self._next_id(), unwanted)
        self._unsent += packets.subscribe(self._version, self._next_id(), wanted)
        for number, (topic, payload, retain) in self._unconfirmed.items():
            again = packets.publish(self._version, number, topic, payload, retain=retain)
            self._unsent += bytes((again[0] | packets.DUP,)) + again[1:]
        self._send()

    def _again(self, what: str, err: Exception) -> None:
        if self._again_at_once:
            log.info("broker %s has no MQTT 5 or hung up; asking in the other", self._address)
            self._again_at_once = False
            self._close()
            return
        log.warning("broker %s %s: %s; trying again", self._address, what, err)
        steady = self.connected and time.monotonic() - self._connected_at >= _STEADY_S
        self._close()
        delay_s = _DELAY_S if steady else self._delay_s
        self._connect_at = time.monotonic() + delay_s * random.uniform(0.5, 1.0)  # noqa: S311
        self._delay_s = min(2 * delay_s, _LONGEST_DELAY_S)

    def _close(self) -> None:
        # What came and was not taken is not acknowledged, so it comes again.
        self.connected = False
        self._inbox = Delivery(self._inbox.session)
        self._unsent.clear()
        if self._socket is not None:
            self._socket.close()
            self._socket = None
