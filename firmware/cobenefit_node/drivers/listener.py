"""Listening to a meter that sends by itself, at one of two rates.

The rate is found out: after two reads that heard only garbage the other one is tried, so a meter
that is switched over, or another of its kind, needs no new setting.
"""

from cobenefit_node.drivers.line import receive, within
from cobenefit_wire.hints import Any, const

_CHUNK_BYTES = const(256)


class Listener:
    """The frames of one line.

    Parameters
    ----------
    stream : asyncio stream
        The line.
    parser : object
        Has `feed(data)`, `frame()` (the next one or None) and `clear()`.
    rates : tuple of int
        Both rates. [1/s]
    timeout_ms : int
        Longest `next()`. [ms]
    fresh : bool
        Drop what the UART kept since the last `next()`: those frames are old. False where time
        is stepped and every frame counts.
    baud : int
        Rate the line is set to at first. [1/s]
    rebaud : callable, optional
        `rebaud(baud)` sets the line's rate; without it the other rate is not tried.
    """

    def __init__(
        self, stream: Any, parser: Any, rates: tuple[int, int], *,
        timeout_ms: int, fresh: bool, baud: int, rebaud: Any,
    ) -> None:  # fmt: skip
        self.stream = stream
        self.fresh = fresh
        self.heard = False
        self._parser = parser
        self._rates = rates
        self._timeout_ms = timeout_ms
        self._baud = baud
        self._rebaud = rebaud
        self._garbled = 0

    async def next(self) -> Any:
        """Return the next frame, or None in time; `heard` says whether there was any byte."""
        self.heard = False
        frame = None if self.fresh else self._parser.frame()
        if frame is None:
            frame = await within(self._timeout_ms, self._listen())
        self.heard = self.heard or frame is not None
        return frame

    def judge(self, good: bool) -> None:
        """Learn whether the last read made sense; after two that did not, try the other rate."""
        if good:
            self._garbled = 0
        elif self.heard:
            self._garbled += 1
        if self._garbled >= 2 and self._rebaud:
            self._garbled = 0
            self._baud = sum(self._rates) - self._baud
            self._parser.clear()
            self._rebaud(self._baud)

    async def _listen(self) -> Any:
        if self.fresh:
            self._parser.clear()
            while len(await receive(self.stream, _CHUNK_BYTES)) == _CHUNK_BYTES:
                self.heard = True
        while True:
            frame = self._parser.frame()
            if frame is not None:
                return frame
            data = await receive(self.stream, _CHUNK_BYTES)
            if data:
                self.heard = True
                self._parser.feed(data)
