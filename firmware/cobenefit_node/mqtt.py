"""An MQTT 3.1.1 client on asyncio: QoS 1 with a window, and nothing it can wait on for ever.

It knows no topic of ours and no flash: `publish` returns when the packet is written, `on_puback`
tells when the broker has it. What was not acknowledged is sent again with DUP after the next
`connect`. Time-outs and keepalive run on real ticks. Section numbers are those of OASIS, "MQTT
Version 3.1.1", 2014.

    client = Client(broker, "site/device", will=(topic, payload))
    await client.connect()
    reader = asyncio.create_task(client.listen())
    await client.publish("a/b", b"payload", token=7)
"""

import asyncio
import os
import struct

from cobenefit_node.ticks import sleep_ms, ticks_diff, ticks_ms
from cobenefit_wire.hints import Any, const

KEEPALIVE_S = 60
TIMEOUT_S = 15
#: What TLS 1.2 with AES-GCM adds to a record, and each packet is one or shares one: head 5, nonce
#: 8, tag 16 (RFC 5246 section 6.2.3.3, RFC 5288 section 3).
_RECORD = 29
#: A handshake without the certificates, from us and to us; docs/reference/node-config.md says how
#: far this is from what a relay counted. [bytes]
_HELLO_TX, _HELLO_MUTUAL, _HELLO_RX = 270, 120, 340
#: Packets larger than this are not read; ours are a few hundred bytes.
_LARGEST = const(8192)
#: What is set aside for a packet's body, so that a heap in pieces still takes an update's chunks.
_BODY = const(1152)


class MqttError(OSError):
    """The broker refused us, or said something that is not MQTT 3.1.1."""


