from math import inf, isnan, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cobenefit_gateway.core.quality import Limits, flag, went_back
from cobenefit_wire import quality

NOW = 1_700_000_000_000
DAY = 86_400_000


def one(value=5.0, t_ms=NOW, given_code=0, oldest=NOW - DAY):
    limits = Limits(
        np.array([0.0]), np.array([10.0]), np.array([NOW - 10 * DAY]), np.array([NOW + 1000])
    )
    code = np.array([given_code], dtype=np.uint8)
    return quality.NAMES[
        int(flag(np.array([value]), np.array([t_ms]), code, np.array([oldest]), limits)[0])
    ]


@pytest.mark.parametrize(
    ("reading", "reason"),
    [
        ({}, "good"),
        ({"value": 10.0}, "good"),
        ({"value": 10.1}, "out_of_range"),
        ({"value": nan}, "not_finite"),
        ({"value": -inf}, "not_finite"),
        ({"given_code": quality.TIMEOUT}, "timeout"),
        ({"given_code": quality.TIMEOUT, "value": nan}, "timeout"),
        ({"given_code": 200}, "protocol_error"),
        ({"given_code": quality.TIME_UNKNOWN, "t_ms": 5}, "time_unknown"),
        ({"t_ms": NOW + 1001}, "time_in_future"),
        ({"t_ms": 946_684_800_000}, "time_before_earliest"),
        ({"t_ms": NOW - 2 * DAY}, "out_of_order"),
        ({"t_ms": NOW + 1001, "given_code": quality.CHECKSUM}, "time_in_future"),
    ],
)
def test_flag(reading, reason):
    assert one(**reading) == reason


@pytest.mark.parametrize(
    ("values", "flags"),
    [
        ([1, 2, 2, 3], "...."),
        ([100, 50, 101], ".x."),  # a single bad reading
        ([100, 5, 6, 7], ".x.."),  # a reset or another meter
        ([100, 50, 40, 45, 46], ".xx.."),  # the lower one is the new base
        ([100, 50, 101, 60, 61], ".x.x."),
    ],
)
def test_counter_rule(values, flags):
    got, last, suspect = went_back([float(v) for v in values], nan, nan, 0.0)
    assert "".join(".x"[f] for f in got) == flags
    assert last == values[-1]
    assert isnan(suspect)


def test_rollover_is_not_a_jump_back():
    assert went_back([65534.0, 65535.0, 1.0, 2.0], nan, nan, 65536.0)[0] == [False] * 4


@given(st.lists(st.integers(0, 100), max_size=40), st.integers(0, 40))
def test_the_rule_does_not_see_where_packs_are_cut(values, cut):
    whole = [float(v) for v in values]
    flags, last, suspect = went_back(whole[:cut], nan, nan, 0.0)
    rest, *end = went_back(whole[cut:], last, suspect, 0.0)
    together, *same = went_back(whole, nan, nan, 0.0)
    assert flags + rest == together
    assert [repr(x) for x in end] == [repr(x) for x in same]
