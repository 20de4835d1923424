"""Waiting on a serial line, the same on both interpreters.

A line may fall silent, close or fail at any time; to a driver all three are silence. Nothing here
raises for what the line does.
"""

import asyncio

from cobenefit_wire.hints import Any

_WAIT_FOR_MS = getattr(asyncio, "wait_for_ms", None)  # MicroPython only, and without a float


async def within(limit_ms: int, coroutine: Any) -> Any:
    """Return what a coroutine returns, or None when it takes too long.

    Parameters
    ----------
    limit_ms : int
        Longest wait, > 0. [ms]
    coroutine : coroutine
        Cancelled when the time is up, so it must lose nothing at an await.

    Returns
    -------
    object
        The coroutine's result, or None.
    """
    try:
        if _WAIT_FOR_MS:
            return await _WAIT_FOR_MS(coroutine, limit_ms)
        return await asyncio.wait_for(coroutine, limit_ms / 1000)
    except asyncio.TimeoutError:
        return None


async def pause(pause_ms: int) -> None:
    """Let others run.

    Parameters
    ----------
    pause_ms : int
        Length of the pause. [ms]
    """
    if hasattr(asyncio, "sleep_ms"):
        await asyncio.sleep_ms(pause_ms)
    else:
        await asyncio.sleep(pause_ms / 1000)


async def receive(stream: Any, most: int) -> bytes:
    """Return bytes from a line, b'' after a pause when it is closed or failing.

    Parameters
    ----------
    stream : asyncio stream
        The line.
    most : int
        Largest number of bytes wanted. [B]

    Returns
    -------
    bytes
        What has arrived.
    """
    try:
        data: bytes = await stream.read(most)
    except OSError:
        data = b""  # an adapter pulled out: silence, which the caller's time-out reports
    if not data:
        await pause(20)  # a closed line is always "ready"; do not spin on it
    return data or b""


def seven_bits(data: bytes) -> bytes:
    """Return characters without bit 7, the parity of a 7E1 line that is read as 8N1.

    Parameters
    ----------
    data : bytes
        What has arrived.

    Returns
    -------
    bytes
        Same length.
    """
    if not data or max(data) < 128:
        return data
    # In place: a list of 512 numbers needs 4 kB in one piece, which a heap in use may not have.
    masked = bytearray(data)
    for i in range(len(masked)):
        masked[i] &= 0x7F
    return bytes(masked)
