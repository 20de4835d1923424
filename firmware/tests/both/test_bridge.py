"""Frames, exchange and the bridge's view of a node, with neither radio nor broker."""

from collections import namedtuple

from cobenefit_node import bridge_config, config
from cobenefit_node.exchange import Exchange
from cobenefit_node.served import ServedNode
from cobenefit_wire import frames, messages

SECRET = bytes(range(32))
KEY = frames.Key(SECRET)
Listed = namedtuple("Listed", ("device", "mac", "key", "encrypt"))


def test_a_tag_is_hmac_sha256():
    # RFC 4231, section 4.2, test case 1 has a key of 20 bytes; zeros to 32 change nothing.
    key = frames.Key(b"\x0b" * 20 + bytes(12))
    expected = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
    assert key.digest(b"Hi There") == bytes.fromhex(expected)
    assert key.sealed(b"Hi There") == b"Hi There" + bytes.fromhex(expected)[:16]


def test_any_flipped_bit_or_cut_is_noticed():
    sealed = KEY.sealed(b"\x13 a part of a message")
    assert KEY.opened(sealed) == b"\x13 a part of a message"
    for bit in range(8 * len(sealed)):
        flipped = bytearray(sealed)
        flipped[bit // 8] ^= 1 << bit % 8
        assert KEY.opened(bytes(flipped)) == b"", bit
    for size in range(len(sealed)):
        assert KEY.opened(sealed[:size]) == b"", size
    assert frames.Key(bytes(32)).opened(sealed) == b""


def test_a_message_is_cut_into_frames_that_fit_and_put_together():
    for size in (1, frames.PART_BYTES, frames.PART_BYTES + 1, 1000, frames.MESSAGE_BYTES):
        message = bytes([i * 7 % 251 for i in range(size)])
        count = frames.parts(size)
        assembly = frames.Assembly(count)
        for index in range(count - 1, -1, -1):
            assert not assembly.whole()
            data = frames.part(frames.UP, 9, index, message, index == 0)
            assert len(KEY.sealed(data)) <= frames.FRAME_BYTES
            number, i, n, ask, body = frames.read_part(data)
            assert (number, i, n, ask) == (9, index, count, index == 0)
            assembly.add(i, body)
        assert assembly.whole() == message
    for size in (0, frames.MESSAGE_BYTES + 1):
        try:
            frames.parts(size)
        except ValueError:
            continue
        raise AssertionError(size)


def test_bytes_that_are_no_frame_are_read_as_nothing():
    for data in (b"", b"\x13", b"\x13" + bytes(8), b"\x13" + bytes(5) + b"\x21\x21x"):
        assert frames.read_part(data)[2] == 0
    # A part in the middle must be full: the message would have a hole.
    assert frames.read_part(b"\x13\x00\x00\x00\x01\x00\x02short")[2] == 0
    assert frames.read_state(b"\x14\x00") == (0, 0, 0)
    assert frames.read_hello(frames.hello(bytes(15))) == b""
    assert frames.read_message(b"\x01\x09short") == (0, "", b"")
    assert frames.read_message(b"\x01\x01\xff") == (0, "", b"")
    nonce = bytes(16)
    assert frames.read_welcome(frames.welcome(True, nonce, nonce), b"\x01" * 16) == (False, b"")


class Noise:
    """A small generator that gives the same on every interpreter (Park and Miller, 1988)."""

    def __init__(self, seed):
        self._x = seed

    def below(self, n):
        self._x = self._x * 48_271 % 2_147_483_647
        return self._x % n


def _carry(a, b, noise, now_ms, lost_of_ten):
    """Carry what both sides send, lost, doubled and out of order."""
    for source, target in ((a, b), (b, a)):
        sent = source.due(now_ms)
        if noise.below(4) == 0:
            sent = sent[::-1]
        for frame in sent:
            if noise.below(10) >= lost_of_ten:
                for _ in range(1 + (noise.below(5) == 0)):
                    assert target.take(frame, now_ms)


def _exchange(messages_up, messages_down, seed, lost_of_ten=3, hold=0):
    """Return what arrived at both ends, each message held for some rounds."""
    key = KEY.session(bytes(16), bytes(16))
    noise = Noise(seed)
    sides = (Exchange(key, frames.UP, frames.DOWN, 0), Exchange(key, frames.DOWN, frames.UP, 0))
    waiting = [list(messages_up), list(messages_down)]
    arrived = [[], []]
    held = [0, 0]
    for now_ms in range(0, 600_000, 20):
        for i in (0, 1):
            if sides[i].room() and waiting[i]:
                sides[i].put(waiting[i].pop(0), now_ms)
            if sides[i].held:
                held[i] += 1
                if held[i] > hold:
                    arrived[1 - i].append(sides[i].held)
                    held[i] = 0
                    sides[i].finish()
        _carry(sides[0], sides[1], noise, now_ms, lost_of_ten)
        if not any(waiting) and sides[0].room() and sides[1].room():
            break
    assert not sides[0].given_up() and not sides[1].given_up()
    return arrived


def test_every_message_arrives_once_and_in_order():
    up = [bytes([n]) * (1 + 211 * n) for n in range(1, 30)]
    down = [bytes([n]) * n for n in range(1, 40)]
    for seed in range(1, 6):
        assert _exchange(up, down, seed) == [up, down]
    assert _exchange(up, down, 7, lost_of_ten=0, hold=40) == [up, down]


def test_a_sender_gives_up_in_a_bounded_time():
    alone = Exchange(KEY, frames.UP, frames.DOWN, 0)
    alone.put(b"x" * 3000, 0)
    sent = 0
    for now_ms in range(0, 60_000, 10):
        sent += len(alone.due(now_ms))
        if alone.given_up():
            assert now_ms < 15_000
            break
    assert alone.given_up()
    assert sent <= 24 * 4


def test_a_receiver_refuses_what_makes_no_sense():
    side = Exchange(KEY, frames.DOWN, frames.UP, 0)
    assert not side.take(b"", 0)
    assert not side.take(KEY.sealed(b"\x23reflected"), 0)
    assert not side.take(frames.Key(bytes(32)).sealed(b"\x13other key"), 0)
    assert side.take(KEY.sealed(frames.part(frames.UP, 1, 0, b"x" * 300, False)), 0)
    for odd in (
        frames.part(frames.UP, 1, 0, b"x" * 700, False),  # another count
        frames.part(frames.UP, 5, 0, b"x", False),  # not its turn
        b"\x13" + bytes(3),
    ):
        before = side.malformed
        assert side.take(KEY.sealed(odd), 0)
        assert side.malformed == before + 1
    assert not side.held


def _node():
    return ServedNode(Listed("meter", b"\x02\0\0\0\0\1", SECRET, True), "rig")


OPENED = [0]


def _opened(node):
    """Return the node's side of a session that the bridge has agreed to; nonces never repeat."""
    OPENED[0] += 1
    mine, theirs = bytes([OPENED[0]]) * 16, b"b" * 16
    answer = node.greet(KEY.sealed(frames.hello(mine)), theirs, True)
    assert frames.read_welcome(KEY.opened(answer), mine) == (True, theirs)
    return Exchange(KEY.session(mine, theirs), frames.UP, frames.DOWN, 0)


def _say(node, side, kind, leaf, payload=b""):
    """Send one message; return what the bridge would publish."""
    side.put(frames.message(kind, leaf, payload), 0)
    for frame in side.due(0):
        node.take(frame)
    return node.next_publish()


def _settle(node, side):
    """Carry answers and messages down; return the messages."""
    got = []
    for _ in range(4):
        for frame in node.due():
            assert side.take(frame, 0)
        if side.held:
            got.append(frames.read_message(side.held)[1:])
            side.finish()
        for frame in side.due(0):
            node.take(frame)
    return got


def test_a_publish_is_answered_when_the_broker_has_it():
    node = _node()
    side = _opened(node)
    said = _say(node, side, frames.PUBLISH, "up/energy", b"pack")
    assert said == ("cb/v1/rig/meter/up/energy", b"pack", False)
    assert _settle(node, side) == []
    assert not side.room() and node.waiting()
    assert node.next_publish() == ("", b"", False)  # once only
    node.stored(node.session)
    _settle(node, side)
    assert side.room() and not node.waiting()


def test_a_node_can_name_nothing_outside_its_branch():
    node = _node()
    for leaf in ("#", "up/+", "", "../other", "up/é"):
        side = _opened(node)
        assert _say(node, side, frames.PUBLISH, leaf, b"x") == ("", b"", False)
        side = _opened(node)
        _say(node, side, frames.SUBSCRIBE, leaf)
        assert node.next_subscription() == ("", False)
    assert node.malformed() == 10


def test_subscriptions_are_kept_and_bounded():
    node = _node()
    side = _opened(node)
    for n in range(12):
        _say(node, side, frames.SUBSCRIBE, "ota/%d" % n)
        _settle(node, side)
    _say(node, side, frames.UNSUBSCRIBE, "ota/0")
    changes = []
    while True:
        topic, wanted = node.next_subscription()
        if not topic:
            break
        changes.append((topic[len(node.branch) :], wanted))
    assert changes == [("ota/%d" % n, True) for n in range(8)] + [("ota/0", False)]
    node.subscribe_again()
    assert node.next_subscription() == ("cb/v1/rig/meter/ota/1", True)
    assert node.malformed() == 4


def test_messages_down_wait_for_the_node_and_the_oldest_makes_room():
    node = _node()
    for n in range(11):
        node.queue("ack", b"%d" % n)
    assert node.full == 3
    side = _opened(node)
    _say(node, side, frames.PING, "")
    assert _settle(node, side)[0] == ("ack", b"3")
    node.queue("cmd", bytes(frames.MESSAGE_BYTES))
    assert node.malformed() == 1


def test_a_message_not_brought_down_is_sent_again_in_the_next_session():
    node = _node()
    _say(node, _opened(node), frames.PING, "")
    node.queue("ack", b"floor")
    assert node.due()  # sent, and lost
    side = _opened(node)
    _say(node, side, frames.PING, "")
    assert _settle(node, side) == [("ack", b"floor")]


def test_forged_and_repeated_frames_are_counted_and_end_nothing():
    node = _node()
    side = _opened(node)
    recorded = [KEY.sealed(frames.hello(b"n" * 16))]
    side.put(frames.message(frames.PUBLISH, "up/a", b"1"), 0)
    recorded += side.due(0)
    for frame in recorded[1:]:
        node.take(frame)
    assert node.next_publish()[0]
    forged = frames.Key(bytes(32)).sealed(frames.hello(b"n" * 16))
    assert node.greet(forged, b"c" * 16, True) == b""
    assert node.forged == 1
    # The wish repeated gets an answer with another nonce, and no session is replaced.
    session = node.session
    assert node.greet(recorded[0], b"c" * 16, True)
    for frame in recorded[1:]:
        assert node.take(frame) == b""
    assert node.session is session
    assert node.next_publish() == ("", b"", False)
    node.take(b"\x13" + bytes(40))
    assert node.forged == 2


def test_a_node_whose_session_the_bridge_forgot_is_told_of_that_very_frame():
    node = _node()
    side = Exchange(KEY.session(b"n" * 16, b"b" * 16), frames.UP, frames.DOWN, 0)
    side.put(b"x", 0)
    frame = side.due(0)[0]
    answer = KEY.opened(node.take(frame))
    assert frames.says_gone(answer, frame)
    assert not frames.says_gone(answer, frame[:-1] + b"?")
    assert node.stale == 1


def test_a_bridge_without_a_broker_opens_no_session():
    node = _node()
    answer = node.greet(KEY.sealed(frames.hello(b"n" * 16)), b"b" * 16, False)
    assert frames.read_welcome(KEY.opened(answer), b"n" * 16) == (False, b"b" * 16)
    side = Exchange(KEY.session(b"n" * 16, b"b" * 16), frames.UP, frames.DOWN, 0)
    assert _say(node, side, frames.PUBLISH, "up/a", b"1") == ("", b"", False)


def test_the_will_of_a_silent_node_is_published_once_unless_it_said_goodbye():
    node = _node()
    assert not node.silent(90_000)
    assert node.silent(-1)
    topic, payload = node.bury()
    assert topic == "cb/v1/rig/meter/state"
    assert messages.decode_state(payload).online is False
    assert not node.silent(-1)
    side = _opened(node)
    _say(node, side, frames.WILL, "state", b"my own")
    assert node.silent(-1)
    assert node.bury() == ("cb/v1/rig/meter/state", b"my own")
    side = _opened(node)
    _say(node, side, frames.BYE, "")
    assert node.bury() == ("", b"")


BRIDGE = {
    "site": "rig",
    "device": "bridge",
    "broker": {"host": "127.0.0.1"},
    "channel": 6,
    "nodes": [{"device": "meter", "mac": "02:00:00:00:00:01", "key": "5c" * 32}],
}


def _refused(raw):
    try:
        bridge_config.parse(raw)
    except config.ConfigError as err:
        assert "5c5c" not in str(err)
        return err.key
    raise AssertionError("accepted: " + repr(raw))


def _nodes(count, encrypt):
    return [
        {"device": "n%d" % n, "mac": "0200000000%02x" % n, "key": "5c" * 32, "encrypt": encrypt}
        for n in range(count)
    ]


def test_a_bridge_s_configuration_is_checked_whole():
    parsed = bridge_config.parse(BRIDGE)
    assert parsed.nodes[0].mac == b"\x02\0\0\0\0\1"
    assert parsed.nodes[0].encrypt is True
    assert len(bridge_config.parse(dict(BRIDGE, nodes=_nodes(20, False))).nodes) == 20
    wrong = (
        (dict(BRIDGE, nodes=[]), "nodes"),
        (dict(BRIDGE, nodes=_nodes(21, False)), "nodes"),
        (dict(BRIDGE, nodes=_nodes(7, True)), "nodes"),
        (dict(BRIDGE, nodes=_nodes(1, True) * 2), "nodes"),
        (dict(BRIDGE, nodes=[dict(BRIDGE["nodes"][0], mac="02")]), "nodes.0.mac"),
        (dict(BRIDGE, nodes=[dict(BRIDGE["nodes"][0], key="5c5c")]), "nodes.0.key"),
        (dict(BRIDGE, nodes=[dict(BRIDGE["nodes"][0], encrypt=1)]), "nodes.0.encrypt"),
        (dict(BRIDGE, wifi={"ssid": "barn"}), "channel"),
        (dict(BRIDGE, channel=14), "channel"),
        (dict(BRIDGE, sensors=[]), "sensors"),
    )
    for raw, key in wrong:
        assert _refused(raw) == key, key
