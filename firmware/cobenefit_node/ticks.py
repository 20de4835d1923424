"""Monotonic milliseconds and sleeping, under the same names on MicroPython and CPython.

Ticks wrap (after 2^30 ms on a board), so two of them are only ever compared by `ticks_diff`.
"""

import asyncio
import time

try:
    from time import ticks_diff, ticks_ms
except ImportError:  # CPython, for the tests

    def ticks_ms() -> int:
        """Return a monotonic count. [ms]"""
        return time.monotonic_ns() // 1_000_000

    def ticks_diff(end: int, start: int) -> int:
        """Return how much later `end` is than `start`. [ms]"""
        return end - start


try:
    from asyncio import sleep_ms
except ImportError:  # CPython, for the tests

    async def sleep_ms(t: int) -> None:
        """Sleep for `t`. [ms]"""
        await asyncio.sleep(t / 1000)
