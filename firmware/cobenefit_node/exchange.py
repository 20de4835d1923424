"""One side of a session between node and bridge: one message at a time each way, none twice.

A message is sent in bursts of parts, the last of which asks for an answer; what is missing is sent
again, after a time-out if need be. The receiver keeps a whole message in `held` until its owner
calls `finish`, and tells the sender to wait meanwhile: that is all the back-pressure there is. No
I/O and no clock: the owner passes ticks [ms] in and takes frames out of `due`.
"""

from cobenefit_node.ticks import ticks_diff
from cobenefit_wire import frames
from cobenefit_wire.hints import Any

#: As MQTT's: a ping after half of it in silence, the end after one and a half.
KEEPALIVE_S = 60
#: Parts sent before an answer is awaited: what a receiver of 2 kB holds.
_BURST = 4
#: First wait for an answer, doubled with each try, and how often it is tried: some 11 s. [ms]
_ANSWER_MS = 60
_ANSWER_MOST_MS = 480
_TRIES = 24
#: How soon a sender that was told to wait asks again, at first. [ms]
_WAIT_MS = 120


class Exchange:
    """Messages both ways under one session key; `mine` and `theirs` are the kinds of parts."""

    def __init__(self, key: frames.Key, mine: int, theirs: int, now_ms: Any) -> None:
        self._key = key
        self._mine = mine
        self._theirs = theirs
        self._out = b""
        self._number = 0
        self._had = 0
        self._sent_ms = now_ms
        self._rest_ms = 0  # after that; a sum of ticks would not wrap as they do
        self._pause_ms = _ANSWER_MS
        self._tries = 0
        self._expected = 1
        self._assembly: Any = None
        self._answer = 0
        self.held = b""
        self.heard_ms = now_ms
        self.repeats = 0
        self.malformed = 0

    def room(self) -> bool:
        """Whether another message can be sent."""
        return not self._out

    def put(self, message: bytes, now_ms: Any) -> None:
        """Send a message; there must be `room()`. ValueError when it is too large."""
        frames.parts(len(message))
        self._out = message
        self._number += 1
        self._had = self._tries = 0
        self._sent_ms = now_ms
        self._rest_ms = 0
        self._pause_ms = _ANSWER_MS

    def unsent(self) -> bytes:
        """Return the message being sent, nothing when there is none."""
        return self._out

    def finish(self) -> None:
        """Be done with the message held: its sender may send the next."""
        self.held = b""
        self._answer = self._expected
        self._expected += 1

    def given_up(self) -> bool:
        """Whether the other side answered none of many tries."""
        return self._tries >= _TRIES

    def take(self, frame: bytes, now_ms: Any) -> bool:
        """Take a frame; return whether it is genuine."""
        data = self._key.opened(frame)
        if not data or data[0] not in (self._theirs, self._theirs + 1):
            return False
        self.heard_ms = now_ms
        self._tries = 0
        if data[0] == self._theirs:
            self._take_part(data)
        else:
            self._take_state(data, now_ms)
        return True

    def due(self, now_ms: Any) -> list[bytes]:
        """Return what to send now."""
        out = []
        if self._answer:
            out.append(self._key.sealed(self._state(self._answer)))
            self._answer = 0
        rested = ticks_diff(now_ms, self._sent_ms) >= self._rest_ms
        if self._out and rested and not self.given_up():
            out += self._burst()
            self._tries += 1
            self._sent_ms = now_ms
            self._rest_ms = self._pause_ms
            self._pause_ms = min(2 * self._pause_ms, _ANSWER_MOST_MS)
        return out

    def _burst(self) -> list[bytes]:
        """Return the first parts that are missing; the last alone when none is, to ask."""
        count = frames.parts(len(self._out))
        missing = [i for i in range(count) if not self._had >> i & 1][:_BURST] or [count - 1]
        return [
            self._key.sealed(
                frames.part(self._mine, self._number, i, self._out, ask=i == missing[-1])
            )
            for i in missing
        ]

    def _state(self, number: int) -> bytes:
        had = self._assembly.had if self._assembly is not None else 0
        code = frames.WAIT if self.held else frames.HAVE
        if number < self._expected:
            code = frames.DONE
        return frames.state(self._mine + 1, number, code, had)

    def _take_part(self, data: bytes) -> None:
        number, index, count, ask, body = frames.read_part(data)
        if not count or number > self._expected:
            self.malformed += 1
            return
        if number < self._expected or self.held:
            self.repeats += 1
            self._answer = number
            return
        if self._assembly is None:
            self._assembly = frames.Assembly(count)
        if not self._assembly.fits(index, count):
            self.malformed += 1
            return
        self._assembly.add(index, body)
        self.held = self._assembly.whole()
        if self.held:
            self._assembly = None
        if ask or self.held:
            self._answer = number

    def _take_state(self, data: bytes, now_ms: Any) -> None:
        number, code, had = frames.read_state(data)
        if not self._out or number != self._number:
            return
        if code == frames.DONE:
            self._out = b""
        elif code == frames.WAIT:
            self._had = (1 << frames.parts(len(self._out))) - 1
            self._pause_ms = max(self._pause_ms, _WAIT_MS)
            self._sent_ms = now_ms
            self._rest_ms = self._pause_ms
        else:
            self._had |= had
            self._rest_ms = 0
