"""Comparison groups: whom a treated meter is compared with, and what is left after that.

Three ways to choose from a pool of untreated meters: at random, in the same strata of use, or
the nearest load shapes. The correction is a difference-in-differences, ordinary (in kWh) or
percent (in shares of the counterfactual); its interval comes from a bootstrap over sites, since
the days of one home are not independent.

Sources: OpenDSM 1.2.7, comparison groups (random and stratified sampling, individual matching) and
correction of the counterfactual; A. C. Cameron and D. L. Miller, "A practitioner's guide to
cluster-robust inference", J. Human Resources 50, 2015 (bootstrap over clusters); P. C. Austin,
"Balance diagnostics for comparing the distribution of baseline covariates", Statistics in Medicine
28, 2009 (standardised differences).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cobenefit_backend.estimate.baseline import FloatArray
from cobenefit_backend.estimate.quantity import Disqualification, Interval
from cobenefit_backend.estimate.savings import Savings

Kind = Literal["ordinary", "percent"]
IndexArray = NDArray[np.intp]
MAX_STANDARDISED_DIFFERENCE = 0.1
_DRAWS = 1000
_CHUNK = 100
_STRATA = 4


def choose_random(pool: int, count: int, seed: int) -> IndexArray:
    """Choose controls at random, each once.

    Parameters
    ----------
    pool, count : int
        Meters to choose from and how many, count <= pool. [1]
    seed : int
        Seed, stated in the plan. [1]

    Returns
    -------
    ndarray of int, shape (count,)
        Rows of the pool. [1]

    Raises
    ------
    ValueError
        If the pool is too small.
    """
    if not 0 < count <= pool:
        raise ValueError(f"{count} controls from a pool of {pool}: take 1 to {pool}")
    return np.sort(np.random.default_rng(seed).permutation(pool)[:count])


def choose_stratified(
    treated_use: FloatArray, pool_use: FloatArray, per_unit: int, seed: int
) -> IndexArray:
    """Choose controls from the quartiles of the treated meters' use, in the same proportions.

    Parameters
    ----------
    treated_use, pool_use : ndarray, shape (m,) and (p,)
        Use over the baseline. [kWh]
    per_unit : int
        Controls per treated meter, >= 1. [1]
    seed : int
        Seed, stated in the plan. [1]

    Returns
    -------
    ndarray of int
        Rows of the pool, each once; fewer than asked where a stratum is poor. [1]

    Raises
    ------
    ValueError
        If no meter of the pool falls into any stratum.
    """
    edges = np.quantile(treated_use, np.linspace(0, 1, _STRATA + 1))
    wanted = np.histogram(treated_use, edges)[0] * per_unit
    inside = (pool_use >= edges[0]) & (pool_use <= edges[-1])
    stratum = np.clip(np.searchsorted(edges, pool_use, side="right") - 1, 0, _STRATA - 1)
    rng = np.random.default_rng(seed)
    chosen = [
        rng.permutation(np.flatnonzero(inside & (stratum == s)))[: wanted[s]]
        for s in range(_STRATA)
    ]
    found = np.sort(np.concatenate(chosen)).astype(np.intp)
    if not len(found):
        raise ValueError("no meter of the pool uses as much as the treated ones")
    return found


def choose_nearest(treated: FloatArray, pool: FloatArray, per_unit: int = 4) -> IndexArray:
    """Choose for every treated meter the controls with the nearest load shape.

    Parameters
    ----------
    treated, pool : ndarray, shape (m, k) and (p, k)
        Load shapes or other features of the baseline, on one scale. [any]
    per_unit : int
        Controls per treated meter, 1 to p. [1]

    Returns
    -------
    ndarray of int, shape (m, per_unit)
        Rows of the pool; one control may serve several treated meters. [1]

    Raises
    ------
    ValueError
        If the pool is smaller than `per_unit`.
    """
    if not 0 < per_unit <= len(pool):
        raise ValueError(f"{per_unit} controls per unit from a pool of {len(pool)}")
    size = (pool**2).sum(axis=1)
    nearest = np.empty((len(treated), per_unit), dtype=np.intp)
    for first in range(0, len(treated), _CHUNK):  # chunks of meters, to bound the memory
        part = slice(first, first + _CHUNK)
        distance = size - 2 * treated[part] @ pool.T  # less a constant per treated meter
        nearest[part] = np.argpartition(distance, per_unit - 1, axis=1)[:, :per_unit]
    return nearest


def standardised_difference(treated: FloatArray, control: FloatArray) -> FloatArray:
    """Return how far two groups differ before the measure, feature by feature.

    Parameters
    ----------
    treated, control : ndarray, shape (m, k) and (c, k)
        Features of the baseline. [any]

    Returns
    -------
    ndarray, shape (k,)
        Difference of the means over the pooled standard deviation. [1]
    """
    spread = np.sqrt((treated.var(axis=0, ddof=1) + control.var(axis=0, ddof=1)) / 2)
    gap = treated.mean(axis=0) - control.mean(axis=0)
    return np.asarray(np.divide(gap, spread, out=np.zeros_like(gap), where=spread > 0))


def balance_records(treated: FloatArray, control: FloatArray) -> tuple[Disqualification, ...]:
    """Say when a comparison group differs from the treated before the measure.

    Parameters
    ----------
    treated, control : ndarray, shape (m, k) and (c, k)
        Features of the baseline. [any]

    Returns
    -------
    tuple of Disqualification
        `unbalanced_group` beyond a standardised difference of 0.1, or nothing.
    """
    worst = float(np.abs(standardised_difference(treated, control)).max())
    if worst <= MAX_STANDARDISED_DIFFERENCE:
        return ()
    text = "The comparison group differs from the equipped one before the measure."
    data = {"standardised_difference": worst, "limit": MAX_STANDARDISED_DIFFERENCE}
    return (Disqualification("unbalanced_group", text, data),)


@dataclass(frozen=True, slots=True)
class Compared:
    """What a fleet saved, net of its comparison group.

    Attributes
    ----------
    savings_kwh : Interval
        Sum over the treated meters, 90 %. [kWh]
    savings_ratio : Interval
        The same over their counterfactual. [1]
    treated, controls : int
        Meters with data on either side, each control once. [1]
    """

    savings_kwh: Interval
    savings_ratio: Interval
    treated: int
    controls: int


def compare(
    treated: Savings, pool: Savings, chosen: IndexArray, kind: Kind = "percent", seed: int = 1
) -> Compared:
    """Take the change of the comparison group off the treated meters' savings.

    Parameters
    ----------
    treated, pool : Savings
        Both over the same days.
    chosen : ndarray of int, shape (c,) or (m, k)
        One group for all treated meters, or each one's own controls. [1]
    kind : {'ordinary', 'percent'}
        Whether the group's change is taken off in kWh per meter or as a share.
    seed : int
        Seed of the bootstrap. [1]

    Returns
    -------
    Compared
        Fleet totals with their 90 % interval.

    Raises
    ------
    ValueError
        If either side has fewer than two meters with data.

    Notes
    -----
    percent: CF* = CF - (CF/CF_C)(CF_C - observed_C); ordinary: CF* = CF - (CF_C - observed_C).
    The bootstrap draws sites; own controls are drawn with their treated meter.
    """
    own = np.isfinite(treated.savings_kwh) & (treated.counterfactual_kwh > 0)
    known = np.isfinite(pool.savings_kwh) & (pool.counterfactual_kwh > 0)
    rows = _sums(pool, known, chosen)
    if own.sum() < 2 or rows.used < 2:
        raise ValueError("a comparison needs at least two meters with data on either side")
    paired = chosen.ndim == 2
    usable = own & (rows.meters > 0) if paired else own
    left = np.stack([treated.savings_kwh[usable], treated.counterfactual_kwh[usable]])
    right = np.stack([rows.saved, rows.counterfactual, rows.meters])
    right = right[:, usable] if paired else right
    central = _net(left, right, None, None, kind)
    draws = _bootstrap(left, right, paired, kind, np.random.default_rng(seed))
    return Compared(
        _interval(central[0], draws[0]),
        _interval(central[1], draws[1]),
        int(usable.sum()),
        rows.used,
    )


@dataclass(frozen=True, slots=True)
class _Rows:
    saved: FloatArray
    counterfactual: FloatArray
    meters: FloatArray
    used: int


def _sums(pool: Savings, known: NDArray[np.bool_], chosen: IndexArray) -> _Rows:
    """Return the controls as they are, or summed per treated meter."""
    good = known[chosen]
    saved = np.where(good, pool.savings_kwh[chosen], 0.0)
    expected = np.where(good, pool.counterfactual_kwh[chosen], 0.0)
    used = len(np.unique(chosen[good]))
    if chosen.ndim == 1:
        return _Rows(saved, expected, good.astype(np.float64), used)
    return _Rows(saved.sum(axis=1), expected.sum(axis=1), good.sum(axis=1).astype(float), used)


def _net(
    left: FloatArray,
    right: FloatArray,
    left_weight: FloatArray | None,
    right_weight: FloatArray | None,
    kind: Kind,
) -> tuple[FloatArray, FloatArray]:
    """Return savings and their ratio for one or many weightings of the sites."""
    saved, expected = _weighted(left, left_weight)
    count = left.shape[1] if left_weight is None else left_weight.sum(axis=-1)
    group_saved, group_expected, meters = _weighted(right, right_weight)
    if kind == "percent":
        correction = expected * group_saved / group_expected
    else:
        correction = count * group_saved / meters
    net = saved - correction
    return np.asarray(net), np.asarray(net / expected)


def _weighted(values: FloatArray, weight: FloatArray | None) -> FloatArray:
    if weight is None:
        return np.asarray(values.sum(axis=1))
    return np.asarray(values @ weight.T)


def _bootstrap(
    left: FloatArray, right: FloatArray, paired: bool, kind: Kind, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    net, ratio = [], []
    for _ in range(0, _DRAWS, _CHUNK):
        a = _counts(rng, left.shape[1])
        b = a if paired else _counts(rng, right.shape[1])
        found = _net(left, right, a, b, kind)
        net.append(found[0])
        ratio.append(found[1])
    return np.concatenate(net), np.concatenate(ratio)


def _counts(rng: np.random.Generator, sites: int) -> FloatArray:
    """Return how often each site is drawn, shape (chunk, sites)."""
    return rng.multinomial(sites, np.full(sites, 1 / sites), size=_CHUNK).astype(np.float64)


def _interval(central: FloatArray, draws: FloatArray) -> Interval:
    low, high = np.percentile(draws, [5, 95])
    return Interval(
        min(float(low), float(central)), float(central), max(float(high), float(central))
    )
