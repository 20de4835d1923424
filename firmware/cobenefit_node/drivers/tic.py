"""Linky and older French meters: the customer tele-information output (TIC), both modes.

The mode is found in each frame, so a meter that is switched over needs no new setting:

* historical, 1200 baud 7E1: `LF label SP data SP checksum CR`, the checksum without the last SP;
* standard, 9600 baud 7E1: `LF label HT [date HT] data HT checksum CR`, with the last HT.

The checksum is (sum & 0x3F) + 0x20 and may itself be a space, so nothing is ever stripped. It does
not see bit 6 ('1' read as 'q'), hence the second rule: an index is exactly nine digits. A group is
found by its label, not by the LF before it, which some meters and receivers spoil
(esphome/esphome#17291, hekmon/linkytic#67).

Source: Enedis, "Sorties de télé-information client des appareils de comptage Linky utilisés en
généralisation par Enedis", Enedis-NOI-CPT_54E, sections 4 to 6, 2018.

    >>> parser = Parser()
    >>> parser.feed(line)
    >>> index_wh, code = energy_wh(parser.frame())
"""

from cobenefit_node.drivers.channel import Channel
from cobenefit_node.drivers.line import seven_bits
from cobenefit_node.drivers.listener import Listener
from cobenefit_node.reading import Value
from cobenefit_wire import quality
from cobenefit_wire.hints import Any

START = b"\x02\n"
END = b"\r\x03"
RATES = (1200, 9600)
MOST_BYTES = 2048  # a three-phase producer's frame has about 1200
MISSING = -1  # not a quality: no such group in the frame

# The indexes that add up to the total, by tariff; a frame carries all of exactly one line.
TARIFFS = (
    (b"BASE ",),
    (b"HCHC ", b"HCHP "),
    (b"EJPHN ", b"EJPHPM "),
    (b"BBRHCJB ", b"BBRHPJB ", b"BBRHCJW ", b"BBRHPJW ", b"BBRHCJR ", b"BBRHPJR "),
)


class Parser:
    """Bytes in, frames out; keeps its place through noise, cuts and mode changes."""

    def __init__(self) -> None:
        self.dropped = 0
        self._buffer = b""
        self._synced = False

    def feed(self, data: bytes) -> None:
        """Take bytes as they come; bit 7 is the parity of a 7E1 line read as 8N1."""
        self._buffer += seven_bits(data)
        if len(self._buffer) > MOST_BYTES and self._cut() < 0:
            self.clear()

    def frame(self) -> bytes | None:
        """Return the next frame, or None.

        A frame ends at its ETX, or where the next one starts: one that lost either mark, or was
        interrupted by the meter (EOT), still yields its whole groups.
        """
        while True:
            cut = self._cut()
            if cut < 0:
                return None
            piece = self._take(cut)
            synced, self._synced = self._synced, True
            if piece.startswith(START) or (synced and b"\r" in piece):
                return piece
            self.dropped += len(piece)

    def rest(self) -> bytes | None:
        """Return the frame cut short by silence, if it has a whole group; start again."""
        piece = self._take(len(self._buffer))
        synced, self._synced = self._synced, False
        if b"\r" in piece and (synced or piece.startswith(START)):
            return piece
        self.dropped += len(piece)
        return None

    def clear(self) -> None:
        """Drop what has been heard and wait for the next start of a frame."""
        self.dropped += len(self._take(len(self._buffer)))
        self._synced = False

    def _cut(self) -> int:
        end = self._buffer.find(END)
        if end >= 0:
            end += 2
        start = self._buffer.find(START, 1)
        if start > 0 and (end < 0 or start < end):
            return start
        return end

    def _take(self, count: int) -> bytes:
        piece, self._buffer = self._buffer[:count], self._buffer[count:]
        return piece


def group(frame: bytes, key: bytes, digits: int) -> tuple[int, int]:
    """Return the number in one group.

    Parameters
    ----------
    frame : bytes
        A frame, bit 7 cleared.
    key : bytes
        The label and its separator, SP or HT.
    digits : int
        Length of the number. [1]

    Returns
    -------
    tuple of int
        Value [in the group's unit] and quality: GOOD, CHECKSUM, or MISSING. [1]
    """
    at = frame.find(key)
    while at > 0 and frame[at - 1] >= 32:  # "OPTARIF BASE 0" is not the group BASE
        at = frame.find(key, at + 1)
    if at < 0:
        return 0, MISSING
    first = at + len(key)
    end = first + digits
    if frame[end : end + 1] != key[-1:] or frame[end + 2 : end + 3] != b"\r":
        return 0, quality.CHECKSUM
    total = sum(frame[at:end])
    if key[-1] == 9:
        total += 9
    data = frame[first:end]
    if (total & 0x3F) + 0x20 != frame[end + 1] or not data.isdigit():
        return 0, quality.CHECKSUM
    return int(data), quality.GOOD


def is_standard(frame: bytes) -> bool:
    """Return whether a frame has two tabs a group, as in standard mode; one may be noise."""
    return frame.count(b"\t") > 1 and 2 * frame.count(b"\t") > frame.count(b"\r")


