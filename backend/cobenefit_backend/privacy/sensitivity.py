"""When a sum tells too much about one of those it adds up: threshold, dominance, p %.

All three are subadditive: a union of groups that are safe is safe (Hundepool and others,
Statistical Disclosure Control, 2012, chapter 4), which is what `release` builds on.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
LOWEST_MIN_CONTRIBUTORS = 10
"""Code de l'énergie, D111-66 as changed by décret 2020-196: consumption is public from ten points
on. [1]"""


@dataclass(frozen=True, slots=True)
class Rules:
    """What makes a sum safe.

    Attributes
    ----------
    min_contributors : int
        Fewest different contributors, 10 or more. [1]
    dominant : int
        Number n of contributors of the (n, k) rule, from 1. [1]
    dominance_ratio : float
        Share k that those n must not exceed, above 0, below 1. [1]
    p_ratio : float
        How closely the second largest may bound the largest, above 0. [1]

    Raises
    ------
    ValueError
        A rule is laxer than the law, or says nothing.

    Notes
    -----
    Dominance (1, 85 %) is that of the French statistical office for business tables (Insee, Guide
    du secret statistique, 2010). p is 10 % (Hundepool and others, 2012, chapter 4).
    """

    min_contributors: int = LOWEST_MIN_CONTRIBUTORS
    dominant: int = 1
    dominance_ratio: float = 0.85
    p_ratio: float = 0.10

    def __post_init__(self) -> None:
        """Refuse rules that protect nobody."""
        if self.min_contributors < LOWEST_MIN_CONTRIBUTORS:
            raise ValueError(f"min_contributors: {LOWEST_MIN_CONTRIBUTORS} or more")
        if self.dominant < 1 or not 0 < self.dominance_ratio < 1 or self.p_ratio <= 0:
            raise ValueError("dominant >= 1, 0 < dominance_ratio < 1, p_ratio > 0")


def is_few(contributor: IntArray, rules: Rules) -> bool:
    """Return whether a sum has too few different contributors.

    Parameters
    ----------
    contributor : ndarray, shape (n,)
        Code of the contributor of each part of the sum. [-]
    rules : Rules
        The rules.

    Returns
    -------
    bool
        True for an empty sum too.
    """
    return len(np.unique(contributor)) < rules.min_contributors


def is_dominated(contributor: IntArray, magnitude: FloatArray, rules: Rules) -> bool:
    """Return whether one contributor, or a few, could be told from a sum.

    Parameters
    ----------
    contributor : ndarray, shape (n,)
        Code of the contributor of each part of the sum. [-]
    magnitude : ndarray, shape (n,)
        Size of each part; its sign is ignored, as Hundepool and others (2012, chapter 4) do
        for amounts of both signs. NaN where it is not known any more. [any]
    rules : Rules
        The rules.

    Returns
    -------
    bool
        True where a magnitude is not known: what can't be checked is not safe.

    Notes
    -----
    (n, k): the n largest are more than k of the whole. p %: whole - largest - second < p x
    largest, for then the second, who knows their own part, bounds the largest to within p.
    """
    if not np.isfinite(magnitude).all():
        return True
    _, code = np.unique(contributor, return_inverse=True)
    size = -np.sort(-np.bincount(code, np.abs(magnitude)))
    whole = size.sum()
    if whole == 0:
        return False  # everybody is nothing: the count is all there is to tell
    if size[: rules.dominant].sum() > rules.dominance_ratio * whole:
        return True
    return bool(size[2:].sum() < rules.p_ratio * size[0])
