"""Monotonic milliseconds and sleeping, under the same names on MicroPython and CPython.

Ticks wrap (after 2^30 ms on a board), so two of them are only ever compared by `ticks_diff`.
"""

import asyncio
import os
import time

from cobenefit_wire.hints import Any


def _monotonic_ms() -> Any:
    return time.monotonic_ns() // 1_000_000  # type: ignore[attr-defined,unused-ignore]


def _difference_ms(end: int, start: int) -> int:
    return end - start


async def _sleep(t: int) -> None:
    await asyncio.sleep(t / 1000)


# On a board these are the interpreter's own; CPython, for the tests, gets the ones above.
ticks_ms: Any = getattr(time, "ticks_ms", _monotonic_ms)
ticks_diff: Any = getattr(time, "ticks_diff", _difference_ms)
sleep_ms: Any = getattr(asyncio, "sleep_ms", _sleep)


def jittered(wait_ms: int) -> int:
    """Return a wait of 3/4 to 5/4 as long [ms], so that a fleet does not come back as one."""
    return wait_ms * (384 + os.urandom(1)[0]) // 512
