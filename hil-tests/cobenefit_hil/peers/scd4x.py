"""A Sensirion SCD4x behind `machine.I2C` of a virtual board.

A virtual board has no I2C: its bus asks this peer on the sensor line, `w` or `r`, address, length
and the data written; `k` (and the data read) or `n` answer. Source of the commands: Sensirion,
"SCD4x datasheet" V1.3, section 3.5.

Temperature and humidity are shown to the nearest of the sensor's 65,536 steps.
Further faults: ``crc`` damages the humidity word (booked ``checksum``). ``silence`` refuses every
transfer.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from cobenefit_hil.peers.base import Channels, Fault, Peer
from cobenefit_wire import quality

ADDRESS = 0x62
READY, READ = b"\xe4\xb8", b"\xec\x05"
KNOWN = (b"\x21\xb1", b"\x3f\x86", READY, READ)
FULL = 65_535
HEAD = 3


def crc(word: bytes) -> int:
    """Return the CRC-8 of a word.

    Parameters
    ----------
    word : bytes
        Two bytes.

    Returns
    -------
    int
        Polynomial 0x31, start 0xFF. [1]
    """
    value = 0xFF
    for byte in word:
        value ^= byte
        for _ in range(8):
            value = ((value << 1) ^ 0x31 if value & 0x80 else value << 1) & 0xFF
    return value


def _words(*numbers: int) -> bytes:
    words = [number.to_bytes(2, "big") for number in numbers]
    return b"".join(word + bytes((crc(word),)) for word in words)


class Scd4xPeer(Peer):
    """The sensor on its bus."""

    kinds = (*Peer.kinds, "crc")

    def __init__(
        self,
        device: str,
        directory: Path,
        t_ms: Sequence[int],
        values: Mapping[str, Sequence[int]],
        faults: Sequence[Fault] = (),
    ) -> None:
        super().__init__(device, directory, t_ms, values, faults)
        self._shown = b""
        self._answers = {READY: _words(0x8000), READ: b""}
        self._silent = False

    def start(self) -> None:
        """Answer both lines, each in a thread of its own."""
        super().start()
        self._spawn(self._serve_bus)

    def show(self, t_ms: int, values: Channels, fault: Fault | None) -> dict[str, str]:  # noqa: ARG002, D102
        self._silent = fault is not None and fault.kind == "silence"
        air = _words(
            values["co2_ratio"],
            round((values["air_temperature_degc"] + 4500) * FULL / 17_500),
            round(values["relative_humidity_ratio"] * FULL / 1000),
        )
        damaged = fault is not None and fault.kind == "crc"
        if damaged:
            air = air[:-1] + bytes((air[-1] ^ 1,))
        self._answers = {READY: _words(0x8006), READ: air}
        reason = quality.NAMES[quality.CHECKSUM]
        return {"relative_humidity_ratio": reason} if damaged else {}

    def _serve_bus(self) -> None:
        buffer = b""
        while not self._stopping.is_set():
            buffer += self.sensor.read()
            while len(buffer) >= HEAD:
                size = HEAD + (buffer[2] if buffer[:1] == b"w" else 0)
                if len(buffer) < size:
                    break
                self.sensor.write(self._transfer(buffer[:size]))
                buffer = buffer[size:]

    def _transfer(self, asked: bytes) -> bytes:
        count = asked[2]
        if asked[1] != ADDRESS or self._silent:
            return b"n" + (b"\0" * count if asked[:1] == b"r" else b"")
        if asked[:1] == b"r":
            return b"k" + self._shown[:count].ljust(count, b"\xff")
        self._shown = self._answers.get(asked[HEAD:], b"")
        return b"k" if asked[HEAD:] in KNOWN else b"n"
