# MicroPython, like the firmware: neither its modules nor its habits are the host's.
# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, ANN202, ANN204, ARG002, D102, SLF001
"""`espnow` for a virtual board: datagrams on loopback to the air of the rig, `COBENEFIT_AIR`.

It refuses what the chip refuses: an interface that is off, a peer that is not in the table, a
twenty-first peer, a seventh encrypted one, 251 bytes; and it drops what comes when its buffer is
full. Encryption is modelled by the key's fingerprint: a frame sealed with another is not heard. A
frame in clear is heard from anybody, as on the chip, where a receiver needs no peer table.

Source of limits and error names: MicroPython documentation, `espnow`, v1.23, 2024.
"""

import hashlib
import os
import socket

from network import WLAN

MAX_DATA_LEN, KEY_LEN, MAX_TOTAL_PEER_NUM, MAX_ENCRYPT_PEER_NUM = 250, 16, 20, 6
_CLEAR = bytes(4)
#: What the driver adds to a frame in its buffer: header and address.
_HEADER = 13


def _refuse(code, name):
    raise OSError(-(0x3064 + code), "ESP_ERR_ESPNOW_" + name)


class ESPNow:
    """The one radio of a board."""

    def __init__(self):
        self._socket = None
        self._room = 526
        self._pmk = bytes(16)
        self._peers = {}
        self._inbox = []
        self._held = 0
        self._tx = self._rx = self._dropped = 0

    def active(self, on=None):
        if on and self._socket is None:
            self._mac = bytes.fromhex(os.getenv("COBENEFIT_MAC"))
            self._air = socket.getaddrinfo("127.0.0.1", int(os.getenv("COBENEFIT_AIR")))[0][-1]
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._socket.setblocking(False)
            self._transmit(bytes(6), _CLEAR, b"")
        elif on is False and self._socket is not None:
            self._socket.close()
            self._socket = None
            self._peers = {}
        return self._socket is not None

    def config(self, *, rxbuf=None):
        if rxbuf is not None:
            self._room = rxbuf

    def set_pmk(self, pmk):
        if len(pmk) != KEY_LEN:
            raise ValueError("invalid buffer length")
        self._pmk = pmk

    def add_peer(self, mac, lmk=None):
        self._ready()
        if len(mac) != 6 or (lmk and len(lmk) != KEY_LEN):
            raise ValueError("invalid buffer length")
        if mac in self._peers:
            _refuse(7, "EXIST")
        encrypted = len([key for key in self._peers.values() if key])
        full = len(self._peers) >= MAX_TOTAL_PEER_NUM
        if full or (lmk and encrypted >= MAX_ENCRYPT_PEER_NUM):
            _refuse(4, "FULL")
        self._peers[mac] = lmk

    def send(self, mac, data, sync=True):
        self._ready()
        if not WLAN._is_active:
            _refuse(8, "IF")
        if mac not in self._peers:
            _refuse(5, "NOT_FOUND")
        if not 0 < len(data) <= MAX_DATA_LEN:
            _refuse(2, "ARG")
        self._transmit(mac, self._seal(mac), data)
        self._tx += 1
        return True

    def any(self):
        self._ready()
        self._collect()
        return bool(self._inbox)

    def irecv(self, timeout_ms=None):
        if timeout_ms != 0:
            raise ValueError("a virtual radio is polled")
        if not self.any():
            return (None, None)
        mac, data = self._inbox.pop(0)
        self._held -= len(data) + _HEADER
        return [mac, bytearray(data)]

    def stats(self):
        return (self._tx, self._tx, 0, self._rx, self._dropped)

    def _ready(self):
        if self._socket is None:
            _refuse(1, "NOT_INIT")

    def _seal(self, mac):
        lmk = self._peers.get(mac)
        return hashlib.sha256(self._pmk + lmk).digest()[:4] if lmk else _CLEAR

    def _transmit(self, to, seal, data):
        head = bytes((WLAN._channel,)) + self._mac + to + seal
        try:
            self._socket.sendto(head + data, self._air)
        except OSError:
            return  # the air is gone: nobody hears it

    def _collect(self):
        """Move what has come into the buffer, which drops what it can't hold."""
        while True:
            try:
                raw = self._socket.recv(512)
            except OSError:
                return
            mac, seal, data = raw[1:7], raw[13:17], raw[17:]
            unlike = seal not in (_CLEAR, self._seal(mac))
            if unlike or raw[0] != WLAN._channel:
                continue
            if self._held + len(data) + _HEADER > self._room:
                self._dropped += 1
                continue
            self._rx += 1
            self._held += len(data) + _HEADER
            self._inbox.append((mac, data))
