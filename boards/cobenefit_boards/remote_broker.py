"""A command on the broker, and the wait for the node's answer.

The command is retained, so that a node that sleeps finds it; once answered for good it is cleared.
"""

import queue
import time
from collections.abc import Callable

import paho.mqtt.client as mqtt

from cobenefit_boards.ota_broker import Broker, BrokerError, connected, retained, send
from cobenefit_wire import messages, topics
from cobenefit_wire.errors import WireError


class NodeError(OSError):
    """The node tried what was asked, and it did not work there."""


FINAL = ("confirmed", "refused", "rolled back", "passed", "failed", "busy")
SUBJECTS = ("config", "certificate", "selftest", "update")


def results(broker: Broker, site: str, device: str) -> dict[str, messages.Result]:
    """Return what a node last said of each subject.

    Parameters
    ----------
    broker : Broker
        Where from.
    site, device : str
        Of whom.

    Returns
    -------
    dict
        Result by subject; a subject without one is missing.
    """
    with connected(broker) as client:
        return _results(client, site, device)


def ask(  # noqa: PLR0917
    broker: Broker,
    name: tuple[str, str],
    subject: str,
    make: Callable[[int], bytes],
    wait_s: float,
    tell: Callable[[messages.Result], None],
) -> messages.Result:
    """Publish a command and wait for its final answer.

    Parameters
    ----------
    broker : Broker
        Where to.
    name : tuple of str
        Site and device.
    subject : str
        As in the command.
    make : callable
        Returns the payload for a counter.
    wait_s : float
        Longest wait, >= 0. [s]
    tell : callable
        Is told each answer on the way.

    Returns
    -------
    messages.Result
        The final one.

    Raises
    ------
    BrokerError
        If it did not come in time; the command stays at the broker then.
    """
    topic = topics.build(*name, "cmd")
    answers: queue.SimpleQueue[messages.Result] = queue.SimpleQueue()
    with connected(broker) as client:
        known = _results(client, *name).get(subject)
        counter = known.counter + 1 if known else 1
        _listen(client, topics.build(*name, "cmd/result", subject), answers)
        send(client, {topic: make(counter)})
        deadline_s = time.monotonic() + wait_s
        while True:
            result = _next(answers, deadline_s, subject)
            if result.counter > counter:  # the broker had forgotten the last answer
                counter = result.counter + 1
                send(client, {topic: make(counter)})
            elif result.counter == counter:
                tell(result)
                if result.outcome in FINAL:
                    send(client, {topic: b""})
                    return result


def _results(client: mqtt.Client, site: str, device: str) -> dict[str, messages.Result]:
    leaves = {topics.build(site, device, "cmd/result", s): s for s in SUBJECTS}
    found = retained(client, list(leaves))
    return {leaves[t]: messages.decode_result(data) for t, data in found.items() if data}


def _listen(
    client: mqtt.Client, topic: str, answers: "queue.SimpleQueue[messages.Result]"
) -> None:
    def take(_c: object, _u: object, message: mqtt.MQTTMessage) -> None:
        if message.retain or not message.payload:
            return
        try:
            answers.put(messages.decode_result(bytes(message.payload)))
        except WireError:
            answers.put(messages.Result("", 0, "unreadable", ""))

    client.on_message = take
    client.subscribe(topic, 1)


def _next(
    answers: "queue.SimpleQueue[messages.Result]", deadline_s: float, subject: str
) -> messages.Result:
    try:
        return answers.get(timeout=max(0.01, deadline_s - time.monotonic()))
    except queue.Empty:
        raise BrokerError(
            f"the node has not answered yet. The {subject} command stays at the broker, and the "
            "node takes it when it next connects: look again with `cobenefit node config status`"
        ) from None
