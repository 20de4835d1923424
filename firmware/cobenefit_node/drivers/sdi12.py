"""SDI-12 sensors (soil, water, weather) on a UART at 1200 7E1.

A measurement is `aM!` or `aC!` (with CRC `aMC!`, `aCC!`), answered `atttn`: ready in ttt seconds,
n values. After an M the sensor says `a` when it is ready; then `aD0!`, `aD1!` … give the values:
`a+1.23-4.5`. A break of at least 12 ms and a mark of 8.33 ms wake the line; here the break is a
NUL at 300 bit/s, which any UART can send. The echo of a one-wire adapter is ignored.

Source: SDI-12 Support Group, "SDI-12, a serial-digital interface standard" V1.4, sections 4.4 and
7, 2023.
"""

from cobenefit_node.drivers.channel import Channel
from cobenefit_node.drivers.line import pause, receive, within
from cobenefit_node.reading import Value
from cobenefit_wire import quality
from cobenefit_wire.hints import Any

BAUD, BREAK_BAUD = 1200, 300
COMMANDS = ("M", "C", "MC", "CC")
MOST_BYTES = 96  # the longest reply is 75 characters, a CRC and the end of the line
MOST_DATA = 10  # aD0! to aD9!
TRIES = 3
MOST_S = 60  # the watchdog takes a read() of 90 s for a node that hangs
BREAK_MS, MARK_MS = 45, 10  # the NUL lasts 33 ms


def crc(data: bytes) -> bytes:
    """Return the three characters that follow data (section 4.4.12)."""
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0xA001 if value & 1 else 0)
    return bytes((0x40 | value >> 12, 0x40 | value >> 6 & 0x3F, 0x40 | value & 0x3F))


def numbers(text: bytes) -> Any:
    """Return the numbers of `+1.23-4` as a list of bytes; None when it is anything else."""
    found: list[bytes] = []
    for i in range(len(text)):
        char = text[i : i + 1]
        if char in (b"+", b"-"):
            found.append(char)
        elif not found or char not in b"0123456789.":
            return None
        else:
            found[-1] += char
    return found if all(_is_number(number) for number in found) else None


def _is_number(text: bytes) -> bool:
    digits = text[1:].replace(b".", b"", 1)
    return digits.isdigit() and len(digits) <= 7


def scaled(text: bytes, power: int) -> int:
    """Return a number x 10^power as an integer, rounded half away from zero.

    Parameters
    ----------
    text : bytes
        Sign and digits, say `+3.14`.
    power : int
        Decimal power, -9 to 9. [1]

    Returns
    -------
    int
        The scaled number. [1]
    """
    whole, _, part = text[1:].decode().partition(".")
    power -= len(part)
    value = int(whole + part)
    if power >= 0:
        value *= 10**power
    else:
        value = (2 * value + 10**-power) // (2 * 10**-power)
    return -value if text[:1] == b"-" else value


