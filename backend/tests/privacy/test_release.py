"""An attacker who knows every cell of every release learns nothing about fewer than ten.

The attacker works by linear algebra and knows nothing of atoms: a set of contributors is singled
out exactly when leaving out its columns lowers the rank of what was published.
"""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cobenefit_backend.privacy.release import Parts, Verdict, atoms, decide, is_safe
from cobenefit_backend.privacy.sensitivity import Rules

RULES = Rules()
K = RULES.min_contributors


def single_out(published: np.ndarray, group: np.ndarray) -> bool:
    """Whether some combination of cells has weights in the group and nowhere else."""
    rank = np.linalg.matrix_rank
    return rank(published[:, ~group]) < rank(published)


def suspects(published: np.ndarray) -> list[np.ndarray]:
    """Every contributor, and what two or three cells and their overlaps leave of each other."""
    cells = published.astype(bool)
    found = [np.eye(cells.shape[1], dtype=bool)[i] for i in range(cells.shape[1])]
    for a, b in combinations(cells, 2):
        found += [a & ~b, b & ~a, a & b, a ^ b]
    for a, b, c in combinations(cells, 3):
        found += [a & ~(b | c), a & b & ~c, a & ~(b & c), a & b & c, a ^ b ^ c]
    return [each for each in found if each.any()]


def victims(published: np.ndarray, size: int = K) -> list[np.ndarray]:
    """Groups of fewer than `size` that the cells single out."""
    if not len(published):
        return []
    small = [each for each in suspects(published) if each.sum() < size]
    return [each for each in small if single_out(published.astype(float), each)]


def parts_of(people: int, magnitude: np.ndarray | None = None) -> Parts:
    return Parts(np.arange(people), np.ones(people) if magnitude is None else magnitude)


