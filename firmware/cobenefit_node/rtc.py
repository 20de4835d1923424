"""A small state that outlives deep sleep: in RTC memory behind a CRC32, else in flash twins.

RTC memory costs no wear and is lost with the power; an ESP32 has 2048 bytes of it (MicroPython,
ports/esp32/machine_rtc.c). A board without it keeps the state in flash, at one write a sleep.

    >>> kept = Kept(board.rtc_memory())
    >>> kept.save([1, 2])
"""

import struct
from binascii import crc32

from cobenefit_node.twin import Twin
from cobenefit_wire import cbor
from cobenefit_wire.hints import Any

#: What MicroPython gives on an ESP32. [bytes]
ROOM = 2048


class Kept:
    """One CBOR item."""

    def __init__(self, memory: Any) -> None:
        self._memory = memory
        self._twin = Twin("asleep") if memory is None else None

    def load(self) -> Any:
        """Return the item, or None when there is none or it is damaged."""
        if self._twin is not None:
            return self._twin.load()
        raw = bytes(self._memory())
        if len(raw) < 5 or struct.unpack(">I", raw[:4])[0] != crc32(raw[4:]) & 0xFFFFFFFF:
            return None
        return cbor.loads(raw[4:])

    def save(self, item: object) -> bool:
        """Keep an item; return whether there was room. OSError when the flash refuses."""
        if self._twin is not None:
            self._twin.save(item)
            return True
        raw = cbor.dumps(item)
        if len(raw) + 4 > ROOM:
            return False
        self._memory(struct.pack(">I", crc32(raw) & 0xFFFFFFFF) + raw)
        return True
