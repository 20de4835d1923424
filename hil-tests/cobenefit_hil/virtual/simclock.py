# MicroPython, like the firmware: neither its modules nor its habits are the host's.
# mypy: ignore-errors
# ruff: noqa: ARG002
r"""Simulated time: the node owns it and moves a sensor peer along over a control line.

The node asks `?` for the next instant that has data, the peer answers `<t_ms>` or `end`; the node
says `<t_ms>` when it wants to be there, the peer answers `ok` once the sensor shows that instant.
Time moves only when every sampler waits, and stands still while the ring is half full: nothing is
dropped for want of speed, unless `COBENEFIT_OVERRUN` asks for that. A restart falls between two
ticks, as it practically always does where ticks are minutes apart. Link time-outs, keepalive and
watchdog stay on real ticks.
"""

import asyncio
import os

import machine

from cobenefit_node.clock import Clock, Ended
from cobenefit_node.ticks import sleep_ms

_ANSWER_S = 120
_FULL_RATIO = 0.5
#: A longer jump is a fault of the data, not time a node has lived through. [ms]
_LONGEST_STEP_MS = 31 * 86_400_000


class SimClock(Clock):
    """A clock that jumps from one instant with data to the next."""

    def __init__(self, path: str, sensors: int) -> None:
        super().__init__()
        self._stream = asyncio.StreamReader(machine.open_line(path))
        self._sensors = sensors
        self._waiting = 0
        self._moved = asyncio.Event()
        self._now_ms = 0
        self._sim_uptime_ms = 0
        self._ended = False
        self.failed = ""
        self.steps = 0
        self.ring = None
        self._full_ratio = 1 if os.getenv("COBENEFIT_OVERRUN") else _FULL_RATIO
        self._restart = self._between = False

    async def start(self) -> None:
        """Go on where a deep sleep ended, else ask the peer where time begins: no data yet."""
        self._now_ms = machine.woken_ms() or 0
        if not self._now_ms:
            answer = await self._ask(b"?")
            self._now_ms = 0 if answer == b"end" else int(answer)
        machine.world_ms = self._now_ms

    def time_known(self) -> bool:
        """Return True: simulated time is always known."""
        return True

    def now_ms(self) -> int:
        """Return the instant the peer shows [ms]."""
        return self._now_ms

    def uptime_ms(self) -> int:
        """Return the simulated time gone by [ms]."""
        return self._sim_uptime_ms

    def held(self) -> list:
        """Return the simulated time, for `resume` after a deep sleep."""
        return [self._sim_uptime_ms, self._now_ms]

    def resume(self, held: list, planned_ms: int) -> int:
        """Go on after a deep sleep; return how long it was [ms]."""
        slept_ms = max(0, self._now_ms - held[1])
        self._sim_uptime_ms = held[0] + slept_ms
        return slept_ms

    async def reach(self, due_ms: int) -> None:
        """Let the peer show each instant up to `due_ms`; raise `Ended` after the last [ms]."""
        try:
            answer = await self._ask(b"?")
            while answer != b"end" and int(answer) < due_ms:
                await self._move(answer)
                answer = await self._ask(b"?")
            if answer == b"end":
                raise Ended
            await self._move(b"%d" % due_ms)
        except (asyncio.TimeoutError, OSError, ValueError) as err:
            self.failed = "control line: " + repr(err)
            raise Ended  # noqa: B904 MicroPython prints no chain

    def set(self, t_ms: int) -> None:
        """Nobody sets simulated time."""

    def reset_between_ticks(self) -> None:
        """Restart the board once every sampler waits; the node asks again until then."""
        self._restart = True
        if self._between:
            machine.reset()

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
        self._between = True
        while self._restart or self.ring.used_ratio() > self._full_ratio:
            await sleep_ms(2)
        self._between = False
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
        self._now_ms = machine.world_ms = t_ms
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
