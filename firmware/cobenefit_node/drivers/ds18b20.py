"""Maxim DS18B20: temperature on a 1-Wire bus, one channel per sensor.

The scratchpad has nine bytes: the temperature in 1/16 degC (two's complement, low byte first),
settings, and a CRC-8 (polynomial 0x8C reflected, start 0). A sensor that has lost its power reads
85 degC until it has converted: that value is never believed.

Source: Maxim Integrated, "DS18B20 datasheet", rev. 6, table 1 and figure 9, 2019; Application note
27, 2001.
"""

from cobenefit_node.drivers.channel import Channel
from cobenefit_node.drivers.line import pause
from cobenefit_node.reading import Value
from cobenefit_wire import quality
from cobenefit_wire.hints import Any

FAMILY = 0x28
SKIP_ROM, CONVERT, READ = 0xCC, 0x44, 0xBE
CONVERT_MS = 750
POWER_ON = 85 * 16
QUANTITIES = ("soil_temperature_degc", "air_temperature_degc")


def crc(data: bytes) -> int:
    """Return the CRC-8; 0 over data that ends with its own."""
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0x8C if value & 1 else 0)
    return value


def sixteenths(scratch: bytes) -> int:
    """Return the temperature of a scratchpad [1/16 degC]."""
    raw = scratch[0] | scratch[1] << 8
    return raw - 0x10000 if raw & 0x8000 else raw


def scaled(raw: int, exponent: int) -> int:
    """Return a temperature [1/16 degC] in units of 10^exponent degC, rounded half up."""
    return (2 * raw * 10**-exponent + 16) // 32


class Ds18b20:
    """The sensors on a bus.

    Parameters
    ----------
    bus : object
        Has `reset()`, `select_rom(rom)`, `writebyte(byte)` and `readinto(buffer)`, as
        `onewire.OneWire`.
    roms : list of str
        Numbers of the sensors, 16 hexadecimal digits each: the first becomes the channel without
        suffix, the others `_2`, `_3` …
    channel : str
        One of `QUANTITIES`.
    number : int
        Suffix of the first channel. [1]
    convert_ms : int
        Wait for the conversion, 750 at full resolution. [ms]
    """

    event = False

    def __init__(
        self,
        bus: Any,
        roms: list[str],
        channel: str = "soil_temperature_degc",
        number: int = 1,
        convert_ms: int = CONVERT_MS,
    ) -> None:
        if channel not in QUANTITIES:
            raise ValueError("channel is %r: use one of %s" % (channel, QUANTITIES))
        if not roms:
            raise ValueError("roms is empty: give the number of each sensor")
        self.bus = bus
        self._sensors = [(_rom(rom), Channel(channel, number + i)) for i, rom in enumerate(roms)]
        self.channels = tuple(channel.name for _, channel in self._sensors)
        self._convert_ms = convert_ms

    async def read(self) -> list[Value]:
        """Let all sensors convert, then return one value of each, flagged when it is bad."""
        if not self._command(None, CONVERT):
            return [channel.bad(quality.TIMEOUT) for _, channel in self._sensors]
        await pause(self._convert_ms)
        return [self._value(rom, channel) for rom, channel in self._sensors]

    def _value(self, rom: bytes, channel: Channel) -> Value:
        buffer = bytearray(9)
        try:
            if not self._command(rom, READ):
                return channel.bad(quality.TIMEOUT)
            self.bus.readinto(buffer)
        except OSError:
            return channel.bad(quality.TIMEOUT)
        scratch = bytes(buffer)
        if scratch == b"\xff" * 9:
            return channel.bad(quality.TIMEOUT)  # nobody pulled the line down
        if crc(scratch) or scratch == bytes(9):
            return channel.bad(quality.CHECKSUM)
        if sixteenths(scratch) == POWER_ON:
            return channel.bad(quality.PROTOCOL)
        return channel.good(scaled(sixteenths(scratch), channel.exponent))

    def _command(self, rom: Any, command: int) -> bool:
        try:
            if not self.bus.reset():
                return False
            if rom is None:
                self.bus.writebyte(SKIP_ROM)
            else:
                self.bus.select_rom(rom)
            self.bus.writebyte(command)
        except OSError:
            return False
        return True


def _rom(text: str) -> bytes:
    try:
        rom = bytes.fromhex(text)
    except ValueError:
        rom = b""
    if len(rom) != 8 or rom[0] != FAMILY or crc(rom):
        raise ValueError("rom is %r: 16 hexadecimal digits, 28 first, its CRC last" % text)
    return rom
