"""A data centre: IT energy times the fall of its PUE, at equal weather and load.

    saved    = sum over rows of IT x (PUE_base(T, load) - PUE observed)
    PUE_base = b0 + b1 max(T - T0, 0) + b2 / load

PUE is not carbon and falls by itself in a cold year or a full room, hence the model. Servers
bought on the way belong to the footprint; green contracts never to this figure.

Source: ISO/IEC 30134-2:2016 (PUE); The Green Grid, "PUE: a comprehensive examination of the
metric", 2012, for the twelve months and the boundary.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cobenefit_backend.estimate import regression
from cobenefit_backend.estimate.baseline import FloatArray
from cobenefit_backend.estimate.net import Effect, Footprint, net
from cobenefit_backend.estimate.propagate import MeasuredModel, contributors, propagate
from cobenefit_backend.estimate.quantity import (
    DataOrigin,
    Disqualification,
    Estimate,
    Interval,
)
from cobenefit_backend.estimate.uncertainty import Draws, Getter
from cobenefit_backend.estimate.written import written
from cobenefit_backend.factors.registry import FactorSet

MIN_BASELINE_DAYS = 328
MAX_OUTSIDE_RATIO = 0.10
_BALANCES_DEGC = np.arange(0.0, 26.0, 1.0)


@dataclass(frozen=True, slots=True)
class DataCentreInputs:
    """IT and total energy of one boundary, row by row (hour or day).

    Attributes
    ----------
    baseline_it_kwh, reporting_it_kwh : ndarray, shape (n,) and (q,)
        Energy of the IT equipment, > 0, NaN where missing. [kWh]
    baseline_total_kwh, reporting_total_kwh : ndarray
        Energy of the whole boundary, at least that of the IT. [kWh]
    baseline_degc, reporting_degc : ndarray or None
        Outdoor temperature. [degC]
    same_boundary : bool
        Whether IT is measured at the same place before and after.
    baseline_days, reporting_days : float
        Length of both periods; PUE is a figure of twelve months. [d]
    data_origin : {'measured', 'modelled', 'synthetic'}
        Where the readings come from.
    """

    baseline_it_kwh: FloatArray
    baseline_total_kwh: FloatArray
    reporting_it_kwh: FloatArray
    reporting_total_kwh: FloatArray
    baseline_degc: FloatArray | None = None
    reporting_degc: FloatArray | None = None
    same_boundary: bool = True
    baseline_days: float = 365.0
    reporting_days: float = 365.0
    data_origin: DataOrigin = "measured"


def estimate(inputs: DataCentreInputs, factors: FactorSet, footprint: Footprint) -> Estimate:
    """Estimate the net effect of a lower PUE.

    Parameters
    ----------
    inputs : DataCentreInputs
        Rows of both periods.
    factors : FactorSet
        Emission factors.
    footprint : FootprintResult or Interval
        Yearly result, or an interval for the reporting period. [kgCO2e]

    Returns
    -------
    Estimate
        Class M with twelve months before and one boundary; E otherwise; P where the boundary
        moved.

    Raises
    ------
    ValueError
        Where total is below IT, or no row is complete.
    """
    _check(inputs)
    model, balance = _fit(inputs)
    after = _columns(inputs.reporting_it_kwh, inputs.reporting_degc, balance, model_of(inputs))
    observed = inputs.reporting_total_kwh / inputs.reporting_it_kwh
    saved_kwh = regression.saved(model, after, observed, inputs.reporting_it_kwh)
    draws = Draws(factors)
    measured = {"saved_kwh": saved_kwh}
    gross = propagate(draws, _avoided("grid.fr.ademe.avg.lca"), measured)
    tornado = contributors(draws, _avoided("grid.fr.ademe.avg.lca"), measured, factors)
    marginal = propagate(draws, _avoided("grid.fr.co2js.marginal"), measured)
    records = _records(inputs, model, after)
    codes = {record.code for record in records}
    return net(
        Effect(
            use_case="data_centre",
            evidence_class="P"
            if "boundary_moved" in codes
            else "E"
            if codes & {"baseline_too_short", "no_weather"}
            else "M",
            label="at equal weather and load" if not codes else "PUE before/after",
            gross_kgco2e=gross,
            rebound_kgco2e=Interval.exactly(0.0),
            second_order_kgco2e=gross,
            second_order_marginal_kgco2e=marginal,
            period_days=inputs.reporting_days,
            coverage_ratio=float(np.isfinite(observed).mean()),
            data_origin=inputs.data_origin,
            disqualifications=records,
            factor_ids=tuple(sorted(draws.used)),
            written=written(_avoided("grid.fr.ademe.avg.lca"), measured, factors),
            details={
                "pue_before": _pue(inputs.baseline_total_kwh, inputs.baseline_it_kwh),
                "pue_after": _pue(inputs.reporting_total_kwh, inputs.reporting_it_kwh),
                "saved_kwh": saved_kwh,
                "balance_degc": balance,
                "coefficients": model.coefficients.tolist(),
                "r2_adj": model.r2_adj,
                "gross_marginal_kgco2e": marginal,
                "contributors": tornado,
                "rebound": "more computing is not counted as an effect of the measure",
            },
        ),
        footprint,
    )


def model_of(inputs: DataCentreInputs) -> tuple[bool, bool]:
    """Return whether temperature and load enter the model: only what is known and varies."""
    weather = inputs.baseline_degc is not None and inputs.reporting_degc is not None
    load = inputs.baseline_it_kwh[np.isfinite(inputs.baseline_it_kwh)]
    return weather, bool(load.std() > 0.01 * load.mean())


def _fit(inputs: DataCentreInputs) -> tuple[regression.Fit, float | None]:
    """Fit the PUE; the balance temperature is the one that explains most."""
    pue = inputs.baseline_total_kwh / inputs.baseline_it_kwh
    terms = model_of(inputs)
    if not terms[0]:
        return regression.fit(_columns(inputs.baseline_it_kwh, None, None, terms), pue), None
    best: tuple[regression.Fit, float] | None = None
    for balance in _BALANCES_DEGC:
        columns = _columns(inputs.baseline_it_kwh, inputs.baseline_degc, float(balance), terms)
        try:
            model = regression.fit(columns, pue)
        except ValueError:
            continue  # never warmer than this balance: the column is empty
        if best is None or model.r2_adj > best[0].r2_adj:
            best = model, float(balance)
    if best is None:
        columns = _columns(inputs.baseline_it_kwh, None, None, (False, terms[1]))
        return regression.fit(columns, pue), None
    return best


def _columns(
    it_kwh: FloatArray, degc: FloatArray | None, balance: float | None, terms: tuple[bool, bool]
) -> FloatArray:
    columns = [np.ones(len(it_kwh))]
    if terms[0] and degc is not None and balance is not None:
        columns.append(np.maximum(degc - balance, 0.0))
    if terms[1]:
        columns.append(1 / it_kwh)
    return np.column_stack(columns)


def _avoided(factor_id: str) -> MeasuredModel:
    def model(f: Getter, m: Mapping[str, FloatArray]) -> FloatArray:
        return m["saved_kwh"] * f(factor_id)

    return model


def _pue(total: FloatArray, it: FloatArray) -> float:
    known = np.isfinite(total) & np.isfinite(it)
    return float(total[known].sum() / it[known].sum())


def _check(inputs: DataCentreInputs) -> None:
    for side in ("baseline", "reporting"):
        it, total = getattr(inputs, f"{side}_it_kwh"), getattr(inputs, f"{side}_total_kwh")
        if len(it) != len(total):
            raise ValueError(f"{side}: {len(it)} rows of IT and {len(total)} of total energy")
        if not (np.isfinite(it) & np.isfinite(total)).any():
            raise ValueError(f"{side}: no row holds both IT and total energy")
        if (it <= 0).any():
            raise ValueError(
                f"{side}_it_kwh must be above 0 in every row; leave missing ones empty"
            )
        if (total < it).any():
            raise ValueError(f"{side}: total energy below IT energy; check units and meters")


def _records(
    inputs: DataCentreInputs, model: regression.Fit, after: FloatArray
) -> tuple[Disqualification, ...]:
    beyond = regression.outside(model, after[np.isfinite(after).all(axis=1)])
    checks = (
        (
            not inputs.same_boundary,
            "boundary_moved",
            "IT energy is not measured at the same place before and after.",
        ),
        (
            inputs.baseline_days < MIN_BASELINE_DAYS,
            "baseline_too_short",
            f"Fewer than {MIN_BASELINE_DAYS} valid baseline days.",
        ),
        (
            not model_of(inputs)[0],
            "no_weather",
            "No temperatures: the baseline is a mean.",
        ),
        (
            beyond > MAX_OUTSIDE_RATIO,
            "extrapolated_load",
            "Weather or load of the reporting period lie outside the baseline.",
        ),
    )
    return tuple(Disqualification(code, text) for hit, code, text in checks if hit)
