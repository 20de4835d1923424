"""Benewake TF-Luna: vehicles that cross a laser beam, counted; neither speed nor class.

Frames of 9 bytes come 100 times a second at 115200 8N1: `59 59`, distance in cm, amplitude,
temperature (each 16 bit, low byte first) and the low byte of the sum. An amplitude below 100 or of
65535 makes a distance worthless. A vehicle is in the beam when the distance is shorter than that
of the empty road by more than `drop_cm`, in at least `least_frames` frames; it has passed when the
road was empty for `gap_frames`. Vehicles side by side are one.

Source: Benewake, "TF-Luna product manual" A05, sections 5.4 and appendix I.
"""

from cobenefit_node.drivers.channel import Channel
from cobenefit_node.drivers.framed import Frames
from cobenefit_node.drivers.line import receive, within
from cobenefit_node.reading import Value
from cobenefit_wire import quality
from cobenefit_wire.hints import Any

HEADER = b"\x59\x59"
SIZE = 9
WEAK, DAZZLED = 100, 65_535
REPORT_FRAMES = 6000  # a minute: the count again, so that no vehicle is not no sensor


def whole(frame: bytes) -> bool:
    """Whether the sum of a frame holds."""
    return sum(frame[:8]) & 0xFF == frame[8]


def distance_cm(frame: bytes) -> int:
    """Return the distance of a whole frame [cm], -1 when it is worthless."""
    amplitude = frame[4] | frame[5] << 8
    if amplitude < WEAK or amplitude == DAZZLED:
        return -1
    return frame[2] | frame[3] << 8


class Passages:
    """Distances in, passages out; each vehicle once.

    Parameters
    ----------
    road_cm : int
        Distance to the empty road, 20 to 800. [cm]
    drop_cm : int
        How much nearer a vehicle is at least, > 0 and below `road_cm`. [cm]
    least_frames : int
        Frames a vehicle is seen in at least; 5 are a car of 4 m at 250 km/h. [1]
    gap_frames : int
        Frames of empty road between two vehicles. [1]
    """

    def __init__(
        self, road_cm: int, drop_cm: int = 50, least_frames: int = 5, gap_frames: int = 10
    ) -> None:
        if not 20 <= road_cm <= 800:
            raise ValueError("road_cm is %r: a TF-Luna sees 20 to 800" % road_cm)
        if not 0 < drop_cm < road_cm:
            raise ValueError("drop_cm is %r: 1 to below road_cm" % drop_cm)
        if least_frames < 1 or gap_frames < 1:
            raise ValueError("least_frames and gap_frames are at least 1")
        self.count = 0
        self.ignored = 0
        self._near_cm = road_cm - drop_cm
        self._least = least_frames
        self._gap = gap_frames
        self._seen = 0
        self._empty = 0

    def frame(self, away_cm: int) -> None:
        """Take the next distance [cm]; -1, which is no distance, changes nothing."""
        if away_cm < 0:
            return
        if away_cm < self._near_cm:
            self._seen += 1
            self._empty = 0
            return
        self._empty += 1
        if self._seen and self._empty >= self._gap:
            if self._seen >= self._least:
                self.count += 1
            else:
                self.ignored += 1  # rain, a leaf, a bird
            self._seen = 0


class TfLuna:
    """The sensor on a stream.

    Parameters
    ----------
    stream : asyncio stream
        The line.
    passages : Passages
        What a vehicle is.
    number : int
        Suffix of the channel when the device has several. [1]
    timeout_ms : int
        Longest `read()`; as long without a frame is a fault. [ms]
    """

    event = True

    def __init__(
        self, stream: Any, passages: Passages, number: int = 1, timeout_ms: int = 1000
    ) -> None:
        self.stream = stream
        self.passages = passages
        self.frames = Frames(HEADER, SIZE, whole)
        self._channel = Channel("vehicle_count", number)
        self.channels = (self._channel.name,)
        self._timeout_ms = timeout_ms
        self._said = 0
        self._since_said = REPORT_FRAMES  # the first frame tells the count: 0
        self._heard = self._alive = False
        self._fault = quality.GOOD

    async def read(self) -> list[Value]:
        """Return the count when a vehicle has passed, and once a minute; a fault once."""
        self._heard = self._alive = False
        if await within(self._timeout_ms, self._changed()):
            return [self._channel.good(self._said)]
        if self._alive:
            return []
        fault, self._fault = self._fault, quality.CHECKSUM if self._heard else quality.TIMEOUT
        return [] if fault == self._fault else [self._channel.bad(self._fault)]

    async def _changed(self) -> bool:
        while True:
            data = await receive(self.stream, 256)
            self._heard = self._heard or bool(data)
            for frame in self.frames.feed(data):
                self._alive = True
                self._fault = quality.GOOD
                self._since_said += 1
                self.passages.frame(distance_cm(frame))
            if self.passages.count != self._said or self._since_said > REPORT_FRAMES:
                self._said = self.passages.count
                self._since_said = 0
                return True
