"""The same input for every peer: SenML JSON of energy meters, and what must come out of it.

Counters that only rise, one every ten minutes, so that counts and increases per UTC day can be
compared exactly between programs that share nothing else.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

START_S = 1_600_041_600  # a midnight, UTC
PERIOD_S = 600
DAY_S = 86_400
SITE, CHANNEL = "lab", "energy_import_wh"


class Message(NamedTuple):
    """One PUBLISH."""

    topic: str
    payload: bytes


class Row(NamedTuple):
    """What is compared: readings of a day, and the increase since the reading before each."""

    count: int
    delta: int


@dataclass(frozen=True)
class Feed:
    """Messages, the readings in them and the rows they must give, by device and day [Unix s]."""

    name: str
    messages: list[Message]
    readings: int
    rows: dict[tuple[str, int], Row]


def feed(name: str, devices: int, each: int, pack: int) -> Feed:
    """Return `each` messages of `pack` readings for each device, in order of time."""
    messages, rows = [], {}
    for device, records in _messages(devices, each, pack):
        body = [{"n": CHANNEL, "u": "Wh", "t": records[0][0], "v": records[0][1]}]
        if pack > 1:
            t0 = records[0][0]
            body = [{"bn": CHANNEL, "bu": "Wh", "bt": t0, "v": records[0][1]}]
            body += [{"t": t - t0, "v": v} for t, v in records[1:]]
        payload = json.dumps(body, separators=(",", ":")).encode()
        messages.append(Message(f"cb/v1/{SITE}/{device}/senml", payload))
        _count(rows, device, records)
    return Feed(name, messages, devices * each * pack, rows)


def _messages(devices: int, each: int, pack: int) -> Iterator[tuple[str, list[tuple[int, int]]]]:
    for i in range(each):
        for d in range(devices):
            index = range(i * pack, (i + 1) * pack)
            yield f"d{d}", [(START_S + n * PERIOD_S, _value(d, n)) for n in index]


def _value(device: int, n: int) -> int:
    return 1_000_000 * device + 7 * n + n * n % 5


def _count(rows: dict[tuple[str, int], Row], device: str, records: list[tuple[int, int]]) -> None:
    number = int(device[1:])
    for t, v in records:
        n = (t - START_S) // PERIOD_S
        key = device, t - t % DAY_S
        old = rows.get(key, Row(0, 0))
        # The values rise by 7 on average and never fall: (n + 1)^2 mod 5 - n^2 mod 5 >= -4.
        rise = v - _value(number, n - 1) if n else 0
        rows[key] = Row(old.count + 1, old.delta + rise)


def compare(
    who: str, expected: dict[tuple[str, int], Row], got: dict[tuple[str, int], Row]
) -> None:
    """Raise ValueError unless counts and increases are equal."""
    if expected == got:
        return
    wrong = [k for k in expected.keys() | got.keys() if expected.get(k) != got.get(k)]
    key = min(wrong)
    raise ValueError(
        f"{who}: {len(wrong)} of {len(expected)} rows differ, such as {key}: "
        f"{got.get(key)}, wanted {expected.get(key)}"
    )


def publish(port: int, messages: list[Message]) -> None:
    """Publish at QoS 1 as fast as the broker takes it; return when all is acknowledged."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(120)
        connection.sendall(b"\x10\x10\x00\x04MQTT\x04\x02\x00\x00\x00\x04feed")
        wanted = 4 + 4 * len(messages)  # a CONNACK, then PUBACKs, of 4 bytes each
        reader = threading.Thread(target=_drain, args=(connection, wanted))
        reader.start()
        frames = (_frame(m, i % 65_535 + 1) for i, m in enumerate(messages))
        pending: list[bytes] = []
        for frame in frames:
            pending.append(frame)
            if len(pending) == 500:
                connection.sendall(b"".join(pending))
                pending.clear()
        connection.sendall(b"".join(pending))
        reader.join()


def _frame(message: Message, number: int) -> bytes:
    topic = message.topic.encode()
    size = 4 + len(topic) + len(message.payload)
    # OASIS MQTT 3.1.1, section 2.2.3: seven bits a byte, the lowest first.
    length = bytearray()
    while size > 127:
        length.append(size & 127 | 128)
        size >>= 7
    length.append(size)
    head = b"\x32" + bytes(length) + len(topic).to_bytes(2, "big") + topic
    return head + number.to_bytes(2, "big") + message.payload


def _drain(connection: socket.socket, wanted: int) -> None:
    while wanted > 0:
        data = connection.recv(1 << 16)
        if not data:
            return
        wanted -= len(data)
