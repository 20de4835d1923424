"""HLK-LD2451 traffic radar: one event per vehicle, with its speed.

Frames come about ten times a second: `F4 F3 F2 F1 length(2, LE) count alarm count x [angle + 0x80,
distance m, direction, speed km/h, SNR] F8 F7 F6 F5`; length 0 when nothing is seen. They carry no
checksum, so one frame is never believed: a vehicle is a target seen in at least three frames on an
even path, and its speed is the median of them. Which value of the direction byte means approaching
is disputed (the maker's table and example differ); the path says which way a vehicle goes.

Source: Shenzhen Hi-Link, "HLK-LD2451 serial communication protocol", reporting frame and its
example.
"""

from cobenefit_node.drivers.channel import Channel
from cobenefit_node.drivers.line import receive, within
from cobenefit_node.reading import Value
from cobenefit_wire.hints import Any

HEADER = b"\xf4\xf3\xf2\xf1"
FOOTER = b"\xf8\xf7\xf6\xf5"
MOST_TARGETS = 16
MOST_BYTES = 1024
MOST_SPEEDS = 64
LEAST_FRAMES = 3  # fewer are noise
FIRST_STEP_M = 8  # before a track has a step of its own: twice this and the resolution
RESOLUTION_M = 3
NEAR_M = 15
GONE_NEAR, GONE_FAR = 3, 8  # frames without the target that end its passage
DIRECTIONS = ("both", "approach", "away")


class Parser:
    """Bytes in, frames out; a frame is a list of (distance m, direction byte, speed km/h)."""

    def __init__(self) -> None:
        self.dropped = 0
        self._buffer = b""

    def feed(self, data: bytes) -> list[list[tuple[int, int, int]]]:
        """Take bytes; return the frames they complete."""
        self._buffer += data
        frames: list[list[tuple[int, int, int]]] = []
        while True:
            at = self._buffer.find(HEADER)
            if at < 0:
                self._skip(max(0, len(self._buffer) - 3))
                return frames
            self._skip(at)
            size = self._size()
            if size == 0 or len(self._buffer) < size:
                return frames
            if size < 0 or not self._whole(size):
                self._skip(1)
            else:
                frames.append(_targets(self._buffer[6 : size - 4]))
                self._buffer = self._buffer[size:]

    def _size(self) -> int:
        """Return the length of the frame at the start; 0 not known yet, -1 impossible."""
        if len(self._buffer) < 6:
            return 0
        length = self._buffer[4] | self._buffer[5] << 8
        if length and (length % 5 != 2 or length > 2 + 5 * MOST_TARGETS):
            return -1
        return length + 10

    def _whole(self, size: int) -> bool:
        if self._buffer[size - 4 : size] != FOOTER:
            return False
        return size == 10 or size == 12 + 5 * self._buffer[6]

    def _skip(self, count: int) -> None:
        self.dropped += count
        self._buffer = self._buffer[count:]


def _targets(payload: bytes) -> list[tuple[int, int, int]]:
    return [
        (payload[at + 1], payload[at + 2], payload[at + 3]) for at in range(2, len(payload), 5)
    ]


