r"""Sensors that send frames of one size: a fixed header, data, a checksum.

>>> frames = Frames(b"\xff", 4, lambda frame: sum(frame[:3]) & 0xFF == frame[3])
>>> frames.feed(b"noise\xff\x07\xa1\xa7")
[b'\xff\x07\xa1\xa7']
"""

from cobenefit_node.drivers.channel import Channel
from cobenefit_node.drivers.line import receive, within
from cobenefit_node.reading import Value
from cobenefit_wire import quality
from cobenefit_wire.hints import Any, const

_CHUNK_BYTES = const(256)


class Frames:
    """Bytes in, whole frames out.

    Parameters
    ----------
    header : bytes
        What every frame begins with.
    size : int
        Bytes of a frame. [B]
    whole : callable
        `whole(frame)` is True when the checksum holds.
    """

    def __init__(self, header: bytes, size: int, whole: Any) -> None:
        self.dropped = 0
        self._header = header
        self._size = size
        self._whole = whole
        self._buffer = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes; return the frames they complete; the rest is counted in `dropped`."""
        self._buffer += data
        frames: list[bytes] = []
        while True:
            at = self._buffer.find(self._header)
            if at < 0:
                self._skip(max(0, len(self._buffer) - len(self._header) + 1))
                return frames
            self._skip(at)
            if len(self._buffer) < self._size:
                return frames
            if self._whole(self._buffer[: self._size]):
                frames.append(self._buffer[: self._size])
                self._buffer = self._buffer[self._size :]
            else:
                self._skip(1)

    def clear(self) -> None:
        """Forget a frame that has begun."""
        self._skip(len(self._buffer))

    def _skip(self, count: int) -> None:
        self.dropped += count
        self._buffer = self._buffer[count:]


class Framed:
    """The newest frame of a sensor on a stream.

    Parameters
    ----------
    stream : asyncio stream
        The line.
    frames : Frames
        The parser.
    timeout_ms : int
        Longest `newest()`. [ms]
    fresh : bool
        Drop what the UART kept: those frames are old. False where time is stepped.
    request : bytes
        What makes the sensor send a frame; empty when it sends by itself.
    """

    def __init__(
        self, stream: Any, frames: Frames, timeout_ms: int, fresh: bool, request: bytes = b""
    ) -> None:
        self.stream = stream
        self.frames = frames
        self._timeout_ms = timeout_ms
        self._fresh = fresh
        self._request = request
        self._heard = False

    async def newest(self) -> tuple[bytes, int]:
        """Return the next frame and GOOD; or b'' with CHECKSUM (only noise) or TIMEOUT."""
        self._heard = False
        frame = await within(self._timeout_ms, self._next())
        if frame is not None:
            return frame, quality.GOOD
        return b"", quality.CHECKSUM if self._heard else quality.TIMEOUT

    async def _next(self) -> bytes:
        self.frames.clear()
        if self._fresh:
            while len(await within(20, receive(self.stream, 512)) or b"") == 512:
                pass
        if self._request:
            await self._ask()
        while True:
            data = await receive(self.stream, _CHUNK_BYTES)
            self._heard = self._heard or bool(data)
            frames = self.frames.feed(data)
            if frames:
                return frames[-1]

    async def _ask(self) -> None:
        try:
            self.stream.write(self._request)
            await self.stream.drain()
        except OSError:
            self._heard = False  # the line is gone: nobody will answer, and the time-out says so


class Particles:
    """A particle sensor on a stream: PM2.5 and PM10 of its newest frame.

    Parameters
    ----------
    stream : asyncio stream
        The line.
    frames : Frames
        The parser.
    values : callable
        `values(frame)` gives PM2.5 and PM10. [1e-10 kg/m3]
    number : int
        Suffix of the channels when the device has several. [1]
    timeout_ms : int
        Longest `read()`. [ms]
    fresh : bool
        Drop frames the UART kept since the last `read()`; False where time is stepped.
    """

    event = False

    def __init__(
        self,
        stream: Any,
        frames: Frames,
        values: Any,
        *,
        number: int,
        timeout_ms: int,
        fresh: bool,
    ) -> None:
        self._sources = (Channel("pm2_5_kg_m3", number), Channel("pm10_kg_m3", number))
        self.channels = tuple(channel.name for channel in self._sources)
        self.line = Framed(stream, frames, timeout_ms, fresh)
        self._values = values

    async def read(self) -> list[Value]:
        """Return both values, flagged when no whole frame came."""
        frame, code = await self.line.newest()
        if code:
            return [channel.bad(code) for channel in self._sources]
        return [channel.good(value) for channel, value in zip(self._sources, self._values(frame))]
