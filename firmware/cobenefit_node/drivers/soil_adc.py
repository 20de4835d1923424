"""Capacitive soil probe on an analogue input, calibrated at two points.

The probe gives a voltage that falls as the soil gets wetter. Calibration is data: two pairs of
what the input reads and the water content it was read at, for this probe in this soil. Between and
beyond them the line is straight; soil is not, so take the points near what will be measured.

    >>> moisture_permille(430, (520, 0), (260, 1000))
    346
"""

from cobenefit_node.drivers.channel import Channel
from cobenefit_node.reading import Value
from cobenefit_wire import quality
from cobenefit_wire.hints import Any

SAMPLES = 15
LOWEST, HIGHEST = 64, 65_471  # within 0.1 % of a rail: a wire is cut or shorted


def moisture_permille(raw: int, dry: Any, wet: Any) -> int:
    """Return the water content on the line through two points.

    Parameters
    ----------
    raw : int
        What the input reads. [1]
    dry, wet : pair of int
        What it reads [1] and the water content there [1/1000].

    Returns
    -------
    int
        Water content by volume, rounded half up; may be outside 0 to 1000. [1/1000]
    """
    rise, run = wet[1] - dry[1], wet[0] - dry[0]
    if run < 0:
        rise, run = -rise, -run
    return int(dry[1] + (2 * (raw - dry[0]) * rise + run) // (2 * run))


class SoilAdc:
    """The probe as a channel.

    Parameters
    ----------
    adc : object
        Has `read_u16()`.
    dry, wet : pair of int
        What the input reads, 0 to 65,535 [1], and the water content there, 0 to 1000 [1/1000].
    number : int
        Suffix of the channel when the device has several. [1]
    """

    event = False

    def __init__(self, adc: Any, dry: Any, wet: Any, number: int = 1) -> None:
        for point in (dry, wet):
            if len(point) != 2 or not 0 <= point[0] <= 65_535 or not 0 <= point[1] <= 1000:
                raise ValueError("point is %r: give [0 to 65535, 0 to 1000 permille]" % (point,))
        if dry[0] == wet[0]:
            raise ValueError("dry and wet read the same, %r: calibrate again" % (dry[0],))
        self.adc = adc
        self._dry = dry
        self._wet = wet
        self._channel = Channel("soil_moisture_ratio", number)
        self.channels = (self._channel.name,)

    async def read(self) -> list[Value]:
        """Return the median of some samples, RANGE when a wire is cut or the value impossible."""
        try:
            raw = sorted(self.adc.read_u16() for _ in range(SAMPLES))[SAMPLES // 2]
        except (OSError, ValueError):
            return [self._channel.bad(quality.TIMEOUT)]
        value = self._channel.good(moisture_permille(raw, self._dry, self._wet))
        if not LOWEST <= raw <= HIGHEST:
            value = Value(value.channel, value.value, value.exponent, quality.RANGE)
        return [value]
