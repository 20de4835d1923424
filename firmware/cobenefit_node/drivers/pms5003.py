"""Plantower PMS5003 (and 7003, A003): particulate matter, by light scattering.

Frames of 32 bytes come every 0.2 to 2.3 s at 9600 8N1: `42 4D`, length 28, thirteen 16-bit
numbers, high byte first, and the sum of all bytes before. The values "under atmospheric
environment" are read, in whole ug/m3.

Source: Plantower, "PMS5003 series data manual" V2.3, appendix I, 2016.
"""

from cobenefit_node.drivers.framed import Frames, Particles
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


class Pms5003(Particles):
    """The sensor in its active mode; arguments as for `Particles`."""

    def __init__(
        self, stream: Any, number: int = 1, timeout_ms: int = 5000, fresh: bool = True
    ) -> None:  # a frame comes at least every 2.3 s
        frames = Frames(HEADER, SIZE, whole)
        super().__init__(stream, frames, values, number=number, timeout_ms=timeout_ms, fresh=fresh)
