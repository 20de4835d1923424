"""The framing: any split of the stream gives the same packets, garbage a clean error."""

import random
from hashlib import blake2b
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cobenefit_gateway import packets
from cobenefit_gateway.errors import FramingError
from cobenefit_gateway.framing import (
    MAX_PACKET,
    MAX_PAYLOAD,
    PUBACK,
    Control,
    Delivery,
    Splitter,
    varint,
)
from cobenefit_gateway.journal import OVERSIZE, RAW, REPEATED, Record

NOW = 1_700_000_000_000


def message(version, topic, payload, message_id=7, flags=0, *, properties=b"\0"):
    """A PUBLISH as a broker sends it."""
    head = len(topic).to_bytes(2, "big") + topic
    head += message_id.to_bytes(2, "big") if message_id else b""
    body = head + (properties if version == 5 else b"") + payload
    return bytes((0x30 | flags | (2 if message_id else 0),)) + packets._varint(len(body)) + body


def feed(version, chunks):
    """Everything a splitter made of chunks: records, ids, controls, and the error if any."""
    splitter, into, controls, error = Splitter(version), Delivery(1), [], ""
    for chunk in chunks:
        try:
            controls += splitter.feed(chunk, NOW, into)
        except FramingError as err:
            error = str(err)
            break
        assert splitter.held_bytes <= MAX_PACKET + len(chunk)
    return into.records, into.ids, controls, error


