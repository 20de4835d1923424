r"""An SDI-12 sensor: break, address, measurement, service request, data with CRC.

It answers ``aM!``, ``aC!``, ``aMC!``, ``aCC!`` and ``aD0!`` … with up to three values a reply, and
nothing to other addresses. After an M it is ready at once and says so. A pseudo-terminal has no
break; a NUL stands for it, and before the first command of a measurement it must have come.
Source: SDI-12 Support Group, "SDI-12, a serial-digital interface standard" V1.4, 2023.

Values are shown as the wire's integers times 10^-`decimals`.
Further faults: ``corrupt`` damages every data reply, also its repetitions (booked ``checksum``),
``few`` gives one value less than announced (its last channel is booked ``protocol_error``).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from cobenefit_hil.peers.base import Channels, Fault, Peer
from cobenefit_wire import quality

PER_REPLY = 3
END = b"\r\n"
LONGEST_COMMAND = 16


def checked(reply: bytes) -> bytes:
    """Return a reply with its CRC.

    Parameters
    ----------
    reply : bytes
        From the address to the last value.

    Returns
    -------
    bytes
        With three characters more.
    """
    value = 0
    for byte in reply:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ (0xA001 if value & 1 else 0)
    return reply + bytes(0x40 | (value >> shift & 0x3F) for shift in (12, 6, 0))


class Sdi12Peer(Peer):
    """One sensor on the line."""

    kinds = (*Peer.kinds, "corrupt", "few")

    def __init__(
        self,
        device: str,
        directory: Path,
        t_ms: Sequence[int],
        values: Mapping[str, Sequence[int]],
        faults: Sequence[Fault] = (),
        *,
        decimals: Mapping[str, int],
        address: bytes = b"0",
        echo: bool = False,
    ) -> None:
        super().__init__(device, directory, t_ms, values, faults)
        self._decimals = decimals
        self._address = address
        self._echo = echo
        self._texts: list[bytes] = []
        self._count = 0
        self._kind = ""
        self._checked = False
        self._awake = False

    def start(self) -> None:
        """Answer both lines, each in a thread of its own."""
        super().start()
        self._spawn(self._serve_line)

    def show(self, t_ms: int, values: Channels, fault: Fault | None) -> dict[str, str]:  # noqa: ARG002, D102
        self._kind = fault.kind if fault is not None else ""
        self._awake = False
        texts = [self._text(name, value) for name, value in values.items()]
        self._count = len(texts)
        self._texts = texts[:-1] if self._kind == "few" else texts
        if self._kind == "corrupt":
            return dict.fromkeys(values, quality.NAMES[quality.CHECKSUM])
        if self._kind == "few":
            return {list(values)[-1]: quality.NAMES[quality.PROTOCOL]}
        return {}

    def _text(self, name: str, value: int) -> bytes:
        places = self._decimals[name]
        whole, part = divmod(abs(value), 10**places)
        text = f"{whole}.{part:0{places}d}" if places else f"{whole}"
        return (("-" if value < 0 else "+") + text).encode()

    def _serve_line(self) -> None:
        buffer = b""
        while not self._stopping.is_set():
            buffer += self.sensor.read()
            *commands, buffer = buffer.split(b"!")
            buffer = buffer[-LONGEST_COMMAND:]
            for command in commands:
                self._awake = self._awake or b"\0" in command
                self._answer_command(command.replace(b"\0", b""))

    def _answer_command(self, command: bytes) -> None:
        if self._echo:
            self.sensor.write(command + b"!")
        mine = command[:1] == self._address and self._awake
        if mine and self._kind != "silence":
            for reply in self._replies(command[1:]):
                self.sensor.write(self._address + reply + END)

    def _replies(self, command: bytes) -> list[bytes]:
        if command in {b"M", b"MC"}:
            self._checked = command == b"MC"
            return [b"001%d" % self._count, b""]
        if command in {b"C", b"CC"}:
            self._checked = command == b"CC"
            return [b"000%02d" % self._count]
        if command[:1] == b"D" and command[1:].isdigit():
            return [self._data(int(command[1:]))]
        return []

    def _data(self, number: int) -> bytes:
        data = b"".join(self._texts[PER_REPLY * number : PER_REPLY * (number + 1)])
        if self._checked:
            data = checked(self._address + data)[1:]
        if self._kind == "corrupt":
            data = data.replace(b".", b"7", 1)
        return data
