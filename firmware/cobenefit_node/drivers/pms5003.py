"""Plantower PMS5003 (and 7003, A003): particulate matter, by light scattering.

Frames of 32 bytes come every 0.2 to 2.3 s at 9600 8N1: `42 4D`, length 28, thirteen 16-bit
numbers, high byte first, and the sum of all bytes before. The values "under atmospheric
environment" are read, in whole ug/m3.

Source: Plantower, "PMS5003 series data manual" V2.3, appendix I, 2016.
"""

from cobenefit_node.drivers.channel import Channel
from cobenefit_node.drivers.framed import Framed, Frames
from cobenefit_node.reading import Value
from cobenefit_wire.hints import Any

HEADER = b"\x42\x4d\x00\x1c"
SIZE = 32
_PM2_5, _PM10 = 12, 14


def whole(frame: bytes) -> bool:
    """Whether the sum of a frame holds."""
    return sum(frame[:30]) == frame[30] << 8 | frame[31]


def values(frame: bytes) -> tuple[int, int]:
    """Return PM2.5 and PM10 of a whole frame, each in 1e-10 kg/m3 (0.1 ug/m3)."""
    return (
        10 * (frame[_PM2_5] << 8 | frame[_PM2_5 + 1]),
        10 * (frame[_PM10] << 8 | frame[_PM10 + 1]),
    )


class Pms5003:
    """The sensor on a stream, in its active mode.

    Parameters
    ----------
    stream : asyncio stream
        The line.
    number : int
        Suffix of the channels when the device has several. [1]
    timeout_ms : int
        Longest `read()`; a frame comes at least every 2.3 s. [ms]
    fresh : bool
        Drop frames the UART kept since the last `read()`; False where time is stepped.
    """

    event = False

    def __init__(
        self, stream: Any, number: int = 1, timeout_ms: int = 5000, fresh: bool = True
    ) -> None:
        self._sources = (Channel("pm2_5_kg_m3", number), Channel("pm10_kg_m3", number))
        self.channels = tuple(channel.name for channel in self._sources)
        self.line = Framed(stream, Frames(HEADER, SIZE, whole), timeout_ms, fresh)

    async def read(self) -> list[Value]:
        """Return both values, flagged when no whole frame came."""
        frame, code = await self.line.newest()
        if code:
            return [channel.bad(code) for channel in self._sources]
        return [channel.good(value) for channel, value in zip(self._sources, values(frame))]
