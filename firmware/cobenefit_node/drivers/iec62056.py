"""Meters with an optical head: readout in mode C of IEC 62056-21, 7E1.

    node                                meter
    /?! CR LF                 (300 bd)
                                        /XXXZ identification CR LF   Z: its fastest rate
    ACK 0 Z 0 CR LF           (300 bd)
                                        STX data lines ! CR LF ETX BCC       (at the new rate)

BCC is the exclusive or of everything after STX, ETX included. It sees every single wrong bit, but
not the same bit wrong twice; `!` CR LF before ETX and whole numbers are asked for as well. A
meter that names a fast rate and is silent in it (some do) is read at 300 baud the next time.

Source: IEC 62056-21, "Direct local data exchange", 2002, sections 4.3.3 (times), 6.3.1 to 6.3.5
(messages), 6.4.5.3 (mode C) and annex B (block check, as in ISO/IEC 1155).
"""

from cobenefit_node.drivers.channel import Channel
from cobenefit_node.drivers.line import pause, receive, seven_bits, within
from cobenefit_node.drivers.obis import milli
from cobenefit_node.reading import Value
from cobenefit_wire import quality
from cobenefit_wire.hints import Any

SLOW = 300
RATES = (300, 600, 1200, 2400, 4800, 9600, 19200)  # by Z, '0' to '6'
REQUEST = b"/?!\r\n"
STX = b"\x02"
END = b"!\r\n\x03"
MOST_BYTES = 4096
ANSWER_MS = 3000  # 1500 to begin, and 24 characters at 300 baud


def acknowledgement(z: int) -> bytes:
    """Return the message that asks for the data at a rate.

    Parameters
    ----------
    z : int
        Index into `RATES`, 0 to 6. [1]

    Returns
    -------
    bytes
        Six characters: normal procedure, the rate, data readout.
    """
    return b"\x060%d0\r\n" % z


def rate_of(text: bytes) -> int | None:
    """Return the fastest rate a meter names in its identification.

    Parameters
    ----------
    text : bytes
        What has been heard; an echo of the request does no harm.

    Returns
    -------
    int or None
        Index into `RATES`; -1 where the meter speaks another mode; None before the line is
        whole. [1]
    """
    at = text.find(b"/")
    while at >= 0:
        end = text.find(b"\n", at)
        if end < 0:
            return None
        if end > at + 5 and text[at + 1 : at + 4].isalpha():
            z = text[at + 4] - 48
            return z if 0 <= z < len(RATES) else -1
        at = text.find(b"/", at + 1)
    return None


def block(text: bytes) -> tuple[bytes, int]:
    """Return the data lines of a readout.

    Parameters
    ----------
    text : bytes
        What has been heard, bit 7 cleared.

    Returns
    -------
    tuple of bytes and int
        Lines, and quality: GOOD, CHECKSUM, or TIMEOUT while there is no whole block. [1]
    """
    end = text.find(END)
    if end < 0 or len(text) < end + len(END) + 1:
        return b"", quality.TIMEOUT
    start = text.rfind(STX, 0, end)
    if start < 0:
        return b"", quality.CHECKSUM
    bcc = 0
    for byte in text[start + 1 : end + len(END) + 1]:  # with its own BCC it leaves zero
        bcc ^= byte
    return (b"", quality.CHECKSUM) if bcc else (text[start + 1 : end], quality.GOOD)


class Iec62056:
    """A meter behind an optical head.

    Parameters
    ----------
    stream : asyncio stream
        The line, 7E1, both ways.
    export : bool
        Also read the export index.
    number : int
        Suffix of the channels when the device has several meters. [1]
    timeout_ms : int
        Longest wait for the data; 2000 characters last 67 s at 300 baud. [ms]
    rebaud : callable, optional
        `rebaud(baud)` sets the line's rate; without it all goes at 300 baud.
    settle : bool
        Wait until the acknowledgement has left before the rate changes. False where time is
        stepped.
    """

    event = False

    def __init__(
        self,
        stream: Any,
        *,
        export: bool = False,
        number: int = 1,
        timeout_ms: int = 30000,
        rebaud: Any = None,
        settle: bool = True,
    ) -> None:
        names = [(b"1.8.0", "energy_import_wh"), (b"2.8.0", "energy_export_wh")]
        self._sources = [(code, Channel(name, number)) for code, name in names[: 1 + export]]
        self.channels = tuple(channel.name for _, channel in self._sources)
        self.stream = stream
        self._timeout_ms = timeout_ms
        self._rebaud = rebaud
        self._slow = rebaud is None
        self._settle = settle
        self._text = b""

    async def read(self) -> list[Value]:
        """Return the values of one readout, flagged where it fails."""
        try:
            lines, code = await self._readout()
        except OSError:
            lines, code = b"", quality.TIMEOUT  # the line is gone: nobody answered
        if code:
            return [channel.bad(code) for _, channel in self._sources]
        values = []
        for obis, channel in self._sources:
            value, code = milli(lines, obis, b"kWh")
            values.append(channel.bad(quality.PROTOCOL) if code else channel.good(value))
        return values

    async def _readout(self) -> tuple[bytes, int]:
        if self._rebaud:
            self._rebaud(SLOW)
        await self._quiet()
        await self._send(REQUEST)
        z = await within(min(ANSWER_MS, self._timeout_ms), self._until(rate_of))
        if z is None:
            return b"", quality.CHECKSUM if self._text else quality.TIMEOUT
        if z < 0:
            return b"", quality.PROTOCOL
        z = 0 if self._slow else z
        await self._send(acknowledgement(z))
        if z:
            await self._change(RATES[z])
        found = await within(self._timeout_ms, self._until(_whole))
        if found is None:
            self._slow = not self._slow or self._rebaud is None
            return b"", quality.CHECKSUM if STX in self._text else quality.TIMEOUT
        return block(self._text)

    async def _quiet(self) -> None:
        """Let late answers to an earlier request pass."""
        heard = 0
        while heard < MOST_BYTES:
            late = await within(20, receive(self.stream, 256))
            if not late:
                return
            heard += len(late)

    async def _send(self, message: bytes) -> None:
        self._text = b""
        self.stream.write(message)
        await self.stream.drain()

    async def _change(self, baud: int) -> None:
        if self._settle:
            await pause(210)  # six characters at 300 baud; the meter waits 200 ms more
        self._rebaud(baud)

    async def _until(self, judge: Any) -> Any:
        while True:
            found = judge(self._text)
            if found is not None:
                return found
            data = seven_bits(await receive(self.stream, 256))
            self._text = (self._text + data)[-MOST_BYTES:]


def _whole(text: bytes) -> bool | None:
    return None if block(text)[1] == quality.TIMEOUT else True
