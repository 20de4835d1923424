"""Dutch, Belgian, Luxembourgish and Swedish smart meters: the P1 port (DSMR 2.2 to 5).

A telegram goes from `/` to `!`. Versions 4 and 5 (115200 baud 8N1) end it with four hexadecimal
digits of a CRC over all of it; versions 2.2 and 3 (9600 baud 7E1) end it there, and their parity
is all there is. So the line is read as 8N1 at either rate: bit 7 of a 7E1 character is then its
parity, which is checked here. A version 5 telegram that lost its CRC fails it at once.

Source: Netbeheer Nederland, "Dutch Smart Meter Requirements: P1 companion standard" V5.0.2,
sections 5 and 6, 2016; the same, V2.2, section 4, 2008.
"""

from cobenefit_node.drivers.channel import Channel
from cobenefit_node.drivers.crc import crc16
from cobenefit_node.drivers.line import seven_bits
from cobenefit_node.drivers.listener import Listener
from cobenefit_node.drivers.obis import MISSING, milli
from cobenefit_node.reading import Value
from cobenefit_wire import quality
from cobenefit_wire.hints import Any, const

MOST_BYTES = 4096  # a version 5 telegram with four more meters behind it has about 2000
RATES = (115200, 9600)
_ODD = const(0x6996)  # bit n is set where the four bits of n have an odd number of ones


class Parser:
    """Bytes in, telegrams out, from `/` to the CRC or to `!` and its carriage return."""

    def __init__(self) -> None:
        self.dropped = 0
        self._buffer = b""

    def feed(self, data: bytes) -> None:
        """Take bytes as they come, with bit 7."""
        self._buffer += data
        if len(self._buffer) > MOST_BYTES:
            self._take(len(self._buffer) - MOST_BYTES)

    def frame(self) -> bytes | None:
        """Return the next telegram, or None; what stands before its `/` is dropped."""
        while True:
            end = self._end()
            if end < 0:
                return None
            piece = self._take(end)
            mark = piece.rfind(b"!")
            start = max(piece.rfind(b"/", 0, mark), piece.rfind(b"\xaf", 0, mark))
            if start >= 0:
                return piece[start:]

    def clear(self) -> None:
        """Drop what has been heard."""
        self._take(len(self._buffer))

    def _end(self) -> int:
        mark = self._buffer.find(b"!")  # even parity: bit 7 is 0 in both kinds
        tail = self._buffer[mark + 1 : mark + 5]
        if mark < 0 or not tail:
            return -1
        if tail[0] & 0x7F == 13:
            return mark + 2
        if not all(byte in b"0123456789ABCDEF" for byte in tail):
            return mark + 1  # the CRC is damaged: leave what follows to the next telegram
        return mark + 5 if len(tail) == 4 else -1

    def _take(self, count: int) -> bytes:
        piece, self._buffer = self._buffer[:count], self._buffer[count:]
        self.dropped += count
        return piece


def is_intact(telegram: bytes) -> bool:
    """Return whether a telegram's CRC holds or, where it has none, every character's parity.

    Parameters
    ----------
    telegram : bytes
        As `Parser.frame` gives it.

    Returns
    -------
    bool
        False for any single wrong bit.
    """
    if telegram[-1] & 0x7F != 13:
        return b"%04X" % crc16(telegram[:-4], 0) == telegram[-4:]
    return not any(_ODD >> ((byte ^ byte >> 4) & 15) & 1 for byte in telegram)


def energy_wh(text: bytes, direction: bytes) -> tuple[int, int]:
    """Return an index: the total, or else the sum of both tariffs.

    Parameters
    ----------
    text : bytes
        A telegram, bit 7 cleared.
    direction : bytes
        `b"1"` for import, `b"2"` for export.

    Returns
    -------
    tuple of int
        Index [Wh] and quality, or MISSING. [1]
    """
    total = milli(text, direction + b".8.0", b"kWh")
    if total[1] != MISSING:
        return total
    low_wh, first = milli(text, direction + b".8.1", b"kWh")
    high_wh, second = milli(text, direction + b".8.2", b"kWh")
    return low_wh + high_wh, first or second  # half a sum would be a wrong total


def power_w(text: bytes) -> tuple[int, int]:
    """Return the power drawn less the power fed in.

    Parameters
    ----------
    text : bytes
        A telegram, bit 7 cleared.

    Returns
    -------
    tuple of int
        Power [W] and quality, or MISSING. [1]
    """
    drawn_w, first = milli(text, b"1.7.0", b"kW")
    fed_w, second = milli(text, b"2.7.0", b"kW")
    return drawn_w - fed_w, first or second


class P1:
    """A meter's P1 port on a stream.

    Parameters
    ----------
    stream : asyncio stream
        The line, 8N1.
    export : bool
        Also read the export index.
    number : int
        Suffix of the channels when the device has several meters. [1]
    timeout_ms : int
        Longest `read()`; versions up to 4 send every 10 s, so at least 11000 for them. [ms]
    fresh : bool
        Drop what the UART kept since the last `read()`. False where time is stepped.
    baud : int
        Rate the line is set to at first, 115200 or 9600. [1/s]
    rebaud : callable, optional
        `rebaud(baud)` sets the line's rate; called to try the other one on garbage.
    """

    event = False

    def __init__(
        self,
        stream: Any,
        *,
        export: bool = False,
        number: int = 1,
        timeout_ms: int = 12000,
        fresh: bool = True,
        baud: int = RATES[0],
        rebaud: Any = None,
    ) -> None:
        self._sources = [
            (Channel("energy_import_wh", number), lambda text: energy_wh(text, b"1")),
            (Channel("power_active_w", number), power_w),
        ]
        if export:
            known = (Channel("energy_export_wh", number), lambda text: energy_wh(text, b"2"))
            self._sources.append(known)
        self.channels = tuple(channel.name for channel, _ in self._sources)
        self.line = Listener(
            stream, Parser(), RATES, timeout_ms=timeout_ms, fresh=fresh, baud=baud, rebaud=rebaud
        )

    async def read(self) -> list[Value]:
        """Return the values of the next telegram, all flagged when it is damaged."""
        telegram = await self.line.next()
        if telegram is None:
            code = quality.TIMEOUT
        else:
            code = quality.GOOD if is_intact(telegram) else quality.CHECKSUM
        self.line.judge(not code)
        if telegram is None or code:
            return [channel.bad(code) for channel, _ in self._sources]
        return [self._value(seven_bits(telegram), *pair) for pair in self._sources]

    def _value(self, text: bytes, channel: Channel, source: Any) -> Value:
        value, code = source(text)
        return channel.bad(quality.PROTOCOL) if code else channel.good(value)
