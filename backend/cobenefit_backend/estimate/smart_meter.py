"""Energy avoided by metered homes: measured use against a weather baseline.

Without a comparison group a price shock or a mild year is credited to the meter: the class
is at best E and the label says "pre/post, no control".
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cobenefit_backend.estimate import students_t
from cobenefit_backend.estimate.baseline import (
    MODELS,
    Baselines,
    FloatArray,
    Fuel,
    fit,
    usable,
)
from cobenefit_backend.estimate.grid import by_month_kgco2e
from cobenefit_backend.estimate.net import Effect, Footprint, net
from cobenefit_backend.estimate.propagate import MeasuredModel, contributors
from cobenefit_backend.estimate.quantity import (
    DataOrigin,
    Disqualification,
    Estimate,
    Interval,
)
from cobenefit_backend.estimate.savings import Savings, savings, savings_by_month
from cobenefit_backend.estimate.slope_gate import slope_records
from cobenefit_backend.estimate.uncertainty import Draws, interval_of
from cobenefit_backend.estimate.written import written
from cobenefit_backend.factors.registry import FactorSet

MIN_BASELINE_DAYS = 328
MAX_MISSING_RATIO = 0.10
MAX_MEAN_KWH = 2000
MAX_CV_RMSE = 1.0
MAX_FSU_68 = 0.50
_Z95 = 1.6449
_FACTOR = {"electricity": "grid.fr.ademe.avg.lca", "gas": "fuel.natgas.lca.pcs"}


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
    reporting_month : ndarray of int, shape (n,), or None
        Calendar month of each reporting day, 1 to 12; electricity is then also given by the
        month it was saved in. [1]
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
    reporting_month: NDArray[np.integer] | None = None


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


def estimate(inputs: SmartMeterInputs, factors: FactorSet, footprint: Footprint) -> Estimate:
    """Estimate the net effect of metering one home or a fleet.

    Parameters
    ----------
    inputs : SmartMeterInputs
        Daily series.
    factors : FactorSet
        Emission factors.
    footprint : FootprintResult or Interval
        Yearly result for all meters, or an interval for the reporting period. [kgCO2e]

    Returns
    -------
    Estimate
        Class M with a comparison group, E without; N when nothing can be fitted. The net is
        given under the average and, for electricity, the marginal grid.
    """
    models, saved = measure(inputs)
    records = records_of(models, saved) + comparison_records(inputs.comparison_ratio)
    saved_kwh = _savings_kwh(saved, inputs.comparison_ratio)
    draws = Draws(factors)
    gross = None if saved_kwh is None else _to_co2e(saved_kwh, _FACTOR[inputs.fuel], draws)
    marginal = None
    if saved_kwh is not None and inputs.fuel == "electricity":
        marginal = _to_co2e(saved_kwh, "grid.fr.co2js.marginal", draws)
    control = inputs.comparison_ratio is not None
    expected = saved.expected_days * len(saved.valid_days)
    return net(
        Effect(
            use_case="smart_meter",
            evidence_class="N" if gross is None else "M" if control else "E",
            label="net of a comparison group" if control else "pre/post, no control",
            gross_kgco2e=gross,
            rebound_kgco2e=None if gross is None else Interval.exactly(0.0),
            second_order_kgco2e=gross,
            second_order_marginal_kgco2e=marginal,
            period_days=saved.expected_days,
            coverage_ratio=float(saved.valid_days.sum()) / expected if expected else 0.0,
            data_origin=inputs.data_origin,
            units=len(saved.valid_days),
            disqualifications=records,
            details={
                **describe(models, saved),
                "savings_interval_kwh": saved_kwh,
                "gross_marginal_kgco2e": marginal,
                "contributors": _contributors(inputs.fuel, saved_kwh, draws, factors),
                "gross_by_month_kgco2e": _by_month(inputs, models, saved_kwh, draws),
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


def describe(models: Baselines, saved: Savings) -> dict[str, Any]:
    """Return the model and savings of one meter, or the counts of a fleet.

    Parameters
    ----------
    models : Baselines
        Fitted baselines.
    saved : Savings
        Savings of the same meters.

    Returns
    -------
    dict
        Plain numbers: `model`, `base_kwh`, slopes [kWh/degC], balance points [degC],
        `r2_adj`, `cv_rmse`, `savings_kwh` and so on; for a fleet, counts per model.
    """
    if len(models.model) > 1:
        counts = np.bincount(models.model, minlength=len(MODELS))
        return {
            "meters": len(models.model),
            "models": dict(zip(MODELS, counts.tolist(), strict=True)),
            "savings_kwh": float(np.nansum(saved.savings_kwh)),
            "counterfactual_kwh": float(np.nansum(saved.counterfactual_kwh)),
            "meters_significant": int(saved.significant.sum()),
        }
    names = (
        "base_kwh",
        "hdd_slope_kwh_per_degc",
        "cdd_slope_kwh_per_degc",
        "hdd_balance_degc",
        "cdd_balance_degc",
        "r2_adj",
        "cv_rmse",
        "autocorrelation",
    )
    measured = bool(models.valid_days[0] and saved.valid_days[0])
    results = ("counterfactual_kwh", "observed_kwh", "savings_kwh", "savings_ratio", "fsu_90")
    return {
        "model": MODELS[int(models.model[0])],
        **{name: _or_none(getattr(models, name)[0]) for name in names},
        **{name: _or_none(getattr(saved, name)[0]) if measured else None for name in results},
        "significant": bool(saved.significant[0]),
        "baseline_days": int(models.valid_days[0]),
        "reporting_days": int(saved.valid_days[0]),
    }


def records_of(models: Baselines, saved: Savings) -> tuple[Disqualification, ...]:
    """Return every reason to doubt a baseline and its savings.

    Parameters
    ----------
    models : Baselines
        Fitted baselines.
    saved : Savings
        Savings of the same meters.

    Returns
    -------
    tuple of Disqualification
        Each with the number of meters concerned. [1]

    Notes
    -----
    CalTRACK 2.0, sections 2.2.1.2 (at most 37 of 365 days missing) and 4.3.2.1
    (CV(RMSE) <= 1.0); ASHRAE Guideline 14-2014 (FSU <= 50 % at 68 %).
    """
    t_68 = students_t.quantile(0.84, models.valid_days - models.parameters)
    t_90 = students_t.quantile(0.95, models.valid_days - models.parameters)
    missing = 1 - models.valid_days / max(models.expected_days, 1)
    checks = (
        (
            "baseline_too_short",
            models.valid_days < MIN_BASELINE_DAYS,
            f"Fewer than {MIN_BASELINE_DAYS} valid baseline days.",
        ),
        (
            "baseline_coverage",
            missing > MAX_MISSING_RATIO,
            "More than 10 % of the baseline days are missing.",
        ),
        (
            "weak_baseline",
            ~(models.cv_rmse <= MAX_CV_RMSE),
            "The baseline explains the use too weakly: CV(RMSE) above 1.",
        ),
        (
            "not_significant",
            ~saved.significant,
            "The 90 % interval of the savings contains zero.",
        ),
        (
            "imprecise_savings",
            saved.significant & (saved.fsu_90 * t_68 / t_90 > MAX_FSU_68),
            "The savings differ from zero but their uncertainty exceeds 50 % at 68 %.",
        ),
    )
    records = [
        Disqualification(code, text, {"meters": int(failed.sum())})
        for code, failed, text in checks
        if failed.any()
    ]
    if not models.has_weather:
        records.insert(
            0, Disqualification("no_weather", "No temperatures: the baseline is a mean.")
        )
    return (*records, *slope_records(models), *_unit_records(models))


def _unit_records(models: Baselines) -> tuple[Disqualification, ...]:
    """Doubt the unit of meters whose daily use would be that of a large building."""
    large = int((models.mean_kwh > MAX_MEAN_KWH).sum())
    if not large:
        return ()
    text = f"Mean use above {MAX_MEAN_KWH} kWh per day: make sure that it is not given in Wh."
    return (Disqualification("unit_suspected", text, {"meters": large}),)


def comparison_records(ratio: Interval | None) -> tuple[Disqualification, ...]:
    """Return the record that no comparison group was given, if so.

    Parameters
    ----------
    ratio : Interval or None
        What the comparison group "saved", as a share of its use. [1]

    Returns
    -------
    tuple of Disqualification
        `no_comparison_group`, or nothing.
    """
    if ratio is not None:
        return ()
    return (
        Disqualification(
            "no_comparison_group",
            "Pre/post, no control: prices, mild weather or habits are credited to the meter.",
        ),
    )


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
    inputs: SmartMeterInputs, models: Baselines, saved_kwh: Interval | None, draws: Draws
) -> Interval | None:
    """Return the gross effect with each month's electricity at that month's factor."""
    if inputs.reporting_month is None or saved_kwh is None or inputs.fuel != "electricity":
        return None
    months = savings_by_month(
        models, inputs.reporting_kwh, inputs.reporting_degc, inputs.reporting_month
    )
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