def cut(data, places):
    edges = [0, *sorted(p % (len(data) + 1) for p in places), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


TOPICS = st.sampled_from([b"cb/v1/s/d/up/x", b"a", b"", b"\xff\xfe", "cb/v1/s/é".encode()])
MESSAGES = st.builds(
    lambda topic, payload, message_id, dup: (topic, payload, message_id, 8 if dup else 0),
    TOPICS,
    st.one_of(st.binary(max_size=40), st.integers(100, 40_000).map(bytes)),
    st.integers(0, 65_535),
    st.booleans(),
)


@pytest.mark.parametrize("version", [4, 5])
@given(messages=st.lists(MESSAGES, max_size=12), data=st.data())
@settings(deadline=None, max_examples=150)
def test_any_split_of_the_stream_gives_the_same_packets(version, messages, data):
    properties = [data.draw(st.sampled_from([b"\0", b"\x02\x01\x01"])) for _ in messages]
    stream = b"".join(
        message(version, t, p, i, f, properties=x) + packets.pubacks([9])
        for (t, p, i, f), x in zip(messages, properties, strict=True)
    )
    places = data.draw(st.lists(st.integers(0, 1 << 20), max_size=8))
    records, ids, controls, error = feed(version, cut(stream, places))
    assert not error
    assert (records, ids, controls) == feed(version, [stream])[:3]
    assert controls == [Control(PUBACK, b"\0\x09")] * len(messages)
    assert ids == [i for _, _, i, _ in messages]
    for record, (topic, payload, _, flags) in zip(records, messages, strict=True):
        text = "(not UTF-8)" if topic == b"\xff\xfe" else topic.decode()
        assert record == Record(text, payload, NOW, REPEATED if flags else RAW)


@pytest.mark.parametrize("version", [4, 5])
def test_byte_by_byte(version):
    stream = b"".join(
        message(version, b"cb/v1/s/d%d/up/x" % (i % 3), bytes(i)) for i in range(200)
    )
    assert feed(version, [stream[i : i + 1] for i in range(len(stream))]) == feed(
        version, [stream]
    )


@given(st.lists(st.binary(max_size=60), max_size=6), st.sampled_from([4, 5]))
@settings(deadline=None, max_examples=400)
def test_garbage_is_an_error_or_nothing_whatever_the_split(chunks, version):
    records, ids, controls, error = feed(version, [b"".join(chunks)])
    parts = feed(version, chunks)
    assert (records, ids, bool(error)) == (*parts[:2], bool(parts[3]))
    if not error:
        assert controls == parts[2]


@pytest.mark.parametrize("size", [MAX_PAYLOAD, MAX_PAYLOAD + 1, MAX_PACKET + 1, 3 * MAX_PACKET])
@pytest.mark.parametrize("version", [4, 5])
def test_a_message_too_long_is_digested_and_costs_no_other(version, size):
    payload = random.Random(1).randbytes(size)
    small = message(version, b"a", b"x", 1)
    stream = small + message(version, b"big", payload, 2, 8) + small + packets.pubacks([5])
    records, ids, controls, error = feed(
        version, [stream[i : i + 50_000] for i in range(0, len(stream), 50_000)]
    )
    assert (ids, error, controls) == ([1, 2, 1], "", [Control(PUBACK, b"\0\x05")])
    kept = Record("big", payload, NOW, REPEATED)
    if size > MAX_PAYLOAD:
        digest = blake2b(payload, digest_size=16).digest()
        kept = Record("big", size.to_bytes(4, "big") + digest, NOW, OVERSIZE)
    assert records == [Record("a", b"x", NOW), kept, Record("a", b"x", NOW)]


BROKEN = {
    "QoS 2": b"\x34\x05\x00\x01a\x00\x01",
    "identifier 0": b"\x32\x05\x00\x01a\x00\x00",
    "topic too long": b"\x30\x03\x00\x09a",
    "no topic": b"\x30\x01\x00",
    "a request": b"\x10\x00",
    "flags of a PUBACK": b"\x41\x02\x00\x01",
    "length of five bytes": b"\x30\xff\xff\xff\xff\x01",
    "long PUBACK": b"\x40\xff\xff\xff\x7f",
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_no_broker_may_send_ends_the_connection(name):
    good = message(4, b"a", b"x", 1)
    records, _, _, error = feed(4, [good + BROKEN[name] + bytes(10)])
    assert records == [Record("a", b"x", NOW)]
    assert error


@pytest.mark.parametrize("version", [4, 5])
def test_garbage_before_any_message_ends_the_connection(version):
    records, _, _, error = feed(version, [b"\xff\xff\xff\0"])
    assert not records
    assert error


def test_properties_that_never_end_are_bounded():
    head = b"\x30\xff\xff\xff\x7f\x00\x01a\xff\xff\xff\x7f"
    _, _, _, error = feed(5, [head, *[bytes(1 << 18)] * 8])
    assert "properties" in error


def test_acknowledgements_in_one_piece():
    assert packets.pubacks([1, 0, 258]) == b"\x40\x02\x00\x01\x40\x02\x01\x02"
    assert packets.pubacks([]) == b""


@pytest.mark.parametrize("n", [0, 127, 128, 16_383, 16_384, 268_435_455])
def test_lengths(n):
    raw = packets._varint(n)
    assert varint(raw + b"\x55", 0) == (n, len(raw))


def test_what_a_greeting_says():
    body = b"\x01\x00\x0b" + b"\x13\x00\x3c" + b"\x21\x00\x0a" + b"\x2a\x00" + b"\x12\x00\x00"
    welcome = packets.greeting(5, body[:2] + bytes((len(body) - 3,)) + body[3:])
    assert welcome == packets.Greeting(0, True, 60, 10, 0xFFFFFFFF)
    assert packets.greeting(4, b"\x00\x05").code == 5
    for bad in (b"", b"\x00\x00\x05\x99\x00", b"\x00\x00\x09\x12\x00"):
        with pytest.raises(FramingError):
            packets.greeting(5, bad)


@pytest.mark.parametrize("version", [4, 5])
def test_our_packets_byte_by_byte(version):
    sent = packets.publish(version, 3, "cb/v1/s/d/ack", b"abc")
    body = sent[2:]
    assert sent[:2] == bytes((0x32, len(body)))
    assert body[:2] == b"\x00\x0d"
    assert body[15:] == b"\x00\x03" + (b"\0" if version == 5 else b"") + b"abc"
    subscribed = packets.subscribe(version, 3, ["a/#"])
    assert subscribed[0] == 0x82
    assert subscribed.endswith(b"\x00\x03a/#\x01")
    assert packets.unsubscribe(version, 3, ["a/#"]).endswith(b"\x00\x03a/#")
