"""The CRC of Modbus RTU, DSMR P1 and SDI-12: polynomial 0x8005, reflected (0xA001)."""

_NIBBLES = (
    0x0000, 0xCC01, 0xD801, 0x1400, 0xF001, 0x3C00, 0x2800, 0xE401,
    0xA001, 0x6C00, 0x7800, 0xB401, 0x5000, 0x9C01, 0x8801, 0x4400,
)  # fmt: skip


def crc16(data: bytes, crc: int = 0xFFFF) -> int:
    """Return the CRC of a frame.

    Parameters
    ----------
    data : bytes
        What the CRC covers.
    crc : int
        Start value: 0xFFFF for Modbus, 0 for P1 and SDI-12. [1]

    Returns
    -------
    int
        Sixteen bits. [1]
    """
    for byte in data:
        crc ^= byte
        crc = (crc >> 4) ^ _NIBBLES[crc & 15]
        crc = (crc >> 4) ^ _NIBBLES[crc & 15]
    return crc