@st.composite
def portfolios(draw):
    """Crossing groupings of people with use that may differ a thousandfold."""
    people = draw(st.integers(5, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    cells = [np.ones(people, bool)]
    for groups in draw(st.lists(st.integers(2, 5), min_size=1, max_size=3)):
        member = rng.integers(0, groups, people)
        cells += [member == group for group in range(groups)]
    magnitude = np.exp(rng.normal(0, draw(st.sampled_from([0.1, 1.0, 3.0])), people))
    order = rng.permutation(len(cells))
    return np.array(cells)[order], magnitude * rng.choice([-1, 1], people)


@settings(max_examples=50, deadline=None)
@given(portfolios())
def test_no_combination_of_cells_singles_anybody_out(portfolio):
    cells, magnitude = portfolio
    verdicts = decide(cells, parts_of(cells.shape[1], magnitude), RULES)
    shown = cells[[each is Verdict.SHOWN for each in verdicts]]
    assert not victims(shown)


@settings(max_examples=50, deadline=None)
@given(portfolios())
def test_nobody_inside_a_derived_sum_bounds_another_too_closely(portfolio):
    cells, magnitude = portfolio
    verdicts = decide(cells, parts_of(cells.shape[1], magnitude), RULES)
    shown = cells[[each is Verdict.SHOWN for each in verdicts]]
    size = np.abs(magnitude)
    for group in suspects(shown) if len(shown) else []:
        if not single_out(shown.astype(float), group):
            continue
        whole, largest = size[group].sum(), np.sort(size[group])
        # The second largest knows their own part: what is left bounds the largest from above.
        assert whole - largest[-2] >= (1 + RULES.p_ratio) * largest[-1] * (1 - 1e-9)
        assert largest[-1] <= RULES.dominance_ratio * whole * (1 + 1e-9)


@settings(max_examples=40, deadline=None)
@given(portfolios(), st.lists(st.sets(st.integers(0, 59), max_size=12), max_size=4))
def test_people_come_and_go_between_releases(portfolio, changes):
    cells, magnitude = portfolio
    people = cells.shape[1]
    earlier = np.zeros((0, people), bool)
    there = np.ones(people, bool)
    for change in ((), *changes):
        there[[index for index in change if index < people]] ^= True
        known = np.where(there, magnitude, np.nan)  # who has left can't be looked up any more
        now = cells & there
        verdicts = decide(now, parts_of(people, known), RULES, earlier)
        shown = now[[each is Verdict.SHOWN for each in verdicts]]
        earlier = np.vstack((earlier, shown))
    assert not victims(np.unique(earlier, axis=0))


def test_the_attack_catches_who_only_counts_to_ten():
    """Otherwise the attack above would prove nothing."""
    caught = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        member = rng.choice(4, 45, p=[0.4, 0.3, 0.25, 0.05])
        other = rng.integers(0, 3, 45)
        cells = [np.ones(45, bool), *(member == group for group in range(4))]
        cells = np.array([*cells, *(other == group for group in range(3))])
        counted = cells[cells.sum(axis=1) >= K]
        if victims(counted):
            caught += 1
            assert not is_safe(counted, parts_of(45), RULES)
    assert caught >= 10


def test_the_attack_sees_who_left_between_two_releases():
    published = np.ones((2, 20))
    published[1, 7] = 0
    assert next(list(np.flatnonzero(each)) for each in victims(published)) == [7]


def _verdicts(cells, earlier=None, magnitude=None):
    cells = np.array(cells, bool)
    earlier = None if earlier is None else np.array(earlier, bool)
    return decide(cells, parts_of(cells.shape[1], magnitude), RULES, earlier)


def test_the_rest_of_a_total_is_not_left_over():
    total, large = np.ones(25), np.r_[np.ones(18), np.zeros(7)]
    assert _verdicts([total, large]) == [Verdict.SHOWN, Verdict.DERIVABLE]
    assert _verdicts([total, large, total - large])[1:] == [Verdict.DERIVABLE, Verdict.FEW]


def test_one_household_more_or_less_is_not_shown_by_two_releases():
    before, after = np.ones(20), np.r_[np.ones(19), 0]
    assert _verdicts([after], [before]) == [Verdict.COMPARABLE]
    assert _verdicts([before], [after]) == [Verdict.COMPARABLE]
    assert _verdicts([before], [before]) == [Verdict.SHOWN]


def test_ten_who_join_together_are_welcome():
    assert _verdicts([np.ones(30)], [np.r_[np.ones(20), np.zeros(10)]]) == [Verdict.SHOWN]


def test_a_cell_nobody_left_is_shown_again_beside_one_that_somebody_left():
    stay, left = np.r_[np.ones(12), np.zeros(13)], np.r_[np.zeros(12), np.ones(13)]
    now = left.copy()
    now[-1] = 0
    gone = np.ones(25)
    gone[-1] = np.nan
    verdicts = _verdicts([stay, now], [stay, left], gone)
    assert verdicts == [Verdict.SHOWN, Verdict.COMPARABLE]


def test_one_who_uses_most_hides_in_no_sum():
    magnitude = np.r_[np.ones(19), 500.0]
    assert _verdicts([np.ones(20)], magnitude=magnitude) == [Verdict.DOMINATED]


def test_a_household_with_ten_meters_is_one():
    parts = Parts(np.zeros(12, int), np.ones(12))
    assert decide(np.ones((1, 12), bool), parts, RULES) == [Verdict.FEW]


def test_nothing_is_no_cell():
    assert _verdicts([np.zeros(3)]) == [Verdict.FEW]
    assert atoms(np.zeros((2, 3), bool)) == []


@pytest.mark.parametrize(
    "wrong",
    [{"min_contributors": 9}, {"dominant": 0}, {"dominance_ratio": 1.0}, {"p_ratio": 0.0}],
)
def test_rules_that_protect_nobody_are_refused(wrong):
    with pytest.raises(ValueError):
        Rules(**wrong)
