"""Ultrasonic distance to a water surface: A02YYUW, JSN-SR04T (mode 2) and AJ-SR04M.

A frame is `FF`, the distance in mm (16 bit, high byte first) and the low byte of a sum: of the
first three bytes, on an AJ-SR04M of the two in the middle. The A02YYUW sends by itself, the others
when asked with `55`. The water level is the height of the sensor less the distance.

Source: DFRobot, "A02YYUW waterproof ultrasonic sensor", UART output; ESPHome, components
`a02yyuw` and `jsn_sr04t`.
"""

from cobenefit_node.drivers.channel import Channel
from cobenefit_node.drivers.framed import Framed, Frames
from cobenefit_node.reading import Value
from cobenefit_wire import quality
from cobenefit_wire.hints import Any

HEADER = b"\xff"
SIZE = 4
#: request, whether the header is in the sum, nearest and farthest distance believed [mm]
MODELS = {
    "a02yyuw": (b"", True, 30, 4500),
    "jsn_sr04t": (b"\x55", True, 250, 6000),
    "aj_sr04m": (b"\x55", False, 250, 6000),
}


def whole(frame: bytes) -> bool:
    """Whether the sum of a frame holds."""
    return sum(frame[:3]) & 0xFF == frame[3]


def whole_without_header(frame: bytes) -> bool:
    """Whether the sum of an AJ-SR04M's frame holds."""
    return (frame[1] + frame[2]) & 0xFF == frame[3]


def distance_mm(frame: bytes) -> int:
    """Return the distance of a whole frame [mm]."""
    return frame[1] << 8 | frame[2]


class Ultrasonic:
    """The sensor on a stream.

    Parameters
    ----------
    stream : asyncio stream
        The line.
    height_mm : int
        Height of the sensor's face above level zero, 0 to 20,000. [mm]
    model : str
        A key of `MODELS`.
    number : int
        Suffix of the channel when the device has several. [1]
    timeout_ms : int
        Longest `read()`. [ms]
    fresh : bool
        Drop frames the UART kept since the last `read()`; False where time is stepped.
    """

    event = False

    def __init__(
        self,
        stream: Any,
        height_mm: int,
        *,
        model: str = "a02yyuw",
        number: int = 1,
        timeout_ms: int = 1000,
        fresh: bool = True,
    ) -> None:
        if model not in MODELS:
            raise ValueError("model is %r: use one of %s" % (model, sorted(MODELS)))
        if not isinstance(height_mm, int) or not 0 <= height_mm <= 20_000:
            raise ValueError("height_mm is %r: 0 to 20000 above level zero" % (height_mm,))
        request, with_header, self._nearest_mm, self._farthest_mm = MODELS[model]
        frames = Frames(HEADER, SIZE, whole if with_header else whole_without_header)
        self.line = Framed(stream, frames, timeout_ms, fresh, request)
        self._height_mm = height_mm
        self._channel = Channel("water_level_m", number)
        self.channels = (self._channel.name,)

    async def read(self) -> list[Value]:
        """Return the level; RANGE when the echo is nearer or farther than the sensor can see."""
        frame, code = await self.line.newest()
        if code:
            return [self._channel.bad(code)]
        away_mm = distance_mm(frame)
        value = self._channel.good(self._height_mm - away_mm)
        if not self._nearest_mm <= away_mm <= self._farthest_mm:
            value = Value(value.channel, value.value, value.exponent, quality.RANGE)
        return [value]
