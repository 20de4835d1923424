"""Several sensors of one node in one simulated time.

All have the same instants. Their own control lines stay unused: the node moves the world over
one line, as it moves a single sensor (see `base`), and each sensor shows the new instant before
the answer is given.
"""

from collections.abc import Sequence
from pathlib import Path
from threading import Event, Thread
from typing import Self

from cobenefit_hil.peers.base import LINE_BYTES, Peer
from cobenefit_hil.peers.pace import Paced
from cobenefit_hil.peers.pty import Line


class World(Paced):
    """A node's sensors, started and stopped together; `done` is set when time has run out.

    Time goes on as fast and as far as `pace.Paced` says.

    Parameters
    ----------
    directory : Path
        Gets `world.control`.
    peers : sequence of Peer
        The sensors; all with the same instants.
    pace_s : float
        Real time that an instant takes at least, so that something else can happen in it. [s]
    """

    def __init__(self, directory: Path, peers: Sequence[Peer], pace_s: float = 0.0) -> None:
        if len({tuple(peer.times_ms) for peer in peers}) != 1:
            raise ValueError("the sensors of a world have the same instants")
        self.peers = list(peers)
        self.control = Line(directory / "world.control")
        self.done = Event()
        self.pace_s = pace_s
        self._stopping = Event()
        self._thread = Thread(target=self._answer, name="world", daemon=True)

    @property
    def served(self) -> int:
        """Return how many instants were served so far [1]."""
        return self.peers[0].served

    def __enter__(self) -> Self:
        """Start the sensors, then time."""
        for peer in self.peers:
            peer.start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop time, then the sensors."""
        self._stopping.set()
        self._thread.join()
        self.control.close()
        for peer in self.peers:
            peer.stop()

    def _answer(self) -> None:
        buffer = b""
        while not self._stopping.is_set():
            buffer += self.control.read()
            *lines, buffer = buffer.split(b"\n")
            buffer = buffer[-LINE_BYTES:]
            for line in lines:
                self.control.write(self._reply(line.strip()))

    def _reply(self, line: bytes) -> bytes:
        if line == b"?":
            t_ms = self.peers[0].next_ms()
            if t_ms is None:
                self.done.set()
                return b"end\n"
            return b"%d\n" % t_ms
        if not line.isdigit():
            return b"error: send ? or a Unix time in ms\n"
        if not self._may_move(self.served, self.control, self._stopping):
            return b""
        for peer in self.peers:
            peer.set_time(int(line))
        return b"ok\n"
