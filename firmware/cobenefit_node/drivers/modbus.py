"""Modbus RTU master: reads meters and probes on one RS-485 line.

Registers are data (`maps.py`). A reply is searched for in what arrives, so that the zero bytes a
line driver adds when it switches, or an adapter's echo of the request, do no harm; the CRC
decides. No reply is asked for once more; after a second silence the device is left alone until
the next `read()`.

Source: Modbus Organization, "MODBUS over serial line specification and implementation guide"
V1.02, sections 2.5.1 (framing, silent interval) and 6.2.2 (CRC), 2006.
"""

from cobenefit_node.drivers.channel import Channel
from cobenefit_node.drivers.crc import crc16
from cobenefit_node.drivers.line import pause, receive, within
from cobenefit_node.reading import Value
from cobenefit_wire import quality
from cobenefit_wire.hints import Any

MOST_BYTES = 512


def request(unit: int, function: int, first: int, count: int) -> bytes:
    """Return the frame that reads registers.

    Parameters
    ----------
    unit : int
        Address of the device, 1 to 247. [1]
    function : int
        3 (holding registers) or 4 (input registers). [1]
    first : int
        First register, 0 to 65535. [1]
    count : int
        Number of registers, 1 to 125. [1]

    Returns
    -------
    bytes
        Eight bytes.
    """
    body = bytes((unit, function, first >> 8, first & 255, count >> 8, count & 255))
    crc = crc16(body)
    return body + bytes((crc & 255, crc >> 8))


