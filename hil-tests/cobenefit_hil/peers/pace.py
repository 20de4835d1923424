"""How fast simulated time may go, and how far.

A world of some hundred instants lasts a second on a fast machine. A test that wants something to
happen in the middle of it lets time stand still there until it has happened. Example:

    peer.held_at = 300
    board.boot()
    assert station.wait(lambda: len(station.packs) > 20, 60)
    broker.kill()
    peer.held_at = None
"""

import select
import time
from threading import Event

from cobenefit_hil.peers.pty import Line

_POLL_S = 0.005


class Paced:
    """What answers a node that wants time to go on; both values may be changed meanwhile.

    Attributes
    ----------
    pace_s : float
        Real time that an instant takes at least. [s]
    held_at : int or None
        How many instants are served before time stands still, None: it never does. A node waits
        two minutes for an answer, so this is not for longer. [1]
    """

    pace_s: float = 0.0
    held_at: int | None = None

    def _may_move(self, served: int, control: Line, stopping: Event) -> bool:
        """Wait until time may go on; return whether the node that asked still waits for it.

        One that lost its power meanwhile asks anew when it is back.
        """
        earliest_s = time.monotonic() + self.pace_s
        while not stopping.is_set():
            left_s = earliest_s - time.monotonic()
            held = self.held_at is not None and served >= self.held_at
            if left_s <= 0 and not held:
                return True
            if select.select([control], [], [], _POLL_S if held else min(left_s, _POLL_S))[0]:
                return False
        return False