class _Track:
    """One target followed from frame to frame."""

    def __init__(self, distance_m: int, direction: int, speed_km_h: int) -> None:
        self.first_m = distance_m
        self.last_m = distance_m
        self.step_m = FIRST_STEP_M
        self.direction = direction
        self.speeds_km_h = [speed_km_h]
        self.frames = 1
        self.missed = 0

    def reach_m(self) -> int:
        """Return how far [m] from its last place the target may be: its way, doubled."""
        return RESOLUTION_M + 2 * self.step_m * self.missed

    def gone(self) -> bool:
        """Near the radar a target leaves its view; farther off it may only be hidden."""
        return self.missed >= (GONE_NEAR if self.last_m <= NEAR_M else GONE_FAR)

    def add(self, distance_m: int, speed_km_h: int) -> None:
        self.step_m = max(1, -(-abs(distance_m - self.last_m) // self.missed))
        self.last_m = distance_m
        self.frames += 1
        self.missed = 0
        if len(self.speeds_km_h) == MOST_SPEEDS:
            self.speeds_km_h.pop(0)
        self.speeds_km_h.append(speed_km_h)

    def speed_km_h(self) -> int:
        """Return the median [km/h]: a spoilt frame or the slant near the radar can't move it."""
        return sorted(self.speeds_km_h)[len(self.speeds_km_h) // 2]


class Tracker:
    """Frames in, the speeds of vehicles that have passed out; each vehicle once.

    Parameters
    ----------
    direction : str
        `both`, `approach` (distance shrinks) or `away`.
    """

    def __init__(self, direction: str = "both") -> None:
        if direction not in DIRECTIONS:
            raise ValueError("direction is %r: use one of %s" % (direction, DIRECTIONS))
        self.ignored = 0
        self._direction = direction
        self._tracks: list[_Track] = []

    def frame(self, targets: list[tuple[int, int, int]]) -> list[int]:
        """Take the next frame.

        Parameters
        ----------
        targets : list of tuple
            Distance [m], direction byte and speed [km/h] of each.

        Returns
        -------
        list of int
            Speeds of the passages that ended with it. [km/h]
        """
        for track in self._tracks:
            track.missed += 1
        for target in targets:
            self._place(target)
        gone = [track for track in self._tracks if track.gone()]
        if gone:
            self._tracks = [track for track in self._tracks if not track.gone()]
        return self._ended(gone)

    def silence(self) -> list[int]:
        """End every passage: the radar has stopped sending.

        Returns
        -------
        list of int
            Their speeds. [km/h]
        """
        gone, self._tracks = self._tracks, []
        return self._ended(gone)

    def _place(self, target: tuple[int, int, int]) -> None:
        distance_m, direction, speed_km_h = target
        best, nearest_m = None, 256
        for track in self._tracks:
            apart_m = abs(track.last_m - distance_m)
            free = track.missed and track.direction == direction
            if free and apart_m < nearest_m and apart_m <= track.reach_m():
                best, nearest_m = track, apart_m
        if best:
            best.add(distance_m, speed_km_h)
        elif len(self._tracks) < MOST_TARGETS:
            self._tracks.append(_Track(distance_m, direction, speed_km_h))
        else:
            self.ignored += 1

    def _ended(self, gone: list[_Track]) -> list[int]:
        return [track.speed_km_h() for track in gone if self._counts(track)]

    def _counts(self, track: _Track) -> bool:
        if track.frames < LEAST_FRAMES:
            self.ignored += 1
            return False
        if self._direction == "both":
            return True
        return (track.last_m < track.first_m) == (self._direction == "approach")


class Ld2451:
    """The radar on a stream.

    Parameters
    ----------
    stream : asyncio stream
        The line.
    direction : str
        Which way the vehicles counted go: `both`, `approach` or `away`.
    number : int
        Suffix of the channel when the device has several. [1]
    timeout_ms : int
        Longest `read()`; as long a silence ends every passage. [ms]
    """

    event = True

    def __init__(
        self,
        stream: Any,
        direction: str = "both",
        number: int = 1,
        timeout_ms: int = 1000,
    ) -> None:
        self.parser = Parser()
        self.tracker = Tracker(direction)
        self._channel = Channel("vehicle_speed_km_h", number)
        self.channels = (self._channel.name,)
        self.stream = stream
        self._timeout_ms = timeout_ms
        self._frames: list[list[tuple[int, int, int]]] = []
        self._heard = False

    async def read(self) -> list[Value]:
        """Return the passages that have just ended: none, one or more."""
        self._heard = False
        speeds_km_h = self._passages() or await within(self._timeout_ms, self._next())
        if speeds_km_h is None:
            speeds_km_h = [] if self._heard else self.tracker.silence()
        return [self._channel.good(speed_km_h) for speed_km_h in speeds_km_h]

    async def _next(self) -> list[int]:
        while True:
            data = await receive(self.stream, 256)
            if data:
                self._heard = True
                self._frames += self.parser.feed(data)
                speeds_km_h = self._passages()
                if speeds_km_h:
                    return speeds_km_h

    def _passages(self) -> list[int]:
        """Take waiting frames until one ends a passage: later frames belong to the next read."""
        while self._frames:
            speeds_km_h = self.tracker.frame(self._frames.pop(0))
            if speeds_km_h:
                self._heard = True
                return speeds_km_h
        return []
