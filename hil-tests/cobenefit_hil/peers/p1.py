r"""The P1 port of a Dutch or Belgian smart meter.

One telegram per instant. Versions 4 and 5 carry a CRC; versions 2 and 3 have none and are sent as
7E1, which an 8N1 receiver sees as parity in bit 7. Source: Netbeheer Nederland, "Dutch Smart
Meter Requirements: P1 companion standard" V5.0.2, sections 6.2 (CRC), 6.4 and 6.12, 2016, and
V2.2, section 4, 2008.

Channels: ``energy_import_wh``, ``energy_export_wh``, each shown as two tariffs, and
``power_active_w``, shown as power drawn or fed in, in steps of 10 W before version 4.
Further faults: ``corrupt`` flips bit number `amount` of the telegram (booked ``checksum`` on all).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from cobenefit_hil.peers.base import Channels, Fault, Peer
from cobenefit_hil.peers.tic import even_parity
from cobenefit_wire import quality

IMPORT, EXPORT, POWER = "energy_import_wh", "energy_export_wh", "power_active_w"
FIRST_WITH_CRC = 4


def crc(data: bytes) -> int:
    """Return the CRC over a telegram, bit by bit as the standard states it.

    Parameters
    ----------
    data : bytes
        From ``/`` to ``!``.

    Returns
    -------
    int
        CRC16, x^16 + x^15 + x^2 + 1, least significant bit first (V5.0.2 section 6.2). [1]
    """
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (0xA001 if value & 1 else 0)
    return value


def tariffs(code: int, index_wh: int, width: int) -> bytes:
    """Return the lines of both tariffs of an index.

    Parameters
    ----------
    code : int
        1 for import, 2 for export. [1]
    index_wh : int
        Sum of both tariffs, >= 0. [W.h]
    width : int
        Digits before the point: 5 before version 4, else 6. [1]

    Returns
    -------
    bytes
        Two lines.
    """
    lines = b""
    for tariff, part_wh in ((1, index_wh // 3), (2, index_wh - index_wh // 3)):
        kwh, rest_wh = divmod(part_wh, 1000)
        lines += b"1-0:%d.8.%d(%0*d.%03d*kWh)\r\n" % (code, tariff, width, kwh, rest_wh)
    return lines


class P1Peer(Peer):
    """A meter that pushes telegrams."""

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
        version: int = 5,
    ) -> None:
        step_w = 1 if version >= FIRST_WITH_CRC else 10
        shown = dict(values)
        shown[POWER] = [round(value / step_w) * step_w for value in values[POWER]]
        super().__init__(device, directory, t_ms, shown, faults)
        self.version = version

    def telegram(self, values: Channels) -> bytes:
        """Return the telegram of one instant.

        Parameters
        ----------
        values : mapping of str to int
            Indexes [W.h] and power [W].

        Returns
        -------
        bytes
            As an 8N1 receiver sees it.
        """
        with_crc = self.version >= FIRST_WITH_CRC
        width = 6 if with_crc else 5
        text = b"/ISK5\\2M550T-1012\r\n\r\n"
        text += b"1-3:0.2.8(50)\r\n" if with_crc else b""
        text += b"0-0:96.1.1(4B384547303034303436333935353037)\r\n"
        text += tariffs(1, values[IMPORT], width) + tariffs(2, values[EXPORT], width)
        text += b"0-0:96.14.0(0002)\r\n"
        for code, power_w in ((1, max(0, values[POWER])), (2, max(0, -values[POWER]))):
            kw, rest_w = divmod(power_w, 1000)
            shown = b"%02d.%03d" % (kw, rest_w) if with_crc else b"%04d.%02d" % (kw, rest_w // 10)
            text += b"1-0:%d.7.0(%s*kW)\r\n" % (code, shown)
        text += b"0-1:24.1.0(003)\r\n0-1:24.2.1(161129200000W)(00981.443*m3)\r\n!"
        if with_crc:
            return text + b"%04X\r\n" % crc(text)
        return even_parity(text + b"\r\n")

    def show(self, t_ms: int, values: Channels, fault: Fault | None) -> dict[str, str]:  # noqa: ARG002, D102
        raw = bytearray(self.telegram(values))
        if fault is not None and fault.kind == "silence":
            return {}
        if fault is not None and fault.kind == "corrupt":
            raw[fault.amount // 8] ^= 1 << fault.amount % 8
            self.sensor.write(bytes(raw))
            return dict.fromkeys(values, quality.NAMES[quality.CHECKSUM])
        self.sensor.write(bytes(raw))
        return {}
