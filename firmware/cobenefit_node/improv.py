"""Wi-Fi over the console: a page in a browser or `cobenefit boards wifi` tells the access point.

The Improv protocol (improv-wifi.com, "Improv via Serial", version 1): header, type, length, data,
and the low byte of the sum of all before. It shares the line with the log, so whatever is not a
packet is skipped; a Ctrl-C between packets still stops the node. Loaded by `main.py` only where
there is a broker and no access point, and by the console, whenever it asks:

    >>> from cobenefit_node import improv
    >>> improv.serve()

What is told is tried before it is kept; the password is neither printed nor sent back.
"""

import asyncio
import json
import os
import select
import sys

from cobenefit_node import VERSION
from cobenefit_wire.hints import Any

_HEADER = b"IMPROV\x01"
_STATE, _ERROR, _COMMAND, _RESULT = 1, 2, 3, 4
_READY, _JOINING, _JOINED = 2, 3, 4
_NONE, _INVALID, _UNKNOWN, _UNABLE = 0, 1, 2, 3
_SETTINGS, _ASK_STATE, _ASK_DEVICE = 1, 2, 3
_CTRL_C = 3
_POLL_MS = 100


def packet(kind: int, data: bytes) -> bytes:
    """Return one packet."""
    raw = _HEADER + bytes((kind, len(data))) + data
    return raw + bytes((sum(raw) & 0xFF,))


def strings(data: bytes) -> list[str]:
    """Return texts, each behind its length; ValueError when one is cut or no UTF-8."""
    found = []
    at = 0
    while at < len(data):
        end = at + 1 + data[at]
        if end > len(data):
            raise ValueError("a text is cut")
        found.append(str(data[at + 1 : end], "utf-8"))
        at = end
    return found


class Parser:
    """Finds packets in what comes over the line."""

    def __init__(self) -> None:
        self._raw = b""

    def between(self) -> bool:
        """Whether no packet has begun."""
        return not self._raw

    def feed(self, byte: int) -> Any:
        """Take one byte [1]; return (type, data) when it ends a packet, else None."""
        self._raw += bytes((byte,))
        size = len(self._raw)
        if size <= len(_HEADER):
            if not _HEADER.startswith(self._raw):
                self._raw = b"I" if byte == _HEADER[0] else b""
            return None
        if size < 9 or size < 10 + self._raw[8]:
            return None
        raw, self._raw = self._raw, b""
        return (raw[7], raw[9:-1]) if sum(raw[:-1]) & 0xFF == raw[-1] else (0, b"")


class Service:
    """Answers packets by way of `send`; `join` tries and keeps an access point."""

    def __init__(self, send: Any, join: Any, device: tuple[str, ...]) -> None:
        self._send = send
        self._join = join
        self._device = device
        self.joined = False

    def take(self, kind: int, data: bytes) -> None:
        """Answer one packet."""
        if kind != _COMMAND or len(data) < 2 or data[1] != len(data) - 2:
            self._say(_ERROR, _INVALID)
            return
        self._say(_ERROR, _NONE)
        if data[0] == _SETTINGS:
            self._settings(data[2:])
        elif data[0] == _ASK_STATE:
            self._say(_STATE, _JOINED if self.joined else _READY)
        elif data[0] == _ASK_DEVICE:
            texts = b"".join([bytes((len(t.encode()),)) + t.encode() for t in self._device])
            self._send(packet(_RESULT, bytes((_ASK_DEVICE, len(texts))) + texts))
        else:
            self._say(_ERROR, _UNKNOWN)

    def _settings(self, data: bytes) -> None:
        try:
            ssid, password = strings(data)
        except ValueError:
            self._say(_ERROR, _INVALID)
            return
        self._say(_STATE, _JOINING)
        try:
            self._join(ssid, password)
        except (OSError, ValueError) as err:  # ConfigError is a ValueError, and shows no password
            print(err)
            self._say(_ERROR, _UNABLE)
            self._say(_STATE, _READY)
            return
        self.joined = True
        self._say(_STATE, _JOINED)
        self._send(packet(_RESULT, bytes((_SETTINGS, 0))))

    def _say(self, kind: int, value: int) -> None:
        self._send(packet(kind, bytes((value,))))


class _Ledger:
    """Nobody counts the radio's time here."""

    def radio(self, _ms: int) -> None:
        """Take note of nothing."""


def _joined(ssid: str, password: str) -> None:
    """Join; then keep it in `config.json`, which is in force from the next start on."""
    from cobenefit_node import config, settings
    from cobenefit_node.trials import Trials
    from cobenefit_node.wifi import Wifi

    trials = Trials()
    raw = settings.raw(trials, False)
    raw["wifi"] = dict(raw.get("wifi", {}), ssid=ssid, password=password)
    found = config.parse(raw, settings.FACTORY)
    wifi = Wifi(found.wifi, found.device, ledger=_Ledger(), log=print)
    try:
        asyncio.run(wifi.join())
    finally:
        wifi.leave()
    beside = settings.FACTORY + ".new"
    with open(beside, "w") as f:
        json.dump(raw, f)
    os.rename(beside, settings.FACTORY)
    if trials.slot("config")[0]:
        trials.drop("config", "Wi-Fi was given at the console")


def unprovisioned() -> bool:
    """Whether this board has Wi-Fi and nobody, say `boot.py`, has joined for it."""
    try:
        import network  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        return False
    station: Any = network.WLAN(network.WLAN.IF_STA)
    return not (station.active() and station.isconnected())


def serve() -> None:
    """Answer until an access point is kept."""
    import micropython

    chip: Any = getattr(sys.implementation, "_machine", sys.platform)
    out: Any = sys.stdout.buffer
    service = Service(out.write, _joined, ("cobenefit", VERSION, chip, "node"))
    parser = Parser()
    poll = select.poll()
    poll.register(sys.stdin, select.POLLIN)
    micropython.kbd_intr(-1)  # the packets are full of what is a Ctrl-C elsewhere
    try:
        while not service.joined:
            if poll.poll(_POLL_MS):
                byte = sys.stdin.buffer.read(1)[0]
                if byte == _CTRL_C and parser.between():
                    raise KeyboardInterrupt
                found = parser.feed(byte)
                if found is not None:
                    service.take(found[0], found[1])
    finally:
        micropython.kbd_intr(_CTRL_C)
