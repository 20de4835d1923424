"""Energy avoided by metered homes: measured use against a weather baseline.

Without a comparison group a price shock or a mild year is credited to the meter: the class
is at best E and the label says "pre/post, no control".
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cobenefit_backend.estimate.accuracy import accuracy_records, with_accuracy
from cobenefit_backend.estimate.baseline import MODELS, Baselines, FloatArray, Fuel, fit, usable
from cobenefit_backend.estimate.events import Event
from cobenefit_backend.estimate.grid import by_month_kgco2e
from cobenefit_backend.estimate.hourly_savings import HourlyStatistics, thin_month_records
from cobenefit_backend.estimate.meter_models import Compared, Model, Sides, compare
from cobenefit_backend.estimate.meter_records import Statistics, comparison_records, records_of
from cobenefit_backend.estimate.net import Effect, Footprint, net
from cobenefit_backend.estimate.propagate import MeasuredModel, contributors
from cobenefit_backend.estimate.quantity import (
    DataOrigin,
    Disqualification,
    Estimate,
    EvidenceClass,
    Interval,
)
from cobenefit_backend.estimate.savings import Savings, savings
from cobenefit_backend.estimate.slope_gate import slope_records
from cobenefit_backend.estimate.uncertainty import Draws, interval_of
from cobenefit_backend.estimate.written import written
from cobenefit_backend.factors.registry import FactorSet

WEAKEST_LIMIT = {"electricity": 0.035, "gas": 0.03}
"""Limit of error assumed where no class is given: MID class A; gas class 1,5. [1]"""
_Z95 = 1.6449
_COEFFICIENTS = (
    "base_kwh",
    "hdd_slope_kwh_per_degc",
    "cdd_slope_kwh_per_degc",
    "hdd_balance_degc",
    "cdd_balance_degc",
    "r2_adj",
)
_FACTOR = {"electricity": "grid.fr.ademe.avg.lca", "gas": "fuel.natgas.lca.pcs"}
NOTHING_FITTED = Disqualification(
    "not_enough_data",
    "The stored data are not enough for a figure.",
    {"reason": "no meter has a baseline and days to compare with it"},
)


@dataclass(frozen=True, slots=True)
class SmartMeterInputs:
    """Daily use of one meter or of a fleet, before and after.

    Attributes
    ----------
    baseline_kwh, reporting_kwh : ndarray, shape (n,) or (m, n)
        Daily use; NaN where missing. [kWh]
    baseline_degc, reporting_degc : ndarray, shape (n,) or (m, n), or None
        Daily mean outdoor temperature; None for an intercept-only model. [degC]
    fuel : {'electricity', 'gas'}
        Gas is counted in kWh of higher heating value.
    comparison_ratio : Interval or None
        Savings ratio of an untreated group, from `savings.comparison_ratio`. [1]
    visits_avoided : int
        Logged visits that a remote operation replaced, >= 0. [1]
    km_per_visit : float
        Marginal van kilometres per visit. [km]
    data_origin : {'measured', 'modelled', 'synthetic'}
        Where the readings come from.
    baseline_start, reporting_start : datetime64 or None
        First day of each period; with the second, electricity is also given by the month it was
        saved in. Both are needed for the split model.
    model : {'daily', 'split'}
        Daily model of the claim where there are no hours.
    hours : Sides or None
        The same meters by hour: the claim is then made by the hourly model, the daily one stands
        beside it.
    events, hour_events : tuple of Event
        Non-routine events on the axis of days, and of hours.
    accuracy_ratio : float or ndarray, shape (m,), or None
        Limit of error of each meter, see `estimate.accuracy`; None: the weakest legal class. [1]
    previous_accuracy_ratio : float or ndarray, shape (m,), or None
        Limit of the meter read in the baseline; None where it is the same one. [1]
    """

    baseline_kwh: FloatArray
    reporting_kwh: FloatArray
    baseline_degc: FloatArray | None = None
    reporting_degc: FloatArray | None = None
    fuel: Fuel = "electricity"
    comparison_ratio: Interval | None = None
    visits_avoided: int = 0
    km_per_visit: float = 0.0
    data_origin: DataOrigin = "measured"
    baseline_start: np.datetime64 | None = None
    reporting_start: np.datetime64 | None = None
    model: Model = "daily"
    hours: Sides | None = None
    events: tuple[Event, ...] = ()
    hour_events: tuple[Event, ...] = ()
    accuracy_ratio: float | FloatArray | None = None
    previous_accuracy_ratio: float | FloatArray | None = None


def measure(inputs: SmartMeterInputs) -> tuple[Baselines, Savings]:
    """Fit the baselines and compare the reporting period with them.

    Parameters
    ----------
    inputs : SmartMeterInputs
        Daily series.

    Returns
    -------
    tuple of Baselines and Savings
        One entry per meter. Without either temperature series the model is intercept-only.
    """
    weather = inputs.baseline_degc is not None and inputs.reporting_degc is not None
    models = fit(inputs.baseline_kwh, inputs.baseline_degc if weather else None, inputs.fuel)
    reporting = usable(inputs.reporting_kwh, inputs.fuel)
    return models, savings(models, reporting, inputs.reporting_degc)


def compared(inputs: SmartMeterInputs) -> tuple[Compared, Compared | None]:
    """Run the model of the claim, and the daily one beside an hourly claim.

    Parameters
    ----------
    inputs : SmartMeterInputs
        Series before and after.

    Returns
    -------
    tuple of Compared and Compared or None
        Intervals hold the accuracy of the meters.

    Raises
    ------
    ValueError
        If hours come without temperatures, or the split model without dates.
    """
    daily = _compare(inputs, "daily" if inputs.hours is not None else inputs.model, inputs.events)
    if inputs.hours is None:
        return daily, None
    return _compare(inputs, "hourly", inputs.hour_events), daily


def _compare(inputs: SmartMeterInputs, model: Model, events: tuple[Event, ...]) -> Compared:
    if model == "split" and None in (inputs.baseline_start, inputs.reporting_start):
        raise ValueError("the split model needs the first day of both periods")
    epoch = np.datetime64("1970-01-01")
    sides = inputs.hours if model == "hourly" else None
    found = compare(
        model,
        sides
        or Sides(
            np.atleast_2d(inputs.baseline_kwh),
            np.atleast_2d(inputs.reporting_kwh),
            inputs.baseline_degc,
            inputs.reporting_degc,
            epoch if inputs.baseline_start is None else inputs.baseline_start,
            epoch if inputs.reporting_start is None else inputs.reporting_start,
        ),
        inputs.fuel,
        events,
    )
    limit = inputs.accuracy_ratio
    limit = WEAKEST_LIMIT[inputs.fuel] if limit is None else limit
    return replace(found, saved=with_accuracy(found.saved, limit, inputs.previous_accuracy_ratio))


def estimate(inputs: SmartMeterInputs, factors: FactorSet, footprint: Footprint) -> Estimate:
    """Estimate the net effect of metering one home or a fleet.

    Parameters
    ----------
    inputs : SmartMeterInputs
        Series before and after.
    factors : FactorSet
        Emission factors.
    footprint : FootprintResult or Interval
        Yearly result for all meters, or an interval for the reporting period. [kgCO2e]

    Returns
    -------
    Estimate
        Class M with a comparison group, E without; P when events take up too much; N when
        nothing can be fitted. The net is given under the average and, for electricity, the
        marginal grid.
    """
    claim, beside = compared(inputs)
    saved = claim.saved
    saved_kwh = _savings_kwh(saved, inputs.comparison_ratio)
    draws = Draws(factors)
    gross = None if saved_kwh is None else _to_co2e(saved_kwh, _FACTOR[inputs.fuel], draws)
    marginal = None
    if saved_kwh is not None and inputs.fuel == "electricity":
        marginal = _to_co2e(saved_kwh, "grid.fr.co2js.marginal", draws)
    records = all_records(inputs, claim)
    if gross is None:
        records = (NOTHING_FITTED, *records)
    return net(
        Effect(
            use_case="smart_meter",
            evidence_class=_class_of(inputs, gross, records),
            label="not enough data" if gross is None else _label(inputs),
            gross_kgco2e=gross,
            rebound_kgco2e=None if gross is None else Interval.exactly(0.0),
            second_order_kgco2e=gross,
            second_order_marginal_kgco2e=marginal,
            period_days=saved.expected_days,
            coverage_ratio=_coverage(saved),
            data_origin=inputs.data_origin,
            units=len(saved.valid_days),
            disqualifications=records,
            details={
                **describe(claim.spread, saved, claim.model),
                **_beside(beside, inputs.comparison_ratio),
                "savings_interval_kwh": saved_kwh,
                "gross_marginal_kgco2e": marginal,
                "contributors": _contributors(inputs.fuel, saved_kwh, draws, factors),
                "gross_by_month_kgco2e": _by_month(inputs, claim, saved_kwh, draws),
                "event_effects_kwh": [list(pair) for pair in claim.effects],
                "visits_kgco2e": _visits(inputs, draws),
                "rebound": "contained in the measured use",
            },
            factor_ids=tuple(sorted(draws.used)),
            written=None
            if saved_kwh is None
            else written(_avoided(inputs.fuel), {"saved_kwh": saved_kwh}, factors),
        ),
        footprint,
    )


def _label(inputs: SmartMeterInputs) -> str:
    alone = inputs.comparison_ratio is None
    return "pre/post, no control" if alone else "net of a comparison group"


def _coverage(saved: Savings) -> float:
    expected = saved.expected_days * len(saved.valid_days)
    return float(saved.valid_days.sum()) / expected if expected else 0.0


def _class_of(
    inputs: SmartMeterInputs, gross: Interval | None, records: tuple[Disqualification, ...]
) -> EvidenceClass:
    if gross is None:
        return "N"
    if any(record.code == "events_beyond_limit" for record in records):
        return "P"
    return "E" if inputs.comparison_ratio is None else "M"


def all_records(inputs: SmartMeterInputs, claim: Compared) -> tuple[Disqualification, ...]:
    """Return every reason to doubt what a model says.

    Parameters
    ----------
    inputs : SmartMeterInputs
        What it was given.
    claim : Compared
        What it says.

    Returns
    -------
    tuple of Disqualification
        Of the baseline, the events, the meters and the comparison.
    """
    spread = claim.spread
    return (
        *records_of(spread, claim.saved),
        *(slope_records(spread) if isinstance(spread, Baselines) else ()),
        *(thin_month_records(spread) if isinstance(spread, HourlyStatistics) else ()),
        *claim.records,
        *accuracy_records(inputs.accuracy_ratio),
        *comparison_records(inputs.comparison_ratio),
    )


def _beside(daily: Compared | None, comparison: Interval | None) -> dict[str, Any]:
    """Return the savings by the daily model, where the claim is made by another one."""
    if daily is None:
        return {}
    return {"savings_daily_model_kwh": _savings_kwh(daily.saved, comparison)}


def describe(models: Statistics, saved: Savings, model: Model = "daily") -> dict[str, Any]:
    """Return the model and savings of one meter, or the counts of a fleet.

    Parameters
    ----------
    models : Statistics
        Fitted baselines; coefficients are given where they are `Baselines`.
    saved : Savings
        Savings of the same meters.
    model : {'daily', 'split', 'hourly'}
        Name of a model without coefficients of its own.

    Returns
    -------
    dict
        Plain numbers: `model`, `base_kwh`, slopes [kWh/degC], balance points [degC],
        `r2_adj`, `cv_rmse`, `savings_kwh` and so on; for a fleet, counts per model.
    """
    if len(saved.savings_kwh) > 1:
        return {
            "meters": len(saved.savings_kwh),
            **_models_of(models, model),
            "savings_kwh": float(np.nansum(saved.savings_kwh)),
            "counterfactual_kwh": float(np.nansum(saved.counterfactual_kwh)),
            "meters_significant": int(saved.significant.sum()),
        }
    coefficients = _COEFFICIENTS if isinstance(models, Baselines) else ()
    names = (*coefficients, "cv_rmse", "autocorrelation")
    measured = bool(models.valid_days[0] and saved.valid_days[0])
    results = ("counterfactual_kwh", "observed_kwh", "savings_kwh", "savings_ratio", "fsu_90")
    return {
        "model": MODELS[int(models.model[0])] if isinstance(models, Baselines) else model,
        **{name: _or_none(getattr(models, name)[0]) for name in names},
        **{name: _or_none(getattr(saved, name)[0]) if measured else None for name in results},
        "significant": bool(saved.significant[0]),
        "baseline_days": int(models.valid_days[0]),
        "reporting_days": int(saved.valid_days[0]),
    }


def _models_of(models: Statistics, model: Model) -> dict[str, Any]:
    if not isinstance(models, Baselines):
        return {"model": model}
    counts = np.bincount(models.model, minlength=len(MODELS))
    return {"models": dict(zip(MODELS, counts.tolist(), strict=True))}


def _savings_kwh(saved: Savings, comparison: Interval | None) -> Interval | None:
    """Add the meters up (independent errors) and take the comparison group's change off."""
    known = np.isfinite(saved.half_width_90_kwh)
    if not known.any():
        return None
    half_width = float(np.sqrt((saved.half_width_90_kwh[known] ** 2).sum()))
    own = Interval.around(float(saved.savings_kwh[known].sum()), half_width)
    if comparison is None:
        return own
    return own.minus(comparison.scaled(float(saved.counterfactual_kwh[known].sum())))


