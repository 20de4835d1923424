"""Nova Fitness SDS011: particulate matter, by light scattering.

Frames of 10 bytes come every second at 9600 8N1: `AA C0`, PM2.5 and PM10 in 0.1 ug/m3 (16 bit,
low byte first), two bytes of device number, the low byte of the sum of these six, `AB`.

Source: Nova Fitness, "Laser dust sensor control protocol" V1.3, section 3.2, 2015.
"""

from cobenefit_node.drivers.channel import Channel
from cobenefit_node.drivers.framed import Framed, Frames
from cobenefit_node.reading import Value
from cobenefit_wire.hints import Any

HEADER = b"\xaa\xc0"
SIZE = 10
TAIL = 0xAB


def whole(frame: bytes) -> bool:
    """Whether sum and tail of a frame hold."""
    return sum(frame[2:8]) & 0xFF == frame[8] and frame[9] == TAIL


def values(frame: bytes) -> tuple[int, int]:
    """Return PM2.5 and PM10 of a whole frame, each in 1e-10 kg/m3 (0.1 ug/m3)."""
    return frame[2] | frame[3] << 8, frame[4] | frame[5] << 8


class Sds011:
    """The sensor on a stream, reporting by itself.

    Parameters
    ----------
    stream : asyncio stream
        The line.
    number : int
        Suffix of the channels when the device has several. [1]
    timeout_ms : int
        Longest `read()`; a frame comes every second. [ms]
    fresh : bool
        Drop frames the UART kept since the last `read()`; False where time is stepped.
    """

    event = False

    def __init__(
        self, stream: Any, number: int = 1, timeout_ms: int = 3000, fresh: bool = True
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