def gap_ms(baud: int) -> int:
    """Return the silence a line needs between frames.

    Parameters
    ----------
    baud : int
        Rate of the line, > 0. [1/s]

    Returns
    -------
    int
        "At least 3.5 character times" of 11 bits, and 1.75 ms from 19200 baud on (section
        2.5.1.1), rounded up. [ms]
    """
    return max(2, 38500 // baud + 1)


def scaled_float32(bits: int, power: int) -> int | None:
    """Return a float32 as an integer, without floating point.

    Parameters
    ----------
    bits : int
        The 32 bits of an IEEE 754 single precision number. [1]
    power : int
        Power of ten to multiply by, >= 0. [1]

    Returns
    -------
    int or None
        The number x 10^power, rounded half away from zero; None for NaN and infinity. [1]
    """
    exponent = bits >> 23 & 0xFF
    value = bits & 0x7FFFFF
    if exponent == 0xFF:
        return None
    if exponent:
        value |= 0x800000
    else:
        exponent = 1
    value *= int(10**power)
    shift = exponent - 150
    if shift >= 0:
        value <<= shift
    else:
        value = (value + (1 << (-shift - 1))) >> -shift
    return -value if bits >> 31 else value


def rounded(value: int, power: int) -> int:
    """Return an integer times a power of ten, rounded half away from zero.

    Parameters
    ----------
    value : int
        Any. [1]
    power : int
        Negative to divide. [1]

    Returns
    -------
    int
        value x 10^power. [1]
    """
    if power >= 0:
        return value * int(10**power)
    step = int(10**-power)
    size = (abs(value) + step // 2) // step
    return size if value >= 0 else -size


class Answer:
    """The reply to one request: bytes in, registers or a reason out.

    `quality` is TIMEOUT until something is decided, `data` the registers' bytes when GOOD.
    """

    def __init__(self, asked: bytes) -> None:
        self.quality = quality.TIMEOUT
        self.data = b""
        self._head = bytes((asked[0], asked[1], 2 * asked[5]))
        self._fault = bytes((asked[0], asked[1] | 0x80))
        self._buffer = b""

    def feed(self, data: bytes) -> bool:
        """Take bytes; return True when the reply is complete, good or not."""
        self._buffer = (self._buffer + data)[-MOST_BYTES:]
        size = self._head[2] + 5
        frame = self._find(self._head, size)
        if frame:
            self.quality = quality.GOOD
            self.data = frame[3:-2]
        elif self._find(self._fault, 5):
            self.quality = quality.PROTOCOL
        else:
            at = self._buffer.find(self._head)
            if at >= 0 and len(self._buffer) >= at + size:
                self.quality = quality.CHECKSUM
        return self.quality != quality.TIMEOUT

    def close(self) -> None:
        """Decide when the time is up: as many bytes as a reply has, yet none, is a damaged one."""
        if self.quality == quality.TIMEOUT and len(self._buffer) >= self._head[2] + 5:
            self.quality = quality.CHECKSUM

    def _find(self, head: bytes, size: int) -> bytes:
        at = self._buffer.find(head)
        while at >= 0 and at + size <= len(self._buffer):
            frame = self._buffer[at : at + size]
            if crc16(frame) == 0:  # a frame with its own CRC behind it leaves zero
                return frame
            at = self._buffer.find(head, at + 1)
        return b""


class _Device:
    """One address: its requests, and where each channel is in the replies."""

    def __init__(self, name: str, unit: int, number: int, wanted: list[str] | None) -> None:
        from cobenefit_node.drivers.maps import MAPS  # `main.py` forgets it

        if name not in MAPS:
            raise ValueError("map is %r: use one of %s" % (name, sorted(MAPS)))
        if not 1 <= unit <= 247:
            raise ValueError("unit is %d: an address is 1 to 247" % unit)
        function, _, blocks = MAPS[name]
        self.blocks = []
        for first, count, fields in blocks:
            kept = [
                (Channel(quantity, number), 2 * register, kind, power)
                for quantity, register, kind, power in fields
                if wanted is None or quantity in wanted
            ]
            if kept:
                self.blocks.append((request(unit, function, first, count), kept))
        if not self.blocks:
            raise ValueError("channels is %s: map %s has none of them" % (wanted, name))


def _value(channel: Channel, data: bytes, at: int, kind: str, power: int) -> Value:
    if kind == "float32":
        value = scaled_float32(int.from_bytes(data[at : at + 4], "big"), power)
        return channel.bad(quality.NOT_FINITE) if value is None else channel.good(value)
    value = data[at] << 8 | data[at + 1]
    if kind == "uint32_low":
        value |= data[at + 2] << 24 | data[at + 3] << 16
    elif kind == "int16" and value > 0x7FFF:
        value -= 0x10000
    return channel.good(rounded(value, power))


class Modbus:
    """The devices on one line.

    Parameters
    ----------
    stream : asyncio stream
        The line, both ways.
    devices : list of dict
        `map` (a key of `maps.MAPS`), `unit` (address), and optionally `number` (suffix of the
        channels from 2 on) and `channels` (the quantities wanted; all when left out).
    gap_ms : int
        Silence before each request, see `gap_ms`. [ms]
    timeout_ms : int
        Longest wait for a reply; a silent device takes twice this. [ms]
    """

    event = False

    def __init__(
        self,
        stream: Any,
        devices: list[dict[str, Any]],
        gap_ms: int = 5,
        timeout_ms: int = 500,
    ) -> None:
        self.stream = stream
        self._timeout_ms = timeout_ms
        self._gap_ms = gap_ms
        self._stale = True  # whatever is on the line before the first request
        self._devices = [
            _Device(d["map"], d.get("unit", 1), d.get("number", 1), d.get("channels"))
            for d in devices
        ]
        self.channels = tuple(
            channel.name
            for device in self._devices
            for _, fields in device.blocks
            for channel, _, _, _ in fields
        )
        if len(set(self.channels)) != len(self.channels):
            raise ValueError("two devices give the same channel: number the second one 2")

    async def read(self) -> list[Value]:
        """Return one value per channel of every device, flagged where there was no good reply."""
        values: list[Value] = []
        for device in self._devices:
            code = quality.GOOD
            for asked, fields in device.blocks:
                data = b""
                if code != quality.TIMEOUT:  # a silent device is not asked for its next block
                    code, data = await self._ask(asked)
                for channel, at, kind, power in fields:
                    if code == quality.GOOD:
                        values.append(_value(channel, data, at, kind, power))
                    else:
                        values.append(channel.bad(code))
        return values

    async def _ask(self, asked: bytes) -> tuple[int, bytes]:
        answer = await self._exchange(asked)
        if answer.quality == quality.TIMEOUT:
            answer = await self._exchange(asked)
        return answer.quality, answer.data

    async def _exchange(self, asked: bytes) -> Answer:
        answer = Answer(asked)
        await self._silence()
        try:
            self.stream.write(asked)
            await self.stream.drain()
        except OSError:
            return answer  # the line is gone: nobody answered
        await within(self._timeout_ms, self._listen(answer))
        answer.close()
        self._stale = answer.quality not in (quality.GOOD, quality.PROTOCOL)
        return answer

    async def _silence(self) -> None:
        """Keep the gap between frames; after trouble, let a late reply pass first."""
        if not self._stale:
            if self._gap_ms:
                await pause(self._gap_ms)
            return
        heard = 0
        while heard < MOST_BYTES:
            late = await within(20 + self._gap_ms, receive(self.stream, 64))
            if not late:
                break
            heard += len(late)

    async def _listen(self, answer: Answer) -> None:
        while not answer.feed(await receive(self.stream, 256)):
            pass
