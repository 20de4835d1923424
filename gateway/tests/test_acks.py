import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cobenefit_gateway.acks import (
    ACK_RANGES,
    MAX_RANGES,
    Sequences,
    TooManyRangesError,
    encode_ack,
)
from cobenefit_wire import messages


def members(got):
    above = set()
    for low, high in zip(got.ranges[::2], got.ranges[1::2], strict=True):
        above |= set(range(low, high + 1))
    return set(range(got.floor)) | above


@given(st.lists(st.one_of(st.integers(0, 30), st.tuples(st.integers(0, 30))), max_size=80))
def test_equals_a_set(steps):
    got, plain = Sequences(), set()
    for step in steps:
        if isinstance(step, tuple):
            got.raise_floor(step[0])
            plain |= set(range(step[0]))
        else:
            assert got.add(step) == (step not in plain)
            plain.add(step)
        assert members(got) == plain
        flat = [got.floor - 1, *got.ranges]
        assert all(b > a + 1 for a, b in zip(flat[::2], flat[1::2], strict=False))


def test_an_ack_stays_small_and_reads_back():
    got = Sequences()
    for seq in range(1, 400, 2):
        got.add(seq)
    got.arrived = None
    ack = got.ack(7, 1_700_000_000_000)
    assert len(ack.ranges) == 2 * ACK_RANGES
    assert not got.add(201)  # sent again: its node must hear of it, though 100 ranges lie below
    ack = got.ack(7, 1_700_000_000_000)
    assert ack.ranges[-2:] == [201, 201]
    assert len(ack.ranges) == 2 * ACK_RANGES + 2
    assert messages.decode_ack(messages.encode(ack)) == ack
    assert encode_ack(ack) == messages.encode(ack)


def test_scattered_sequences_are_bounded_but_the_floor_still_moves():
    got = Sequences()
    order = list(range(2, 2 * MAX_RANGES + 2, 2))
    random.Random(1).shuffle(order)
    for seq in order:
        got.add(seq)
    with pytest.raises(TooManyRangesError):
        got.add(100_000)
    assert got.add(0)
    assert got.floor == 1
    assert got.add(1)
    assert got.floor == 3
