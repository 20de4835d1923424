"""The reference client paho behind the interface of `mqtt.Broker`.

Its network thread hands messages to a bounded inbox; when that is full the thread waits, so the
broker holds the rest.
"""

import logging
import time
from collections import deque
from hashlib import blake2b
from threading import Condition
from typing import Any, NamedTuple

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from cobenefit_gateway.config import Config
from cobenefit_gateway.framing import MAX_PAYLOAD, Delivery, oversize
from cobenefit_gateway.journal import RAW, REPEATED, RETAINED, Record
from cobenefit_gateway.mqtt import Subscribed
from cobenefit_gateway.tls import tls_context

log = logging.getLogger(__name__)
#: Messages waiting for the journal at most, and their bytes. [1, B]
MAX_INBOX, MAX_INBOX_BYTES = 10_000, 64 << 20
#: paho walks all its unconfirmed messages at each confirmation, so few. [1]
_MAX_UNCONFIRMED = 200
_LONGEST_TOPIC = 512


class _Message(NamedTuple):
    record: Record
    mid: int
    session: int


class PahoBroker:
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
        self._subscribed = subscribed
        self._address = f"{config.broker.host}:{config.broker.port}"
        self._inbox: deque[_Message] = deque()
        self._held_bytes = 0
        self._most = 1
        self._unconfirmed = 0
        self._news = Condition()
        self._session = 0
        self._stopping = False
        self.connected = False
        self._is_5 = config.mqtt.version == "5"
        self._client = self._made(config, password)

    def _made(self, config: Config, password: str) -> paho.Client:
        broker = config.broker
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=broker.client_id,
            clean_session=None if self._is_5 else False,
            protocol=MQTTProtocolVersion.MQTTv5 if self._is_5 else MQTTProtocolVersion.MQTTv311,
            manual_ack=True,
        )
        client.max_inflight_messages_set(_MAX_UNCONFIRMED)
        client.reconnect_delay_set(min_delay=1, max_delay=60)
        if broker.username:
            client.username_pw_set(broker.username, password or None)
        if (context := tls_context(config)) is not None:
            client.tls_set_context(context)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_unsubscribe = self._on_unsubscribe
        client.on_disconnect = self._on_disconnect
        client.on_connect_fail = self._on_connect_fail
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        return client

    def start(self) -> None:
        """Connect in a thread of its own, and go on trying."""
        host, port, keepalive_s = self._config.host, self._config.port, self._config.keepalive_s
        if self._is_5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
            properties.SessionExpiryInterval = 0xFFFFFFFF
            self._client.connect_async(
                host, port, keepalive_s, clean_start=False, properties=properties
            )
        else:
            self._client.connect_async(host, port, keepalive_s)
        self._client.loop_start()

    def take(self, wait_s: float, linger_s: float, most: int) -> Delivery:
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
        Delivery
            At most `most`, of one session, empty when none came.
        """
        with self._news:
            self._most = most
            if not self._inbox:
                self._news.wait(wait_s)
            if self._inbox:
                until = time.monotonic() + linger_s
                while len(self._inbox) < most and (left := until - time.monotonic()) > 0:
                    self._news.wait(left)
            delivery = Delivery(self._inbox[0].session if self._inbox else self._session)
            while (
                self._inbox
                and len(delivery.ids) < most
                and self._inbox[0].session == delivery.session
            ):
                message = self._inbox.popleft()
                delivery.records.append(message.record)
                delivery.ids.append(message.mid)
            self._held_bytes -= sum(len(record.payload) for record in delivery.records)
            self._news.notify_all()
        return delivery

    def rest(self, wait_s: float) -> None:
        """Wait; the network thread keeps the connection up and fills no more than the inbox.

        Parameters
        ----------
        wait_s : float
            How long. [s]
        """
        with self._news:
            self._news.wait_for(lambda: self._stopping, wait_s)

    def acknowledge(self, delivery: Delivery) -> None:
        """Tell the broker that messages are safe."""
        # Identifiers of an earlier session mean nothing in this one: those come again.
        if delivery.session == self._session:
            for mid in delivery.ids:
                if mid:
                    self._client.ack(mid, 1)

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Send a message at QoS 1; False when too many are on their way already."""
        with self._news:
            if self._unconfirmed >= _MAX_UNCONFIRMED:
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
        if self._subscribed.unwanted:
            client.unsubscribe(self._subscribed.unwanted)
        client.subscribe([(topic, 1) for topic in self._subscribed.wanted])

    def _on_subscribe(self, *_: Any) -> None:
        log.info("subscribed at broker %s", self._address)

    def _on_unsubscribe(self, *_: Any) -> None:
        self._subscribed.settled()

    def _on_disconnect(self, *_: Any) -> None:
        if self.connected and not self._stopping:
            log.warning("broker %s is lost; trying again", self._address)
        self.connected = False

    def _on_connect_fail(self, *_: Any) -> None:
        log.warning("broker %s does not answer; trying again", self._address)

    def _on_publish(self, *_: Any) -> None:
        with self._news:
            self._unconfirmed -= 1

    def _on_message(self, _client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        item = _Message(_record(message), message.mid if message.qos else 0, self._session)
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
        return oversize(topic, len(message.payload), digest, received_ms)
    kind = RETAINED if message.retain else REPEATED if message.dup else RAW
    return Record(topic, bytes(message.payload), received_ms, kind)
