"""The uplink against a broker on a real socket that misbehaves as it is told.

What a good broker does is tested with real ones in `hil-tests/suite`.
"""

import asyncio
import os
import struct

from cobenefit_node import config, mqtt, ring
from cobenefit_node.health import Ledger
from cobenefit_node.ring import Ring
from cobenefit_node.ticks import sleep_ms, ticks_diff, ticks_ms
from cobenefit_node.uplink import Uplink
from cobenefit_wire import messages, pack, topics

DIRECTORY = (os.getenv("TMPDIR") or "/tmp") + "/cb-uplink-test"
STATE = messages.State(True, 1, "0.1.0", "unix", "1", 0)
PORTS = iter(range(28_731, 29_731))


class Broker:
    """Reads what comes; `puback`, `ack` and `drop_after` say what it does about it."""

    def __init__(self):
        self.puback = self.ack = True
        self.drop_after = 0
        self.refuse = 0
        self.connects = []
        self.published = []
        self.subscribed = []
        self.got = {}
        self.goodbyes = 0
        self.bad_acks = []
        self.withheld = set()
        self.retained = b""  # comes for every subscription but that of acks

    async def start(self):
        for port in PORTS:
            try:
                self.server = await asyncio.start_server(self._serve, "127.0.0.1", port)
            except OSError:
                continue
            self.port = port
            return

    async def _serve(self, reader, writer):
        try:
            await self._talk(reader, writer)
        except (OSError, EOFError):
            pass
        finally:
            writer.close()
            await writer.wait_closed()

    async def _talk(self, reader, writer):
        while True:
            kind = (await reader.readexactly(1))[0]
            length = shift = 0
            while True:
                byte = (await reader.readexactly(1))[0]
                length |= (byte & 0x7F) << shift
                shift += 7
                if byte < 0x80:
                    break
            body = await reader.readexactly(length) if length else b""
            if kind == 0x10:
                self.connects.append(body)
                writer.write(bytes((0x20, 2, 1 if len(self.connects) > 1 else 0, self.refuse)))
            elif kind == 0x82:
                size = struct.unpack(">H", body[2:4])[0]
                self.subscribed.append(body[4 : 4 + size].decode())
                writer.write(b"\x90\x03" + body[:2] + b"\x01")
                if self.retained and not self.subscribed[-1].endswith("/ack"):
                    self._send(writer, self.retained, body[4 : 4 + size])
            elif kind == 0xE0:
                self.goodbyes += 1
                return
            elif kind & 0xF0 == 0x30 and not self._publish(kind, body, writer):
                return
            await writer.drain()

    def _publish(self, kind, body, writer):
        size = struct.unpack(">H", body[:2])[0]
        topic, pid = body[2 : 2 + size].decode(), body[2 + size : 4 + size]
        payload = body[4 + size :]
        self.published.append((kind, topic, payload))
        if self.drop_after and len(self.published) >= self.drop_after:
            self.drop_after = 0
            return False
        if self.puback:
            writer.write(b"\x40\x02" + pid)
        for raw in self.bad_acks:
            self._send(writer, raw)
        if "/up/" in topic:
            read = pack.decode(payload)
            if read.seq in self.withheld:
                return True
            self.got[(read.boot, read.seq)] = kind
            if self.ack:
                self._send(writer, messages.encode(self._ack(read.boot)))
        return True

    def _ack(self, boot):
        floor = 0
        while (boot, floor) in self.got:
            floor += 1
        ranges = []
        for seq in sorted(s for b, s in self.got if b == boot and s > floor):
            if ranges and ranges[-1] == seq - 1:
                ranges[-1] = seq
            else:
                ranges += [seq, seq]
        return messages.Ack(boot, floor, ranges, 1_750_000_000_000)

    def _send(self, writer, payload, topic=b"cb/v1/s/d/ack"):
        body = struct.pack(">H", len(topic)) + topic + b"\x00\x07" + payload
        writer.write(b"\x32" + mqtt._length(len(body)) + body)


class Clock:
    """A clock that stands still; the uplink itself runs on real ticks."""

    was_set = 0

    def now_ms(self):
        return 1_750_000_000_000

    uptime_ms = now_ms

    def time_known(self):
        return True

    def ask_network(self):
        """The time is known."""

    def set(self, t_ms):
        self.was_set = t_ms


class Bench:
    """A ring, an uplink and the broker."""

    def __init__(self, broker):
        try:
            for name in os.listdir(DIRECTORY):
                os.remove(DIRECTORY + "/" + name)
        except OSError:
            pass
        raw = {"site": "s", "device": "d", "broker": {"host": "127.0.0.1", "port": broker.port},
               "sensors": [{"driver": "tic", "uart": 1, "period_ms": 1000}]}  # fmt: skip
        self.ring = Ring(DIRECTORY, 8, 4096)
        self.ledger = Ledger({}, 1)
        self.log = []
        self.clock = Clock()
        self.uplink = Uplink(
            config.parse(raw),
            self.ring,
            self.clock,
            ledger=self.ledger,
            state=STATE,
            log=self.log.append,
        )

    def append(self, n=1, offer=True):
        for _ in range(n):
            read = pack.Pack(self.ring.boot, self.ring.seq, 0, 0, "Wh", 0, 1, (), (1, 2), b"")
            position = self.ring.append("energy_import_wh", 2, pack.encode(read))
            if offer:
                self.uplink.offer(position)


