# MicroPython, like the firmware: neither its modules nor its habits are the host's.
# mypy: ignore-errors
# ruff: noqa: A002, ANN001, ANN201, ANN204, ARG002, D102
"""`network` for a virtual board: a station that is on a channel and joins nothing."""

import os


class WLAN:
    """The one station; `COBENEFIT_MAC` is its address."""

    IF_STA, IF_AP, PM_NONE, PM_PERFORMANCE, PM_POWERSAVE = 0, 1, 0, 1, 2
    _is_active = False
    _channel = 1

    def __init__(self, id=0):
        if id != self.IF_STA:
            raise ValueError("this virtual board has a station only")

    def active(self, on=None):
        if on is not None:
            WLAN._is_active = bool(on)
        return WLAN._is_active

    def config(self, name=None, *, channel=None, pm=None):
        if not WLAN._is_active:
            raise OSError(0x3002, "ESP_ERR_WIFI_NOT_STARTED")
        if channel is not None:
            WLAN._channel = channel
        if name == "mac":
            return bytes.fromhex(os.getenv("COBENEFIT_MAC"))
        return WLAN._channel if name == "channel" else None

    def isconnected(self):
        return False
