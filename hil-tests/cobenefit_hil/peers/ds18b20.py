"""DS18B20 sensors behind `onewire.OneWire` of a virtual board.

A virtual board has no 1-Wire bus: it asks this peer on the sensor line, `R` for a reset (`1` when
somebody is there), `w` and a byte to write it (`k`), `r` and a count to read. Source of the
commands and the scratchpad: Maxim Integrated, "DS18B20 datasheet", rev. 6, 2019.

Channels: one per sensor, in 0.1 degC, in the order of `roms`; shown to the nearest 1/16 degC.
Further faults: ``crc`` damages every scratchpad (booked ``checksum``), ``power_on`` shows 85 degC
(booked ``protocol_error``).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from cobenefit_hil.peers.base import Channels, Fault, Peer
from cobenefit_wire import quality

MATCH, READ = 0x55, 0xBE
ROM_BYTES = 8
POWER_ON = 85 * 16
_REASONS = {"crc": quality.CHECKSUM, "power_on": quality.PROTOCOL}


def checked(data: bytes) -> bytes:
    """Return data with its CRC-8.

    Parameters
    ----------
    data : bytes
        Seven bytes of a ROM or eight of a scratchpad.

    Returns
    -------
    bytes
        One byte more.
    """
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ (0x8C if value & 1 else 0)
    return data + bytes((value,))


class Ds18b20Peer(Peer):
    """The sensors of one bus."""

    kinds = (*Peer.kinds, "crc", "power_on")

    def __init__(
        self,
        device: str,
        directory: Path,
        t_ms: Sequence[int],
        values: Mapping[str, Sequence[int]],
        faults: Sequence[Fault] = (),
        *,
        roms: Sequence[bytes],
    ) -> None:
        super().__init__(device, directory, t_ms, values, faults)
        self._roms = list(roms)
        self._scratch: dict[bytes, bytes] = {}
        self._written = b""

    def start(self) -> None:
        """Answer both lines, each in a thread of its own."""
        super().start()
        self._spawn(self._serve_bus)

    def show(self, t_ms: int, values: Channels, fault: Fault | None) -> dict[str, str]:  # noqa: ARG002, D102
        kind = fault.kind if fault is not None else ""
        self._scratch = {}
        for rom, value in zip(self._roms, values.values(), strict=True):
            raw = POWER_ON if kind == "power_on" else round(value * 16 / 10)
            scratch = checked(raw.to_bytes(2, "little", signed=True) + b"\x4b\x46\x7f\xff\x0c\x10")
            if kind == "crc":
                scratch = scratch[:-1] + bytes((scratch[-1] ^ 0x40,))
            if kind != "silence":
                self._scratch[rom] = scratch
        if kind in _REASONS:
            return dict.fromkeys(values, quality.NAMES[_REASONS[kind]])
        return {}

    def _serve_bus(self) -> None:
        buffer = b""
        while not self._stopping.is_set():
            buffer += self.sensor.read()
            while buffer and len(buffer) >= (1 if buffer[:1] == b"R" else 2):
                size = 1 if buffer[:1] == b"R" else 2
                self.sensor.write(self._transfer(buffer[:size]))
                buffer = buffer[size:]

    def _transfer(self, asked: bytes) -> bytes:
        if asked == b"R":
            self._written = b""
            return b"1" if self._scratch else b"0"
        if asked[:1] == b"w":
            self._written = self._written[-ROM_BYTES - 1 :] + asked[1:]
            return b"k"
        rom = self._written[1 : 1 + ROM_BYTES]
        reads = self._written[:1] == bytes((MATCH,)) and self._written[-1] == READ
        scratch = self._scratch.get(rom, b"") if reads else b""
        return scratch.ljust(asked[1], b"\xff")[: asked[1]]
