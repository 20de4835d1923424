"""Monte Carlo of many sites at once: own measurement errors, shared factor errors."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cobenefit_backend.estimate.quantity import Interval
from cobenefit_backend.estimate.uncertainty import SEED, Draws, FloatArray, Getter, interval_of

SiteModel = Callable[[Getter, FloatArray], FloatArray]
_Z95 = 1.6449
_CHUNK = 20  # sites whose draws stay in the cache


@dataclass(frozen=True, slots=True)
class Sites:
    """Intervals of sites and of their sum.

    Attributes
    ----------
    low, central, high : ndarray, shape (s,)
        90 % interval of each site. [unit of the model]
    total : Interval
        90 % interval of the sum. [unit of the model]
    """

    low: FloatArray
    central: FloatArray
    high: FloatArray
    total: Interval


def propagate_sites(
    draws: Draws, model: SiteModel, measured: FloatArray, half_width: FloatArray
) -> Sites:
    """Propagate one measured quantity per site and the factors all sites share.

    Parameters
    ----------
    draws : Draws
        Factor draws: one draw of a factor serves all sites, so its error never averages out.
    model : callable
        `model(f, m)`, elementwise in `m`.
    measured, half_width : ndarray, shape (s,)
        Central value and half-width of the 90 % interval per site; errors are normal and
        independent between sites. [unit of the quantity]

    Returns
    -------
    Sites
        Per site, and the sum.

    Raises
    ------
    ValueError
        If a value is not finite or a half-width is negative.
    """
    if not (np.isfinite(measured).all() and np.isfinite(half_width).all()):
        raise ValueError("a site has no finite value or half-width: leave it out")
    if (half_width < 0).any():
        raise ValueError("a half-width is negative")
    rng = np.random.default_rng([SEED, zlib.crc32(b"sites")])
    central = np.broadcast_to(model(draws.value, measured), measured.shape)
    ends = np.empty((2, len(measured)))
    total = np.zeros(draws.n)
    for start in range(0, len(measured), _CHUNK):
        rows = slice(start, start + _CHUNK)
        width = (half_width[rows] / _Z95)[:, None]
        drawn = rng.standard_normal((len(width), draws.n))
        drawn *= width
        drawn += measured[rows, None]
        result = model(draws.sample, drawn)
        total += result.sum(axis=0)
        ends[:, rows] = np.percentile(result, [5, 95], axis=1)
    return Sites(
        np.minimum(ends[0], central),
        central,
        np.maximum(ends[1], central),
        interval_of(float(central.sum()), total),
    )
