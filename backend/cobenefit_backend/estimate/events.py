"""Non-routine events: something other than the measure changed the use for a while.

A dated event with its evidence is either left out of the comparison, or its effect is estimated
by an indicator variable and taken off. Nobody but the author of the study declares one: an alarm
may suggest, it never applies. Source: IPMVP Core Concepts, non-routine adjustments, EVO, 2022; the
limits below are our own conventions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cobenefit_backend.estimate import students_t
from cobenefit_backend.estimate.baseline import FloatArray
from cobenefit_backend.estimate.meter_records import Statistics
from cobenefit_backend.estimate.quantity import Disqualification, Interval

Treatment = Literal["exclude", "adjust"]
Mask = NDArray[np.bool_]
MAX_EXCLUDED_RATIO = 0.10
MAX_ADJUSTED_RATIO = 0.25
MIN_OUTSIDE = 30


@dataclass(frozen=True, slots=True)
class Event:
    """One event on the time axis of both periods.

    Attributes
    ----------
    treatment : {'exclude', 'adjust'}
        Left out, or estimated and taken off.
    baseline, reporting : ndarray of bool, shape (m, n) and (m, q)
        Where it acted.
    """

    treatment: Treatment
    baseline: Mask
    reporting: Mask


def without(energy_kwh: FloatArray, masks: Sequence[Mask]) -> FloatArray:
    """Return a copy with the use under events missing.

    Parameters
    ----------
    energy_kwh : ndarray, shape (m, n)
        Use. [kWh]
    masks : sequence of ndarray of bool, shape (m, n)
        Where each event acted.

    Returns
    -------
    ndarray, shape (m, n)
        NaN under an event. [kWh]
    """
    return np.where(_any(masks, energy_kwh.shape), np.nan, energy_kwh)


def levels(
    energy_kwh: FloatArray, expected_kwh: FloatArray, masks: Sequence[Mask]
) -> tuple[FloatArray, NDArray[np.intp], NDArray[np.intp]]:
    """Estimate how far the use lay from what it was outside, under each event.

    Parameters
    ----------
    energy_kwh, expected_kwh : ndarray, shape (m, n)
        Measured and expected use, NaN where missing. [kWh]
    masks : sequence of k ndarray of bool, shape (m, n)
        Where each event acted.

    Returns
    -------
    tuple of ndarray, shapes (k, m), (k, m) and (m,)
        Effect per interval [kWh], 0 where an event has no data; intervals under each event and
        outside all of them [1].

    Notes
    -----
    The coefficient of an indicator variable in the regression use = k x expected + indicators,
    weighted by 1 / expected: outside all events the measure acts as a share of the use, so that
    an event in summer is not confused with a saving that is made in winter.
    """
    known = np.isfinite(energy_kwh) & np.isfinite(expected_kwh)
    use, expected = (np.where(known, kwh, 0.0) for kwh in (energy_kwh, expected_kwh))
    outside = known & ~_any(masks, known.shape)
    count_outside = outside.sum(axis=1)
    base = np.where(outside, expected, 0.0).sum(axis=1)
    ratio = np.where(outside, use, 0.0).sum(axis=1) / np.where(base > 0, base, 1.0)
    filled = use - np.where(base > 0, ratio, 1.0)[:, None] * expected
    inside = np.array([known & mask for mask in masks]).reshape(len(masks), *known.shape)
    count = inside.sum(axis=2)
    total = np.where(inside, filled, 0.0).sum(axis=2)
    effect = np.where(count > 0, total / np.maximum(count, 1), 0.0)
    return effect, count, count_outside


def taken_off(energy_kwh: FloatArray, effect_kwh: FloatArray, masks: Sequence[Mask]) -> FloatArray:
    """Return the use with the effect of each event taken off where it acted.

    Parameters
    ----------
    energy_kwh : ndarray, shape (m, n)
        Use. [kWh]
    effect_kwh : ndarray, shape (k, m)
        Effect per interval. [kWh]
    masks : sequence of k ndarray of bool, shape (m, n)
        Where each event acted.

    Returns
    -------
    ndarray, shape (m, n)
        Use without the events. [kWh]
    """
    result = energy_kwh.copy()
    for effect, mask in zip(effect_kwh, masks, strict=True):
        result -= np.where(mask, effect[:, None], 0.0)
    return result


def effect_interval(
    spread: Statistics,
    effect_kwh: FloatArray,
    count: NDArray[np.intp],
    outside: NDArray[np.intp],
    per_day: int = 1,
) -> Interval | None:
    """Return what one event did to the use of all meters together.

    Parameters
    ----------
    spread : Statistics
        Of the baselines, by day.
    effect_kwh : ndarray, shape (m,)
        Effect per interval. [kWh]
    count, outside : ndarray of int, shape (m,)
        Intervals under the event and outside all of them. [1]
    per_day : int
        Intervals in a day. [1]

    Returns
    -------
    Interval or None
        Added use over the event at 90 %; None where its error cannot be told. [kWh]

    Notes
    -----
    s sqrt((1 + rho)/(1 - rho) (1/n_1 + 1/n_0)) per day, rho >= 0: two means of autocorrelated
    residuals (H. von Storch and F. W. Zwiers, "Statistical Analysis in Climate Research",
    section 6.6.8, 1999).
    """
    some = count > 0
    rho = np.clip(spread.autocorrelation, 0.0, 0.99)
    days, days_outside = count / per_day, np.maximum(outside / per_day, 1e-9)
    t = students_t.quantile(0.95, spread.valid_days - spread.parameters)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = spread.cv_rmse * spread.mean_kwh * np.sqrt((1 + rho) / (1 - rho))
        half = t * error * np.sqrt(1 / days + 1 / days_outside) * days
    if not np.isfinite(half[some]).all():
        return None
    total = float((effect_kwh * count)[some].sum())
    return Interval.around(total, float(np.sqrt((half[some] ** 2).sum())))


def limit_records(events: Sequence[Event]) -> tuple[Disqualification, ...]:
    """Say which events were treated, and when they take up too much of a period.

    Parameters
    ----------
    events : sequence of Event
        All events of a study.

    Returns
    -------
    tuple of Disqualification
        `event_excluded`, `event_adjusted` and `events_beyond_limit`, or nothing.

    Notes
    -----
    At most 10 % of a period may be left out, as for missing data (CalTRACK 2.0, 2.2.1.2), and
    25 % adjusted, with 30 intervals of the period outside all events.
    """
    records = []
    beyond: dict[str, float] = {}
    for treatment, limit, text in (
        ("exclude", MAX_EXCLUDED_RATIO, "Days under a non-routine event are left out."),
        ("adjust", MAX_ADJUSTED_RATIO, "The effect of a non-routine event is estimated."),
    ):
        chosen = [event for event in events if event.treatment == treatment]
        if not chosen:
            continue
        word = "excluded" if treatment == "exclude" else "adjusted"
        records.append(Disqualification(f"event_{word}", text, {"events": len(chosen)}))
        for side in ("baseline", "reporting"):
            share = _share([getattr(event, side) for event in chosen])
            if share > limit:
                beyond[f"{side}_{word}_ratio"] = round(share, 4)
    beyond |= _few_outside(events)
    if beyond:
        text = "Events take up more of a period than they may: the figure is not claimed."
        records.append(Disqualification("events_beyond_limit", text, beyond))
    return tuple(records)


def _few_outside(events: Sequence[Event]) -> dict[str, float]:
    found = {}
    for side in ("baseline", "reporting"):
        masks = [getattr(event, side) for event in events]
        if any(mask.any() for mask in masks):
            outside = int((~_any(masks, masks[0].shape)).sum(axis=1).min())
            if outside < MIN_OUTSIDE:
                found[f"{side}_outside"] = float(outside)
    return found


def _any(masks: Sequence[Mask], shape: tuple[int, ...]) -> Mask:
    return np.asarray(np.logical_or.reduce([np.zeros(shape, dtype=bool), *masks]), dtype=bool)


def _share(masks: Sequence[Mask]) -> float:
    """Return the largest share of a period that events take up at one meter."""
    under = _any(masks, masks[0].shape)
    return float(under.mean(axis=1).max()) if under.size else 0.0
