"""One node as its bridge sees it: key, session, subscriptions, will, and what waits for it.

No I/O: frames in and out as bytes, messages in and out as topics of the node's own branch.
"""

from cobenefit_node.exchange import Exchange
from cobenefit_node.ticks import ticks_diff, ticks_ms
from cobenefit_wire import frames, messages, topics
from cobenefit_wire.hints import Any

#: Messages that wait on their way down; the oldest goes: a later ack says all an earlier one did.
_DOWN = 8
_SUBSCRIPTIONS = 8
_LEAF = "abcdefghijklmnopqrstuvwxyz0123456789_-/"


class ServedNode:
    """A node of the list; nobody else is answered."""

    def __init__(self, served: Any, site: str) -> None:
        self.device = served.device
        self.mac = served.mac
        self.branch = topics.branch(site, served.device)
        self._key = frames.Key(served.key)
        self.radio_key = self._key.radio_key() if served.encrypt else None
        self.session: Any = None
        self._pending: Any = None
        self._published = False
        self._subscribed: list[str] = []
        self._changes: list[tuple[str, bool]] = []
        self._down: list[bytes] = []
        # Until it says otherwise: a node not heard since our own start is not there.
        self._will = ("state", messages.encode(messages.State(False, 0, "", "", "", 0)))
        self._heard_ms = ticks_ms()
        self._buried = False
        self.forged = 0
        self.stale = 0
        self.full = 0
        self._refused = 0

    def greet(self, frame: bytes, nonce: bytes, ready: bool) -> bytes:
        """Return the answer to a wish for a session, nothing to a forged one.

        The session in use goes on until the new one brings its first frame: a wish that somebody
        recorded and repeats ends nothing.
        """
        wish = frames.read_hello(self._key.opened(frame))
        if not wish:
            self.forged += 1
            return b""
        if ready:
            session_key = self._key.session(wish, nonce)
            self._pending = Exchange(session_key, frames.DOWN, frames.UP, ticks_ms())
        return self._key.sealed(frames.welcome(ready, wish, nonce))

    def take(self, frame: bytes) -> bytes:
        """Take a frame of a session; return what to say when there is none."""
        now_ms = ticks_ms()
        if self.session is not None and self.session.take(frame, now_ms):
            self._heard(now_ms)
        elif self._pending is not None and self._pending.take(frame, now_ms):
            self._begin(self._pending)
            self._heard(now_ms)
        elif self.session is None:
            # After a start: the node's session is gone with our memory.
            self.stale += 1
            return self._key.sealed(frames.gone(frame))
        else:
            self.forged += 1
        return b""

    def due(self) -> list[bytes]:
        """Return what to send to the node now."""
        session, now_ms = self.session, ticks_ms()
        if session is None:
            return []
        if session.room() and self._down:
            session.put(self._down.pop(0), now_ms)
        out: list[bytes] = session.due(now_ms)
        return out

    def next_publish(self) -> tuple[str, bytes, bool]:
        """Return topic, payload and retain of a message for the broker; no topic if none.

        Any other message that the node holds is dealt with on the way.
        """
        session = self.session
        if session is None or not session.held or self._published:
            return "", b"", False
        kind, leaf, payload = frames.read_message(session.held)
        if kind in (frames.PUBLISH, frames.RETAIN) and _is_leaf(leaf):
            self._published = True
            return self.branch + leaf, payload, kind == frames.RETAIN
        self._obey(kind, leaf, payload)
        session.finish()
        return "", b"", False

    def stored(self, session: Any) -> None:
        """Answer the node: the broker has the message of that session."""
        if session is self.session and self._published:
            self._published = False
            session.finish()

    def next_subscription(self) -> tuple[str, bool]:
        """Return a topic and whether it is wanted or given up; no topic if none."""
        if not self._changes:
            return "", False
        leaf, wanted = self._changes.pop(0)
        return self.branch + leaf, wanted

    def subscribe_again(self) -> None:
        """Ask the broker anew for all that the node wants: it may have forgotten."""
        self._changes = [(leaf, True) for leaf in self._subscribed]

    def queue(self, leaf: str, payload: bytes) -> None:
        """Take a message for the node; a full queue loses its oldest, which is counted."""
        raw = frames.message(frames.PUBLISH, leaf, payload)
        if len(raw) > frames.MESSAGE_BYTES:
            self._refused += 1
            return
        if len(self._down) >= _DOWN:
            self._down.pop(0)
            self.full += 1
        self._down.append(raw)

    def waiting(self) -> bool:
        """Whether the node holds a message that the broker has not taken."""
        return self.session is not None and bool(self.session.held)

    def silent(self, limit_ms: int) -> bool:
        """Whether the node was not heard for a while [ms], and nobody was told."""
        return not self._buried and ticks_diff(ticks_ms(), self._heard_ms) > limit_ms

    def bury(self) -> tuple[str, bytes]:
        """End the session; return the topic and the payload of the will, no topic if none."""
        self._buried = True
        self.session = None
        leaf, payload = self._will
        return self.branch + leaf if leaf else "", payload

    def malformed(self) -> int:
        """Return how many genuine frames and messages made no sense [1]."""
        return self._refused + (self.session.malformed if self.session is not None else 0)

    def _begin(self, session: Exchange) -> None:
        """Replace the session in use; what it did not bring down is sent again."""
        old, self.session, self._pending = self.session, session, None
        self._published = False
        if old is not None:
            self._refused += old.malformed
            if not old.room():
                self._down.insert(0, old.unsent())

    def _heard(self, now_ms: Any) -> None:
        self._heard_ms = now_ms
        self._buried = False

    def _obey(self, kind: int, leaf: str, payload: bytes) -> None:
        if kind == frames.PING:
            return
        if kind == frames.BYE:
            self._will = ("", b"")
        elif kind == frames.WILL and _is_leaf(leaf):
            self._will = (leaf, payload)
        elif kind == frames.UNSUBSCRIBE and _is_leaf(leaf):
            if leaf in self._subscribed:
                self._subscribed.remove(leaf)
            self._changes.append((leaf, False))
        elif kind == frames.SUBSCRIBE and _is_leaf(leaf) and self._may_subscribe(leaf):
            self._changes.append((leaf, True))
        else:
            self._refused += 1

    def _may_subscribe(self, leaf: str) -> bool:
        if leaf not in self._subscribed:
            if len(self._subscribed) >= _SUBSCRIPTIONS:
                return False
            self._subscribed.append(leaf)
        return True


def _is_leaf(leaf: str) -> bool:
    """Whether a text may follow a node's branch: no wildcard, nothing empty."""
    return bool(leaf) and all(c in _LEAF for c in leaf)
