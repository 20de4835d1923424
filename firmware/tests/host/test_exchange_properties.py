"""Whatever the air does for a while, each message arrives once, unchanged and in order."""

from hypothesis import given, settings
from hypothesis import strategies as st

from cobenefit_node.exchange import Exchange
from cobenefit_wire import frames

KEY = frames.Key(bytes(32))
MESSAGES = st.lists(st.binary(min_size=1, max_size=1500), max_size=6)
#: What becomes of each frame sent, in turn: lost, carried, carried twice, or kept back a round.
FATES = st.lists(st.sampled_from(("lost", "carried", "twice", "late")), max_size=150)


class Way:
    """One direction of the air: frames meet their fates; when those run out, all is well."""

    def __init__(self, fates):
        self.fates = list(fates)
        self.late = []

    def through(self, sent):
        arriving, self.late = self.late, []
        for frame in sent:
            fate = self.fates.pop() if self.fates else "carried"
            if fate == "late":
                self.late.append(frame)
            else:
                arriving += [frame] * {"lost": 0, "carried": 1, "twice": 2}[fate]
        return arriving


@settings(max_examples=60, deadline=None)
@given(up=MESSAGES, down=MESSAGES, there=FATES, back=FATES, hold=st.integers(0, 5))
def test_all_messages_arrive_once_and_in_order(up, down, there, back, hold):
    node = Exchange(KEY, frames.UP, frames.DOWN, 0)
    bridge = Exchange(KEY, frames.DOWN, frames.UP, 0)
    ways = {node: Way(there), bridge: Way(back)}
    waiting = {node: list(up), bridge: list(down)}
    got = {node: [], bridge: []}
    held = {node: 0, bridge: 0}
    for now_ms in range(0, 120_000, 20):
        for side, other in ((node, bridge), (bridge, node)):
            if side.room() and waiting[side]:
                side.put(waiting[side].pop(0), now_ms)
            if side.held:
                held[side] += 1
                if held[side] > hold:
                    held[side] = 0
                    got[side].append(side.held)
                    side.finish()
            for frame in ways[side].through(side.due(now_ms)):
                assert len(frame) <= frames.FRAME_BYTES
                assert other.take(frame, now_ms)
    assert got == {node: down, bridge: up}
    assert node.room() and bridge.room()
    assert node.malformed == bridge.malformed == 0


@given(st.binary(max_size=260))
def test_no_bytes_from_the_air_raise_or_are_taken(noise):
    side = Exchange(KEY, frames.UP, frames.DOWN, 0)
    assert not side.take(noise, 0)


@given(st.sampled_from((frames.DOWN, frames.DOWN_STATE)), st.binary(max_size=234))
def test_no_bytes_under_the_right_key_raise(kind, noise):
    side = Exchange(KEY, frames.UP, frames.DOWN, 0)
    side.put(b"x" * 700, 0)
    assert side.take(KEY.sealed(bytes((kind,)) + noise), 0)
    side.due(0)
    frames.read_message(noise)
