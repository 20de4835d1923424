r"""The air between virtual radios: datagrams on loopback, lost, doubled and reordered at will.

Each radio sends to this port and is known by its address from its first datagram on. Example:

    with Air(loss_ratio=0.3) as air:
        board = VirtualBoard(config, workdir, {**lines, **air.station("020000000001")})
        air.inject(b"\2\0\0\0\0\1", bridge_mac, b"forged")
"""

import random
import socket
import threading
from collections import Counter
from typing import Self

#: Channel, sender, receiver, fingerprint of the key; then the frame.
_HEAD = 17
_POLL_S = 0.1


class Air:
    """Carries frames between the radios on one channel.

    Parameters
    ----------
    loss_ratio, double_ratio, reorder_ratio : float
        Share of frames that are lost, that come twice, that the next overtakes, 0 to 1. [1]
    seed : int
        Of the chance. [1]
    """

    def __init__(
        self,
        loss_ratio: float = 0.0,
        double_ratio: float = 0.0,
        reorder_ratio: float = 0.0,
        seed: int = 1,
    ) -> None:
        self.loss_ratio = loss_ratio
        self.double_ratio = double_ratio
        self.reorder_ratio = reorder_ratio
        self.silent = False
        self.counts: Counter[str] = Counter()
        self.heard: list[tuple[bytes, bytes, bytes]] = []
        self._chance = random.Random(seed)  # noqa: S311
        self._stations: dict[bytes, tuple[str, int]] = {}
        self._late: bytes | None = None
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(_POLL_S)
        self._open = threading.Event()
        self._thread = threading.Thread(target=self._carry, daemon=True)

    def station(self, mac: str) -> dict[str, str]:
        """Return the lines of a virtual board that has a radio.

        Parameters
        ----------
        mac : str
            Its address, 12 hexadecimal digits.

        Returns
        -------
        dict
            For `VirtualBoard`'s `peers`.
        """
        return {"AIR": str(self._socket.getsockname()[1]), "MAC": mac}

    def inject(
        self,
        sender: bytes,
        receiver: bytes,
        frame: bytes,
        *,
        channel: int = 6,
        seal: bytes = bytes(4),
    ) -> None:
        """Send a frame as an attacker may: with any address, in clear unless told otherwise.

        Parameters
        ----------
        sender, receiver : bytes
            Addresses, 6 bytes.
        frame : bytes
            At most 250 bytes.
        channel : int
            Wi-Fi channel, 1 to 13. [1]
        seal : bytes
            Fingerprint of a key, 4 bytes; zeros: in clear.
        """
        self._deliver(bytes((channel,)) + sender + receiver + seal + frame)

    def __enter__(self) -> Self:
        """Begin to carry."""
        self._open.set()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Fall silent for good."""
        self._open.clear()
        self._thread.join()
        self._socket.close()

    def _carry(self) -> None:
        while self._open.is_set():
            try:
                raw, address = self._socket.recvfrom(512)
            except TimeoutError:
                continue
            if len(raw) >= _HEAD:
                self._stations[raw[1:7]] = address
            if len(raw) > _HEAD:
                self.heard.append((raw[1:7], raw[7:13], raw[_HEAD:]))
                self._disturb(raw)

    def _disturb(self, raw: bytes) -> None:
        if self.silent or self._chance.random() < self.loss_ratio:
            self.counts["lost"] += 1
            return
        if self._late is None and self._chance.random() < self.reorder_ratio:
            self.counts["late"] += 1
            self._late = raw
            return
        self._deliver(raw)
        if self._chance.random() < self.double_ratio:
            self.counts["doubled"] += 1
            self._deliver(raw)
        if self._late is not None:
            late, self._late = self._late, None
            self._deliver(late)

    def _deliver(self, raw: bytes) -> None:
        address = self._stations.get(raw[7:13])
        if address is not None:
            self.counts["carried"] += 1
            self._socket.sendto(raw, address)
