"""Sensirion SCD40/SCD41: CO2, temperature and humidity of air, on I2C.

Commands are 16 bit. Replies are words of 16 bit, each with a CRC-8 (polynomial 0x31, start 0xFF).
Periodic measurement gives new values every 5 s; the sensor is asked whether it has any.

Source: Sensirion, "SCD4x datasheet" V1.3, sections 3.5 and 3.11, 2022.
"""

from cobenefit_node.drivers.channel import Channel
from cobenefit_node.drivers.line import pause, within
from cobenefit_node.reading import Value
from cobenefit_wire import quality
from cobenefit_wire.hints import Any, const

ADDRESS = 0x62
START, STOP, READY, READ = b"\x21\xb1", b"\x3f\x86", b"\xe4\xb8", b"\xec\x05"
STOP_MS, READ_MS, POLL_MS = 500, 2, 100
_READY_MASK = const(0x07FF)
_FULL = const(65_535)


def crc(word: bytes) -> int:
    """Return the CRC-8 of a word."""
    value = 0xFF
    for byte in word:
        value ^= byte
        for _ in range(8):
            value = (value << 1 ^ 0x31 if value & 0x80 else value << 1) & 0xFF
    return value


def words(data: bytes) -> list[int]:
    """Return the words of a reply; -1 for one whose CRC is wrong."""
    return [
        data[i] << 8 | data[i + 1] if crc(data[i : i + 2]) == data[i + 2] else -1
        for i in range(0, len(data) - 2, 3)
    ]


def co2_ppm(word: int) -> int:
    """Return the carbon dioxide [1e-6]."""
    return word


def temperature_cdegc(word: int) -> int:
    """Return the temperature, -45 + 175 word/65535 degC, rounded half up [0.01 degC]."""
    return (2 * 17_500 * word + _FULL) // (2 * _FULL) - 4500


def humidity_permille(word: int) -> int:
    """Return the relative humidity, word/65535, rounded half up [1/1000]."""
    return (2 * 1000 * word + _FULL) // (2 * _FULL)


class Scd4x:
    """The sensor on a bus.

    Parameters
    ----------
    bus : object
        Has `writeto(address, data)` and `readfrom(address, count)`, as `machine.I2C`.
    number : int
        Suffix of the channels when the device has several. [1]
    timeout_ms : int
        Longest `read()`; a new value comes every 5 s. [ms]
    """

    event = False

    def __init__(self, bus: Any, number: int = 1, timeout_ms: int = 7000) -> None:
        self.bus = bus
        self._sources = (
            (Channel("co2_ratio", number), co2_ppm),
            (Channel("air_temperature_degc", number), temperature_cdegc),
            (Channel("relative_humidity_ratio", number), humidity_permille),
        )
        self.channels = tuple(channel.name for channel, _ in self._sources)
        self._timeout_ms = timeout_ms
        self._started = False

    async def read(self) -> list[Value]:
        """Return the three values, flagged when the sensor is silent or a CRC is wrong."""
        try:
            found = await within(self._timeout_ms, self._measured())
        except OSError:
            found = None
        if found is None:
            self._started = False  # it may have lost its power: begin again
            return [channel.bad(quality.TIMEOUT) for channel, _ in self._sources]
        return [
            channel.bad(quality.CHECKSUM) if word < 0 else channel.good(convert(word))
            for (channel, convert), word in zip(self._sources, found)
        ]

    async def _measured(self) -> list[int]:
        if not self._started:
            await self._start()
        while True:
            (ready,) = await self._ask(READY, 3)
            if ready > 0 and ready & _READY_MASK:
                return await self._ask(READ, 9)
            await pause(POLL_MS)

    async def _start(self) -> None:
        try:
            self.bus.writeto(ADDRESS, STOP)  # it may measure already, from before a reset
            await pause(STOP_MS)
        except OSError:
            await pause(READ_MS)  # a sensor may refuse to stop what it has not begun
        self.bus.writeto(ADDRESS, START)
        self._started = True

    async def _ask(self, command: bytes, count: int) -> list[int]:
        self.bus.writeto(ADDRESS, command)
        await pause(READ_MS)
        return words(self.bus.readfrom(ADDRESS, count))
