"""What the broker had kept says how a node was, not that it lives."""

import pytest

from cobenefit_gateway.framing import Delivery, Splitter
from cobenefit_gateway.journal import RAW, RETAINED, Record
from cobenefit_gateway.packets import publish
from cobenefit_gateway.sleepers import announced
from cobenefit_wire import messages

NOW_MS = 1_700_000_000_000


def state(device, *, online=True, boot=1, asleep_s=0, kind=RETAINED):
    said = messages.State(online, boot, "1", "unix", "power_on", asleep_s)
    return Record(f"cb/v1/s/{device}/state", messages.encode(said), NOW_MS, kind)


@pytest.mark.parametrize("retain", [False, True])
def test_the_flag_of_a_message_is_kept_in_bulk_too(retain):
    batch = Delivery(1)
    stream = b"".join(publish(4, 7, "cb/v1/s/d/state", b"x", retain=retain) for _ in range(3))
    Splitter(4).feed(stream, NOW_MS, batch)
    assert [r.kind for r in batch.records] == [RETAINED if retain else RAW] * 3


def test_a_retained_birth_is_answered_and_its_node_not_heard(pipeline):
    gateway = pipeline()
    assert gateway.take(state("old"), state("new", kind=RAW)) == {("s", "old", 1), ("s", "new", 1)}
    assert set(gateway.state.heard()) == {("s", "new")}
    gateway.checkpoint()
    gateway.take(state("old", online=False), state("new"))
    assert set(gateway.state.heard()) == set()
    assert gateway.state.online == {("s", "old"): False, ("s", "new"): True}


@pytest.mark.parametrize("last", [False, True])
def test_a_node_that_also_speaks_is_heard(pipeline, last):
    gateway = pipeline()
    both = [state("d"), gateway.pack(0, NOW_MS - 1, [1])]
    gateway.take(*(reversed(both) if last else both))
    assert set(gateway.state.heard()) == {("s", "d")}
    gateway.checkpoint()
    gateway.take(state("d"), state("d", boot=2), state("d", boot=2, kind=RAW))
    assert set(gateway.state.heard()) == set()  # of boot 2 nothing is new the second time
    gateway.take(state("d", boot=3), gateway.pack(0, NOW_MS, [1], boot=3))
    assert set(gateway.state.heard()) == {("s", "d")}


def test_a_retained_sleep_counts_from_nobody_knows_when():
    assert announced([state("d", asleep_s=60)]) == {}
    assert announced([state("d", asleep_s=60, kind=RAW)]) == {("s", "d"): NOW_MS + 60_000}
