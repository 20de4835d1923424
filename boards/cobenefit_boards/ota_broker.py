"""Releases and reports on the broker: all retained, so neither side has to be there at once."""

import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from cobenefit_wire import topics

_TIMEOUT_S = 30.0
_SETTLE_S = 0.5
_WINDOW = 32


class BrokerError(OSError):
    """The broker did not do what was asked in time."""


@dataclass(frozen=True)
class Broker:
    """Where the broker is and who we are there.

    Attributes
    ----------
    host, port
        Address; 8883 with TLS, usually. [1]
    user, password : str
        Empty for anonymous.
    ca, cert, key : Path or None
        PEM files; with `ca` the link is TLS and the broker's name is verified.
    """

    host: str
    port: int = 1883
    user: str = ""
    password: str = ""
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None


@contextmanager
def connected(broker: Broker) -> Iterator[mqtt.Client]:
    """Connect for the length of a `with` block.

    Parameters
    ----------
    broker : Broker
        Where to.

    Yields
    ------
    Client
        Connected, its loop running.

    Raises
    ------
    BrokerError
        If the broker refuses, or does not answer in time.
    """
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.max_inflight_messages_set(_WINDOW)
    if broker.user:
        client.username_pw_set(broker.user, broker.password)
    if broker.ca:
        context = ssl.create_default_context(cafile=broker.ca)
        if broker.cert:
            context.load_cert_chain(broker.cert, broker.key)
        client.tls_set_context(context)
    up = threading.Event()
    codes: list[object] = []

    def on_connect(_c: object, _u: object, _f: object, code: object, _p: object) -> None:
        codes.append(code)
        up.set()

    client.on_connect = on_connect
    where = f"{broker.host}:{broker.port}"
    try:
        client.connect(broker.host, broker.port)
    except OSError as err:
        raise BrokerError(f"no connection to the broker at {where}: {err}") from err
    client.loop_start()
    try:
        if not up.wait(_TIMEOUT_S):
            raise BrokerError(f"the broker at {where} accepted no connection within 30 s")
        if getattr(codes[0], "is_failure", False):
            raise BrokerError(f"the broker at {where} refused the connection: {codes[0]}")
        yield client
    finally:
        client.disconnect()
        client.loop_stop()


def retained(client: mqtt.Client, patterns: Sequence[str]) -> dict[str, bytes]:
    """Return the retained messages of topic patterns.

    Parameters
    ----------
    client : Client
        Connected.
    patterns : sequence of str
        As MQTT subscribes.

    Returns
    -------
    dict
        Payload by topic; what came until half a second passed without more, once the broker had
        answered.

    Raises
    ------
    BrokerError
        If the broker does not answer in time.
    """
    found: dict[str, bytes] = {}
    answered = threading.Event()
    latest = [time.monotonic()]

    def subscribed(*_: object) -> None:
        latest[0] = time.monotonic()
        answered.set()

    def take(_c: object, _u: object, message: mqtt.MQTTMessage) -> None:
        latest[0] = time.monotonic()
        if message.retain:
            found[message.topic] = bytes(message.payload)

    client.on_message = take
    client.on_subscribe = subscribed
    client.subscribe([(pattern, 1) for pattern in patterns])
    if not answered.wait(_TIMEOUT_S):
        raise BrokerError("the broker did not answer within 30 s: is it overloaded? Try again")
    deadline_s = time.monotonic() + _TIMEOUT_S
    while time.monotonic() < min(deadline_s, latest[0] + _SETTLE_S):
        time.sleep(0.02)
    client.unsubscribe(list(patterns))
    client.on_message = client.on_subscribe = None
    return found


def publish(  # noqa: PLR0917
    broker: Broker, site: str, device: str, counter: int, notice: bytes, chunks: Sequence[bytes]
) -> int:
    """Put a release on the broker for one device: chunks first, notice last.

    Chunks of earlier releases are cleared.

    Parameters
    ----------
    broker : Broker
        Where to.
    site, device : str
        For whom.
    counter : int
        Of the release. [1]
    notice : bytes
        Payload of the topic `ota`.
    chunks : sequence of bytes
        In order.

    Returns
    -------
    int
        Stale messages that were cleared. [1]
    """
    top = topics.build(site, device, "ota")
    ours = {f"{top}/{counter}/{n}": chunk for n, chunk in enumerate(chunks)}
    with connected(broker) as client:
        old = retained(client, [top + "/#"])
        stale = [topic for topic in old if topic != top and topic not in ours]
        if old.get(top, notice) != notice:
            send(client, {top: b""})  # no node begins what is about to be replaced
        send(client, dict.fromkeys(stale, b""))
        send(client, ours)
        send(client, {top: notice})
    return len(stale)


def send(client: mqtt.Client, messages: dict[str, bytes]) -> None:
    """Publish retained messages and wait until the broker has them.

    Parameters
    ----------
    client : Client
        Connected.
    messages : dict
        Payload by topic; an empty one clears what is there.

    Raises
    ------
    BrokerError
        If the broker does not acknowledge in time.
    """
    waiting = [client.publish(t, data, qos=1, retain=True) for t, data in messages.items()]
    for info in waiting:
        info.wait_for_publish(_TIMEOUT_S)
        if not info.is_published():
            raise BrokerError("the broker did not acknowledge within 30 s: publish again")


def reports(broker: Broker, site: str, device: str) -> dict[str, bytes]:
    """Return the retained state, last result and notice of a device, by leaf.

    Parameters
    ----------
    broker : Broker
        Where from.
    site, device : str
        Of whom.

    Returns
    -------
    dict
        Payload by `state`, `cmd/result`, `ota`; a leaf without one is missing.
    """
    leaves = {topics.build(site, device, leaf): leaf for leaf in ("state", "ota")}
    leaves[topics.build(site, device, "cmd/result", "update")] = "cmd/result"
    with connected(broker) as client:
        found = retained(client, list(leaves))
    return {leaves[topic]: payload for topic, payload in found.items() if payload}
