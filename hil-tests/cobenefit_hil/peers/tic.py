"""The customer tele-information output (TIC) of a French Linky meter.

One frame per instant, in historical or standard mode. Source: Enedis, "Sorties de
télé-information client des appareils de comptage Linky utilisés en généralisation par Enedis",
Enedis-NOI-CPT_54E, sections 5.2 (physical layer) and 5.3 (data link layer), v3, 2018.

Channels: ``energy_import_wh`` (BASE or EAST, 9 digits, wraps at 10^9 W.h) and
``power_apparent_va`` (PAPP in steps of 10 VA, or SINSTS).
Further faults: ``corrupt`` flips one bit of the index group, booked ``checksum``.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Literal
from zoneinfo import ZoneInfo

from cobenefit_hil.peers.base import Channels, Fault, Peer
from cobenefit_wire import quality

STX, ETX, LF, CR = b"\x02", b"\x03", b"\x0a", b"\x0d"
ENERGY, POWER = "energy_import_wh", "power_apparent_va"
WRAP_WH = 1_000_000_000
NOMINAL_V = 230
BITS_PER_BYTE = 10  # start, 7 data, parity, stop
BAUD = {"historical": 1200, "standard": 9600}
Mode = Literal["historical", "standard"]


def checksum(text: bytes) -> int:
    """Return the checksum character of a group.

    Parameters
    ----------
    text : bytes
        What the checksum covers: label to data, with the last separator in standard mode only.

    Returns
    -------
    int
        ASCII code, 0x20-0x5F (Enedis-NOI-CPT_54E section 5.3.6). [1]
    """
    return (sum(text) & 0x3F) + 0x20


def group(mode: Mode, label: str, *fields: str) -> bytes:
    """Return one group with its checksum.

    Parameters
    ----------
    mode : str
        ``historical`` or ``standard``.
    label : str
        Label of the group.
    *fields : str
        Time stamp, if any, and data.

    Returns
    -------
    bytes
        LF, the group, its checksum, CR.
    """
    separator = " " if mode == "historical" else "\t"
    text = separator.join((label, *fields)).encode("ascii")
    covered = text if mode == "historical" else text + b"\t"
    return LF + text + separator.encode() + bytes((checksum(covered),)) + CR


def even_parity(data: bytes) -> bytes:
    """Return 7-bit text as an 8N1 receiver sees a 7E1 sender: bit 7 is the even parity.

    Parameters
    ----------
    data : bytes
        Values below 0x80.

    Returns
    -------
    bytes
        Same length.
    """
    return bytes(byte | (byte.bit_count() & 1) << 7 for byte in data)


def horodate(t_ms: int) -> str:
    """Return a time stamp as the meter writes it: season letter and French legal time.

    Parameters
    ----------
    t_ms : int
        Unix time. [ms]

    Returns
    -------
    str
        ``E`` (summer) or ``H`` (winter), then YYMMDDhhmmss.
    """
    local = datetime.fromtimestamp(t_ms / 1000, UTC).astimezone(ZoneInfo("Europe/Paris"))
    return ("E" if local.dst() else "H") + local.strftime("%y%m%d%H%M%S")


def historical_groups(energy_wh: int, power_va: int) -> list[bytes]:
    """Return the groups of a single-phase base-tariff meter in historical mode.

    Parameters
    ----------
    energy_wh : int
        Register, 0 to 999,999,999. [W.h]
    power_va : int
        Apparent power, a multiple of 10. [VA]

    Returns
    -------
    list of bytes
        Groups in the order of the meter; the index is the fourth.
    """
    rows = (
        ("ADCO", "021861234567"),
        ("OPTARIF", "BASE"),
        ("ISOUSC", "45"),
        ("BASE", f"{energy_wh:09d}"),
        ("PTEC", "TH.."),
        ("IINST", f"{round(power_va / NOMINAL_V):03d}"),
        ("IMAX", "090"),
        ("PAPP", f"{power_va:05d}"),
        ("HHPHC", "A"),
        ("MOTDETAT", "000000"),
    )
    return [group("historical", *row) for row in rows]


def standard_groups(t_ms: int, energy_wh: int, power_va: int) -> list[bytes]:
    """Return the groups of a single-phase base-tariff meter in standard mode.

    Parameters
    ----------
    t_ms : int
        Unix time. [ms]
    energy_wh : int
        Register, 0 to 999,999,999. [W.h]
    power_va : int
        Apparent power. [VA]

    Returns
    -------
    list of bytes
        Groups in the order of the meter; the index is the sixth.
    """
    rows = (
        ("ADSC", "021861234567"),
        ("VTIC", "02"),
        ("DATE", horodate(t_ms), ""),
        ("NGTF", "      BASE      "),
        ("LTARF", "      BASE      "),
        ("EAST", f"{energy_wh:09d}"),
        ("EASF01", f"{energy_wh:09d}"),
        ("EASD01", f"{energy_wh:09d}"),
        ("IRMS1", f"{round(power_va / NOMINAL_V):03d}"),
        ("URMS1", f"{NOMINAL_V:03d}"),
        ("PREF", "09"),
        ("PCOUP", "09"),
        ("SINSTS", f"{power_va:05d}"),
        ("STGE", "003A0001"),
        ("PRM", "12345678901234"),
        ("RELAIS", "000"),
        ("NTARF", "01"),
        ("NJOURF", "00"),
        ("NJOURF+1", "00"),
    )
    return [group("standard", *row) for row in rows]


class TicPeer(Peer):
    """A Linky meter that streams frames."""

    kinds = (*Peer.kinds, "corrupt")
    counters = (ENERGY,)

    def __init__(
        self,
        device: str,
        directory: Path,
        t_ms: Sequence[int],
        values: Mapping[str, Sequence[int]],
        faults: Sequence[Fault] = (),
        *,
        mode: Mode = "historical",
        parity_bit: bool = False,
    ) -> None:
        shown = {ENERGY: [int(value) % WRAP_WH for value in values[ENERGY]]}
        step_va = 10 if mode == "historical" else 1
        shown[POWER] = [int(value) // step_va * step_va for value in values[POWER]]
        super().__init__(device, directory, t_ms, shown, faults)
        self.mode: Mode = mode
        self.parity_bit = parity_bit
        self._pacing = False
        self._pause = Event()

    def frame(self, t_ms: int, values: Channels, fault: Fault | None = None) -> bytes:
        """Return the frame of one instant.

        Parameters
        ----------
        t_ms : int
            Unix time. [ms]
        values : mapping of str to int
            Register [W.h] and apparent power [VA].
        fault : Fault or None, optional
            ``corrupt`` damages the index group.

        Returns
        -------
        bytes
            STX, groups, ETX.
        """
        if self.mode == "historical":
            groups = historical_groups(values[ENERGY], values[POWER])
            index = 3
        else:
            groups = standard_groups(t_ms, values[ENERGY], values[POWER])
            index = 5
        if fault is not None and fault.kind == "corrupt":
            damaged = bytearray(groups[index])
            damaged[-4] ^= 0x01  # the last digit of the register
            groups[index] = bytes(damaged)
        frame = STX + b"".join(groups) + ETX
        return even_parity(frame) if self.parity_bit else frame

    def show(self, t_ms: int, values: Channels, fault: Fault | None) -> dict[str, str]:  # noqa: D102
        if fault is not None and fault.kind == "silence":
            return {}
        self._send(self.frame(t_ms, values, fault))
        if fault is not None and fault.kind == "corrupt":
            return {ENERGY: quality.NAMES[quality.CHECKSUM]}
        return {}

    def play(self, interval_s: float) -> None:
        """Stream at the pace of the mode's baud rate, then pause.

        Parameters
        ----------
        interval_s : float
            Pause between two frames; a meter leaves 0.017 to 0.033. [s]
        """
        self._pacing = True
        super().play(interval_s)

    def _send(self, frame: bytes) -> None:
        if not self._pacing:
            self.sensor.write(frame)
            return
        for start in range(0, len(frame), 12):
            part = frame[start : start + 12]
            self.sensor.write(part)
            self._pause.wait(len(part) * BITS_PER_BYTE / BAUD[self.mode])