def _play(scenario):
    """Run a scenario with a broker and a bench; it ends within 100 s or fails."""

    async def run():
        broker = Broker()
        await broker.start()
        bench = Bench(broker)
        link = asyncio.create_task(bench.uplink.run())
        try:
            await asyncio.wait_for(scenario(broker, bench), 100)
        finally:
            link.cancel()
            bench.uplink._client.close()
            bench.ring.close()
            broker.server.close()
            await sleep_ms(20)

    asyncio.run(run())


async def _until(ready):
    while not ready():
        await sleep_ms(5)


def _leaves(broker):
    return [topics.parse(topic).leaf for _, topic, _ in broker.published]


def _sequences(broker):
    return [pack.decode(raw).seq for _, topic, raw in broker.published if "/up/" in topic]


def test_birth_packs_health_and_goodbye():
    async def scenario(broker, bench):
        bench.append(30)
        assert await bench.uplink.finish(60_000)
        assert bench.ring.waiting() == 0
        assert sorted(broker.got) == [(1, s) for s in range(30)]
        leaves = _leaves(broker)
        assert leaves[0] == "state"
        assert leaves[-2:] == ["health", "state"]
        assert messages.decode_state(broker.published[0][2]) == STATE
        assert broker.published[0][0] & 1  # retained
        assert messages.decode_health(broker.published[-2][2]).waiting == 0
        assert not messages.decode_state(broker.published[-1][2]).online
        assert broker.goodbyes == 1
        assert broker.subscribed == ["cb/v1/s/d/ack"]
        assert bench.clock.was_set == 1_750_000_000_000

    _play(scenario)


def test_a_node_with_nothing_to_send_is_heard_and_hears_before_it_ends():
    class Part:
        """Asks for a topic; answers what comes there a moment later."""

        def __init__(self):
            self.reports = []
            self.tasks = []

        async def opened(self, client):
            await client.subscribe("cb/v1/s/d/cmd")

        def received(self, topic, payload):
            self.tasks.append(asyncio.create_task(self.answer()))

        async def answer(self):
            await sleep_ms(200)
            self.reports.append(messages.Result("selftest", 1, "passed", ""))

        def closed(self):
            """Nothing is under way."""

    async def scenario(broker, bench):
        part = Part()
        bench.uplink.parts = (part,)
        broker.retained = b"command"
        busy = lambda _: part.tasks and not part.tasks[0].done()  # noqa: E731
        assert await bench.uplink.finish(60_000, busy)
        assert _leaves(broker) == ["state", "cmd/result", "health", "state"]
        assert broker.subscribed == ["cb/v1/s/d/ack", "cb/v1/s/d/cmd"]
        assert broker.goodbyes == 1

    _play(scenario)


def test_a_broker_that_is_not_there_is_not_taken_for_silence():
    async def scenario(broker, bench):
        broker.refuse = 3
        assert not await bench.uplink.finish(200)
        assert not broker.published

    _play(scenario)


def test_the_connect_packet_has_a_retained_will_and_keeps_the_session():
    async def scenario(broker, bench):
        await _until(lambda: broker.connects)
        body = broker.connects[0]
        assert body[:7] == b"\x00\x04MQTT\x04"
        assert body[7] == 0x04 | 0x08 | 0x20
        will = messages.encode(messages.State(False, *STATE[1:]))
        assert body.endswith(b"\x00\x0fcb/v1/s/d/state" + struct.pack(">H", len(will)) + will)

    _play(scenario)


def test_a_puback_alone_commits_nothing_and_the_pack_is_published_again():
    async def scenario(broker, bench):
        broker.ack = False
        bench.uplink.resend_ms = 600
        bench.append(3)
        await _until(lambda: len(broker.got) == 3)
        assert bench.ring.waiting() == 3
        before = len(broker.published)
        await _until(lambda: len(broker.published) >= before + 3)
        assert bench.ring.waiting() == 3
        broker.ack = True
        await _until(lambda: bench.ring.waiting() == 0)

    _play(scenario)


def test_a_cut_connection_resends_what_was_in_flight_with_dup():
    async def scenario(broker, bench):
        broker.puback = broker.ack = False
        bench.append(5)
        await _until(lambda: len(broker.got) == 5)
        broker.puback = broker.ack = True
        broker.drop_after = len(broker.published) + 1
        bench.append()
        await _until(lambda: bench.ring.waiting() == 0)
        assert len(broker.connects) == 2
        assert all(broker.got[(1, s)] & 8 for s in range(6)), broker.got
        assert bench.ledger.reconnects == 1

    _play(scenario)