class Client:
    """One connection after the other to one broker, with up to `window` publishes in flight."""

    def __init__(self, broker: Any, client_id: str, will: tuple[str, bytes], window: int = 8):
        self._broker = broker
        self._id = client_id
        self._will = will
        self._window = window
        self._stream: Any = None
        self._writer: Any = None
        self._lock = asyncio.Lock()
        self._pid = 0
        self._inflight: dict[int, tuple[Any, ...]] = {}
        self._ssl: Any = None
        if broker.tls is not None:
            try:  # now: later the heap may not have the room in one piece
                self._ssl = _context(broker.tls)
            except (OSError, ValueError):
                self._ssl = None  # tried again, and said, when connecting
        self._record = 0 if broker.tls is None else _RECORD
        self._last_rx: Any = 0
        self._last_tx: Any = 0
        self._buffer = bytearray(_BODY)
        self.tx_bytes = 0
        self.rx_bytes = 0
        self.on_message: Any = None
        self.on_puback: Any = None

    def room(self) -> bool:
        """Whether one more publish fits in the window."""
        return len(self._inflight) < self._window

    def idle(self) -> bool:
        """Whether the broker has acknowledged everything."""
        return not self._inflight

    async def connect(self) -> bool:
        """Open a connection and resend what is in flight; return whether a session was present."""
        self.close()
        tls = self._broker.tls
        if tls is not None and self._ssl is None:
            self._ssl = _context(tls)
        opening = (
            asyncio.open_connection(self._broker.host, self._broker.port)
            if tls is None
            else asyncio.open_connection(
                self._broker.host,
                self._broker.port,
                ssl=self._ssl,
                server_hostname=tls.server_hostname,
            )
        )
        self._stream, self._writer = await asyncio.wait_for(opening, TIMEOUT_S)
        if tls is not None:
            self._count_handshake(tls)
        await self._send(self._connect_packet())
        answer: Any = await asyncio.wait_for(self._packet(), TIMEOUT_S)
        kind, body = answer
        if kind != 0x20 or len(body) != 2:
            raise MqttError("CONNACK expected, got packet 0x%02x" % kind)
        if body[1]:
            raise MqttError("the broker refused the connection, code %d" % body[1])
        for pid in sorted(self._inflight):
            topic, payload, retain, _ = self._inflight[pid]
            await self._send(_publish_packet(topic, payload, pid, retain, dup=True))
        return bool(body[0] & 1)

    async def subscribe(self, topic: str) -> None:
        """Ask for a topic at QoS 1; the SUBACK is read by `listen`."""
        body = struct.pack(">H", self._next_pid()) + _text(topic) + b"\x01"
        await self._send(b"\x82" + _length(len(body)) + body)

    async def unsubscribe(self, topic: str) -> None:
        """Give a topic up; the UNSUBACK is read by `listen`."""
        body = struct.pack(">H", self._next_pid()) + _text(topic)
        await self._send(b"\xa2" + _length(len(body)) + body)

    async def publish(
        self, topic: str, payload: bytes, retain: bool = False, token: object = None
    ) -> None:
        """Send at QoS 1; there must be `room()`. `on_puback(token)` follows."""
        if not self.room():
            raise ValueError("the window is full: wait for room()")
        pid = self._next_pid()
        self._inflight[pid] = (topic, payload, retain, token)
        await self._send(_publish_packet(topic, payload, pid, retain, dup=False))

    async def listen(self) -> None:
        """Read packets until the connection ends, which raises OSError or EOFError."""
        while True:
            kind, body = await self._packet()
            if kind == 0x40 and len(body) == 2:
                entry = self._inflight.pop(struct.unpack(">H", body)[0], None)
                if entry is not None and self.on_puback is not None:
                    self.on_puback(entry[3])
            elif kind & 0xF0 == 0x30:
                await self._receive(kind, body)
            elif kind == 0x90 and body[-1] == 0x80:
                raise MqttError("the broker refused the subscription")

    async def keep_alive(self) -> None:
        """Ping when nothing was sent; raise MqttError when nothing comes back."""
        while True:
            await sleep_ms(1000)
            now = ticks_ms()
            if ticks_diff(now, self._last_rx) > 1500 * KEEPALIVE_S:
                raise MqttError("nothing from the broker for 1.5 keepalives")
            if max(ticks_diff(now, self._last_tx), ticks_diff(now, self._last_rx)) > (
                500 * KEEPALIVE_S
            ):
                await self._send(b"\xc0\x00")

    async def disconnect(self) -> None:
        """Say goodbye, so that the will is not published, and close."""
        if self._writer is not None:
            await self._send(b"\xe0\x00")
        self.close()

    def close(self) -> None:
        """Drop the connection, if any."""
        if self._writer is not None:
            self._writer.close()
        self._writer = self._stream = None

    def _count_handshake(self, tls: Any) -> None:
        """Count what nobody shows us; certificates are of the length of the files here [bytes].

        The broker's is taken for one as long as its authority's.
        """
        self.tx_bytes += _HELLO_TX + (os.stat(tls.cert)[6] + _HELLO_MUTUAL if tls.cert else 0)
        self.rx_bytes += _HELLO_RX + os.stat(tls.ca)[6]

    def _next_pid(self) -> int:
        while True:
            self._pid = self._pid % 0xFFFF + 1
            if self._pid not in self._inflight:
                return self._pid

    def _connect_packet(self) -> bytes:
        # Section 3.1: will at QoS 1, retained; the session is kept so that acks are queued.
        flags = 0x04 | 0x08 | 0x20
        tail = _text(self._id) + _text(self._will[0])
        tail += struct.pack(">H", len(self._will[1])) + self._will[1]
        if self._broker.user:
            flags |= 0xC0
            tail += _text(self._broker.user) + _text(self._broker.password)
        body = b"\x00\x04MQTT\x04" + struct.pack(">BH", flags, KEEPALIVE_S) + tail
        return b"\x10" + _length(len(body)) + body

    async def _receive(self, kind: int, body: Any) -> None:
        """Acknowledge a message and hand it on: its payload lasts until the next packet."""
        size = struct.unpack(">H", body[:2])[0]
        at = 2 + size
        topic = bytes(body[2:at]).decode()
        if kind & 0x06:
            pid = bytes(body[at : at + 2])
            at += 2
            await self._send(b"\x40\x02" + pid)
        if self.on_message is not None:
            self.on_message(topic, body[at:])

    async def _send(self, packet: bytes) -> None:
        async with self._lock:
            if self._writer is None:
                raise MqttError("not connected")
            self._writer.write(packet)
            if getattr(self._writer, "out_buf", True):  # MicroPython: what it could not send yet
                await asyncio.wait_for(self._writer.drain(), TIMEOUT_S)
        self._last_tx = ticks_ms()
        self.tx_bytes += len(packet) + self._record

    async def _body(self, stream: Any, length: int) -> Any:
        """Return the next bytes; those in our buffer last until the next packet."""
        if length > _BODY or not hasattr(stream, "readinto"):  # CPython's streams have none
            return await stream.readexactly(length)
        body = memoryview(self._buffer)[:length]
        at = 0
        while at < length:
            n = await stream.readinto(body[at:])
            if n == 0:
                raise EOFError
            at += n or 0
        return body

    async def _packet(self) -> tuple[int, Any]:
        stream = self._stream
        if stream is None:
            raise MqttError("not connected")
        kind, byte = await stream.readexactly(2)  # no packet is shorter
        length = byte & 0x7F
        shift = 7
        while byte >= 0x80:
            if shift > 21:
                raise MqttError("malformed length")
            byte = (await stream.readexactly(1))[0]
            length |= (byte & 0x7F) << shift
            shift += 7
        if length > _LARGEST:
            raise MqttError("a packet of %d bytes is too large" % length)
        body = await self._body(stream, length)
        self._last_rx = ticks_ms()
        self.rx_bytes += 1 + shift // 7 + length + self._record
        return kind, body


def _context(tls: Any) -> Any:
    """Return a TLS context that verifies the broker; CA, certificate and key are DER files."""
    import ssl

    context: Any = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=_bytes(tls.ca))
    if tls.cert:
        context.load_cert_chain(_bytes(tls.cert), _bytes(tls.key))
    return context


def _bytes(path: str) -> bytes:
    with open(path, "rb") as f:
        raw: bytes = f.read()
    return raw


def _text(text: str) -> bytes:
    raw = text.encode()
    return struct.pack(">H", len(raw)) + raw


def _length(n: int) -> bytes:
    """Return the remaining length field of section 2.2.3."""
    out = bytearray()
    while True:
        n, low = n >> 7, n & 0x7F
        out.append(low | (0x80 if n else 0))
        if not n:
            return bytes(out)


def _publish_packet(topic: str, payload: bytes, pid: int, retain: bool, dup: bool) -> bytes:
    body_length = 4 + len(topic.encode()) + len(payload)
    head = bytes((0x32 | (8 if dup else 0) | (1 if retain else 0),))
    return head + _length(body_length) + _text(topic) + struct.pack(">H", pid) + payload
