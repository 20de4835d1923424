"""The broker side: paho behind five methods, bytes in and bytes out.

QoS 1, a persistent session, manual acknowledgement: a message is acknowledged to the broker only
when `acknowledge` is called, after it is in the journal. The inbox is bounded; when it is full the
network thread waits, so the broker holds the rest. It must never look into a payload.
"""

import logging
import ssl
import time
from collections import deque
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from threading import Condition
from typing import Any, NamedTuple

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from cobenefit_gateway.config import BrokerConfig
from cobenefit_gateway.journal import OVERSIZE, RAW, REPEATED, Record
from cobenefit_wire import topics

log = logging.getLogger(__name__)
#: Longer messages are refused; only their length and digest are kept. [B]
MAX_PAYLOAD = 65_536
#: Messages waiting for the journal at most, and their bytes. [1, B]
MAX_INBOX, MAX_INBOX_BYTES = 10_000, 64 << 20
#: Messages of ours the broker has not confirmed; paho walks all of them at each confirmation. [1]
MAX_UNCONFIRMED = 200
_LEAVES = ("up/#", "senml", "state", "health")
_LONGEST_TOPIC = 512


class Message(NamedTuple):
    """One message, and what the broker needs to forget it."""

    record: Record
    mid: int
    session: int


class Broker:
    """A connection that keeps itself up.

    Parameters
    ----------
    config : BrokerConfig
        Where and who.
    password : str
        The broker's password, '' for none.
    filters : sequence of str
        Topic filters beside those of our own nodes.
    """

    def __init__(self, config: BrokerConfig, password: str, filters: Sequence[str] = ()) -> None:
        self._filters = [*(f"{topics.PREFIX}/+/+/{leaf}" for leaf in _LEAVES), *filters]
        self._config = config
        self._address = f"{config.host}:{config.port}"
        self._inbox: deque[Message] = deque()
        self._held_bytes = 0
        self._most = 1
        self._unconfirmed = 0
        self._news = Condition()
        self._session = 0
        self._stopping = False
        self.connected = False
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=config.client_id,
            clean_session=False,
            manual_ack=True,
        )
        client.max_inflight_messages_set(MAX_UNCONFIRMED)
        client.reconnect_delay_set(min_delay=1, max_delay=60)
        if config.username:
            client.username_pw_set(config.username, password or None)
        if config.tls_ca:
            client.tls_set(
                config.tls_ca,
                config.tls_cert or None,
                config.tls_key or None,
                tls_version=ssl.PROTOCOL_TLS_CLIENT,
            )
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_connect_fail = self._on_connect_fail
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        self._client = client

    def start(self) -> None:
        """Connect in a thread of its own, and go on trying."""
        self._client.connect_async(self._config.host, self._config.port, self._config.keepalive_s)
        self._client.loop_start()

    def take(self, wait_s: float, linger_s: float, most: int) -> list[Message]:
        """Return messages: waits for the first, then lingers for company.

        Parameters
        ----------
        wait_s : float
            Longest wait for a first message. [s]
        linger_s : float
            How long to gather after it. [s]
        most : int
            Return at once when this many are there. [1]

        Returns
        -------
        list of Message
            At most `most`, empty when none came.
        """
        with self._news:
            self._most = most
            if not self._inbox:
                self._news.wait(wait_s)
            if self._inbox:
                until = time.monotonic() + linger_s
                while len(self._inbox) < most and (left := until - time.monotonic()) > 0:
                    self._news.wait(left)
            taken = [self._inbox.popleft() for _ in range(min(most, len(self._inbox)))]
            self._held_bytes -= sum(len(message.record.payload) for message in taken)
            self._news.notify_all()
        return taken

    def acknowledge(self, messages: Iterable[Message]) -> None:
        """Tell the broker that messages are safe."""
        for message in messages:
            # Identifiers of an earlier session mean nothing in this one: those come again.
            if message.mid and message.session == self._session:
                self._client.ack(message.mid, 1)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Send a message at QoS 1; False when too many are on their way already."""
        with self._news:
            if self._unconfirmed >= MAX_UNCONFIRMED:
                return False
            self._unconfirmed += 1
        self._client.publish(topic, payload, qos=1, retain=retain)
        return True

    def stop(self) -> None:
        """Disconnect; the broker keeps our session."""
        with self._news:
            self._stopping = True
            self._news.notify_all()
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(
        self,
        client: paho.Client,
        _userdata: Any,
        _flags: paho.ConnectFlags,
        reason: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            log.error("broker %s refuses us: %s", self._address, reason)
            return
        log.info("connected to broker %s", self._address)
        self._session += 1
        self.connected = True
        client.subscribe([(name, 1) for name in self._filters])

    def _on_subscribe(self, *_: Any) -> None:
        log.info("subscribed at broker %s", self._address)

    def _on_disconnect(self, *_: Any) -> None:
        if self.connected and not self._stopping:
            log.warning("lost the broker %s; trying again", self._address)
        self.connected = False

    def _on_connect_fail(self, *_: Any) -> None:
        log.warning("broker %s does not answer; trying again", self._address)

    def _on_publish(self, *_: Any) -> None:
        with self._news:
            self._unconfirmed -= 1

    def _on_message(self, _client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        item = Message(_record(message), message.mid if message.qos else 0, self._session)
        with self._news:
            while self._is_full() and not self._stopping:
                self._news.wait(1.0)
            self._inbox.append(item)
            self._held_bytes += len(item.record.payload)
            if len(self._inbox) in (1, self._most):  # waking the reader each time costs more
                self._news.notify_all()

    def _is_full(self) -> bool:
        return len(self._inbox) >= MAX_INBOX or self._held_bytes >= MAX_INBOX_BYTES


def _record(message: paho.MQTTMessage) -> Record:
    received_ms = time.time_ns() // 1_000_000
    try:
        topic = message.topic[:_LONGEST_TOPIC]
    except UnicodeDecodeError:
        topic = "(not UTF-8)"
    if len(message.payload) > MAX_PAYLOAD:
        digest = blake2b(message.payload, digest_size=16).digest()
        return Record(
            topic, len(message.payload).to_bytes(4, "big") + digest, received_ms, OVERSIZE
        )
    return Record(topic, bytes(message.payload), received_ms, REPEATED if message.dup else RAW)
