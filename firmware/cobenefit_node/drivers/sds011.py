"""Nova Fitness SDS011: particulate matter, by light scattering.

Frames of 10 bytes come every second at 9600 8N1: `AA C0`, PM2.5 and PM10 in 0.1 ug/m3 (16 bit,
low byte first), two bytes of device number, the low byte of the sum of these six, `AB`.

Source: Nova Fitness, "Laser dust sensor control protocol" V1.3, section 3.2, 2015.
"""

from cobenefit_node.drivers.framed import Frames, Particles
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


class Sds011(Particles):
    """The sensor, reporting by itself; arguments as for `Particles`."""

    def __init__(
        self, stream: Any, number: int = 1, timeout_ms: int = 3000, fresh: bool = True
    ) -> None:  # a frame comes every second
        frames = Frames(HEADER, SIZE, whole)
        super().__init__(stream, frames, values, number=number, timeout_ms=timeout_ms, fresh=fresh)
