# MicroPython, like the firmware: neither its modules nor its habits are the host's.
# mypy: ignore-errors
# ruff: noqa: A002, ANN001, ANN201, ANN202, ANN204, ARG002, D102, D103, PTH123, SLF001, UP031
"""`network` for a virtual board: a station, and the access point in the file `COBENEFIT_AP`.

The file is there while the access point is on (`cobenefit_hil.access_point`). As on an ESP32 a
station tries for ever unless `reconnects` says otherwise, and refuses a second `connect`
meanwhile; a driver that hangs does so until its interface is switched off. What the access point
would see is written to the file's name with `.log`.

Source of states and errors: MicroPython, ports/esp32/network_wlan.c, v1.22; issue 17661, 2025.
"""

import json
import os
import time

STAT_IDLE, STAT_CONNECTING, STAT_GOT_IP = 1000, 1001, 1010
STAT_BEACON_TIMEOUT, STAT_NO_AP_FOUND, STAT_WRONG_PASSWORD = 200, 201, 202
#: What a wrong password gives on most chips: the handshake times out.
_HANDSHAKE_TIMEOUT = 15
_JOIN_MS = 40
_names = {"hostname": "mpy-unix", "country": "XX"}


def hostname(name):
    _names["hostname"] = name


def country(code):
    _names["country"] = code


def _access_point():
    try:
        with open(os.getenv("COBENEFIT_AP") or "no-access-point") as f:
            return json.load(f)
    except OSError:
        return None


def _hangs(point):
    """Whether the driver hangs, and its interface was not switched off since."""
    return point is not None and point["hangs"] != WLAN._cleared


def _note(what):
    path = os.getenv("COBENEFIT_AP")
    if path:
        with open(path + ".log", "a") as f:
            f.write("%d %s %s\n" % (time.ticks_ms(), what, _names["hostname"]))


class WLAN:
    """The one station; `COBENEFIT_MAC` is its address."""

    IF_STA, IF_AP, PM_NONE, PM_PERFORMANCE, PM_POWERSAVE = 0, 1, 0, 1, 2
    _is_active = False
    _channel = 1
    _reconnects = -1
    _cleared = 0
    _asked = None
    _asked_at = 0
    _joined = False
    _status = STAT_IDLE

    def __init__(self, id=0):
        if id != self.IF_STA:
            raise ValueError("this virtual board has a station only")

    def active(self, on=None):
        if on is not None and bool(on) != WLAN._is_active:
            WLAN._is_active = bool(on)
            _note("on" if on else "off")
            if not on:
                WLAN._cleared = (_access_point() or {}).get("hangs", 0)
            self._forget()
        return WLAN._is_active

    def config(self, name=None, *, channel=None, pm=None, reconnects=None):
        self._started()
        if channel is not None:
            WLAN._channel = channel
        if reconnects is not None:
            WLAN._reconnects = reconnects
        if name == "mac":
            return bytes.fromhex(os.getenv("COBENEFIT_MAC"))
        return WLAN._channel if name == "channel" else None

    def ifconfig(self, address):
        self._started()
        _note("address " + address[0])

    def connect(self, ssid, key=None):
        self._started()
        if WLAN._asked is not None:
            raise OSError("Wifi Internal Error")
        WLAN._asked, WLAN._asked_at = (ssid, key or ""), time.ticks_ms()
        WLAN._status = STAT_CONNECTING

    def disconnect(self):
        self._started()
        if not _hangs(_access_point()):
            self._forget()

    def isconnected(self):
        self._look()
        return WLAN._joined

    def status(self, param=None):
        self._look()
        if param is None:
            return WLAN._status
        if not WLAN._joined:
            raise OSError("Wifi Not Connected")
        return _access_point()["rssi_dbm"]

    def _started(self):
        if not WLAN._is_active:
            raise OSError(0x3002, "ESP_ERR_WIFI_NOT_STARTED")

    def _forget(self):
        WLAN._asked, WLAN._joined, WLAN._status = None, False, STAT_IDLE

    def _look(self):
        """Let happen what has happened since the last look."""
        point = _access_point()
        if WLAN._joined and point is None:
            self._fail(STAT_BEACON_TIMEOUT, "lost")
        if WLAN._asked is None or WLAN._joined:
            return
        if time.ticks_diff(time.ticks_ms(), WLAN._asked_at) < _JOIN_MS:
            return
        if point is None or point["ssid"] != WLAN._asked[0]:
            self._fail(STAT_NO_AP_FOUND, "absent")
        elif _hangs(point):
            return
        elif point["password"] != WLAN._asked[1]:
            self._fail(_HANDSHAKE_TIMEOUT, "refused")
        else:
            WLAN._joined, WLAN._status, WLAN._channel = True, STAT_GOT_IP, point["channel"]
            _note("joined")

    def _fail(self, status, what):
        _note(what)
        WLAN._joined = False
        if WLAN._reconnects < 0:
            WLAN._asked_at, WLAN._status = time.ticks_ms(), STAT_CONNECTING
        else:
            WLAN._asked, WLAN._status = None, status
