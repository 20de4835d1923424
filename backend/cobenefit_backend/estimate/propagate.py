"""Measured quantities and factors together: one model, its interval and its tornado.

A model is a function of a factor getter and of measured quantities by name. Called with central
values it gives the result; called with draws, the distribution; called with one input at its low
and high end, the tornado.

>>> def trips(f, m): return m["km"] * f("fuel.diesel.law2017.total")
"""

from collections.abc import Callable, Mapping

import numpy as np

from cobenefit_backend.estimate.quantity import Interval
from cobenefit_backend.estimate.uncertainty import Draws, FloatArray, Getter, interval_of
from cobenefit_backend.factors.registry import FactorSet

Measured = Mapping[str, Interval]
MeasuredModel = Callable[[Getter, Mapping[str, FloatArray]], FloatArray]
TOP_CONTRIBUTORS = 5
_Z95 = 1.6449


def propagate(draws: Draws, model: MeasuredModel, measured: Measured) -> Interval:
    """Return the interval of a model.

    Parameters
    ----------
    draws : Draws
        Shared factor draws; a measured quantity's draws depend on its name.
    model : callable
        `model(f, m)`, elementwise in the arrays.
    measured : mapping of str to Interval
        Measured quantities. [units as the model takes them]

    Returns
    -------
    Interval
        90 % interval around the result with everything at its central value. [unit of the model]

    Notes
    -----
    A measured quantity is drawn from a normal distribution of its own width on either side of
    the central value, and never beyond zero when its interval is not.
    """
    central = {name: np.asarray(each.central) for name, each in measured.items()}
    drawn = {name: _drawn(each, draws.normal(name)) for name, each in measured.items()}
    return interval_of(float(model(draws.value, central)), model(draws.sample, drawn))


def contributors(
    draws: Draws, model: MeasuredModel, measured: Measured, factors: FactorSet
) -> dict[str, Interval]:
    """Vary one input at a time between its ends; keep the five that matter most (a tornado).

    Parameters
    ----------
    draws : Draws
        Draws with which the model was already propagated: their `used` factors are varied.
    model : callable
        As for `propagate`.
    measured : mapping of str to Interval
        Measured quantities. [units as the model takes them]
    factors : FactorSet
        Where the factors' ends are looked up.

    Returns
    -------
    dict of Interval
        Result at the ends of a factor or quantity, widest first. [unit of the model]
    """
    central = {name: np.asarray(each.central) for name, each in measured.items()}
    result = float(model(draws.value, central))
    spans = {}
    for name, each in measured.items():
        ends = [
            float(model(draws.value, {**central, name: np.asarray(end)}))
            for end in (each.low, each.high)
        ]
        spans[name] = Interval(min(*ends, result), result, max(*ends, result))
    for key in sorted(draws.used):
        ends = [float(model(_with(draws, key, end), central)) for end in factors[key].bounds]
        spans[key] = Interval(min(*ends, result), result, max(*ends, result))
    widest = sorted(spans.items(), key=lambda item: -item[1].half_width)
    return {name: span for name, span in widest[:TOP_CONTRIBUTORS] if span.half_width > 0}


def proportion(successes: float, trials: float) -> Interval:
    """Return a share with its 90 % interval, also for none or all of a few.

    Parameters
    ----------
    successes, trials : float
        Counts, 0 <= successes <= trials, trials > 0. [1]

    Returns
    -------
    Interval
        Share. [1]

    Raises
    ------
    ValueError
        If there is no trial, or more successes than trials.

    Notes
    -----
    Score interval: E. B. Wilson, "Probable inference, the law of succession, and statistical
    inference", J. American Statistical Association 22, 1927.
    """
    if trials <= 0 or not 0 <= successes <= trials:
        raise ValueError(f"{successes:g} of {trials:g} is no share")
    share, z2 = successes / trials, _Z95**2
    centre = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = _Z95 / (1 + z2 / trials) * np.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2))
    return Interval(
        min(max(centre - half, 0.0), share), share, max(min(centre + half, 1.0), share)
    )


def _drawn(interval: Interval, z: FloatArray) -> FloatArray:
    down = (interval.central - interval.low) / _Z95
    up = (interval.high - interval.central) / _Z95
    values = interval.central + np.where(z < 0, down, up) * z
    return np.maximum(values, 0.0) if interval.low >= 0 else np.asarray(values)


def _with(draws: Draws, key: str, end: float) -> Getter:
    return lambda name: np.asarray(end) if name == key else draws.value(name)
