"""The node's link through a bridge, over an air in memory that may lose frames."""

import asyncio
from collections import namedtuple

from cobenefit_node import bridged
from cobenefit_node.bridged import BridgedClient
from cobenefit_node.served import ServedNode
from cobenefit_node.ticks import sleep_ms

KEY = bytes(range(32))
NODE, OWN = b"\x02\0\0\0\0\1", b"\x02\0\0\0\0\xb0"
BRANCH = "cb/v1/rig/meter/"
WILL = (BRANCH + "state", b"gone")
Listed = namedtuple("Listed", ("device", "mac", "key", "encrypt"))
Known = namedtuple("Known", ("peer", "channel", "key", "encrypt"))


class Radio:
    """The node's radio; what it sends meets a bridge's own part at once, when there is one."""

    def __init__(self, node):
        self.node = node
        self.ready = True
        self.peers = []
        self.arrived = []
        self.lose = 0

    def add(self, mac, lmk):
        self.peers.append((mac, lmk))

    def send(self, mac, frame):
        assert mac == OWN and len(frame) <= 250
        if self.lose:
            self.lose -= 1
        elif self.node is not None:
            if frame[0] == 0x11:
                answer = self.node.greet(frame, bytes(16), self.ready)
            else:
                answer = self.node.take(frame)
            self.arrived += [(OWN, answer)] if answer else []

    def receive(self):
        if self.node is not None:
            self.arrived += [(OWN, frame) for frame in self.node.due()]
        return self.arrived.pop(0) if self.arrived else None


class Bench:
    """A client, its bridge's view of it, and what the broker would get."""

    def __init__(self, key=KEY):
        self.node = ServedNode(Listed("meter", NODE, key, True), "rig")
        self.radio = Radio(self.node)
        self.client = BridgedClient(Known(OWN, 6, KEY, True), BRANCH, WILL, self.radio)
        self.client.on_puback = self._note
        self.client.on_message = self._take
        self.tokens = []
        self.got = []
        self.published = []
        self.stores = True

    def _note(self, token):
        self.tokens.append(token)

    def _take(self, topic, payload):
        self.got.append((topic, payload))

    def broker(self):
        topic, payload, retain = self.node.next_publish()
        if topic:
            self.published.append((topic, payload, retain))
        if self.stores:
            self.node.stored(self.node.session)

    async def until(self, ready):
        """Work until a condition holds; return what ended the session, if something did."""
        listening = asyncio.create_task(_outcome(self.client.listen()))
        for _ in range(4000):
            self.broker()
            if ready() or listening.done():
                break
            await sleep_ms(5)
        if listening.done():
            return await listening
        listening.cancel()
        return None


async def _outcome(part):
    try:
        await part
    except OSError as err:
        return str(err)


def _run(scenario):
    async def within():
        await asyncio.wait_for(scenario(), 90)

    asyncio.run(within())


async def _raised(part):
    try:
        await part
    except (OSError, ValueError) as err:
        return str(err)
    raise AssertionError("nothing was raised")


def test_messages_go_up_and_down_and_the_broker_s_word_comes_back():
    async def scenario():
        bench = Bench()
        client = bench.client
        bench.radio.lose = 2
        assert await client.connect() is False
        assert bench.radio.peers[0][0] == OWN and len(bench.radio.peers[0][1]) == 16
        await client.subscribe(BRANCH + "ack")
        await client.publish(BRANCH + "up/energy", bytes(700), token=(1, 2))
        await client.publish(BRANCH + "state", b"here", retain=True)
        assert not client.room() and not client.idle()
        bench.radio.lose = 3
        assert await bench.until(client.idle) is None
        assert bench.tokens == [(1, 2), None]
        up = (BRANCH + "up/energy", bytes(700), False)
        assert bench.published == [up, (BRANCH + "state", b"here", True)]
        assert bench.node.next_subscription() == (BRANCH + "ack", True)
        bench.node.queue("ack", b"all below 3")
        await bench.until(lambda: bench.got)
        assert bench.got == [(BRANCH + "ack", b"all below 3")]
        assert client.tx_bytes > 800 and client.rx_bytes > 0

    _run(scenario)


def test_what_was_not_acknowledged_is_sent_again_in_the_next_session():
    async def scenario():
        bench = Bench()
        bench.stores = False
        await bench.client.connect()
        await bench.client.publish(BRANCH + "up/a", b"1", token=7)
        await bench.until(lambda: bench.published)
        await bench.client.subscribe(BRANCH + "ack")
        bench.client.close()
        assert not bench.client.idle() and bench.tokens == []
        bench.stores = True
        await bench.client.connect()
        await bench.until(bench.client.idle)
        assert bench.tokens == [7]
        assert bench.published == [(BRANCH + "up/a", b"1", False)] * 2

    _run(scenario)


def test_a_bridge_that_has_started_anew_is_noticed_at_once():
    async def scenario():
        bench = Bench()
        await bench.client.connect()
        await bench.until(bench.client.idle)
        bench.node = bench.radio.node = ServedNode(Listed("meter", NODE, KEY, True), "rig")
        await bench.client.publish(BRANCH + "up/a", b"1")
        ended = await bench.until(bench.client.idle)
        assert ended == "the bridge has started anew"
        assert bench.node.stale == 1

    _run(scenario)


def test_no_bridge_no_broker_or_another_key_end_the_attempt():
    async def scenario():
        bench = Bench()
        bench.radio.ready = False
        assert await _raised(bench.client.connect()) == "the bridge has no broker"
        other = Bench(key=bytes(32))
        bridged._HELLO_MS = 5
        assert "no answer from the bridge" in await _raised(other.client.connect())
        assert other.node.forged == bridged._HELLO_TRIES

    _run(scenario)


def test_what_can_t_be_sent_is_refused_where_it_is_asked():
    async def scenario():
        client = Bench().client
        assert await _raised(client.publish(BRANCH + "up/a", b"1")) == "not connected"
        assert await _raised(client.listen()) == "not connected"
        await client.connect()
        assert "not below" in await _raised(client.publish("cb/v1/rig/other/up/a", b"1"))
        assert "7264" in await _raised(client.publish(BRANCH + "up/a", bytes(7300)))
        await client.publish(BRANCH + "up/a", b"1")
        await client.publish(BRANCH + "up/a", b"2")
        assert "room" in await _raised(client.publish(BRANCH + "up/a", b"3"))
        for _ in range(bridged._QUEUE - 3):
            await client.subscribe(BRANCH + "ack")
        assert "takes nothing" in await _raised(client.subscribe(BRANCH + "ack"))

    _run(scenario)


def test_goodbye_forgets_the_will():
    async def scenario():
        bench = Bench()
        await bench.client.connect()
        await bench.until(bench.client.idle)
        leaving = asyncio.create_task(bench.client.disconnect())
        while not leaving.done():
            bench.broker()
            await sleep_ms(5)
        assert bench.node.silent(-1)
        assert bench.node.bury() == ("", b"")

    _run(scenario)
