"""The board: what drivers ask for, through `machine` alone.

The same file runs on esp32, rp2 and, with the rig's `machine.py`, on a virtual board.
"""

import asyncio
import os
import sys

import machine  # type: ignore[import-not-found,unused-ignore]

from cobenefit_wire.hints import Any

_WATCHDOG, _BROWN_OUT = 3, 6
#: MicroPython takes a brown-out of an ESP32 for a watchdog; the chip knows better: "ESP32
#: Technical Reference Manual", RTC_CNTL_RESET_STATE_REG and table of reset sources.
_RESET_STATE, _BROWNED = 0x3FF48034, 15


class Board:
    """UARTs as asyncio streams, counters, analogue inputs, and who we are."""

    #: Whether time is stepped by a simulation, so that every byte on a line is of this instant.
    stepped = False

    def __init__(self) -> None:
        self._uarts: dict[int, Any] = {}
        self._counters = 0

    def uart(self, number: int, baud: int, bits: int, parity: Any, stop: int) -> Any:
        """Return an asyncio stream on a serial port.

        Parameters
        ----------
        number : int
            UART of the board.
        baud : int
            Speed. [bit/s]
        bits : int
            Data bits, 7 or 8.
        parity : int or None
            0 even, 1 odd, None without.
        stop : int
            Stop bits, 1 or 2.

        Returns
        -------
        asyncio stream
            Reads and writes.
        """
        port: Any = machine.UART(number, baud, bits=bits, parity=parity, stop=stop, rxbuf=1024)
        self._uarts[number] = port
        return asyncio.StreamReader(port)

    def rebaud(self, number: int, baud: int) -> None:
        """Change the speed of a serial port that was opened by `uart` [bit/s]."""
        self._uarts[number].init(baudrate=baud)

    def counter(self, number: int) -> Any:
        """Return a pulse counter on a pin; `value()` reads it. ValueError where there is none."""
        make = getattr(machine, "Counter", None)
        if make is None:
            raise ValueError("this board has no pulse counter: use an ESP32, or another driver")
        self._counters += 1
        return make(self._counters - 1, self.pin(number))

    def adc(self, number: int) -> Any:
        """Return an analogue input; `read_u16()` reads it."""
        return machine.ADC(number)

    def i2c(self, number: int) -> Any:
        """Return an I2C bus on its default pins."""
        return machine.I2C(number)

    def onewire(self, number: int) -> Any:
        """Return the 1-Wire bus on a pin."""
        import onewire  # type: ignore[import-not-found,unused-ignore]

        return onewire.OneWire(machine.Pin(number))

    def pin(self, number: int) -> Any:
        """Return a digital input with a pull-up."""
        return machine.Pin(number, machine.Pin.IN, machine.Pin.PULL_UP)

    def i2c_on(self, scl: int, sda: int) -> Any:
        """Return an I2C bus on two pins."""
        return machine.SoftI2C(scl=machine.Pin(scl), sda=machine.Pin(sda))

    def watchdog(self, timeout_ms: int) -> Any:
        """Return a watchdog to be fed within `timeout_ms` of real time [ms]."""
        if sys.platform != "rp2":
            return machine.WDT(timeout=timeout_ms)
        from cobenefit_node import watchdog

        wdt = machine.WDT(timeout=watchdog.LONGEST_MS)
        return watchdog.Watchdog(wdt, machine.Timer, timeout_ms)

    def unique_id(self) -> bytes:
        """Return the chip's own number."""
        number: bytes = machine.unique_id()
        return number

    def reset(self) -> None:
        """Start again from the boot; does not return."""
        machine.reset()

    def reset_cause(self) -> int:
        """Return the cause of the last reset.

        Returns
        -------
        int
            1 power on, 2 hard, 3 watchdog, 4 deep sleep, 5 soft, 6 brown-out, 0 unknown.
        """
        cause: int = machine.reset_cause()
        if cause == _WATCHDOG and sys.platform == "esp32" and "with ESP32" in os.uname().machine:
            cause = _BROWN_OUT if machine.mem32[_RESET_STATE] & 0x3F == _BROWNED else cause
        return cause

    def deepsleep(self, ms: int) -> None:
        """Sleep with all but the clock and RTC memory off, then start again [ms]."""
        machine.deepsleep(ms)

    def rtc_memory(self) -> Any:
        """Return `memory(…)`, which reads or writes what outlives deep sleep; None without."""
        return getattr(machine.RTC(), "memory", None)
