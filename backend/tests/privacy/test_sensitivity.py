"""The three rules, on sums done by hand, and their subadditivity, which everything rests on."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cobenefit_backend.privacy.sensitivity import Rules, is_dominated, is_few

RULES = Rules()
sizes = arrays(float, st.integers(3, 12), elements=st.floats(0, 1e6))


def _dominated(size, rules=RULES):
    return is_dominated(np.arange(len(size)), np.array(size, float), rules)


def test_the_largest_may_have_85_percent_and_no_more():
    loose = Rules(p_ratio=1e-9)
    assert not _dominated([85, 10, 5], loose)
    assert _dominated([86, 10, 4], loose)
    assert _dominated([50, 40, 5, 5], Rules(dominant=2))


def test_the_second_may_not_bound_the_largest_to_within_p():
    loose = Rules(dominance_ratio=0.999)
    assert not _dominated([100, 50, 10], loose)
    assert _dominated([100, 50, 9.9], loose)


def test_what_is_not_known_is_not_safe_and_nothing_tells_nothing():
    assert _dominated([1, 1, np.nan])
    assert not _dominated([0, 0, 0])


def test_parts_of_one_contributor_are_one():
    who = np.array([0, 0, 1, 2])
    assert is_dominated(who, np.array([45.0, 45.0, 5, 5]), RULES)
    assert is_few(np.repeat(np.arange(9), 5), RULES)
    assert not is_few(np.arange(10), RULES)


@given(sizes, sizes)
def test_two_safe_groups_make_a_safe_one(one, other):
    if not _dominated(one) and not _dominated(other):
        # floats: a group exactly at the limit may fall over it by rounding
        assert not _dominated(
            np.r_[one, other], Rules(p_ratio=0.1 - 1e-9, dominance_ratio=0.85 + 1e-9)
        )
