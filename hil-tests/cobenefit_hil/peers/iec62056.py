r"""A meter behind an optical head: IEC 62056-21, mode C, data readout.

The peer answers a request with its identification, and the acknowledgement with the data block of
the instant. Source: IEC 62056-21, "Direct local data exchange", 2002, sections 6.3 (messages),
6.4.5.3 (mode C) and annex B (block check).

Channels: ``energy_import_wh`` (1.8.0) and ``energy_export_wh`` (2.8.0), in steps of 1 W.h.
Further faults: ``corrupt`` flips bit number `amount` of the data block (booked ``checksum``).
``silence`` leaves the request unanswered. `rates` counts the rates the node has asked for.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from cobenefit_hil.peers.base import LINE_BYTES, Channels, Fault, Peer
from cobenefit_hil.peers.tic import even_parity
from cobenefit_wire import quality

IMPORT, EXPORT = "energy_import_wh", "energy_export_wh"
REQUEST = b"/?!\r\n"
IDENTIFICATION = b"/ISK5ME162-0033\r\n"
ACK, STX, ETX = b"\x06", b"\x02", b"\x03"
ACK_BYTES = 6


def block(lines: bytes) -> bytes:
    """Return a data message with its block check character.

    Parameters
    ----------
    lines : bytes
        Data lines, each with CR LF.

    Returns
    -------
    bytes
        STX, lines, ``!``, CR LF, ETX, BCC.
    """
    covered = lines + b"!\r\n" + ETX
    bcc = 0
    for byte in covered:
        bcc ^= byte
    return STX + covered + bytes((bcc,))


class Iec62056Peer(Peer):
    """A meter that answers its optical head."""

    kinds = (*Peer.kinds, "corrupt")
    counters = (IMPORT, EXPORT)

    def __init__(
        self,
        device: str,
        directory: Path,
        t_ms: Sequence[int],
        values: Mapping[str, Sequence[int]],
        faults: Sequence[Fault] = (),
        *,
        parity_bit: bool = False,
    ) -> None:
        super().__init__(device, directory, t_ms, values, faults)
        self.rates: Counter[str] = Counter()
        self._parity_bit = parity_bit
        self._identification = b""
        self._block = b""

    def start(self) -> None:
        """Answer the control line and the optical head."""
        self._spawn(self._listen)
        super().start()

    def play(self, interval_s: float) -> None:
        """Answer the optical head; the world follows the wall clock.

        Parameters
        ----------
        interval_s : float
            Pause between two instants, > 0. [s]
        """
        self._spawn(self._listen)
        super().play(interval_s)

    def show(self, t_ms: int, values: Channels, fault: Fault | None) -> dict[str, str]:  # noqa: ARG002, D102
        lines = b"C.1.0(28342193)\r\n0.0.0(28342193)\r\n"
        for code, index_wh in ((1, values[IMPORT]), (2, values[EXPORT])):
            kwh, rest_wh = divmod(index_wh, 1000)
            lines += b"%d.8.0(%07d.%03d*kWh)\r\n" % (code, kwh, rest_wh)
            lines += b"%d.8.0*01(0000001.000*kWh)\r\n" % code
        data = bytearray(block(lines + b"F.F(0000000)\r\n"))
        reasons = {}
        if fault is not None and fault.kind == "corrupt":
            data[fault.amount // 8] ^= 1 << fault.amount % 8
            reasons = dict.fromkeys(values, quality.NAMES[quality.CHECKSUM])
        silent = fault is not None and fault.kind == "silence"
        self._identification = b"" if silent else IDENTIFICATION
        self._block = bytes(data)
        return reasons

    def _listen(self) -> None:
        heard = b""
        while not self._stopping.is_set():
            heard = (heard + self.sensor.read())[-LINE_BYTES:]
            if heard.endswith(REQUEST):
                heard = b""
                self._say(self._identification)
            at = heard.find(ACK)
            if at >= 0 and len(heard) >= at + ACK_BYTES:
                self.rates[heard[at + 2 : at + 3].decode("ascii")] += 1
                heard = b""
                self._say(self._block)

    def _say(self, text: bytes) -> None:
        self.sensor.write(even_parity(text) if self._parity_bit else text)
