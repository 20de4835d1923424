# MicroPython, like the firmware: neither its modules nor its habits are the host's.
# mypy: ignore-errors
# ruff: noqa: ARG002
r"""Simulated time: the node owns it and moves a sensor peer along over a control line.

The node asks `?` for the next instant that has data, the peer answers `<t_ms>` or `end`; the node
says `<t_ms>` when it wants to be there, the peer answers `ok` once the sensor shows that instant.
Time moves only when every sampler waits, and stands still while the ring is half full: nothing is
dropped for want of speed. Link time-outs, keepalive and watchdog stay on real ticks.
"""

import asyncio

from machine import open_line

from cobenefit_node.clock import Clock, Ended
from cobenefit_node.ticks import sleep_ms

_ANSWER_S = 30
_FULL_RATIO = 0.5
#: A longer jump is a fault of the data, not time a node has lived through. [ms]
_LONGEST_STEP_MS = 31 * 86_400_000


class SimClock(Clock):
    """A clock that jumps from one instant with data to the next."""

    def __init__(self, path: str, sensors: int) -> None:
        super().__init__()
        self._stream = asyncio.StreamReader(open_line(path))
        self._sensors = sensors
        self._waiting = 0
        self._moved = asyncio.Event()
        self._now_ms = 0
        self._sim_uptime_ms = 0
        self._ended = False
        self.failed = ""
        self.steps = 0
        self.ring = None

    async def start(self) -> None:
        """Ask the peer where time begins; it shows no data yet."""
        answer = await self._ask(b"?")
        self._now_ms = 0 if answer == b"end" else int(answer)

    def time_known(self) -> bool:
        """Return True: simulated time is always known."""
        return True

    def now_ms(self) -> int:
        """Return the instant the peer shows [ms]."""
        return self._now_ms

    def uptime_ms(self) -> int:
        """Return the simulated time gone by [ms]."""
        return self._sim_uptime_ms

    def set(self, t_ms: int) -> None:
        """Nobody sets simulated time."""

    async def next_tick(self, period_ms: int) -> int:
        """Wait for the next instant; raise `Ended` after the last."""
        if self._ended:
            raise Ended
        self._waiting += 1
        moved = self._moved
        if self._waiting == self._sensors:
            await self._advance()
        else:
            await moved.wait()
        if self._ended:
            raise Ended
        return self._now_ms

    async def _advance(self) -> None:
        while self.ring.used_ratio() > _FULL_RATIO:
            await sleep_ms(2)
        try:
            answer = await self._ask(b"?")
            if answer == b"end":
                self._ended = True
            else:
                await self._move(answer)
        except (asyncio.TimeoutError, OSError, ValueError) as err:
            self.failed = "control line: " + repr(err)
            self._ended = True
        moved, self._moved = self._moved, asyncio.Event()
        self._waiting = 0
        moved.set()

    async def _move(self, answer: bytes) -> None:
        t_ms = int(answer)
        reply = await self._ask(answer)
        if reply != b"ok":
            raise ValueError(reply)
        step_ms = t_ms - self._now_ms
        if 0 < step_ms <= _LONGEST_STEP_MS:
            self._sim_uptime_ms += step_ms
        self._now_ms = t_ms
        self.steps += 1

    async def _ask(self, line: bytes) -> bytes:
        self._stream.write(line + b"\n")
        await self._stream.drain()
        return await asyncio.wait_for(self._line(), _ANSWER_S)

    async def _line(self) -> bytes:
        line = b""
        while not line.endswith(b"\n"):
            line += await self._stream.read(64) or b""
        return line[:-1]