def energy_wh(frame: bytes) -> tuple[int, int]:
    """Return the total index of imported energy.

    Parameters
    ----------
    frame : bytes
        A frame, bit 7 cleared.

    Returns
    -------
    tuple of int
        Index [Wh] and quality; MISSING where no tariff has one. [1]
    """
    if is_standard(frame):
        return group(frame, b"EAST\t", 9)
    for keys in TARIFFS:
        found = [group(frame, key, 9) for key in keys]
        if all(code == MISSING for _, code in found):
            continue
        if any(code != quality.GOOD for _, code in found):
            return 0, quality.CHECKSUM  # a sum without one tariff would be a wrong total
        return sum(value for value, _ in found), quality.GOOD
    return 0, MISSING


def power_va(frame: bytes) -> tuple[int, int]:
    """Return the apparent power drawn.

    Parameters
    ----------
    frame : bytes
        A frame, bit 7 cleared.

    Returns
    -------
    tuple of int
        Power [VA] and quality, or MISSING. [1]
    """
    if not is_standard(frame):
        return group(frame, b"PAPP ", 5)
    found = group(frame, b"SINSTS\t", 5)
    if found[1] == MISSING:
        return group(frame, b"SINST1\t", 5)  # first series of Linky: hekmon/linkytic#43
    return found


def export_wh(frame: bytes) -> tuple[int, int]:
    """Return the total index of exported energy; standard mode only.

    Parameters
    ----------
    frame : bytes
        A frame, bit 7 cleared.

    Returns
    -------
    tuple of int
        Index [Wh] and quality, or MISSING. [1]
    """
    return group(frame, b"EAIT\t", 9)


def date_ms(frame: bytes) -> int:
    """Return the meter's clock.

    Parameters
    ----------
    frame : bytes
        A frame, bit 7 cleared.

    Returns
    -------
    int
        Time, 0 in historical mode, where the group is damaged or the meter doubts its clock.
        [Unix ms]
    """
    at = frame.find(b"\nDATE\t") + 1
    text = frame[at : at + 20]
    if at < 1 or len(frame) < at + 22 or not text.endswith(b"\t\t"):
        return 0
    if (sum(text) & 0x3F) + 0x20 != frame[at + 20]:
        return 0
    from cobenefit_node.drivers.legal_time import unix_ms  # only where somebody asks for it

    return unix_ms(text[5:18])


def intact(frame: bytes) -> bool:
    """Return whether a frame has both marks and every group's checksum holds."""
    if not (frame.startswith(START) and frame.endswith(END)):
        return False
    for text in frame[1:-1].split(b"\r")[:-1]:
        if len(text) < 6:
            return False
        kept = -1 if text[-2] == 9 else -2
        if (sum(text[1:kept]) & 0x3F) + 0x20 != text[-1]:
            return False
    return True


class Tic:
    """A meter's tele-information output on a stream.

    Parameters
    ----------
    stream : asyncio stream
        The line.
    export : bool
        Also read the export index (standard mode, producers).
    number : int
        Suffix of the channels when the device has several meters. [1]
    timeout_ms : int
        Longest `read()`; a frame lasts up to 1400 ms, so at least 3000. [ms]
    fresh : bool
        Drop what the UART kept since the last `read()`: those frames are old. False where time
        is stepped and every frame counts.
    baud : int
        Rate the line is set to at first, 1200 or 9600. [1/s]
    rebaud : callable, optional
        `rebaud(baud)` sets the line's rate; called to try the other mode on garbage.
    """

    event = False

    def __init__(
        self,
        stream: Any,
        *,
        export: bool = False,
        number: int = 1,
        timeout_ms: int = 5000,
        fresh: bool = True,
        baud: int = 1200,
        rebaud: Any = None,
    ) -> None:
        self._sources = [
            (Channel("energy_import_wh", number), energy_wh),
            (Channel("power_apparent_va", number), power_va),
        ]
        if export:
            self._sources.append((Channel("energy_export_wh", number), export_wh))
        self.channels = tuple(channel.name for channel, _ in self._sources)
        self.on_time: Any = None
        self._parser = Parser()
        self.line = Listener(
            stream, self._parser, RATES,
            timeout_ms=timeout_ms, fresh=fresh, baud=baud, rebaud=rebaud,
        )  # fmt: skip

    async def read(self) -> list[Value]:
        """Return the values of the next frame: one per channel, flagged where it is damaged."""
        frame = await self.line.next()
        if frame is None:
            frame = self._parser.rest()
        if frame is None:
            values = [channel.bad(quality.TIMEOUT) for channel, _ in self._sources]
        else:
            values = self._values(frame)
            self._tell(frame)
        self.line.judge(any(value.quality == quality.GOOD for value in values))
        return values

    def _values(self, frame: bytes) -> list[Value]:
        values = []
        for channel, source in self._sources:
            value, code = source(frame)
            if code == quality.GOOD:
                values.append(channel.good(value))
            elif code == MISSING and intact(frame):
                values.append(channel.bad(quality.PROTOCOL))  # this meter does not send it
            else:
                values.append(channel.bad(quality.CHECKSUM))
        return values

    def _tell(self, frame: bytes) -> None:
        """Offer the meter's clock to who asked; frames that were kept tell an old time."""
        if self.on_time and self.line.fresh:
            t_ms = date_ms(frame)
            if t_ms:
                self.on_time(t_ms)
