"""The board's own power, measured by an INA219 in its supply line.

No calibration register is needed: power is bus voltage x shunt voltage / shunt resistance. Both
converters average 128 samples (68 ms), which one reading after the other covers in turn.

Source: Texas Instruments, "INA219 Zero-Drift, Bidirectional Current/Power Monitor With I2C
Interface", SBOS448G, sections 8.5 and 8.6, 2015.

    >>> power_mw(2000, 0x5D98, 2)  # 20 mV on 2 mOhm at 11.98 V: 119.8 W
    119800
"""

from cobenefit_wire.hints import Any, const

_CONFIG, _SHUNT, _BUS = 0, 1, 2
#: 32 V, +-320 mV, 128 samples each, continuous: table 4 to 6 of the data sheet.
_AVERAGING = const(b"\x3f\xff")


def power_mw(shunt: int, bus: int, shunt_mohm: int) -> int:
    """Return the power of two raw registers, 10 uV and 4 mV a step, and a shunt [mOhm] -> [mW]."""
    if shunt & 0x8000:
        shunt -= 0x10000
    current_ma = shunt * 10 // shunt_mohm
    return max(0, (bus >> 3) * 4 * current_ma // 1000)


class Ina219:
    """The meter on an I2C bus; OSError when it does not answer."""

    def __init__(self, i2c: Any, shunt_mohm: int, address: int = 0x40) -> None:
        self._i2c = i2c
        self._shunt_mohm = shunt_mohm
        self._address = address
        i2c.writeto_mem(address, _CONFIG, _AVERAGING)

    def power_mw(self) -> int:
        """Return the power now [mW]."""
        return power_mw(self._register(_SHUNT), self._register(_BUS), self._shunt_mohm)

    def _register(self, number: int) -> int:
        return int.from_bytes(self._i2c.readfrom_mem(self._address, number, 2), "big")
