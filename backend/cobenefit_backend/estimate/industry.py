"""Energy of a workshop, normalised by what it makes (IPMVP options B and C).

    E = b0 + b1 x output + b2 x degree days ;  saved = predicted(reporting) - observed

Installing meters saves nothing by itself: the row says what changed beside the baseline, and a
workshop whose energy does not follow its output gives no figure.

Source: EVO, "International Performance Measurement and Verification Protocol, Core Concepts",
options B and C, 2022.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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

# Our own conventions, no publication: below them no figure is given.
MIN_R2 = 0.5
MAX_CV_RMSE = 0.25
MAX_OUTSIDE_RATIO = 0.10
_FACTOR = {"electricity": "grid.fr.ademe.avg.lca", "gas": "fuel.natgas.lca.pcs"}


@dataclass(frozen=True, slots=True)
class IndustryInputs:
    """Energy and drivers of one boundary, row by row (day, week or batch).

    Attributes
    ----------
    baseline_kwh, reporting_kwh : ndarray, shape (n,) and (q,)
        Energy, NaN where missing. [kWh]
    baseline_output, reporting_output : ndarray, shape (n,) or (n, k)
        What was made, one column per product. [units]
    baseline_hdd, reporting_hdd : ndarray or None
        Heating degree days of each row. [degC.d]
    fuel : {'electricity', 'gas'}
        Gas in kWh of higher heating value.
    material_saved_kg : Interval or None
        Scrap avoided, logged. [kg]
    material_factor_id : str
        Factor of the material, brought as a local factor. [kgCO2e/kg]
    period_days : float
        Length of the reporting period. [d]
    data_origin : {'measured', 'modelled', 'synthetic'}
        Where the readings come from.
    """

    baseline_kwh: FloatArray
    reporting_kwh: FloatArray
    baseline_output: FloatArray
    reporting_output: FloatArray
    baseline_hdd: FloatArray | None = None
    reporting_hdd: FloatArray | None = None
    fuel: str = "electricity"
    material_saved_kg: Interval | None = None
    material_factor_id: str = ""
    period_days: float = 365.0
    data_origin: DataOrigin = "measured"


def estimate(inputs: IndustryInputs, factors: FactorSet, footprint: Footprint) -> Estimate:
    """Estimate the net effect of a measure in a workshop.

    Parameters
    ----------
    inputs : IndustryInputs
        Rows of both periods.
    factors : FactorSet
        Emission factors.
    footprint : FootprintResult or Interval
        Yearly result, or an interval for the reporting period. [kgCO2e]

    Returns
    -------
    Estimate
        Class M when the model explains the energy; N otherwise, without CO2e.

    Raises
    ------
    ValueError
        Where rows do not match, or drivers are not independent.
    """
    before = _drivers(inputs.baseline_output, inputs.baseline_hdd, inputs.baseline_kwh)
    after = _drivers(inputs.reporting_output, inputs.reporting_hdd, inputs.reporting_kwh)
    model = regression.fit(before, np.asarray(inputs.baseline_kwh, dtype=np.float64))
    records = _records(model, after)
    unusable = any(record.code == "energy_not_explained" for record in records)
    saved_kwh = regression.saved(
        model, after, np.asarray(inputs.reporting_kwh, dtype=np.float64), np.ones(len(after))
    )
    draws = Draws(factors)
    measured = {"saved_kwh": saved_kwh}
    if inputs.material_saved_kg is not None:
        measured["material_saved_kg"] = inputs.material_saved_kg
    gross = marginal = None
    tornado: dict[str, Interval] = {}
    if not unusable:
        gross = propagate(draws, _avoided(inputs, _FACTOR[inputs.fuel]), measured)
        tornado = contributors(draws, _avoided(inputs, _FACTOR[inputs.fuel]), measured, factors)
        if inputs.fuel == "electricity":
            model_marginal = _avoided(inputs, "grid.fr.co2js.marginal")
            marginal = propagate(draws, model_marginal, measured)
    return net(
        Effect(
            use_case="industry",
            evidence_class="N" if unusable else "M",
            label="output does not explain the energy" if unusable else "normalised by output",
            gross_kgco2e=gross,
            rebound_kgco2e=None if unusable else Interval.exactly(0.0),
            second_order_kgco2e=gross,
            second_order_marginal_kgco2e=marginal,
            period_days=inputs.period_days,
            coverage_ratio=float(np.isfinite(inputs.reporting_kwh).mean()),
            data_origin=inputs.data_origin,
            disqualifications=records,
            factor_ids=tuple(sorted(draws.used)),
            written=None
            if unusable
            else written(_avoided(inputs, _FACTOR[inputs.fuel]), measured, factors),
            details={
                **_details(inputs, model, saved_kwh),
                "gross_marginal_kgco2e": marginal,
                "contributors": tornado,
                "rebound": "savings are stated at the output that was made",
            },
        ),
        footprint,
    )


def _avoided(inputs: IndustryInputs, factor_id: str) -> MeasuredModel:
    def model(f: Getter, m: Mapping[str, FloatArray]) -> FloatArray:
        energy = m["saved_kwh"] * f(factor_id)
        if "material_saved_kg" in m:
            return energy + m["material_saved_kg"] * f(inputs.material_factor_id)
        return energy

    return model


def _drivers(output: FloatArray, hdd: FloatArray | None, energy: FloatArray) -> FloatArray:
    columns = np.asarray(output, dtype=np.float64)
    columns = columns[:, None] if columns.ndim == 1 else columns
    parts = [np.ones((len(columns), 1)), columns]
    if hdd is not None:
        parts.append(np.asarray(hdd, dtype=np.float64)[:, None])
    if any(len(part) != len(energy) for part in parts):
        sizes = [len(part) for part in parts[1:]]
        raise ValueError(f"{len(energy)} rows of energy and {sizes} of drivers: one each per row")
    return np.hstack(parts)


def _records(model: regression.Fit, after: FloatArray) -> tuple[Disqualification, ...]:
    records = []
    if model.r2_adj < MIN_R2 or model.cv_rmse > MAX_CV_RMSE:
        records.append(
            Disqualification(
                "energy_not_explained",
                "Output and weather do not explain the energy well enough for a figure.",
                {"r2_adj": model.r2_adj, "cv_rmse": model.cv_rmse},
            )
        )
    beyond = regression.outside(model, after)
    if beyond > MAX_OUTSIDE_RATIO:
        records.append(
            Disqualification(
                "extrapolated_output",
                "The reporting period lies outside the output seen in the baseline.",
                {"rows_ratio": beyond, "limit": MAX_OUTSIDE_RATIO},
            )
        )
    return tuple(records)


def _details(inputs: IndustryInputs, model: regression.Fit, saved_kwh: Interval) -> dict[str, Any]:
    made = [float(np.nansum(x)) for x in (inputs.baseline_output, inputs.reporting_output)]
    used = [float(np.nansum(x)) for x in (inputs.baseline_kwh, inputs.reporting_kwh)]
    return {
        "coefficients": model.coefficients.tolist(),
        "r2_adj": model.r2_adj,
        "cv_rmse": model.cv_rmse,
        "autocorrelation": model.autocorrelation,
        "saved_kwh": saved_kwh,
        "specific_energy_before_kwh": used[0] / made[0] if made[0] else None,
        "specific_energy_after_kwh": used[1] / made[1] if made[1] else None,
        "output_growth_ratio": made[1] / made[0] - 1 if made[0] else None,
    }
