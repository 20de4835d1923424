"""What each device of the soak sends: a function of (device, round), so nothing need be kept.

Every device has a counter and a gauge, read each ten seconds, and sends a pack of 60 of one of
them in turn: pack `seq` is of channel `seq % 2`. Most packs of a round differ only in device,
values and CRC, so a block of devices is made as one array; those with a flagged reading go through
the wire's own encoder. Pure: no clock, no socket.
"""

from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt

from cobenefit_wire import quality
from cobenefit_wire.pack import SEQ_AT, TIME_AT, Pack, encode

Ints = npt.NDArray[np.int64]
Bits = npt.NDArray[np.bool_]

SITE, BOOT = "soak", 3
CHANNELS, UNITS = ("energy_import_wh", "power_active_w"), ("Wh", "W")
READINGS, PERIOD_MS = 60, 10_000
START_MS = 1_600_041_600_000
#: The last byte of the values is followed by the label of the CRC (2 bytes) and the CRC (4).
_TAIL = 6
#: This pack of every hundredth device is never sent: as if its full ring had to make room.
LOST_SEQ = 25


def device(number: int) -> str:
    """Return a device's name: all have the same length."""
    return f"d{number:06d}"


def topic(number: int, seq: int) -> str:
    """Return where a device publishes a pack."""
    return f"cb/v1/{SITE}/{device(number)}/up/{CHANNELS[seq % 2]}"


def values(numbers: Ints, seq: int) -> Ints:
    """Return the readings of a pack of each device: a counter that only rises, or a gauge."""
    index = seq // 2 * READINGS + np.arange(READINGS)
    if seq % 2 == 0:
        return numbers[:, None] * 1000 + 7 * index + index % 5
    return (numbers[:, None] * 13 + 37 * index) % 9000


def payload(number: int, seq: int) -> bytes:
    """Return one pack by the wire's own encoder."""
    run = values(np.array([number]), seq)[0].tolist()
    codes = bytes(READINGS)
    if flagged(np.array([number]), seq)[0]:
        at = flagged_at(number, seq)
        codes = codes[:at] + bytes([quality.TIMEOUT]) + codes[at + 1 :]
    t_ms = START_MS + seq // 2 * READINGS * PERIOD_MS
    judged = codes if any(codes) else b""
    unit = UNITS[seq % 2]
    return encode(Pack(BOOT, seq, 0, t_ms, unit, 0, PERIOD_MS, (), run, judged))


def flagged_at(number: int, seq: int) -> int:
    """Return which reading of a flagged pack its node could not make [1]."""
    return (number + 7 * seq) % READINGS


def _chance(numbers: Ints, seq: int) -> Ints:
    # Mixed, so that neighbours in device or round have nothing in common.
    mixed = (numbers * 2_654_435_761 + seq * 2_246_822_519) & 0xFFFFFFFF
    return (((mixed ^ mixed >> 15) * 73_244_475 & 0xFFFFFFFF) >> 7) % 1000


def flagged(numbers: Ints, seq: int) -> Bits:
    """Return which devices flag one reading of this pack: 1 %."""
    return _chance(numbers, seq) < 10


def bent(numbers: Ints, seq: int) -> Bits:
    """Return before which packs a damaged copy comes: 1 in 1000."""
    chosen: Bits = _chance(numbers, seq) == 500
    return chosen


def doubled(numbers: Ints, seq: int) -> Bits:
    """Return which packs are sent twice though nobody asked: 5 in 1000."""
    chance = _chance(numbers, seq)
    return (chance >= 600) & (chance < 605)


def never_sent(numbers: Ints, seq: int) -> Bits:
    """Return which packs are declared lost instead of sent."""
    chosen: Bits = numbers % 100 == 7
    return chosen & (seq == LOST_SEQ)


def damaged(data: bytes) -> bytes:
    """Return a pack with one bit of its values flipped."""
    return data[:60] + bytes([data[60] ^ 1]) + data[61:]


@dataclass(frozen=True)
class Frames:
    """PUBLISH packets of a block of devices, one row each, all of one length."""

    rows: npt.NDArray[np.uint8]
    id_at: int

    def numbered(self, ids: Ints) -> bytes:
        """Return them with packet identifiers."""
        self.rows[:, self.id_at] = ids >> 8
        self.rows[:, self.id_at + 1] = ids & 255
        return self.rows.tobytes()


def frame(name: str, data: bytes) -> tuple[bytes, int]:
    """Return a PUBLISH at QoS 1 with identifier 0, and where that stands (MQTT 3.1.1, 3.3)."""
    size, length = 4 + len(name) + len(data), bytearray()
    while size > 127:  # section 2.2.3
        length.append(size & 127 | 128)
        size >>= 7
    length.append(size)
    head = b"\x32" + bytes(length) + len(name).to_bytes(2, "big") + name.encode()
    return head + b"\0\0" + data, len(head)


def block(numbers: Ints, seq: int) -> Frames:
    """Return the packs of some devices, none of them flagged."""
    first = int(numbers[0])
    data = encode(Pack(BOOT, seq, 0, 0, UNITS[seq % 2], 0, PERIOD_MS, (), (0,) * READINGS, b""))
    whole, id_at = frame(topic(first, seq), data)
    rows = np.tile(np.frombuffer(whole, dtype=np.uint8), (numbers.size, 1))
    start = id_at + 2
    t_ms = START_MS + seq // 2 * READINGS * PERIOD_MS
    _put(rows, start + TIME_AT, np.frombuffer(t_ms.to_bytes(8, "big"), dtype=np.uint8))
    _put(rows, start + SEQ_AT, np.frombuffer(seq.to_bytes(4, "big"), dtype=np.uint8))
    name_at = whole.index(device(first).encode())
    names = "".join(device(int(n)) for n in numbers).encode()
    _put(rows, name_at, np.frombuffer(names, dtype=np.uint8).reshape(numbers.size, -1))
    run = values(numbers, seq).astype("<i4").view(np.uint8).reshape(numbers.size, -1)
    end = rows.shape[1] - _TAIL
    _put(rows, end - run.shape[1], run)
    raw, width = rows.tobytes(), rows.shape[1]
    crc = [crc32(raw[i * width + start : i * width + end]) for i in range(numbers.size)]
    _put(rows, end + 2, np.array(crc, dtype=">u4").view(np.uint8).reshape(-1, 4))
    return Frames(rows, id_at)


def _put(rows: npt.NDArray[np.uint8], at: int, data: npt.NDArray[Any]) -> None:
    rows[:, at : at + data.shape[-1]] = data