class Sdi12:
    """One sensor on the line.

    Parameters
    ----------
    stream : asyncio stream
        The line.
    values : list of dict
        Where the values go, in the order the sensor gives them: each has `channel` (a quantity)
        and `power` (value x 10^power is in units of 10^exponent of the quantity), and optionally
        `number`; an empty one skips a value.
    address : str
        One character, 0-9, A-Z or a-z.
    command : str
        One of `COMMANDS`, and 1 to 9 after it for additional measurements; MC and CC ask for CRC.
    longest_s : int
        Longest wait for a measurement, 1 to 60. [s]
    timeout_ms : int
        Longest wait for a reply; one of 80 characters lasts 670 ms. [ms]
    rebaud : callable, optional
        `rebaud(baud)` sets the rate of the line, for the break; without it there is no break.
    paced : bool
        Wait while the break is on the line; False where time is stepped.
    """

    event = False

    def __init__(
        self,
        stream: Any,
        values: list[dict[str, Any]],
        *,
        address: str = "0",
        command: str = "MC",
        longest_s: int = 30,
        timeout_ms: int = 1000,
        rebaud: Any = None,
        paced: bool = True,
    ) -> None:
        if len(address) != 1 or not (address.isdigit() or address.isalpha()):
            raise ValueError("address is %r: one of 0-9, A-Z, a-z" % address)
        if command not in COMMANDS and (
            command[:-1] not in COMMANDS or command[-1] not in "123456789"
        ):
            raise ValueError("command is %r: one of %s, and 1 to 9" % (command, COMMANDS))
        if not 1 <= longest_s <= MOST_S:
            raise ValueError("longest_s is %r: 1 to %d" % (longest_s, MOST_S))
        self.stream = stream
        self._places = [_place(value) for value in values]
        self.channels = tuple(place[0].name for place in self._places if place)
        if not self.channels or len(set(self.channels)) != len(self.channels):
            raise ValueError("values: give at least one channel, and each only once")
        self._address = address.encode()
        self._command = command.encode()
        self._crc = b"C" in self._command[1:]
        self._longest_ms = 1000 * longest_s
        self._timeout_ms = timeout_ms
        self._rebaud = rebaud
        self._paced = paced
        self._buffer = b""

    async def read(self) -> list[Value]:
        """Measure; return one value per channel, flagged where the sensor gave none."""
        code, texts = await self._measure()
        values = []
        for i, place in enumerate(self._places):
            if not place:
                continue
            channel, power = place
            if i < len(texts):
                values.append(channel.good(scaled(texts[i], power)))
            else:
                values.append(channel.bad(code or quality.PROTOCOL))
        return values

    async def _measure(self) -> tuple[int, list[bytes]]:
        code, reply = await self._ask(self._command, with_crc=False)
        if code:
            return code, []
        if len(reply) not in (4, 5) or not reply.isdigit():
            return quality.PROTOCOL, []
        await self._ready(int(reply[:3]) * 1000)
        return await self._data(min(int(reply[3:]), len(self._places)))

    async def _ready(self, wait_ms: int) -> None:
        wait_ms = min(wait_ms, self._longest_ms)
        if wait_ms and self._command[:1] == b"M":
            await within(wait_ms, self._line())  # the service request, or the time is up
        elif wait_ms:
            await pause(wait_ms)  # a C says nothing when it is ready

    async def _data(self, count: int) -> tuple[int, list[bytes]]:
        texts: list[bytes] = []
        for number in range(MOST_DATA):
            if len(texts) >= count:
                break
            code, reply = await self._ask(b"D%d" % number, with_crc=self._crc)
            more = None if code else numbers(reply)
            if not more:
                return code or quality.PROTOCOL, texts
            texts += more
        return quality.PROTOCOL, texts  # the reason of a value that the sensor does not give

    async def _ask(self, command: bytes, *, with_crc: bool) -> tuple[int, bytes]:
        """Return a reply without address and CRC; ask again when there is none or it is bad."""
        code, reply = quality.TIMEOUT, b""
        for _ in range(TRIES):
            await self._send(self._address + command + b"!")
            line = await within(self._timeout_ms, self._line())
            if line is None:
                code = quality.CHECKSUM if self._buffer else code
                continue
            if with_crc and (len(line) < 4 or crc(line[:-3]) != line[-3:]):
                code = quality.CHECKSUM
                continue
            if line[:1] == self._address:
                return quality.GOOD, line[1:-3] if with_crc else line[1:]
            code = quality.PROTOCOL
        return code, reply

    async def _send(self, command: bytes) -> None:
        self._buffer = b""
        try:
            if self._rebaud:
                self._rebaud(BREAK_BAUD)
                self.stream.write(b"\0")
                await self.stream.drain()
                await pause(BREAK_MS if self._paced else 0)
                self._rebaud(BAUD)
                await pause(MARK_MS if self._paced else 0)
            self.stream.write(command)
            await self.stream.drain()
        except OSError:
            self._buffer = b""  # the line is gone: nobody answers, and the time-out says so

    async def _line(self) -> bytes:
        """Return the next line without its end, parity bits, echo and the NULs of a break."""
        while True:
            end = self._buffer.find(b"\r\n")
            if end >= 0:
                line, self._buffer = self._buffer[:end], self._buffer[end + 2 :]
                return line[line.rfind(b"!") + 1 :]
            data = bytes(byte & 0x7F for byte in await receive(self.stream, 64))
            self._buffer = (self._buffer + data.replace(b"\0", b""))[-MOST_BYTES:]


def _place(value: dict[str, Any]) -> Any:
    if not value:
        return None
    for key in value:
        if key not in ("channel", "power", "number"):
            raise ValueError("values: no key %r; use channel, power and number" % key)
    power = value.get("power", 0)
    if not isinstance(power, int) or not -9 <= power <= 9:
        raise ValueError("values: power is %r: -9 to 9" % (power,))
    return Channel(value.get("channel", ""), value.get("number", 1)), power