def _visits(inputs: SmartMeterInputs, draws: Draws) -> Interval:
    """Return the van emissions of the logged visits avoided: class E, kept apart."""
    km = inputs.visits_avoided * inputs.km_per_visit
    return draws.interval(
        lambda f: km * f("veh.van.fr2005.l100") / 100 * f("fuel.diesel.law2017.total")
    )


def _to_co2e(saved_kwh: Interval, factor_id: str, draws: Draws) -> Interval:
    sigma = saved_kwh.half_width / _Z95
    drawn = saved_kwh.central + sigma * draws.normal("smart_meter.savings")
    factor = draws.value(factor_id)
    return interval_of(saved_kwh.central * float(factor), drawn * draws.sample(factor_id))


def _by_month(
    inputs: SmartMeterInputs, claim: Compared, saved_kwh: Interval | None, draws: Draws
) -> Interval | None:
    """Return the gross effect with each month's electricity at that month's factor."""
    if inputs.reporting_start is None or saved_kwh is None or inputs.fuel != "electricity":
        return None
    months = claim.month_kwh
    # what the comparison group takes off, and the error, have no month: the yearly factor
    rest = saved_kwh.central - float(months.sum())
    noise = saved_kwh.half_width / _Z95 * draws.normal("smart_meter.savings")
    factor_id = _FACTOR["electricity"]
    central = by_month_kgco2e(draws.value, factor_id, months) + rest * draws.value(factor_id)
    drawn = by_month_kgco2e(draws.sample, factor_id, months)
    return interval_of(float(central), drawn + (rest + noise) * draws.sample(factor_id))


def _contributors(
    fuel: Fuel, saved_kwh: Interval | None, draws: Draws, factors: FactorSet
) -> dict[str, Interval]:
    if saved_kwh is None:
        return {}
    return contributors(draws, _avoided(fuel), {"saved_kwh": saved_kwh}, factors)


def _avoided(fuel: Fuel) -> MeasuredModel:
    return lambda f, m: m["saved_kwh"] * f(_FACTOR[fuel])


def _or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