def test_a_window_full_of_silence_is_given_up_not_waited_for():
    async def scenario(broker, bench):
        broker.puback = broker.ack = False
        bench.append(40)
        await _until(lambda: len(broker.got) >= 7)
        await sleep_ms(300)
        assert len(broker.got) == 7  # the window is 8, and one place holds the birth
        started = ticks_ms()
        assert not await bench.uplink.finish(200)
        assert ticks_diff(ticks_ms(), started) < 15_000
        assert bench.ring.waiting() == 40

    _play(scenario)


def test_fresh_packs_overtake_a_backlog():
    async def scenario(broker, bench):
        broker.ack = False
        bench.append(80, offer=False)
        await _until(lambda: len(broker.got) >= 48)
        broker.ack = True
        bench.append()  # sequence 80, behind 32 that were not sent
        bench.uplink.resend_ms = 1000
        await _until(lambda: (1, 80) in broker.got)
        assert (1, 79) not in broker.got
        await _until(lambda: bench.ring.waiting() == 0)

    _play(scenario)


def test_acks_that_are_none_are_counted_and_the_link_stays():
    async def scenario(broker, bench):
        broker.bad_acks = [b"", b"\xff", messages.encode(STATE), b"\xa1\x01\x01"]
        bench.append(2)
        assert await bench.uplink.finish(60_000)
        assert len(broker.connects) == 1
        assert bench.ledger.errors >= 4

    _play(scenario)


def test_a_refusal_is_logged_and_tried_again():
    async def scenario(broker, bench):
        broker.refuse = 5
        await _until(lambda: len(broker.connects) == 2)
        assert "code 5" in bench.log[0]
        broker.refuse = 0
        bench.append()
        await _until(lambda: bench.ring.waiting() == 0)

    _play(scenario)


def test_a_link_that_breaks_after_each_ack_is_opened_again_soon():
    async def scenario(broker, bench):
        for _ in range(9):  # pauses that doubled would add up to two minutes
            broker.drop_after = len(broker.published) + 3
            bench.append()
            await _until(lambda: bench.ring.waiting() == 0)
            bench.append()
            await _until(lambda: broker.drop_after == 0)
        await _until(lambda: bench.ring.waiting() == 0)
        assert len(broker.connects) == 10

    _play(scenario)


def test_acks_with_more_ranges_than_the_ring_keeps_end_in_peace():
    async def scenario(broker, bench):
        # The gateway has every other pack: 20 ranges, of which the ring keeps the lowest 4.
        broker.withheld = set(range(0, 40, 2))
        bench.append(40, offer=False)
        bench.uplink.resend_ms = 1500
        await _until(lambda: len(broker.got) == 20)
        assert bench.ring.waiting() == 36
        # What was acked is not sent again, whatever the ring forgot: that once went on for ever.
        await _until(lambda: len(_sequences(broker)) >= 40 + 20)
        times = [_sequences(broker).count(seq) for seq in range(40)]
        assert times[1::2] == [1] * 20, times
        broker.withheld = set()
        await _until(lambda: bench.ring.waiting() == 0)
        assert bench.ring.lost() == []
        assert sorted(broker.got) == [(1, s) for s in range(40)]

    kept, ring._RANGES = ring._RANGES, 8
    try:
        _play(scenario)
    finally:
        ring._RANGES = kept


def test_what_the_ring_forgot_is_sent_again_once_nothing_else_waits():
    async def scenario(broker, bench):
        broker.ack = False
        bench.append(4, offer=False)
        await _until(lambda: len(broker.got) == 4)
        bench.uplink._on_message("x/ack", messages.encode(messages.Ack(1, 0, [1, 1, 3, 3], 0)))
        assert bench.ring.waiting() == 3  # 3 is acked, and forgotten
        bench.uplink._sent.clear()
        broker.ack = True
        await _until(lambda: bench.ring.waiting() == 0)
        assert bench.ring.lost() == []

    kept, ring._RANGES = ring._RANGES, 2
    try:
        _play(scenario)
    finally:
        ring._RANGES = kept


def test_packs_dropped_by_a_full_ring_are_not_waited_for():
    async def scenario(broker, bench):
        broker.ack = False
        bench.append(20)
        await _until(lambda: len(broker.got) == 20)
        while not bench.ring.lost():
            bench.append()
        broker.ack = True
        bench.uplink.resend_ms = 600
        await _until(lambda: bench.ring.waiting() == 0)
        below = bench.ring.lost()[0][1]
        # The loss is said at once, not at the next health of the minute.
        await _until(lambda: "health" in _leaves(broker))
        assert all((1, s) in broker.got for s in range(below, bench.ring.seq))

    _play(scenario)


def test_the_length_field_follows_the_standard():
    # Table 2.4 of section 2.2.3.
    for n, raw in ((0, "00"), (127, "7f"), (128, "8001"), (16_383, "ff7f"), (16_384, "808001")):
        assert mqtt._length(n) == bytes.fromhex(raw)
